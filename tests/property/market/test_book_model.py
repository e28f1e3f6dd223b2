"""The book builder against a naive one, and against the exchange that sent the events."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from perpbot.core.market_data import BookDelta, BookSnapshot, Level, MarketEvent, TopOfBook
from perpbot.market.book import OrderBook

X, S = "binance", "BTC-USD-PERP"
Sides = tuple[dict[float, float], dict[float, float]]

_prices = st.integers(90, 110).map(float)
_sizes = st.sampled_from([0.0, 0.0, 1.0, 2.5, 7.0])
_levels = st.lists(st.tuples(_prices, _sizes), max_size=4)
_numbers = st.integers(0, 30)


@st.composite
def _any_delta(draw: st.DrawFn) -> BookDelta:
    first = draw(_numbers)
    last = first + draw(st.integers(0, 4))
    previous = draw(st.none() | st.integers(max(0, first - 4), max(0, first - 1)))
    return BookDelta(X, S, draw(_levels), draw(_levels), first, last, previous, None)


_any_snapshot = st.builds(BookSnapshot, st.just(X), st.just(S), _levels, _levels, _numbers, st.none())
_any_ticker = st.builds(TopOfBook, st.just(X), st.just(S), _prices, _sizes, _prices, _sizes, _numbers, st.none())
_any_event: st.SearchStrategy[MarketEvent] = st.one_of(_any_delta(), _any_delta(), _any_snapshot, _any_ticker)


@dataclass
class NaiveBook:
    """The rules of `OrderBook` with two plain dicts, sorted whenever somebody looks."""

    bids: dict[float, float] = field(default_factory=dict)
    asks: dict[float, float] = field(default_factory=dict)
    ready: bool = False
    chained: bool = False
    depth: int = -1
    newest: int = -1
    ticker: TopOfBook | None = None
    waiting: list[BookDelta] = field(default_factory=list)
    gaps: int = 0

    def apply(self, event: MarketEvent) -> None:
        if isinstance(event, TopOfBook):
            crossed = bool(event.bid_size and event.ask_size) and event.bid >= event.ask
            if event.sequence > self.newest and not crossed:
                self.ticker, self.newest = event, event.sequence
        elif isinstance(event, BookSnapshot):
            self.take(event)
        elif isinstance(event, BookDelta):
            self.change(event)

    def take(self, snapshot: BookSnapshot) -> None:
        if snapshot.sequence < self.depth or (self.ready and snapshot.sequence == self.depth):
            return
        self.bids = {price: size for price, size in dict(snapshot.bids).items() if size}
        self.asks = {price: size for price, size in dict(snapshot.asks).items() if size}
        self.depth, self.chained, self.ready = snapshot.sequence, False, True
        while self.waiting and self.ready:
            delta = self.waiting[0]
            if delta.last < snapshot.sequence or self.follow(delta):
                self.waiting.pop(0)
        if self.ready:
            self.look()

    def change(self, delta: BookDelta) -> None:
        if not self.ready:
            self.waiting.append(delta)
        elif delta.previous == self.depth or delta.last > self.depth or (delta.last == self.depth and not self.chained):
            if self.follow(delta):
                self.look()
            else:
                self.waiting.append(delta)

    def follow(self, delta: BookDelta) -> bool:
        before = delta.previous if delta.previous is not None else delta.first - 1
        follows = before == self.depth if self.chained else before <= self.depth
        if not follows:
            self.lose()
            return False
        for side, levels in ((self.bids, delta.bids), (self.asks, delta.asks)):
            side.update(levels)
            for price in [price for price, size in side.items() if not size]:
                del side[price]
        self.depth, self.chained = delta.last, True
        return True

    def look(self) -> None:
        if self.ticker is not None and self.ticker.sequence > self.depth:
            return
        self.ticker, self.newest = None, max(self.newest, self.depth)
        if self.bids and self.asks and max(self.bids) >= min(self.asks):
            self.lose()

    def lose(self) -> None:
        self.bids, self.asks, self.ready, self.gaps = {}, {}, False, self.gaps + 1

    def levels(self) -> tuple[list[Level], list[Level]]:
        bids, asks = sorted(self.bids.items(), reverse=True), sorted(self.asks.items())
        if self.ticker is None:
            return bids, asks
        top = self.ticker
        bids = [(top.bid, top.bid_size), *(level for level in bids if level[0] < top.bid)] if top.bid_size else []
        asks = [(top.ask, top.ask_size), *(level for level in asks if level[0] > top.ask)] if top.ask_size else []
        return bids, asks


@settings(max_examples=2_000)
@given(st.lists(_any_event, max_size=40))
def test_the_book_equals_a_naive_one_after_any_events(events: list[MarketEvent]) -> None:
    """Snapshots, changes and tickers in any order, with gaps, repetitions and crossings."""
    book, naive, newest, version = OrderBook(X, S), NaiveBook(), -1, 0
    for now, event in enumerate(events, 1):
        before = top_of(book), book.version
        accepted = book.apply(event, now)
        naive.apply(event)
        bids, asks = naive.levels()
        assert (list(book.bids()), list(book.asks())) == (bids, asks)
        assert top_of(book) == ((*(bids or [(0.0, 0.0)])[0], *(asks or [(0.0, 0.0)])[0]))
        assert (book.ready, book.gaps, book.sequence) == (naive.ready, naive.gaps, naive.newest)
        assert book.sequence >= newest
        assert accepted <= (book.received_ns == now)
        assert (top_of(book) == before[0]) or book.version > before[1]
        newest, version = book.sequence, book.version
    assert version <= 2 * len(events)


def top_of(book: OrderBook) -> tuple[float, float, float, float]:
    return book.bid, book.bid_size, book.ask, book.ask_size


@dataclass
class Sent:
    """What an exchange sent, in order, and its true book after each update id."""

    events: list[MarketEvent]
    truth: dict[int, Sides]


_LOST, _TWICE, _LATE, _CAUGHT_UP = range(4)
_steps = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.integers(0, 3),
        st.lists(st.tuples(st.integers(95, 99).map(float), _sizes), max_size=3),
        st.lists(st.tuples(st.integers(101, 105).map(float), _sizes), max_size=3),
        st.integers(0, 7),
    ),
    min_size=3,
    max_size=15,
)


@st.composite
def _exchange(draw: st.DrawFn) -> Sent:
    """A market that never crosses: bids below 100, asks above; every change is published, tickers at random."""
    futures = draw(st.booleans())
    bids, asks = {99.0: 1.0}, {101.0: 1.0}
    number, previous = 5, 5
    sent = Sent([], {number: (dict(bids), dict(asks))})
    for skipped, span, changed_bids, changed_asks, extra in draw(_steps):
        first = number + (skipped if futures else 1)
        number = first + span
        for side, levels in ((bids, changed_bids), (asks, changed_asks)):
            for price, size in levels:
                side[price] = size
                if not size:
                    del side[price]
        sent.truth[number] = (dict(bids), dict(asks))
        chain = previous if futures else None
        sent.events.append(BookDelta(X, S, changed_bids, changed_asks, first, number, chain, None))
        previous = number
        if extra & 1:
            sent.events.append(_ticker_of(sent.truth[number], number))
        if extra > 5:
            sent.events.append(BookSnapshot(X, S, tuple(bids.items()), tuple(asks.items()), number, None))
    return sent


def _ticker_of(sides: Sides, number: int) -> TopOfBook:
    bid, ask = max(sides[0], default=0.0), min(sides[1], default=0.0)
    return TopOfBook(X, S, bid, sides[0].get(bid, 0.0), ask, sides[1].get(ask, 0.0), number, None)


def _delivered(data: st.DataObject, events: list[MarketEvent]) -> Iterator[MarketEvent]:
    """The network: some frames are lost or doubled, tickers and snapshots overtake and are overtaken."""
    fates = data.draw(st.lists(st.integers(0, 7), min_size=len(events), max_size=len(events)))
    late: list[MarketEvent] = []
    for event, fate in zip(events, fates, strict=True):
        if fate == _LATE and not isinstance(event, BookDelta):
            late.append(event)
        elif fate != _LOST:
            yield event
        if fate == _TWICE:
            yield event
        if late and fate == _CAUGHT_UP:
            yield late.pop(0)
    yield from late


@settings(max_examples=1_000)
@given(_exchange(), st.data())
def test_a_book_that_is_ready_is_the_exchanges_own(sent: Sent, data: st.DataObject) -> None:
    """Whatever the network loses, repeats or delays: the top is the true one of its number, and a ready book the true
    one below it; a book that misses something is not ready.
    """
    book, newest = OrderBook(X, S), -1
    for event in _delivered(data, sent.events):
        book.apply(event, 1)
        assert book.sequence >= newest
        newest = book.sequence
        if book.sequence < 0 or not (book.bid or book.ask):
            continue
        bids, asks = sent.truth[book.sequence]
        top = _ticker_of((bids, asks), book.sequence)
        assert top_of(book) == (top.bid, top.bid_size, top.ask, top.ask_size)
        standing = book._ticker
        if book.ready and standing is None:
            assert (dict(book.bids()), dict(book.asks())) == (bids, asks)
        elif book.ready:
            below = sent.truth[book._depth_sequence]
            assert dict(list(book.bids())[1:]) == {price: size for price, size in below[0].items() if price < top.bid}
