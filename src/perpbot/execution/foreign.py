"""Positions at the exchanges that no order of ours explains: shown, never traded, and openings there stop."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.events import PositionFound
from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.ports import Journal
from perpbot.execution.notes import note
from perpbot.execution.status import TradingStatus


class ForeignPositions:
    """What is held by nobody of ours, by exchange and symbol, in signed contracts."""

    def __init__(self, journal: Journal, status: TradingStatus) -> None:
        self._journal = journal
        self._status = status
        self._held: dict[tuple[ExchangeName, Symbol], Decimal] = {}

    def amount(self, exchange: ExchangeName, symbol: Symbol) -> Decimal:
        """Zero if all that is held there is ours."""
        return self._held.get((exchange, symbol), ZERO)

    def known(self, exchange: ExchangeName, symbol: Symbol) -> bool:
        """Whether something was found there that is not yet gone."""
        return (exchange, symbol) in self._held

    def on(self, exchange: ExchangeName) -> bool:
        """Whether something was found on the exchange that is not yet gone."""
        return any(name == exchange for name, _ in self._held)

    def all(self) -> dict[tuple[ExchangeName, Symbol], Decimal]:
        """Everything found and not yet gone."""
        return dict(self._held)

    def take(self, found: PositionFound) -> None:
        """Take in what was found; zero contracts end it."""
        note(self._journal, found)
        self.recall(found)

    def settle(self, exchange: ExchangeName, symbol: Symbol, contracts: Decimal) -> None:
        """``contracts`` that our books held and the exchange did not are written off: so they need no explaining."""
        if self.known(exchange, symbol):
            self.take(PositionFound(exchange, symbol, self.amount(exchange, symbol) + contracts))

    def recall(self, found: PositionFound) -> None:
        """Take over what the journal says was found."""
        key, cause = (found.exchange, found.symbol), f"position {found.symbol}"
        if found.contracts:
            self._held[key] = found.contracts
            self._status.block(found.exchange, cause, "foreign_position")
        else:
            self._held.pop(key, None)
            self._status.unblock(found.exchange, cause)
