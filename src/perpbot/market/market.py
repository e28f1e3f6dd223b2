"""All books of all exchanges, and what is known of their prices, trades and age."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import inf, isinf

from perpbot.core.instruments import Instrument
from perpbot.core.market_data import MarketEvent, Quote, TradePrint
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.ports import Clock
from perpbot.market.book import OrderBook
from perpbot.market.clock import ClockOffset
from perpbot.market.freshness import Freshness, Source
from perpbot.market.trades import TradeCache

_PROGRESS_SECONDS = 10.0


class Feed:
    """What is known of one market: its book, its trades, its clock and where its newest change came from."""

    __slots__ = ("book", "clock", "mid_before", "source", "trades")

    def __init__(self, exchange: ExchangeName, symbol: Symbol) -> None:
        self.book = OrderBook(exchange, symbol)
        self.clock = ClockOffset()
        self.trades = TradeCache()
        self.source = Source.STREAM
        self.mid_before: float | None = None

    def age_ns(self, now_ns: int) -> int | None:
        """Age of the newest accepted change, ``None`` before the first."""
        book = self.book
        if not book.received_ns:
            return None
        if book.engine_ns is None:
            return now_ns - book.received_ns
        return self.clock.age_ns(book.engine_ns, now_ns)


class Market:
    """Applies market events and answers what stands in the books.

    Markets of ``instruments`` come first in :meth:`books_of`, in their order; one that is first met in an event is
    added behind them. Where ``now_ns`` is not given, the clock is asked.
    """

    def __init__(
        self,
        clock: Clock,
        instruments: Mapping[tuple[ExchangeName, Symbol], Instrument],
        progress_seconds: float = _PROGRESS_SECONDS,
    ) -> None:
        self._clock = clock
        self._progress_seconds = progress_seconds
        self._feeds: dict[tuple[ExchangeName, Symbol], Feed] = {}
        self._books: dict[Symbol, list[OrderBook]] = {}
        for exchange, symbol in instruments:
            self._follow(exchange, symbol)

    def apply(self, event: MarketEvent, received_ns: int, source: Source = Source.STREAM) -> bool:
        """Take an event in; whether it changed a book."""
        feed = self._feeds.get((event.exchange, event.symbol)) or self._follow(event.exchange, event.symbol)
        engine_ns = event.engine_ns
        if engine_ns is not None:
            feed.clock.observe(engine_ns, received_ns)
        if type(event) is TradePrint:
            feed.trades.add(event, received_ns)
            return False
        book = feed.book
        bid, ask = book.bid, book.ask
        if not book.apply(event, received_ns):
            return False
        feed.source = source
        if bid and ask and (bid != book.bid or ask != book.ask):
            feed.mid_before = (bid + ask) / 2.0
        return True

    def book(self, exchange: ExchangeName, symbol: Symbol) -> OrderBook | None:
        """The book of a market, ``None`` if the market is not followed."""
        feed = self._feeds.get((exchange, symbol))
        return feed.book if feed else None

    def books_of(self, symbol: Symbol) -> Sequence[OrderBook]:
        """The books of a symbol on all exchanges, always in the same order."""
        return self._books.get(symbol, ())

    def has_top(self, exchange: ExchangeName, symbol: Symbol) -> bool:
        """Whether there are both a bid and an ask."""
        book = self.book(exchange, symbol)
        return book is not None and book.bid > 0.0 and book.ask > 0.0

    def quote(self, exchange: ExchangeName, symbol: Symbol) -> Quote | None:
        """Best bid and ask, ``None`` if one is missing; without exchange time its timestamp is that of receipt."""
        book = self.book(exchange, symbol)
        if book is None or not (book.bid and book.ask):
            return None
        received = book.received_ns / 1e9
        timestamp = received if book.engine_ns is None else book.engine_ns / 1e9
        return Quote(exchange, symbol, book.bid, book.ask, book.bid_size, book.ask_size, timestamp, received)

    def touch(self, exchange: ExchangeName, symbol: Symbol) -> tuple[Decimal, Decimal] | None:
        """Best bid and ask as exact decimals, ``None`` if one is missing."""
        book = self.book(exchange, symbol)
        if book is None or not (book.bid and book.ask):
            return None
        return Decimal(repr(book.bid)), Decimal(repr(book.ask))

    def age_seconds(self, exchange: ExchangeName, symbol: Symbol, now_ns: int | None = None) -> float:
        """How old the newest change of a book is, by the exchange's own time; infinite if there is none."""
        feed = self._feeds.get((exchange, symbol))
        age_ns = feed.age_ns(self._now(now_ns)) if feed else None
        return inf if age_ns is None else age_ns / 1e9

    def skew_seconds(self, a: ExchangeName, b: ExchangeName, symbol: Symbol, now_ns: int | None = None) -> float:
        """How much older one exchange's book is than the other's; infinite if one has none."""
        now_ns = self._now(now_ns)
        age_a, age_b = self.age_seconds(a, symbol, now_ns), self.age_seconds(b, symbol, now_ns)
        return inf if isinf(age_a) or isinf(age_b) else abs(age_a - age_b)

    def freshness(self, exchange: ExchangeName, symbol: Symbol, now_ns: int | None = None) -> Freshness:
        """How far the book can be believed; one that is not followed is neither ready nor progressing."""
        feed = self._feeds.get((exchange, symbol))
        if feed is None:
            return Freshness(inf, progressing=False, ready=False, source=Source.STREAM)
        now_ns = self._now(now_ns)
        age_seconds = self.age_seconds(exchange, symbol, now_ns)
        return Freshness(age_seconds, self._progressing(feed, now_ns), feed.book.ready, feed.source)

    def progressing(self, exchange: ExchangeName, symbol: Symbol, now_ns: int | None = None) -> bool:
        """Whether the book advanced within the last ``progress_seconds``."""
        feed = self._feeds.get((exchange, symbol))
        return feed is not None and self._progressing(feed, self._now(now_ns))

    def clock_offset_ns(self, exchange: ExchangeName, symbol: Symbol) -> int | None:
        """Receive − exchange time of the fastest message of a market, ``None`` before the first that carried a time."""
        feed = self._feeds.get((exchange, symbol))
        return feed.clock.offset_ns if feed else None

    def trades(self, exchange: ExchangeName, symbol: Symbol) -> TradeCache | None:
        """The recent trades of a market."""
        feed = self._feeds.get((exchange, symbol))
        return feed.trades if feed else None

    def last_price(self, exchange: ExchangeName, symbol: Symbol) -> float | None:
        """Price of the last trade; without one the middle of the top before its last change."""
        feed = self._feeds.get((exchange, symbol))
        if feed is None:
            return None
        return feed.mid_before if feed.trades.last_price is None else feed.trades.last_price

    def reset(self, exchange: ExchangeName, symbol: Symbol) -> None:
        """Forget a book whose stream begins anew."""
        self._feeds[exchange, symbol].book.reset()

    def _follow(self, exchange: ExchangeName, symbol: Symbol) -> Feed:
        feed = self._feeds[exchange, symbol] = Feed(exchange, symbol)
        self._books.setdefault(symbol, []).append(feed.book)
        return feed

    def _progressing(self, feed: Feed, now_ns: int) -> bool:
        advanced_ns = feed.book.received_ns
        return bool(advanced_ns) and now_ns - advanced_ns <= self._progress_seconds * 1e9

    def _now(self, now_ns: int | None) -> int:
        return self._clock.now_ns() if now_ns is None else now_ns
