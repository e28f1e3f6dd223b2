"""What exchanges publish: quotes, book changes and trades.

Prices and sizes are floats (detection may use them; money may not); sizes are contracts of the instrument. Times are
nanoseconds: ``engine_ns`` by the exchange's own clock, ``received_ns`` by ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from perpbot.core.names import ExchangeName, Symbol

Level: TypeAlias = tuple[float, float]
"""Price and size; size 0 removes the level."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask. ``timestamp`` is exchange time, ``received`` local time, both in seconds since 1970."""

    exchange: ExchangeName
    symbol: Symbol
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    timestamp: float
    received: float


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """All published levels at ``sequence``; ``engine_ns`` is ``None`` where the exchange does not say."""

    exchange: ExchangeName
    symbol: Symbol
    bids: Sequence[Level]
    asks: Sequence[Level]
    sequence: int
    engine_ns: int | None


@dataclass(frozen=True, slots=True)
class BookDelta:
    """Changed levels with sequence numbers ``first`` … ``last``.

    ``previous`` is the ``last`` of the delta before it, where the exchange says so; otherwise deltas chain by
    ``first`` = previous ``last`` + 1.
    """

    exchange: ExchangeName
    symbol: Symbol
    bids: Sequence[Level]
    asks: Sequence[Level]
    first: int
    last: int
    previous: int | None
    engine_ns: int | None


@dataclass(frozen=True, slots=True)
class TopOfBook:
    """Best bid and ask at ``sequence``, from a stream of its own."""

    exchange: ExchangeName
    symbol: Symbol
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    sequence: int
    engine_ns: int | None


@dataclass(frozen=True, slots=True)
class TradePrint:
    """One public trade; ``buyer_is_maker`` says that a seller took it."""

    exchange: ExchangeName
    symbol: Symbol
    price: float
    size: float
    buyer_is_maker: bool
    trade_id: int
    engine_ns: int | None


MarketEvent: TypeAlias = BookSnapshot | BookDelta | TopOfBook | TradePrint
