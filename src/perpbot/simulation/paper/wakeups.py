"""When the engine must be looked at although nobody asks: orders that rest fill, positions pay funding or go."""

from __future__ import annotations

from collections.abc import Callable

from perpbot.core.ports import Timers
from perpbot.simulation.venue.engine import VenueEngine

RESTING_NS = 10_000_000
"""How often resting orders are matched against the market, at whole multiples. Their fills carry the exact time."""
EXPOSED_NS = 1_000_000_000
"""How often margins are looked at while there are positions, at whole multiples."""


class Wakeups:
    """Keeps one timer at the next moment at which ``engine`` may have something to say."""

    def __init__(self, timers: Timers, engine: VenueEngine, wake: Callable[[], None]) -> None:
        self._timers = timers
        self._engine = engine
        self._wake = wake
        self._due_ns: int | None = None
        self._cancel: Callable[[], None] | None = None

    def arrange(self) -> None:
        """Set the timer anew if something is due earlier than it is set for."""
        due_ns = self._next()
        if due_ns is None or (self._due_ns is not None and self._due_ns <= due_ns):
            return
        self.cancel()
        self._due_ns = due_ns
        self._cancel = self._timers.call_at(due_ns, self._fire)

    def cancel(self) -> None:
        """Set no timer."""
        if self._cancel is not None:
            self._cancel()
        self._due_ns = self._cancel = None

    def _fire(self) -> None:
        self._due_ns = self._cancel = None
        self._wake()

    def _next(self) -> int | None:
        now_ns = self._timers.now_ns()
        times = [self._engine.due_ns()]
        if self._engine.resting:
            times.append((now_ns // RESTING_NS + 1) * RESTING_NS)
        if self._engine.exposed:
            times.append((now_ns // EXPOSED_NS + 1) * EXPOSED_NS)
        return min((each for each in times if each is not None), default=None)
