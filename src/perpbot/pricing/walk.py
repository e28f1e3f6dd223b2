"""Depth walk: what a size costs in a book, as floats for detection and exactly for the size that is decided.

The average price of a walk is USD per coin, for linear and inverse contracts alike: USD traded over coins traded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from perpbot.core.instruments import Instrument
from perpbot.core.market_data import Level
from perpbot.core.money import ZERO, exact


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk in floats: average and worst price, and how many coins the levels held of those wanted."""

    average_price: float
    worst_price: float
    filled: float


@dataclass(frozen=True, slots=True)
class ExactWalk:
    """A walk in decimals: average and worst price, and how many contracts the levels held of those wanted."""

    average_price: Decimal
    worst_price: Decimal
    filled: Decimal


def walk(levels: Iterable[Level], instrument: Instrument, base: float) -> Walk | None:
    """Take ``base`` coins from ``levels``, best first; ``None`` if there is nothing to take."""
    multiplier, inverse = float(instrument.multiplier), instrument.inverse
    filled = usd = worst = 0.0
    for price, contracts in levels:
        coins = contracts * multiplier / price if inverse else contracts * multiplier
        taken = min(coins, base - filled)
        if taken <= 0.0:
            break
        filled += taken
        usd += taken * price
        worst = price
    return Walk(usd / filled, worst, filled) if filled > 0.0 else None


def walk_exact(levels: Iterable[Level], instrument: Instrument, contracts: Decimal) -> ExactWalk | None:
    """Take ``contracts`` from ``levels``, best first, in exact decimals; ``None`` if there is nothing to take."""
    filled = value = worst = ZERO
    for level_price, size in levels:
        taken = min(exact(size), contracts - filled)
        if taken <= 0:
            break
        worst = exact(level_price)
        filled += taken
        value += instrument.settlement_value(taken, worst)
    return ExactWalk(instrument.average_price(filled, value), worst, filled) if filled else None


class DepthCurve:
    """Cumulative depth of one side, from the touch to a worst price: coins and USD after each level."""

    __slots__ = ("base", "levels", "usd")

    def __init__(self, levels: Iterable[Level], instrument: Instrument, slippage_pct: float) -> None:
        """Keep the levels whose price is within ``slippage_pct`` of the first one's, either way."""
        self.levels: list[Level] = []
        self.base: list[float] = [0.0]
        self.usd: list[float] = [0.0]
        multiplier, inverse = float(instrument.multiplier), instrument.inverse
        first = base = usd = 0.0
        reach = -1.0
        for level in levels:
            price, contracts = level
            if reach < 0.0:
                first, reach = price, price * slippage_pct * (1 + 1e-12)
            if abs(price - first) > reach:
                break
            coins = contracts * multiplier / price if inverse else contracts * multiplier
            base += coins
            usd += coins * price
            self.levels.append(level)
            self.base.append(base)
            self.usd.append(usd)

    @property
    def depth(self) -> float:
        """Coins on all kept levels."""
        return self.base[-1]

    def usd_for(self, base: float) -> float:
        """USD that ``base`` coins trade for; beyond the depth, that of all levels."""
        return _interpolate(self.base, self.usd, base)

    def base_for(self, usd: float) -> float:
        """Coins that ``usd`` trades for; beyond the depth, those of all levels."""
        return _interpolate(self.usd, self.base, usd)

    def average_price(self, base: float) -> float:
        """USD per coin of the first ``base`` coins (positive, at most the depth)."""
        return self.usd_for(base) / base


def _interpolate(known: list[float], wanted: list[float], at: float) -> float:
    if at >= known[-1]:
        return wanted[-1]
    if at <= 0.0:
        return 0.0
    i = bisect_left(known, at)
    share = (at - known[i - 1]) / (known[i] - known[i - 1])
    return wanted[i - 1] + share * (wanted[i] - wanted[i - 1])


def largest_size(buy: DepthCurve, sell: DepthCurve, ratio: float, gas_usd: float = 0.0) -> float:
    """The largest size in coins for which selling brings at least ``ratio`` × what buying costs, plus ``gas_usd``.

    The surplus is concave in the size and linear between two level ends, so the last crossing of zero is exact.
    """
    limit = min(buy.depth, sell.depth)
    ends = sorted({base for base in (*buy.base, *sell.base) if base <= limit})
    surplus = [sell.usd_for(end) - ratio * buy.usd_for(end) - gas_usd for end in ends]
    last = max((i for i, value in enumerate(surplus) if value >= 0.0), default=None)
    if last is None:
        return 0.0
    if last + 1 == len(ends):
        return ends[last]
    fall = surplus[last] - surplus[last + 1]
    return ends[last] + (ends[last + 1] - ends[last]) * surplus[last] / fall
