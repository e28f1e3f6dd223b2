"""The venue's book is depth with the newest ticker on top, less what our orders took."""

from decimal import Decimal

from perpbot.core.market_data import BookDelta, BookSnapshot, Level, TopOfBook, TradePrint
from perpbot.core.orders import Side
from perpbot.simulation.venue.book import VenueBook

ASKS = [(101.0, 1.0), (102.0, 2.0), (103.0, 3.0)]
BIDS = [(100.0, 1.0), (99.0, 2.0), (98.0, 3.0)]


def snapshot(sequence: int = 10, bids: list[Level] | None = None, asks: list[Level] | None = None) -> BookSnapshot:
    return BookSnapshot(
        "v", "BTC-USD-PERP", BIDS if bids is None else bids, ASKS if asks is None else asks, sequence, 0
    )


def delta(
    last: int, previous: int | None, *, bids: list[Level] | None = None, asks: list[Level] | None = None
) -> BookDelta:
    return BookDelta("v", "BTC-USD-PERP", bids or [], asks or [], last, last, previous, 0)


def ticker(sequence: int, bid: Level, ask: Level) -> TopOfBook:
    return TopOfBook("v", "BTC-USD-PERP", *bid, *ask, sequence, 0)


def shown(book: VenueBook, side: Side, limit: str | None = None) -> list[tuple[str, str]]:
    return [(str(p), str(s)) for p, s in book.levels(side, None if limit is None else Decimal(limit))]


def built() -> VenueBook:
    book = VenueBook()
    book.apply(snapshot())
    return book


def test_levels_come_best_first_on_both_sides() -> None:
    """Bids fall, asks rise."""
    book = built()
    assert [price for price, _ in shown(book, Side.BUY)] == ["100.0", "99.0", "98.0"]
    assert [price for price, _ in shown(book, Side.SELL)] == ["101.0", "102.0", "103.0"]


def test_a_limit_hides_what_is_worse() -> None:
    """Only levels at the limit or better are offered."""
    book = built()
    assert [price for price, _ in shown(book, Side.SELL, "102")] == ["101.0", "102.0"]
    assert [price for price, _ in shown(book, Side.BUY, "99")] == ["100.0", "99.0"]


def test_floats_become_the_decimals_they_were_written_as() -> None:
    """0.1 is one tenth, not the binary number nearest to it."""
    book = VenueBook()
    book.apply(snapshot(asks=[(0.1, 0.3)]))
    assert shown(book, Side.SELL) == [("0.1", "0.3")]


def test_a_newer_ticker_is_the_top_and_depth_only_what_lies_behind_it() -> None:
    """Levels before the ticker's price are gone, the level at it has the ticker's size."""
    book = built()
    book.apply(ticker(11, (99.0, 5.0), (102.0, 7.0)))
    assert shown(book, Side.BUY) == [("99.0", "5.0"), ("98.0", "3.0")]
    assert shown(book, Side.SELL) == [("102.0", "7.0"), ("103.0", "3.0")]


def test_a_ticker_older_than_depth_moves_nothing() -> None:
    """A ticker that is not newer than the depth does not stand on it."""
    book = built()
    book.apply(ticker(10, (99.5, 5.0), (100.5, 5.0)))
    assert shown(book, Side.BUY)[0] == ("100.0", "1.0")


def test_newer_depth_ends_the_ticker() -> None:
    """Once depth is newer, it is the book again."""
    book = built()
    book.apply(ticker(11, (99.5, 5.0), (100.5, 5.0)))
    book.apply(delta(12, 10, bids=[(97.0, 1.0)]))
    assert shown(book, Side.BUY)[0] == ("100.0", "1.0")


def test_a_ticker_older_than_depth_brings_back_nothing_that_was_taken() -> None:
    """It is older than what was there to take."""
    book = built()
    book.take(Side.SELL, Decimal(101), Decimal(1))
    book.apply(ticker(10, (100.0, 1.0), (101.0, 1.0)))
    assert shown(book, Side.SELL)[0] == ("102.0", "2.0")


def test_a_snapshot_names_every_level_again() -> None:
    """All of it is the recording's newest word; one older than the book is none."""
    book = built()
    book.take(Side.SELL, Decimal(101), Decimal(1))
    book.apply(snapshot(9))
    assert shown(book, Side.SELL)[0] == ("102.0", "2.0")
    book.apply(snapshot(11))
    assert shown(book, Side.SELL)[0] == ("101.0", "1.0")


def test_the_ticker_never_goes_back() -> None:
    """An older ticker does not replace a newer one."""
    book = built()
    book.apply(ticker(12, (99.5, 5.0), (100.5, 5.0)))
    book.apply(ticker(11, (90.0, 5.0), (110.0, 5.0)))
    assert shown(book, Side.BUY)[0] == ("99.5", "5.0")


def test_a_ticker_with_an_empty_side_empties_it() -> None:
    """Nothing stands behind a best ask that does not exist."""
    book = built()
    book.apply(ticker(11, (99.0, 5.0), (0.0, 0.0)))
    assert shown(book, Side.SELL) == []
    assert book.touch() is None


def test_a_ticker_alone_is_a_book_of_one_level() -> None:
    """Without depth there is the top and nothing else."""
    book = VenueBook()
    book.apply(ticker(1, (99.0, 5.0), (102.0, 7.0)))
    assert shown(book, Side.SELL) == [("102.0", "7.0")]
    assert book.touch() == (Decimal("99.0"), Decimal("102.0"))


def test_what_was_taken_stays_away() -> None:
    """A taken level is smaller, or gone."""
    book = built()
    book.take(Side.SELL, Decimal(101), Decimal("0.4"))
    book.take(Side.SELL, Decimal(102), Decimal(2))
    assert shown(book, Side.SELL) == [("101.0", "0.6"), ("103.0", "3.0")]


def test_a_depth_level_named_again_is_whole_again() -> None:
    """The recording's next word on a price counts, and on no other price."""
    book = built()
    book.take(Side.SELL, Decimal(101), Decimal(1))
    book.take(Side.SELL, Decimal(102), Decimal(1))
    book.apply(delta(11, 10, asks=[(101.0, 0.5)]))
    assert shown(book, Side.SELL) == [("101.0", "0.5"), ("102.0", "1.0"), ("103.0", "3.0")]


def test_a_ticker_names_its_two_prices_again() -> None:
    """A ticker brings back its own levels and none behind them."""
    book = built()
    book.take(Side.SELL, Decimal(101), Decimal(1))
    book.take(Side.SELL, Decimal(102), Decimal(1))
    book.take(Side.BUY, Decimal(100), Decimal(1))
    book.apply(ticker(11, (100.0, 4.0), (101.0, 1.0)))
    assert shown(book, Side.SELL)[:2] == [("101.0", "1.0"), ("102.0", "1.0")]
    assert shown(book, Side.BUY)[0] == ("100.0", "4.0")


def test_a_level_of_the_other_side_at_the_same_price_names_nothing() -> None:
    """A price is named side by side."""
    book = built()
    book.take(Side.SELL, Decimal(101), Decimal(1))
    book.apply(delta(11, 10, bids=[(101.0, 0.0)]))
    assert shown(book, Side.SELL)[0] == ("102.0", "2.0")


def test_a_gap_drops_the_depth_and_the_next_snapshot_brings_it_back() -> None:
    """A delta that does not chain leaves nothing to trade with until a snapshot."""
    book = built()
    book.apply(delta(13, 12, asks=[(101.0, 9.0)]))
    assert (book.gaps, shown(book, Side.SELL), shown(book, Side.BUY)) == (1, [], [])
    book.apply(snapshot(12))
    assert shown(book, Side.SELL)[0] == ("101.0", "9.0")


def test_deltas_before_the_snapshot_wait_for_it() -> None:
    """Those inside the snapshot are dropped, those after it applied."""
    book = VenueBook()
    book.apply(delta(9, 8, asks=[(101.0, 7.0)]))
    book.apply(delta(11, 10, asks=[(102.0, 8.0)]))
    book.apply(snapshot(10))
    assert shown(book, Side.SELL) == [("101.0", "1.0"), ("102.0", "8.0"), ("103.0", "3.0")]
    assert book.gaps == 0


def test_deltas_without_a_link_chain_by_their_first_number() -> None:
    """First = previous last + 1, as on spot."""
    book = built()
    book.apply(delta(11, None, asks=[(101.0, 7.0)]))
    book.apply(delta(13, None, asks=[(101.0, 8.0)]))
    assert book.gaps == 1


def test_the_mark_is_the_mid_and_else_the_last_trade() -> None:
    """One-sided books have no mid."""
    book = VenueBook()
    assert book.mark() is None
    book.apply(TradePrint("v", "BTC-USD-PERP", 100.7, 1.0, buyer_is_maker=False, trade_id=1, engine_ns=0))
    assert book.mark() == Decimal("100.7")
    book.apply(snapshot())
    assert book.mark() == Decimal("100.5")
