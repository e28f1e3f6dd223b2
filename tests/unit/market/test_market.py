"""The market knows every book, its age on our clock, its last price and whether it advances."""

from dataclasses import dataclass
from decimal import Decimal
from math import inf

import pytest

from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.market_data import BookDelta, BookSnapshot, MarketEvent, Quote, TopOfBook, TradePrint
from perpbot.market.freshness import Freshness, Source
from perpbot.market.market import Market

BTC, ETH = "BTC-USD-PERP", "ETH-USD-PERP"
SECOND = 1_000_000_000
ONE = Decimal(1)


@dataclass
class FixedClock:
    now: int = 0

    def now_ns(self) -> int:
        return self.now


def instrument(exchange: str, symbol: str) -> Instrument:
    return Instrument(
        exchange, symbol, symbol, ONE, ONE, ONE, ONE, ContractKind.LINEAR, ONE, "USDT", Decimal(0), Decimal(0)
    )


def top(exchange: str, sequence: int, engine_ns: int | None, bid: float = 99.5, ask: float = 100.5) -> TopOfBook:
    return TopOfBook(exchange, BTC, bid, 1.0, ask, 2.0, sequence, engine_ns)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def market(clock: FixedClock) -> Market:
    keys = [("paradex", BTC), ("extended", BTC), ("paradex", ETH)]
    return Market(clock, {key: instrument(*key) for key in keys})


def test_books_of_a_symbol_come_in_the_order_of_the_instruments(market: Market) -> None:
    """The order never depends on which exchange speaks first."""
    market.apply(top("extended", 1, None), 1)
    market.apply(top("okx", 1, None), 1)
    assert [book.exchange for book in market.books_of(BTC)] == ["paradex", "extended", "okx"]
    assert market.books_of("SUI-USD-PERP") == ()
    assert market.book("nowhere", BTC) is None


def test_age_is_counted_after_removing_the_clock_offset(market: Market) -> None:
    """The recorder's clock may run behind the exchange's; the fastest message has age 0 when it arrives."""
    market.apply(top("paradex", 1, 10 * SECOND), 9 * SECOND)
    market.apply(top("paradex", 2, 11 * SECOND), 9 * SECOND + SECOND // 2)
    assert market.clock_offset_ns("paradex", BTC) == -3 * SECOND // 2
    assert market.age_seconds("paradex", BTC, 9 * SECOND + SECOND // 2) == 0.0
    market.apply(top("paradex", 3, 12 * SECOND), 11 * SECOND)
    assert market.age_seconds("paradex", BTC, 11 * SECOND) == 0.5


def test_age_without_engine_time_is_counted_from_receipt(market: Market, clock: FixedClock) -> None:
    """Binance spot books carry no time; without any change there is no age."""
    assert market.age_seconds("paradex", BTC, SECOND) == inf
    market.apply(top("paradex", 1, None), SECOND)
    clock.now = 3 * SECOND
    assert market.age_seconds("paradex", BTC) == 2.0


def test_a_message_that_moves_nothing_still_teaches_the_clock(market: Market) -> None:
    """Trades and tickers that are too old were carried by the same network."""
    market.apply(top("paradex", 5, SECOND), 4 * SECOND)
    market.apply(TradePrint("paradex", BTC, 100.0, 1.0, True, 1, 2 * SECOND), 4 * SECOND)
    assert market.age_seconds("paradex", BTC, 4 * SECOND) == 1.0


def test_skew_is_the_difference_of_two_ages(market: Market) -> None:
    """It is infinite while one side has nothing."""
    market.apply(top("paradex", 1, None), SECOND)
    assert market.skew_seconds("paradex", "extended", BTC, 2 * SECOND) == inf
    market.apply(top("extended", 1, None), 4 * SECOND)
    assert market.skew_seconds("paradex", "extended", BTC, 5 * SECOND) == 3.0


def test_a_book_that_does_not_advance_is_not_progressing(market: Market) -> None:
    """Messages that change nothing do not keep it fresh."""
    market.apply(top("paradex", 5, None), SECOND)
    market.apply(top("paradex", 4, None), 20 * SECOND)
    assert market.freshness("paradex", BTC, 11 * SECOND) == Freshness(10.0, True, False, Source.STREAM)
    assert market.freshness("paradex", BTC, 20 * SECOND) == Freshness(19.0, False, False, Source.STREAM)
    assert not market.progressing("extended", BTC, SECOND)
    assert market.freshness("nowhere", BTC, SECOND) == Freshness(inf, False, False, Source.STREAM)


def test_a_polled_book_says_so_until_the_stream_is_back(market: Market) -> None:
    """A quote polled by REST is for display and exits, not for openings."""
    market.apply(BookSnapshot("paradex", BTC, [(99, 1)], [(101, 1)], 5, None), SECOND, Source.REST)
    assert market.freshness("paradex", BTC, SECOND) == Freshness(0.0, True, True, Source.REST)
    market.apply(top("paradex", 4, None), SECOND)
    assert market.freshness("paradex", BTC, SECOND).source is Source.REST
    market.apply(BookDelta("paradex", BTC, [(98, 1)], [], 5, 6, 4, None), SECOND)
    assert market.freshness("paradex", BTC, SECOND).source is Source.STREAM


def test_the_quote_carries_both_times_in_seconds(market: Market) -> None:
    """Exchange time where known, else that of receipt."""
    assert market.quote("paradex", BTC) is None
    market.apply(top("paradex", 1, 2 * SECOND), SECOND)
    assert market.quote("paradex", BTC) == Quote("paradex", BTC, 99.5, 100.5, 1.0, 2.0, 2.0, 1.0)
    market.apply(top("extended", 1, None), SECOND)
    quote = market.quote("extended", BTC)
    assert quote is not None
    assert quote.timestamp == 1.0


def test_the_touch_is_exact_and_needs_both_sides(market: Market) -> None:
    """Money takes the number that was printed, not its binary neighbour."""
    market.apply(top("paradex", 1, None, 0.1, 0.3), 1)
    assert market.touch("paradex", BTC) == (Decimal("0.1"), Decimal("0.3"))
    assert market.has_top("paradex", BTC)
    market.apply(TopOfBook("paradex", BTC, 0.0, 0.0, 0.3, 1.0, 2, None), 1)
    assert market.touch("paradex", BTC) is None
    assert not market.has_top("paradex", BTC)
    assert not market.has_top("nowhere", BTC)


def test_the_last_price_is_the_last_trade_else_the_middle_before_the_last_move(market: Market) -> None:
    """A quote is never compared with itself."""
    assert market.last_price("paradex", BTC) is None
    events: list[MarketEvent] = [top("paradex", 1, None, 99, 101), top("paradex", 2, None, 149, 151)]
    for event in events:
        market.apply(event, 1)
    assert market.last_price("paradex", BTC) == 100.0
    market.apply(top("paradex", 3, None, 149, 151), 1)
    assert market.last_price("paradex", BTC) == 100.0
    market.apply(TradePrint("paradex", BTC, 123.0, 1.0, True, 1, None), 2)
    assert market.last_price("paradex", BTC) == 123.0
    assert market.last_price("nowhere", BTC) is None


def test_the_trade_cache_counts_what_was_traded_lately(market: Market) -> None:
    """Volume is contracts within the window; a trade changes no book."""
    for second, size in ((1, 1.0), (5, 2.0), (6, 4.0)):
        assert not market.apply(TradePrint("paradex", BTC, 100.0 + second, size, True, second, None), second * SECOND)
    trades = market.trades("paradex", BTC)
    assert trades is not None
    assert (trades.last_price, trades.received_ns) == (106.0, 6 * SECOND)
    assert trades.volume(6 * SECOND, 1.0) == 6.0
    assert trades.volume(6 * SECOND, 60.0) == 7.0


def test_a_reset_makes_room_for_a_stream_that_counts_anew(market: Market) -> None:
    """The adapter resets a book when it connects again."""
    market.apply(top("paradex", 900, None), 1)
    market.reset("paradex", BTC)
    assert not market.has_top("paradex", BTC)
    assert market.apply(top("paradex", 1, None), 2)
