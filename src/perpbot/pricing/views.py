"""What pricing asks of books and of funding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Protocol

from perpbot.core.market_data import Level
from perpbot.core.names import ExchangeName, Symbol


class BookView(Protocol):
    """One exchange's book of one symbol; prices are 0.0 where there is none, sizes are contracts.

    The same object stands for its book as long as the program runs.
    """

    @property
    def exchange(self) -> ExchangeName: ...
    @property
    def symbol(self) -> Symbol: ...
    @property
    def bid(self) -> float: ...
    @property
    def ask(self) -> float: ...
    @property
    def ready(self) -> bool:
        """Whether it was built from a snapshot and has chained since."""

    def bids(self) -> Iterator[Level]:
        """Levels from the best bid downwards."""

    def asks(self) -> Iterator[Level]:
        """Levels from the best ask upwards."""


class BooksView(Protocol):
    """All books of a symbol."""

    def books_of(self, symbol: Symbol) -> Sequence[BookView]:
        """The symbol's books in an order that does not change; new ones are added at the end."""


class MarketView(BooksView, Protocol):
    """Books and how old their tops are."""

    def age_seconds(self, exchange: ExchangeName, symbol: Symbol, now_ns: int) -> float:
        """Age of the top of one book."""

    def skew_seconds(self, a: ExchangeName, b: ExchangeName, symbol: Symbol, now_ns: int) -> float:
        """Difference of the ages of two tops, absolute."""


class FundingView(Protocol):
    """Funding as each exchange states it."""

    def rate(self, exchange: ExchangeName, symbol: Symbol) -> Decimal:
        """Fraction of notional at one settlement (one funding interval); longs pay when positive."""

    def next_settlement_ns(self, exchange: ExchangeName, symbol: Symbol, now_ns: int) -> int | None:
        """When funding is next paid, after ``now_ns``; ``None`` where it accrues continuously."""
