"""Sizes on two step grids at once.

Each leg comes in whole steps of contracts. Two linear legs meet on their common grid; an inverse contract and a coin
cannot, and are paired so that the residual stays within a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import lcm

from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO, ceil_to
from perpbot.pricing.pair_value import residual_pct

MAX_LOOKED_AT = 1000
"""Grid points looked at for one size. With a residual bound r every point from 1/r steps on fits, so this is ample."""


@dataclass(frozen=True, slots=True)
class Grid:
    """One leg's sizes at a price: ``step`` contracts are ``step_base`` coins; ``smallest`` is contracts."""

    step: Decimal
    step_base: Decimal
    smallest: Decimal
    inverse: bool

    @property
    def smallest_base(self) -> Decimal:
        return self.smallest / self.step * self.step_base

    def steps_within(self, base: Decimal) -> int:
        """Whole steps that ``base`` coins hold."""
        return int((base / self.step_base).to_integral_value(rounding=ROUND_FLOOR))

    @property
    def smallest_steps(self) -> int:
        return int((self.smallest / self.step).to_integral_value(rounding=ROUND_CEILING))


def grid_at(instrument: Instrument, price: Decimal, smallest_at: Decimal) -> Grid:
    """The grid of an instrument at ``price``; its smallest order is the one at ``smallest_at``, the order's limit."""
    step_base = instrument.base(instrument.step, price)
    return Grid(instrument.step, step_base, instrument.smallest_order(smallest_at), instrument.inverse)


def smallest_base(buy: Grid, sell: Grid) -> Decimal:
    """Coins below which one of the two orders would be too small."""
    return max(buy.smallest_base, sell.smallest_base)


def grid_residual(buy: Grid, sell: Grid, buy_contracts: Decimal, sell_contracts: Decimal) -> Decimal:
    """How far apart two sizes are in coins, as a fraction of the larger one."""
    return residual_pct(buy_contracts / buy.step * buy.step_base, sell_contracts / sell.step * sell.step_base)


def sizes_down(buy: Grid, sell: Grid, most: Decimal, max_residual: Decimal) -> Iterator[tuple[Decimal, Decimal]]:
    """Contracts of both legs, neither above ``most`` coins, the largest pair first.

    Legs of a common grid are equal. Others pair each count of the coarser leg with the counts of the finer one next to
    it, the nearer first, where the residual is within ``max_residual``.
    """
    return _sizes(buy, sell, most, max_residual, descending=True)


def sizes_up(buy: Grid, sell: Grid, most: Decimal, max_residual: Decimal) -> Iterator[tuple[Decimal, Decimal]]:
    """As :func:`sizes_down`, the smallest pair first."""
    return _sizes(buy, sell, most, max_residual, descending=False)


def _sizes(
    buy: Grid, sell: Grid, most: Decimal, max_residual: Decimal, *, descending: bool
) -> Iterator[tuple[Decimal, Decimal]]:
    common = _common_sizes(buy, sell, most, descending=descending)
    nearest = _nearest_sizes(buy, sell, most, max_residual, descending=descending)
    met = False
    for pair in common:
        met = True
        yield pair
    if not met:
        yield from nearest


def _common_sizes(buy: Grid, sell: Grid, most: Decimal, *, descending: bool) -> Iterator[tuple[Decimal, Decimal]]:
    if buy.inverse or sell.inverse:
        return
    common = _common_step(buy.step_base, sell.step_base)
    least = ceil_to(smallest_base(buy, sell), common)
    for count in _counts(int(least / common), int(most / common), descending=descending):
        base = count * common
        yield base / buy.step_base * buy.step, base / sell.step_base * sell.step


def _nearest_sizes(
    buy: Grid, sell: Grid, most: Decimal, max_residual: Decimal, *, descending: bool
) -> Iterator[tuple[Decimal, Decimal]]:
    coarse, fine = (buy, sell) if buy.step_base >= sell.step_base else (sell, buy)
    for count in _counts(coarse.smallest_steps, coarse.steps_within(most), descending=descending):
        for residual, matched in _nearest(fine, count * coarse.step_base, most):
            if residual <= max_residual:
                contracts, other = count * coarse.step, matched * fine.step
                yield (contracts, other) if coarse is buy else (other, contracts)


def _nearest(fine: Grid, base: Decimal, most: Decimal) -> list[tuple[Decimal, int]]:
    """Residual and steps of the sizes on either side of ``base``, the nearer first."""
    below = fine.steps_within(base)
    allowed = [n for n in (below, below + 1) if n >= fine.smallest_steps and ZERO < n * fine.step_base <= most]
    return sorted((residual_pct(base, n * fine.step_base), n) for n in allowed)


def _counts(least: int, most: int, *, descending: bool) -> range:
    if descending:
        return range(most, max(least, most - MAX_LOOKED_AT + 1) - 1, -1)
    return range(least, min(most, least + MAX_LOOKED_AT - 1) + 1)


def _common_step(first: Decimal, second: Decimal) -> Decimal:
    """The least common multiple of two decimals."""
    exponent = min(int(first.as_tuple().exponent), int(second.as_tuple().exponent))
    unit = Decimal(1).scaleb(exponent)
    return lcm(int(first / unit), int(second / unit)) * unit
