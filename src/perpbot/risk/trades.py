"""What is put before the risk rules: a hedged pair, or one directional trade of a strategy."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.opportunities import ArbitrageOpportunity
from perpbot.core.orders import Side
from perpbot.risk.limits import NAN


@dataclass(frozen=True, slots=True)
class DirectionalTrade:
    """A single position to open. ``size`` is base units, ``price`` the one it is expected at."""

    exchange: ExchangeName
    symbol: Symbol
    side: Side
    size: Decimal
    price: Decimal
    strategy: str

    @property
    def notional(self) -> Decimal:
        """USD."""
        return self.size * self.price


Trade: TypeAlias = ArbitrageOpportunity | DirectionalTrade


def notional_of(trade: Trade) -> Decimal:
    """The trade's notional (USD), NaN if its figures are no numbers."""
    try:
        return trade.notional
    except InvalidOperation:  # NaN can be multiplied but not compared
        return NAN
