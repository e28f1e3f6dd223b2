"""Basis: the close gap that a direction usually has.

A lasting offset between two exchanges is no edge: an exit is expected at the median of the close gap
``ask_sell / bid_buy − 1``, sampled at whole multiples of 0.25 s.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Container, Iterable
from decimal import Decimal

from perpbot.core.names import ExchangeName, Symbol
from perpbot.pricing.views import BooksView, BookView

SAMPLE_INTERVAL_NS = 250_000_000
_NONE: tuple[CloseGap, ...] = ()


class CloseGap:
    """The close gap of one direction (buy on ``buy``, sell on ``sell``) over the window.

    ``expected`` is the median once warm and 0.0 before; it is a plain attribute because every quote reads it.
    """

    __slots__ = ("_sorted", "_warmup", "_window", "buy", "expected", "samples", "sell", "warm")

    def __init__(self, buy: BookView, sell: BookView, window: int, warmup: int) -> None:
        """``window`` and ``warmup`` are counted in samples."""
        self.buy = buy
        self.sell = sell
        self.expected = 0.0
        self.warm = False
        self.samples: deque[tuple[int, float]] = deque()
        self._sorted: list[float] = []
        self._window = window
        self._warmup = warmup

    def sample(self, tick: int) -> None:
        """Take the gap of this moment, if both tops stand, and forget what has left the window."""
        self._expire(tick - self._window)
        ask, bid = self.sell.ask, self.buy.bid
        if ask > 0.0 and bid > 0.0:
            gap = ask / bid - 1.0
            self.samples.append((tick, gap))
            insort(self._sorted, gap)
        self.warm = len(self._sorted) >= self._warmup and bool(self._sorted)
        self.expected = self.median() or 0.0 if self.warm else 0.0

    def median(self) -> float | None:
        """The median of the samples so far, the mean of the middle two of an even count; ``None`` without any."""
        ordered = self._sorted
        if not ordered:
            return None
        middle = len(ordered) // 2
        return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2

    @property
    def sampled_seconds(self) -> Decimal:
        """How long the samples in the window stand for."""
        return Decimal(len(self._sorted) * SAMPLE_INTERVAL_NS) / 1_000_000_000

    def _expire(self, oldest: int) -> None:
        samples = self.samples
        while samples and samples[0][0] <= oldest:
            del self._sorted[bisect_left(self._sorted, samples.popleft()[1])]


class Basis:
    """The close gaps of every direction between trading exchanges."""

    def __init__(
        self,
        books: BooksView,
        symbols: Iterable[Symbol],
        *,
        listed: Container[tuple[ExchangeName, Symbol]],
        trading: Iterable[ExchangeName],
        window_seconds: float,
        warmup_seconds: float,
    ) -> None:
        """``listed`` are the known markets, ``trading`` the exchanges that trade; a reference exchange has no basis."""
        self._books = books
        self._listed = listed
        self._trading = set(trading)
        self._window = _samples(window_seconds)
        self._warmup = min(_samples(warmup_seconds), self._window)
        self._gaps: dict[Symbol, tuple[CloseGap, ...]] = dict.fromkeys(dict.fromkeys(symbols), ())

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """All symbols that are scanned."""
        return tuple(self._gaps)

    def join(self, trading: Iterable[ExchangeName], symbols: Iterable[Symbol]) -> None:
        """Follow exchanges that came later, and the symbols that are scanned because of them."""
        self._trading.update(trading)
        for symbol in symbols:
            self._gaps.setdefault(symbol, _NONE)

    def sample(self, now_ns: int) -> None:
        """Sample every direction; call it at whole multiples of :data:`SAMPLE_INTERVAL_NS`."""
        tick = now_ns // SAMPLE_INTERVAL_NS
        for symbol in self._gaps:
            for gap in self._join(symbol):
                gap.sample(tick)

    def directions(self, symbol: Symbol) -> tuple[CloseGap, ...]:
        """The symbol's directions between trading exchanges, in a fixed order; none of a symbol that is not scanned.

        A book that appears beside others joins at the next sample.
        """
        gaps = self._gaps.get(symbol, _NONE)
        return gaps or (self._join(symbol) if symbol in self._gaps else _NONE)

    def _join(self, symbol: Symbol) -> tuple[CloseGap, ...]:
        gaps = self._gaps[symbol]
        books = [book for book in self._books.books_of(symbol) if self._tradable(book)]
        if len(gaps) != len(books) * (len(books) - 1):
            known = {(gap.buy.exchange, gap.sell.exchange): gap for gap in gaps}
            gaps = tuple(
                known.get((buy.exchange, sell.exchange)) or CloseGap(buy, sell, self._window, self._warmup)
                for buy in books
                for sell in books
                if buy is not sell
            )
            self._gaps[symbol] = gaps
        return gaps

    def _tradable(self, book: BookView) -> bool:
        return book.exchange in self._trading and (book.exchange, book.symbol) in self._listed

    def gap(self, symbol: Symbol, buy_exchange: ExchangeName, sell_exchange: ExchangeName) -> CloseGap | None:
        """One direction, ``None`` if either exchange does not trade the symbol."""
        for gap in self.directions(symbol):
            if gap.buy.exchange == buy_exchange and gap.sell.exchange == sell_exchange:
                return gap
        return None

    def median(self, symbol: Symbol, buy_exchange: ExchangeName, sell_exchange: ExchangeName) -> float | None:
        """The direction's median close gap over the window, a fraction; ``None`` without samples."""
        gap = self.gap(symbol, buy_exchange, sell_exchange)
        return gap.median() if gap else None

    def warm(self, symbol: Symbol, buy_exchange: ExchangeName, sell_exchange: ExchangeName) -> bool:
        """Whether the warm-up's samples are there, so that the median may be traded on."""
        gap = self.gap(symbol, buy_exchange, sell_exchange)
        return gap is not None and gap.warm


def _samples(seconds: float) -> int:
    return round(seconds * 1_000_000_000) // SAMPLE_INTERVAL_NS
