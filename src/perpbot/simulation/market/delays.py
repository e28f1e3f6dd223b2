"""Frames under way: each has its own delay, none overtakes another, and stalls release theirs together."""

from __future__ import annotations

from perpbot.core.ports import Rng
from perpbot.simulation.market.calibration import DelayRow
from perpbot.simulation.market.chance import gamma, lognormal
from perpbot.simulation.market.schedule import MILLISECOND, SECOND, Schedule


class FrameDelay:
    """The way from one exchange's engine to the bot, for one symbol."""

    def __init__(self, row: DelayRow, rng: Rng, schedule: Schedule) -> None:
        self._row = row
        self._rng = rng
        self._schedule = schedule
        self._held_until_ns = 0
        self._last_ns = 0

    def start(self, at_ns: int) -> None:
        """Let stalls begin by themselves from now on."""
        self._schedule.at(at_ns + self._pause_ns(), self._stall_again)

    def received_ns(self, engine_ns: int) -> int:
        """When a frame of ``engine_ns`` arrives."""
        under_way = int(gamma(self._rng, self._row.shape, self._row.scale_ms) * MILLISECOND)
        self._last_ns = max(engine_ns + under_way, self._held_until_ns, self._last_ns)
        return self._last_ns

    def order_came(self, at_ns: int) -> None:
        """An order may start a stall: bursts of them are when frames are late."""
        if self._rng.random() < self._row.stall_per_order:
            self._stall(at_ns)

    def _stall(self, at_ns: int) -> None:
        length_ms = min(lognormal(self._rng, self._row.stall_ms, self._row.stall_log_std), self._row.stall_cap_ms)
        self._held_until_ns = max(self._held_until_ns, at_ns + int(length_ms * MILLISECOND))

    def _stall_again(self, at_ns: int) -> None:
        self._stall(at_ns)
        self._schedule.at(at_ns + self._pause_ns(), self._stall_again)

    def _pause_ns(self) -> int:
        return int(self._rng.expovariate(self._row.stalls_per_minute / 60.0) * SECOND)
