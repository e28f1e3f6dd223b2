"""What happens next: actions in order of virtual time, first come first among equals."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TypeAlias

Action: TypeAlias = Callable[[int], None]
"""Called with its own time in nanoseconds."""

MILLISECOND = 1_000_000
SECOND = 1_000_000_000


class Schedule:
    """A queue of actions; actions schedule further ones."""

    def __init__(self) -> None:
        self._queue: list[tuple[int, int, Action]] = []
        self._count = 0

    def at(self, when_ns: int, action: Action) -> None:
        """Call ``action`` at ``when_ns``."""
        self._count += 1
        heapq.heappush(self._queue, (when_ns, self._count, action))

    def run(self, to_ns: int) -> None:
        """Call all actions due up to and including ``to_ns``."""
        queue = self._queue
        while queue and queue[0][0] <= to_ns:
            when_ns, _, action = heapq.heappop(queue)
            action(when_ns)
