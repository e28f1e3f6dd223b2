"""Failures in a row: they pause trading, until time or the operator lifts the stop."""

from __future__ import annotations

from perpbot.core.commands import MOST_OVERRIDDEN as MOST
from perpbot.core.errors import InputError

_SECOND_NS = 1_000_000_000


class FailureStreak:
    """Counts failures in a row. Waiting out the pause does not break the streak: the next failure pauses again."""

    def __init__(self, limit: int, pause_seconds: float) -> None:
        self.adopt(limit, pause_seconds)
        self._paused_until_ns = 0
        self._lifted_until_ns = 0
        self._lifted_trades = 0
        self.count = 0

    def adopt(self, limit: int, pause_seconds: float) -> None:
        """Count by these from the next failure on; a pause that has begun keeps its end."""
        self._limit = limit
        self._pause_ns = round(pause_seconds * _SECOND_NS)

    def fail(self, now_ns: int) -> None:
        """Count a failure; from the limit on, each begins the pause anew."""
        self.count += 1
        if self.count >= self._limit:
            self._paused_until_ns = now_ns + self._pause_ns

    def succeed(self) -> None:
        """A pair was hedged at entry: the streak and its pause are over, and what an override of it still allowed."""
        self.count = 0
        self._paused_until_ns = 0
        self._lifted_trades = 0

    def stopped(self, now_ns: int) -> bool:
        """Whether nothing may be opened."""
        return self._paused(now_ns) and now_ns >= self._lifted_until_ns and not self._lifted_trades

    def lift(self, now_ns: int, minutes: float | None, trades: int | None) -> None:
        """Let trading go on for some minutes or for some trades. Raises :class:`InputError`."""
        if (minutes is None) == (trades is None):
            raise InputError("an override is for some minutes or for some trades: give one of them")
        if minutes is not None:
            if not 0 < minutes <= MOST:
                raise InputError(f"an override is for more than 0 and at most {MOST} minutes, not {minutes:g}")
            self._lifted_until_ns = now_ns + round(minutes * 60 * _SECOND_NS)
        elif trades is not None:
            if not 0 < trades <= MOST:
                raise InputError(f"an override is for more than 0 and at most {MOST} trades, not {trades}")
            self._lifted_trades = trades

    def use_trade(self, now_ns: int) -> None:
        """A trade was approved: one less of those that an override allows."""
        if self._lifted_trades and self._paused(now_ns) and now_ns >= self._lifted_until_ns:
            self._lifted_trades -= 1

    def _paused(self, now_ns: int) -> bool:
        return now_ns < self._paused_until_ns
