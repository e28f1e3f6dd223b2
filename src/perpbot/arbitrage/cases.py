"""One direction at one moment, and one size of it in exact figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal

from perpbot.arbitrage.sizing import Grid, smallest_base
from perpbot.core.instruments import Instrument
from perpbot.core.market_data import Level
from perpbot.core.money import ONE, ZERO, exact
from perpbot.core.opportunities import CostItems
from perpbot.pricing.basis import CloseGap
from perpbot.pricing.pair_value import residual_pct
from perpbot.pricing.walk import walk_exact

PRICE = Context(prec=16)
"""Walked prices and gaps carry as many digits as a float."""
_SIZE = Context(prec=16, rounding=ROUND_DOWN)


@dataclass(frozen=True, slots=True)
class Case:
    """One direction at one moment: its instruments and grids, and every cost that does not depend on the size."""

    gap: CloseGap
    buy: Instrument
    sell: Instrument
    buy_grid: Grid
    sell_grid: Grid
    close_gap_pct: Decimal
    fees_pct: Decimal
    funding_pct: Decimal
    haircut_pct: Decimal
    gas_usd: Decimal
    age_seconds: float
    now_ns: int

    @property
    def fixed_pct(self) -> Decimal:
        """All that comes off the open gap whatever the size; gas is a sum and so is not in it."""
        return self.close_gap_pct + self.fees_pct + self.funding_pct + self.haircut_pct

    @property
    def smallest_base(self) -> Decimal:
        return smallest_base(self.buy_grid, self.sell_grid)

    def break_even_gap_pct(self, minimum: Decimal) -> Decimal:
        """The open gap at which the smallest order's net profit reaches ``minimum``, as a fraction."""
        gas = self.gas_usd / (self.smallest_base * exact(self.gap.buy.ask)) if self.gas_usd else ZERO
        return self.fixed_pct + gas + minimum


@dataclass(frozen=True, slots=True)
class Sized:
    """Both orders, their walked average prices and what is left after all costs."""

    buy_contracts: Decimal
    sell_contracts: Decimal
    buy_price: Decimal
    sell_price: Decimal
    buy_size: Decimal
    sell_size: Decimal
    residual_pct: Decimal
    costs: CostItems

    @property
    def size(self) -> Decimal:
        return max(self.buy_size, self.sell_size)

    @property
    def notional(self) -> Decimal:
        """USD of the larger leg."""
        return max(self.buy_size * self.buy_price, self.sell_size * self.sell_price)


def size_exactly(
    case: Case, asks: Iterable[Level], bids: Iterable[Level], buy_contracts: Decimal, sell_contracts: Decimal
) -> Sized | None:
    """Both orders walked in exact decimals; ``None`` if the levels do not hold them."""
    buy = walk_exact(asks, case.buy, buy_contracts)
    sell = walk_exact(bids, case.sell, sell_contracts)
    if buy is None or sell is None or buy.filled < buy_contracts or sell.filled < sell_contracts:
        return None
    buy_price, sell_price = PRICE.plus(buy.average_price), PRICE.plus(sell.average_price)
    buy_base = case.buy.base(buy_contracts, buy_price)
    sell_base = case.sell.base(sell_contracts, sell_price)
    buy_size, sell_size = _SIZE.plus(buy_base), _SIZE.plus(sell_base)
    costs = CostItems(
        open_gap_pct=PRICE.divide(sell_price, buy_price) - ONE,
        close_gap_pct=case.close_gap_pct,
        fees_pct=case.fees_pct,
        funding_pct=case.funding_pct,
        gas_pct=case.gas_usd / (max(buy_size, sell_size) * buy_price) if case.gas_usd else ZERO,
        haircut_pct=case.haircut_pct,
    )
    residual = residual_pct(buy_base, sell_base)
    return Sized(buy_contracts, sell_contracts, buy_price, sell_price, buy_size, sell_size, residual, costs)
