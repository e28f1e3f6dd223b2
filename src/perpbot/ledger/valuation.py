"""What is open, at the prices at which it could be closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.ports import PriceView
from perpbot.ledger.lots import WIDE, Lot, unrealized


@dataclass(frozen=True, slots=True)
class Valuation:
    """Balances, unrealised PnL and hedged equity by exchange at one moment, in USD."""

    balances: Mapping[ExchangeName, Decimal]
    unrealized: Mapping[ExchangeName, Decimal]
    hedged: Mapping[ExchangeName, Decimal]

    def equity(self, exchange: ExchangeName) -> Decimal:
        """Balance plus unrealised PnL; zero for an exchange without an account."""
        return self.balances.get(exchange, ZERO) + self.unrealized.get(exchange, ZERO)

    @property
    def total(self) -> Decimal:
        """Equity of all exchanges together."""
        return sum(self.balances.values(), ZERO) + sum(self.unrealized.values(), ZERO)


class Marks:
    """The executable prices last seen: a book that is away for a moment makes no position worthless."""

    def __init__(self) -> None:
        self._touches: dict[tuple[ExchangeName, Symbol], tuple[Decimal, Decimal]] = {}

    def note(self, exchange: ExchangeName, symbol: Symbol, price: Decimal) -> None:
        """A fill's price counts until a touch is seen."""
        self._touches.setdefault((exchange, symbol), (price, price))

    def unrealized(self, lot: Lot, instrument: Instrument, prices: PriceView) -> Decimal:
        """USD that closing ``lot`` would realise: a long at the bid, a short at the ask."""
        key = (lot.exchange, lot.symbol)
        touch = prices.touch(*key)
        if touch is None:
            touch = self._touches[key]
        else:
            self._touches[key] = touch
        bid, ask = touch
        with localcontext(WIDE):
            return unrealized(lot, instrument, bid if lot.contracts > 0 else ask)
