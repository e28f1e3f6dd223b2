"""A strategy's desk: where it hands in intents, and what it may look at."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from decimal import Decimal
from typing import Protocol

from perpbot.core.commands import TradingState
from perpbot.core.instruments import Instrument
from perpbot.core.market_data import Quote
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.pairs import Pair
from perpbot.core.positions import Position
from perpbot.core.results import ExecutionResult
from perpbot.strategy.intents import Intent


class Desk(Protocol):
    """Implemented by ``service``: every intent passes through capital, risk and the send gate."""

    def submit(self, intent: Intent) -> Awaitable[ExecutionResult]:
        """Carry out an intent; a refusal is a result with its reason, never an error."""

    @property
    def state(self) -> TradingState: ...

    @property
    def pairs(self) -> Sequence[Pair]:
        """Pairs that are not over."""

    @property
    def positions(self) -> Sequence[Position]:
        """Open positions by our own books."""

    def quote(self, exchange: ExchangeName, symbol: Symbol) -> Quote | None:
        """The top of a book, ``None`` if there is none."""

    def instrument(self, exchange: ExchangeName, symbol: Symbol) -> Instrument | None:
        """The exchange's market of a symbol, ``None`` if it lists none."""

    def equity(self, exchange: ExchangeName) -> Decimal:
        """USD."""
