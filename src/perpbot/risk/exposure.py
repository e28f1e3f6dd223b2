"""What every live pair and position holds, from the moment it is approved: orders in flight count in full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName, ReservationId, Symbol
from perpbot.core.orders import Side


@dataclass(frozen=True, slots=True)
class Holding:
    """Notional (USD) by exchange. ``side`` is that of a directional position, ``None`` of a hedged pair."""

    symbol: Symbol
    legs: Mapping[ExchangeName, Decimal]
    side: Side | None = None

    @property
    def notional(self) -> Decimal:
        """The larger leg."""
        return max(self.legs.values())


class ExposureBook:
    """All holdings, by the reservation that backs them."""

    def __init__(self) -> None:
        self._holdings: dict[ReservationId, Holding] = {}

    def add(self, key: ReservationId, holding: Holding) -> None:
        """Take up what a reservation backs, replacing what was known of it."""
        self._holdings[key] = holding

    def remove(self, key: ReservationId) -> None:
        """Forget it; nothing happens if it is not known."""
        self._holdings.pop(key, None)

    def in_symbol(self, symbol: Symbol) -> Decimal:
        """Sum of the larger legs in one symbol (USD)."""
        return sum((held.notional for held in self._of(symbol)), ZERO)

    def on(self, exchange: ExchangeName, symbol: Symbol) -> Decimal:
        """Notional in one symbol on one exchange (USD)."""
        return sum((held.legs.get(exchange, ZERO) for held in self._of(symbol)), ZERO)

    def opposes(self, symbol: Symbol, side: Side) -> bool:
        """Whether a directional position of the other side is held in the symbol, on whatever exchange."""
        return any(held.side is side.opposite for held in self._of(symbol))

    def by_symbol(self) -> dict[Symbol, Decimal]:
        """:meth:`in_symbol` of every symbol held."""
        return {symbol: self.in_symbol(symbol) for symbol in sorted({h.symbol for h in self._holdings.values()})}

    def _of(self, symbol: Symbol) -> list[Holding]:
        return [held for held in self._holdings.values() if held.symbol == symbol]
