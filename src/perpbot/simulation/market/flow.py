"""Taker orders in bursts: a Hawkes process built from its families, so that nothing needs to be thinned.

Base orders come at a constant rate; each order has a Poisson number of followers, each after an exponential time; a
jump of the price brings followers of its own.
"""

from __future__ import annotations

from typing import Protocol

from perpbot.core.ports import Rng
from perpbot.simulation.market.calibration import FlowRow
from perpbot.simulation.market.chance import lognormal, poisson
from perpbot.simulation.market.schedule import SECOND, Schedule

_LARGEST_JUMP_BPS = 6.0  # beyond it a jump brings no more orders


class Taken(Protocol):
    """Who is told of a taker order."""

    def __call__(self, at_ns: int, *, buy: bool, usd: float) -> None: ...


class OrderFlow:
    """The taker orders of one symbol on one exchange."""

    def __init__(self, row: FlowRow, rng: Rng, schedule: Schedule, taken: Taken) -> None:
        self._row = row
        self._rng = rng
        self._schedule = schedule
        self._taken = taken
        self._buy = rng.random() < 0.5
        self._running = False

    def start(self, at_ns: int) -> None:
        """Let orders come from now on."""
        self._running = True
        self._schedule_base(at_ns)

    def excite(self, at_ns: int, jump_bps: float) -> None:
        """A jump of the price brings orders."""
        if self._running:
            self._schedule_followers(at_ns, self._row.per_jump_bps * min(abs(jump_bps), _LARGEST_JUMP_BPS))

    def _schedule_base(self, at_ns: int) -> None:
        self._schedule.at(at_ns + int(self._rng.expovariate(self._row.base_rate) * SECOND), self._base_order)

    def _base_order(self, at_ns: int) -> None:
        self._schedule_base(at_ns)
        self._order(at_ns)

    def _order(self, at_ns: int) -> None:
        self._schedule_followers(at_ns, self._row.branching)
        if self._rng.random() < 0.5 * (1.0 - self._row.side_persistence):
            self._buy = not self._buy
        usd = lognormal(self._rng, self._row.order_usd, self._row.order_log_std)
        self._taken(at_ns, buy=self._buy, usd=usd)

    def _schedule_followers(self, at_ns: int, mean: float) -> None:
        for _ in range(poisson(self._rng, mean)):
            self._schedule.at(at_ns + int(self._rng.expovariate(self._row.decay) * SECOND), self._order)
