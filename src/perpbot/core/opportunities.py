"""Arbitrage opportunities: what a direction would earn, and every cost item that led to the figure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from perpbot.core.names import ExchangeName, Symbol


@dataclass(frozen=True, slots=True)
class CostItems:
    """All as fractions of the pair's notional; costs are positive, ``funding_pct`` is positive when paid."""

    open_gap_pct: Decimal
    close_gap_pct: Decimal
    fees_pct: Decimal
    funding_pct: Decimal
    gas_pct: Decimal
    haircut_pct: Decimal

    @property
    def net_pct(self) -> Decimal:
        """What is left: walked open gap − median close gap − fees − funding − gas − haircut."""
        costs = self.fees_pct + self.funding_pct + self.gas_pct + self.haircut_pct
        return self.open_gap_pct - self.close_gap_pct - costs


@dataclass(frozen=True, slots=True)
class ArbitrageOpportunity:
    """One direction of one symbol, sized and priced.

    ``buy_price`` and ``sell_price`` are the walked average prices for the size, ``buy_touch`` and ``sell_touch`` the
    quotes' best ask and bid; ``size`` is base units, ``buy_contracts`` and ``sell_contracts`` the two orders, which are
    ``buy_size`` and ``sell_size`` base units where two step grids do not meet (the larger is ``size``);
    ``spread_pct`` is the gap at the touch, ``net_profit_pct`` is after all costs. ``confidence`` is 0 … 1, ``score``
    0 … 10, ``timestamp_ns`` our clock, ``book_age_seconds`` the older top's age, ``skew_seconds`` between the tops.
    """

    symbol: Symbol
    buy_exchange: ExchangeName
    sell_exchange: ExchangeName
    buy_price: Decimal
    sell_price: Decimal
    buy_touch: Decimal
    sell_touch: Decimal
    size: Decimal
    buy_contracts: Decimal
    sell_contracts: Decimal
    spread_pct: Decimal
    net_profit_pct: Decimal
    costs: CostItems
    confidence: float
    score: float
    timestamp_ns: int
    book_age_seconds: float = 0.0
    skew_seconds: float = 0.0
    strategy: str = "arbitrage"
    buy_size: Decimal | None = None
    sell_size: Decimal | None = None

    @property
    def price(self) -> Decimal:
        """The buy price."""
        return self.buy_price

    @property
    def notional(self) -> Decimal:
        """USD value of the larger leg."""
        (_, bought, buy_price), (_, sold, sell_price) = self.legs
        return max(bought * buy_price, sold * sell_price)

    @property
    def legs(self) -> tuple[tuple[ExchangeName, Decimal, Decimal], tuple[ExchangeName, Decimal, Decimal]]:
        """Exchange, base units and walked price of the buy order and of the sell order."""
        bought, sold = self.buy_size, self.sell_size
        if bought is None or sold is None or max(bought, sold) != self.size:  # said of another size
            bought = sold = self.size
        return (self.buy_exchange, bought, self.buy_price), (self.sell_exchange, sold, self.sell_price)

    @property
    def expected_pnl(self) -> Decimal:
        """USD expected after all costs; stored beside what is realised, never in its place."""
        return self.net_profit_pct * self.size * self.buy_price

    @property
    def exchanges(self) -> tuple[ExchangeName, ExchangeName]:
        return (self.buy_exchange, self.sell_exchange)
