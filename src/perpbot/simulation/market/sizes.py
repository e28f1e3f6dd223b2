"""The size at one side of the touch."""

from __future__ import annotations

import math

from perpbot.core.ports import Rng
from perpbot.simulation.market.calibration import DepthRow
from perpbot.simulation.market.chance import lognormal
from perpbot.simulation.market.schedule import MILLISECOND

_AFTER_MOVE = 0.03  # share of its size that a new best level holds at once
_MEMORY = 0.98  # of the size's logarithm, from one ticker update to the next
_INNOVATION = math.sqrt(1.0 - _MEMORY**2)


class TopSize:
    """USD at the best price: lognormal, drawn anew when the price moves and refilling after that."""

    def __init__(self, row: DepthRow, rng: Rng) -> None:
        self._row = row
        self._rng = rng
        self._full = lognormal(rng, row.top_usd, row.top_log_std)
        self._missing = 0.0
        self._since_ns = 0
        self._refill_ns = row.refill_ms * MILLISECOND

    def usd(self, at_ns: int) -> float:
        """The size now."""
        return self._full * (1.0 - self._missing_share(at_ns))

    def redraw(self, at_ns: int) -> None:
        """The best price moved: a new level, nearly empty."""
        self._full = lognormal(self._rng, self._row.top_usd, self._row.top_log_std)
        self._missing = 1.0 - _AFTER_MOVE
        self._since_ns = at_ns

    def vary(self) -> None:
        """Orders came and went: the full size drifts, keeping its distribution."""
        deviation = math.log(self._full / self._row.top_usd)
        noise = self._row.top_log_std * self._rng.gauss(0.0, 1.0)
        self._full = self._row.top_usd * math.exp(_MEMORY * deviation + _INNOVATION * noise)

    def _missing_share(self, at_ns: int) -> float:
        return self._missing * math.exp((self._since_ns - at_ns) / self._refill_ns)
