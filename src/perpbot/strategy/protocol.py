"""What a strategy is to the trading service."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from perpbot.core.market_data import Quote
from perpbot.core.names import ExchangeName, Symbol
from perpbot.strategy.intents import Intent

MarketData: TypeAlias = Mapping[Symbol, Mapping[ExchangeName, Quote]]
"""Symbol → quotes by exchange."""

Signals: TypeAlias = Sequence[Intent]


@runtime_checkable
class Strategy(Protocol):
    """Looks at the market once a loop and says what it wants.

    Appending one to ``trading_service.strategies`` sets its attribute ``desk``.
    """

    def analyze(self, market_data: MarketData, /) -> Signals | Awaitable[Signals]:
        """The intents of this moment; plain or async. Without :meth:`ExecutingStrategy.execute` they are submitted."""


@runtime_checkable
class ExecutingStrategy(Strategy, Protocol):
    """A strategy that submits its own signals to its desk."""

    def execute(self, signals: Signals, /) -> object | Awaitable[object]:
        """Act on what :meth:`analyze` returned; plain or async."""
