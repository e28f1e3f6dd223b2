"""Full depth: levels on the tick grid whose sizes add up to the fitted depth curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from perpbot.core.market_data import Level
from perpbot.core.ports import Rng
from perpbot.simulation.market.calibration import DepthRow
from perpbot.simulation.market.chance import lognormal, pick
from perpbot.simulation.market.grid import Grid

LEVELS = 25
_REACH_BPS = 25.0
_MARKS_BPS = (1.0, 2.0, 5.0, 10.0, 20.0)  # a level stands just inside each: depth within it is that of the curve
_INSIDE = 0.97
_REFIT = 0.01  # change of the price that places the levels anew
_NOISE = 0.3  # log-std of one level's size around the curve
_RESTATED = 3  # levels a side that a frame names although the touch did not move


def depth_usd(row: DepthRow, bps: float) -> float:
    """USD within ``bps`` of the touch on one side."""
    return row.typical_top_usd + row.slope_usd_per_bps * (bps - row.knee_bps * (1.0 - math.exp(-bps / row.knee_bps)))


def offsets(tick_bps: float) -> tuple[int, ...]:
    """Distances of the deeper levels from the touch in ticks: about geometric up to 25 bps, at least one tick apart."""
    farthest = max(round(_REACH_BPS / tick_bps), LEVELS - 1)
    ratio = farthest ** (1.0 / (LEVELS - 2))
    ticks = {int(_INSIDE * bps / tick_bps) for bps in _MARKS_BPS if _INSIDE * bps >= tick_bps}
    distance = 1.0
    for rank in range(1, LEVELS):
        ticks.add(max(rank, round(distance)))
        distance *= ratio
    return tuple(sorted(ticks))


class DepthSide:
    """One side of one published book. ``outward`` is −1 for bids and +1 for asks."""

    def __init__(self, row: DepthRow, prices: Grid, outward: int, rng: Rng) -> None:
        self._row = row
        self._prices = prices
        self._outward = outward
        self._rng = rng
        self._best = 0
        self._fitted_to = 0
        self._offsets: tuple[int, ...] = ()
        self._usd: list[float] = []

    def restate(self, best: int, top: float, sizes: Grid, steps_per_usd: float) -> list[Level]:
        """All levels for a touch at tick ``best`` of size ``top``, best first."""
        self._best = best
        self._fit(best)
        levels: list[Level] = [(self._prices.value(best), top)]
        levels += [self._level(rank, sizes, steps_per_usd) for rank in range(len(self._offsets))]
        return levels

    def change(self, best: int, top: float, sizes: Grid, steps_per_usd: float) -> list[Level]:
        """What differs from the last frame: all levels if the touch moved, else the top and a few others."""
        if best != self._best:
            before = self._ticks()
            levels = self.restate(best, top, sizes, steps_per_usd)
            kept = set(self._ticks())
            return [(self._prices.value(tick), 0.0) for tick in before if tick not in kept] + levels
        ranks = sorted({pick(self._rng, len(self._offsets)) for _ in range(_RESTATED)})
        return [(self._prices.value(best), top), *(self._level(rank, sizes, steps_per_usd) for rank in ranks)]

    def _fit(self, best: int) -> None:
        """Place the levels for ticks as large, relative to the price, as they are at ``best``."""
        if abs(best - self._fitted_to) <= _REFIT * self._fitted_to:
            return
        self._fitted_to = best
        tick_bps = 1e4 / best
        self._offsets = tuple(offset for offset in offsets(tick_bps) if offset < best)
        reached = [offset * tick_bps / _INSIDE for offset in self._offsets]
        self._usd = [far - near for near, far in pairwise(depth_usd(self._row, bps) for bps in (0.0, *reached))]

    def _ticks(self) -> Sequence[int]:
        return [self._best, *(self._best + self._outward * offset for offset in self._offsets)]

    def _level(self, rank: int, sizes: Grid, steps_per_usd: float) -> Level:
        usd = self._usd[rank] * lognormal(self._rng, 1.0, _NOISE) * math.exp(-0.5 * _NOISE**2)
        tick = self._best + self._outward * self._offsets[rank]
        return self._prices.value(tick), sizes.value(max(1, round(usd * steps_per_usd)))
