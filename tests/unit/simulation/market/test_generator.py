"""The generated market as those see it who trade on it."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from random import Random  # noqa: TID251 - a test's own seeded streams

import pytest

from perpbot.core.market_data import BookDelta, BookSnapshot, TopOfBook, TradePrint
from perpbot.core.money import exact, on_grid
from perpbot.market.book import OrderBook
from perpbot.simulation.market import DemoSettings, Emission, GeneratedMarket, instruments

START_NS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
MakeMarket = Callable[..., GeneratedMarket]

DIGEST = """
import hashlib
from random import Random
from perpbot.simulation.market import DemoSettings, GeneratedMarket
market = GeneratedMarket(DemoSettings(pulses_per_minute=30), lambda name: Random("1/" + name), 10**18)
emissions = market.history(2) + market.advance(10**18 + 3 * 10**9)
print(len(emissions), hashlib.sha256(repr(emissions).encode()).hexdigest())
"""


def by_stream(emissions: list[Emission]) -> dict[tuple[str, str], list[Emission]]:
    """Emissions by exchange and symbol."""
    streams: dict[tuple[str, str], list[Emission]] = defaultdict(list)
    for emission in emissions:
        streams[emission.event.exchange, emission.event.symbol].append(emission)
    return streams


def test_a_seed_gives_one_market_however_it_is_asked_for(market_of: MakeMarket) -> None:
    """The same seed gives the same events in one step or in many; another seed others."""
    to_ns = START_NS + 4 * SECOND
    at_once = market_of(1).advance(to_ns)
    market = market_of(1)
    in_steps = [e for n in range(401) for e in market.advance(START_NS + n * SECOND // 100)]
    assert at_once == in_steps
    assert len(at_once) > 1_000
    assert market_of(2).advance(to_ns) != at_once


def test_the_hash_seed_of_the_interpreter_changes_nothing() -> None:
    """No iteration order of a set or hash reaches the events."""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1
    assert int(outputs.pop().split()[0]) > 1_000


def test_a_symbol_is_the_same_whatever_else_is_generated(market_of: MakeMarket) -> None:
    """Every actor has its own random stream."""
    to_ns = START_NS + 5 * SECOND
    alone = market_of(symbols=("ETH-USD-PERP",)).advance(to_ns)
    among = market_of(symbols=("SUI-USD-PERP", "ETH-USD-PERP")).advance(to_ns)
    assert alone == [e for e in among if e.event.symbol == "ETH-USD-PERP"]


def test_events_come_in_order_of_the_engines_time(half_a_minute: list[Emission]) -> None:
    """Engine times never go back, each event carries its own, and none arrives before it happened."""
    times = [e.engine_ns for e in half_a_minute]
    assert times == sorted(times)
    assert all(e.event.engine_ns == e.engine_ns < e.received_ns for e in half_a_minute)


def test_sequences_rise_and_frames_arrive_in_order_within_a_stream(half_a_minute: list[Emission]) -> None:
    """A snapshot comes first; sequence numbers and trade ids rise strictly; receive times never go back."""
    streams = by_stream(half_a_minute)
    assert len(streams) == 16
    for emissions in streams.values():
        assert isinstance(emissions[0].event, BookSnapshot)
        received = [e.received_ns for e in emissions]
        assert received == sorted(received)
        numbers = [
            e.event.last if isinstance(e.event, BookDelta) else e.event.sequence
            for e in emissions
            if not isinstance(e.event, TradePrint)
        ]
        assert numbers == sorted(set(numbers))
        trades = [e.event.trade_id for e in emissions if isinstance(e.event, TradePrint)]
        assert trades == list(range(1, len(trades) + 1))


def test_books_built_from_it_never_gap_and_never_cross(half_a_minute: list[Emission]) -> None:
    """Every change is accepted and chains; the depth alone and the ticker on top of it both keep bid below ask."""
    for (exchange, symbol), emissions in by_stream(half_a_minute).items():
        book = OrderBook(exchange, symbol)
        for emission in emissions:
            accepted = book.apply(emission.event, emission.received_ns)
            assert accepted is not isinstance(emission.event, TradePrint)
            assert book.ready
            assert 0 < book.bid < book.ask
            assert 0 < book.bids_depth.best() < book.asks_depth.best()
        assert (book.gaps, book.ignored) == (0, 0)
        assert 20 <= len(list(book.bids())) <= 50
        assert 20 <= len(list(book.asks())) <= 50


def test_books_are_refreshed_every_tenth_of_a_second(half_a_minute: list[Emission]) -> None:
    """No book, not of the thinnest symbol, is ever older than 100 ms on the engine's clock."""
    for emissions in by_stream(half_a_minute).values():
        depth = [e.engine_ns for e in emissions if isinstance(e.event, BookDelta | BookSnapshot)]
        live = [at_ns for at_ns in depth if at_ns >= START_NS]
        assert max(after - before for before, after in pairwise(live)) <= SECOND // 10
        assert len(live) >= 300


def test_prices_and_sizes_lie_on_the_instruments_grids(half_a_minute: list[Emission]) -> None:
    """The shortest text of every price is a multiple of the tick, that of every size a multiple of the step."""
    listed = instruments(DemoSettings().symbols)
    for emission in half_a_minute[::5]:
        event = emission.event
        instrument = listed[event.exchange, event.symbol]
        if isinstance(event, TopOfBook):
            levels = [(event.bid, event.bid_size), (event.ask, event.ask_size)]
        elif isinstance(event, TradePrint):
            levels = [(event.price, event.size)]
        else:
            levels = [*event.bids, *event.asks]
        for price, size in levels:
            assert on_grid(exact(price), instrument.tick)
            assert on_grid(exact(size), instrument.step)


def test_feeds_hand_out_each_event_once_at_its_own_time(market_of: MakeMarket) -> None:
    """The venue has events by the engine's time, the bot by receive time; both see all of them, generated once."""
    market, reference = market_of(), market_of()
    venue = market.venue_feed("paradex", "BTC-USD-PERP")
    bot = market.bot_feed("paradex", "BTC-USD-PERP")
    expected = by_stream(reference.advance(START_NS + 3 * SECOND))["paradex", "BTC-USD-PERP"]
    at_venue: list[Emission] = []
    at_bot: list[Emission] = []
    most_under_way = 0
    for n in range(1, 301):
        now_ns = START_NS + n * SECOND // 100
        seen = bot.events_received(now_ns)
        assert all(e.received_ns <= now_ns for e in seen)
        assert bot.next_received_ns is None or bot.next_received_ns > now_ns
        at_bot += seen
        at_venue += venue.events_at_engine(now_ns)
        most_under_way = max(most_under_way, len(at_venue) - len(at_bot))
    assert at_venue == expected
    assert at_bot == [e for e in expected if e.received_ns <= START_NS + 3 * SECOND]
    assert most_under_way > 1


def test_history_ends_where_the_market_begins(market_of: MakeMarket) -> None:
    """It covers the seconds before the start: a first book, then every new top, fewer than 100 events a second."""
    market = market_of()
    history = market.history(75)
    live = market.advance(START_NS + SECOND)
    assert history[0].engine_ns == START_NS - 75 * SECOND
    assert START_NS - 2 * SECOND < history[-1].engine_ns < START_NS <= live[0].engine_ns
    assert len(history) < 75 * 100
    for emissions in by_stream(history).values():
        assert isinstance(emissions[0].event, BookSnapshot)
        assert all(isinstance(e.event, TopOfBook) for e in emissions[1:])
    assert all(isinstance(e.event, BookSnapshot) for e in live[:16])


def test_history_can_only_come_first(market_of: MakeMarket) -> None:
    """A second history, or one after the start, is refused."""
    market = market_of()
    market.advance(START_NS)
    with pytest.raises(ValueError, match="history comes first"):
        market.history(60)


def test_a_market_goes_on_from_its_saved_state(market_of: MakeMarket) -> None:
    """Prices, sequences, trade ids and the count of pulses go on; the same state gives the same market."""
    first = market_of(pulses_per_minute=30)
    before = by_stream(first.advance(START_NS + 20 * SECOND))
    state = first.state()
    settings, later_ns = DemoSettings(pulses_per_minute=30), START_NS + 100 * SECOND
    going_on = [GeneratedMarket(settings, lambda name: Random(f"1/{name}"), later_ns, state=state) for _ in range(2)]
    history = going_on[0].history(1)
    assert history == going_on[1].history(1)
    assert state.pulses == first.pulses.count == going_on[0].pulses.count > 0
    assert going_on[0].state().run == state.run + 1
    for key, emissions in by_stream(history).items():
        book = emissions[0].event
        assert isinstance(book, BookSnapshot)
        assert book.sequence == state.streams[key].sequence + 1
        last = next(e.event for e in reversed(before[key]) if isinstance(e.event, TopOfBook))
        assert book.bids[0][0] == pytest.approx(last.bid, rel=0.006)  # a pulse may have been under way
    live = going_on[0].advance(later_ns + 5 * SECOND)
    trades = [e.event for e in live if isinstance(e.event, TradePrint) and e.event.exchange == "binance"]
    assert min(t.trade_id for t in trades if t.symbol == "BTC-USD-PERP") == (
        state.streams["binance", "BTC-USD-PERP"].trade_id + 1
    )


def test_an_unknown_symbol_is_generated_by_the_default_figures(market_of: MakeMarket) -> None:
    """Any symbol of the right form has a market: thin, at about 10 USD."""
    market = market_of(symbols=("WIF-USD-PERP",))
    tops = [e.event for e in market.advance(START_NS + 5 * SECOND) if isinstance(e.event, TopOfBook)]
    assert len({top.exchange for top in tops}) == 4
    assert all(9.5 < top.bid < top.ask < 10.5 for top in tops)


@pytest.mark.parametrize(
    ("exchange", "taker", "maker"), [("paradex", "0.00045", "0.00003"), ("extended", "0.00025", "0")]
)
def test_its_exchanges_charge_what_the_real_ones_do(exchange: str, taker: str, maker: str) -> None:
    """Fees of Paradex (pro) and Extended, for every symbol."""
    for symbol in DemoSettings().symbols:
        instrument = instruments([symbol])[exchange, symbol]
        assert (instrument.taker_fee_pct, instrument.maker_fee_pct) == (Decimal(taker), Decimal(maker))


@pytest.mark.parametrize("symbols", [(), ("BTC-USD-PERP", "BTC-USD-PERP"), ("BTCUSDT",)])
def test_symbols_that_make_no_market_are_refused(symbols: tuple[str, ...]) -> None:
    """None, one twice, or one that is no unified name: one line says so."""
    with pytest.raises(ValueError, match="demo.symbols"):
        DemoSettings(symbols=symbols)
