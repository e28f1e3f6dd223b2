"""What waits to be delivered on one channel: bounded, and what matters most goes first and stays longest."""

from __future__ import annotations

from collections import deque

from perpbot.monitoring.notices import Notice

CAPACITY = 256


class Outbox:
    """At most ``capacity`` notices; critical ones are handed out first, each kind oldest first.

    When it is full the oldest that is not critical makes room; a notice that is not critical never takes the place of
    one that is. `dropped` counts what was lost since the last `delivered`.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._critical: deque[Notice] = deque()
        self._ordinary: deque[Notice] = deque()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._critical) + len(self._ordinary)

    def put(self, notice: Notice) -> None:
        """Take one more; never waits."""
        if len(self) >= self._capacity and not self._make_room(notice):
            self.dropped += 1
            return
        (self._critical if notice.critical else self._ordinary).append(notice)

    def take(self) -> Notice | None:
        """The next to be delivered, ``None`` if nothing waits."""
        waiting = self._critical or self._ordinary
        return waiting.popleft() if waiting else None

    def delivered(self, told: int) -> None:
        """A notice got through that told of so many dropped ones."""
        self.dropped -= told

    def lost(self) -> None:
        """A notice that was taken could not be delivered."""
        self.dropped += 1

    def _make_room(self, notice: Notice) -> bool:
        """Whether there is room now: an ordinary notice has left, or the oldest critical one for a newer."""
        waiting = self._ordinary or (self._critical if notice.critical else None)
        if not waiting:
            return False
        waiting.popleft()
        self.dropped += 1
        return True
