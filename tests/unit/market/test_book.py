"""An order book is built from a snapshot and what follows it, and knows when it cannot be believed."""

from collections.abc import Sequence
from math import inf, nan

import pytest

from perpbot.core.market_data import BookDelta, BookSnapshot, Level, TopOfBook, TradePrint
from perpbot.market.book import OrderBook

X, S = "binance", "BTC-USD-PERP"


def snapshot(sequence: int, bids: Sequence[Level] = ((99, 1),), asks: Sequence[Level] = ((101, 1),)) -> BookSnapshot:
    return BookSnapshot(X, S, bids, asks, sequence, None)


def delta(
    first: int, last: int, previous: int | None = None, bids: Sequence[Level] = (), asks: Sequence[Level] = ()
) -> BookDelta:
    return BookDelta(X, S, bids, asks, first, last, previous, None)


def ticker(sequence: int, bid: float = 99, ask: float = 101, bid_size: float = 5, ask_size: float = 5) -> TopOfBook:
    return TopOfBook(X, S, bid, bid_size, ask, ask_size, sequence, None)


def book_of(*events: BookSnapshot | BookDelta | TopOfBook) -> OrderBook:
    book = OrderBook(X, S)
    for event in events:
        book.apply(event, 1)
    return book


def test_changes_before_the_snapshot_wait_for_it() -> None:
    """What the snapshot has already is dropped, the rest is applied over it."""
    book = book_of(
        delta(1, 4, 0, bids=[(98, 7)]),
        delta(5, 8, 4, bids=[(99, 2)]),
        delta(9, 9, 8, asks=[(100.5, 3)]),
    )
    waiting = book.ready
    assert book.apply(snapshot(6), 2)
    assert (waiting, book.ready) == (False, True)
    assert list(book.bids()) == [(99, 2)]
    assert list(book.asks()) == [(100.5, 3), (101, 1)]
    assert book.sequence == 9


def test_a_futures_change_must_reach_back_to_the_snapshot() -> None:
    """First U ≤ lastUpdateId ≤ u, then pu = previous u; else something is missing between them."""
    assert book_of(snapshot(6), delta(5, 8, 4)).ready
    assert book_of(snapshot(6), delta(7, 8, 6)).ready
    late = book_of(snapshot(6), delta(8, 9, 7))
    assert not late.ready
    assert late.last_gap == f"{X} {S}: change 8-9 (previous 7) does not follow 6"


def test_a_spot_change_must_go_on_where_the_snapshot_ends() -> None:
    """U ≤ lastUpdateId + 1 ≤ u, then U = previous u + 1."""
    assert book_of(snapshot(6), delta(7, 8), delta(9, 9)).sequence == 9
    assert book_of(snapshot(6), delta(3, 8)).ready
    assert not book_of(snapshot(6), delta(8, 9)).ready
    assert not book_of(snapshot(6), delta(7, 8), delta(10, 11)).ready


def test_a_snapshot_older_than_all_that_waits_is_refused_and_a_newer_one_taken() -> None:
    """Nothing says what happened between an old snapshot and the first change received."""
    book = book_of(delta(10, 12, 9, bids=[(98, 1)]), snapshot(5))
    assert (book.ready, book.gaps) == (False, 1)
    assert book.apply(snapshot(11), 2)
    assert list(book.bids()) == [(99, 1), (98, 1)]


def test_a_change_that_does_not_chain_drops_the_book_until_a_new_snapshot() -> None:
    """The gap is counted once and named by its numbers; what came after it waits for the snapshot."""
    book = book_of(snapshot(5), delta(5, 6, 4), delta(9, 10, 8, bids=[(98, 4)]), delta(11, 12, 10, bids=[(97, 4)]))
    assert (book.ready, book.bid, book.ask, book.gaps) == (False, 0.0, 0.0, 1)
    assert book.last_gap == f"{X} {S}: change 9-10 (previous 8) does not follow 6"
    assert list(book.bids()) == []
    assert book.apply(snapshot(9), 2)
    assert list(book.bids()) == [(99, 1), (98, 4), (97, 4)]


def test_a_change_the_book_already_has_is_passed_over() -> None:
    """A frame sent twice takes nothing away."""
    book = book_of(snapshot(5), delta(5, 7, 4, bids=[(98, 1)]))
    assert not book.apply(delta(5, 7, 4, bids=[(97, 1)]), 2)
    assert (book.ready, book.ignored, book.gaps) == (True, 1, 0)
    assert list(book.bids()) == [(99, 1), (98, 1)]


def test_an_older_snapshot_never_moves_the_book_back() -> None:
    """A slow answer to a request comes after the stream has gone on, also when the book was dropped meanwhile."""
    book = book_of(snapshot(5), delta(5, 7, 4, bids=[(99, 3)]))
    assert not book.apply(snapshot(6), 2)
    assert (book.bid_size, book.sequence) == (3, 7)
    book.apply(delta(20, 21, 19), 2)
    assert not book.apply(snapshot(6), 2)
    assert (book.ready, book.bid) == (False, 0.0)


def test_the_newer_ticker_stands_on_top_and_depth_goes_on_below_it() -> None:
    """Levels at or above its bid are hidden, at or below its ask likewise; deeper ones come from depth."""
    book = book_of(snapshot(5, bids=[(99, 1), (98, 2), (97, 3)], asks=[(101, 1), (102, 2)]), ticker(9, 98, 101.5, 7, 8))
    assert (book.bid, book.bid_size, book.ask, book.ask_size, book.sequence) == (98, 7, 101.5, 8, 9)
    assert list(book.bids()) == [(98, 7), (97, 3)]
    assert list(book.asks()) == [(101.5, 8), (102, 2)]
    assert book.apply(delta(5, 7, 4, bids=[(97, 4)]), 2)
    assert (book.bid, book.sequence) == (98, 9)
    assert list(book.bids()) == [(98, 7), (97, 4)]


def test_the_depth_takes_the_top_back_once_it_is_as_new() -> None:
    """At the ticker's own number both say the same, so the depth stands."""
    book = book_of(snapshot(5), ticker(9, 98, 102), delta(5, 9, 4, bids=[(99, 6)]))
    assert (book.bid, book.bid_size, book.ask, book.sequence) == (99, 6, 101, 9)


@pytest.mark.parametrize("sequence", [3, 5])
def test_a_ticker_that_is_not_newer_does_not_move_the_top(sequence: int) -> None:
    """The top never goes backwards, whichever stream was faster."""
    book = book_of(snapshot(5))
    assert not book.apply(ticker(sequence, 98, 102), 2)
    assert (book.bid, book.ask, book.received_ns, book.ignored) == (99, 101, 1, 1)


def test_a_ticker_alone_gives_a_top_but_no_book() -> None:
    """A stream without a snapshot is counted and shown, never traded."""
    book = book_of(ticker(5), delta(3, 6, 2))
    assert (book.bid, book.ask, book.ready) == (99, 101, False)
    assert list(book.bids()) == [(99, 5)]


def test_a_ticker_keeps_standing_when_the_depth_is_lost() -> None:
    """It is newer than what was lost."""
    book = book_of(snapshot(5), ticker(30), delta(20, 21, 19))
    assert (book.ready, book.bid, book.sequence) == (False, 99, 30)
    assert list(book.bids()) == [(99, 5)]


def test_a_side_without_size_is_absent() -> None:
    """Binance publishes an empty side as 0 at 0."""
    book = book_of(snapshot(5), ticker(9, 0, 101, 0, 5))
    assert (book.bid, book.bid_size, book.ask) == (0.0, 0.0, 101)
    assert list(book.bids()) == []


@pytest.mark.parametrize(
    "bad",
    [
        ticker(9, 101, 101),
        ticker(9, nan),
        ticker(9, 99, inf),
        ticker(9, bid_size=-1),
        ticker(9, ask_size=nan),
        ticker(9, 0),
    ],
)
def test_a_ticker_that_cannot_be_true_is_passed_over(bad: TopOfBook) -> None:
    """Crossed, not finite, negative, or a size without a price."""
    book = book_of(snapshot(5))
    assert not book.apply(bad, 2)
    assert (book.bid, book.ask, book.ignored, book.ready) == (99, 101, 1, True)


@pytest.mark.parametrize("level", [(98, -1), (98, nan), (98, inf), (-98, 1), (nan, 1), (inf, 1)])
def test_an_impossible_level_costs_the_book(level: Level) -> None:
    """Half of a change cannot be believed without the other half."""
    after = book_of(snapshot(5), delta(5, 6, 4, bids=[level]))
    assert (after.ready, after.gaps) == (False, 1)
    assert after.last_gap is not None
    assert "impossible" in after.last_gap
    assert not book_of(snapshot(5, bids=[level])).ready


def test_a_crossed_depth_costs_the_book_unless_a_newer_ticker_hides_it() -> None:
    """An exchange matches what crosses, so a crossed book lost something."""
    crossing = delta(5, 7, 4, bids=[(101, 1)])
    seen = book_of(snapshot(5), crossing)
    assert (seen.ready, seen.bid) == (False, 0.0)
    assert seen.last_gap == f"{X} {S}: crossed at 7: bid 101 is not below ask 101"
    hidden = book_of(snapshot(5), ticker(9), crossing)
    assert (hidden.ready, hidden.bid, hidden.ask) == (True, 99, 101)
    hidden.apply(delta(8, 10, 7), 2)
    assert not hidden.ready


def test_every_change_and_every_loss_has_its_own_version() -> None:
    """Whatever was derived from an earlier version is out of date."""
    book = OrderBook(X, S)
    versions = [book.version]
    for event in (ticker(1), snapshot(5), delta(5, 6, 4), delta(9, 10, 8), ticker(20)):
        book.apply(event, 1)
        versions.append(book.version)
    assert versions == [0, 1, 2, 3, 4, 5]
    assert not book.apply(TradePrint(X, S, 100, 1, True, 1, None), 2)
    assert book.version == 5


def test_the_engine_time_is_the_newest_of_what_was_accepted() -> None:
    """Between streams times go back; what is older takes nothing from what is known."""
    book = OrderBook(X, S)
    book.apply(BookSnapshot(X, S, [(99, 1)], [(101, 1)], 5, 1_000), 10)
    book.apply(TopOfBook(X, S, 99, 1, 101, 1, 9, 3_000), 20)
    book.apply(BookDelta(X, S, [(98, 1)], [], 5, 7, 4, 2_000), 30)
    assert (book.engine_ns, book.received_ns) == (3_000, 30)


def test_depth_within_counts_the_contracts_near_the_touch() -> None:
    """The bound itself is within."""
    book = book_of(snapshot(5, bids=[(100, 1), (99, 2), (98, 4)], asks=[(101, 1), (102.01, 2), (103, 4)]))
    assert book.depth_within("bid", 0.01) == 3
    assert book.depth_within("ask", 0.01) == 3
    assert book_of().depth_within("bid", 0.01) == 0


def test_a_reset_forgets_the_numbers_too() -> None:
    """After a new connection an exchange may count anew."""
    book = book_of(snapshot(500), ticker(600))
    book.reset()
    assert (book.ready, book.bid) == (False, 0.0)
    assert book.apply(snapshot(5), 2)
    assert book.ready
