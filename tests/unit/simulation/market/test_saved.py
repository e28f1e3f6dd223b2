"""The generated market's saved state: it goes on from there, and a bad file never stops it."""

import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random  # noqa: TID251 - a test's own seeded streams

import pytest
from structlog.testing import capture_logs

from perpbot.core.market_data import BookSnapshot, TopOfBook, TradePrint
from perpbot.simulation.generated import market_going_on
from perpbot.simulation.market import DemoSettings, Emission, GeneratedMarket
from perpbot.simulation.market.saved import SKIPPED_NUMBERS, MarketFile
from tests.unit.simulation.market.conftest import START_NS

SECOND = 1_000_000_000
MakeMarket = Callable[..., GeneratedMarket]
TWO = DemoSettings(symbols=("BTC-USD-PERP", "SUI-USD-PERP"))


def going_on(path: Path, seconds: int, settings: DemoSettings = TWO) -> GeneratedMarket:
    """The market of ``path``, begun ``seconds`` after the first one, always on the same seed."""
    return market_going_on(MarketFile(path), settings, lambda name: Random(f"1/{name}"), START_NS + seconds * SECOND)


def numbers(emissions: list[Emission]) -> dict[tuple[str, str, type], list[int]]:
    """Sequences and trade ids by stream, in the order in which they were given."""
    found: dict[tuple[str, str, type], list[int]] = {}
    for event in (emission.event for emission in emissions):
        trade = isinstance(event, TradePrint)
        number = event.trade_id if isinstance(event, TradePrint) else getattr(event, "sequence", None) or event.last  # type: ignore[union-attr]
        found.setdefault((event.exchange, event.symbol, TradePrint if trade else TopOfBook), []).append(number)
    return found


def touches(emissions: list[Emission]) -> dict[tuple[str, str], list[float]]:
    """Best bids by stream, in order."""
    found: dict[tuple[str, str], list[float]] = {}
    for event in (emission.event for emission in emissions):
        if isinstance(event, BookSnapshot):
            found.setdefault((event.exchange, event.symbol), []).append(event.bids[0][0])
        elif isinstance(event, TopOfBook):
            found.setdefault((event.exchange, event.symbol), []).append(event.bid)
    return found


def test_what_is_saved_is_loaded_to_the_last_digit_with_numbers_moved_on(market_of: MakeMarket, tmp_path: Path) -> None:
    """Prices and drifts are equal; sequences and trade ids leave room for what was given out after the save."""
    market = market_of(pulses_per_minute=30)
    market.advance(START_NS + 10 * SECOND)
    state = market.state()
    MarketFile(tmp_path / "m").save(state)
    loaded = MarketFile(tmp_path / "m").load()
    assert loaded is not None
    assert (loaded.run, loaded.pulses, loaded.prices) == (state.run, state.pulses, state.prices)
    for key, stream in state.streams.items():
        again = loaded.streams[key]
        assert (again.fair_bps, again.drift_bps) == (stream.fair_bps, stream.drift_bps)
        assert again.sequence == stream.sequence + SKIPPED_NUMBERS
        assert again.trade_id == stream.trade_id + SKIPPED_NUMBERS
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o600


def test_without_a_file_a_market_begins_and_is_saved_at_once(tmp_path: Path) -> None:
    """Who is killed a moment later has something to go on from."""
    assert MarketFile(tmp_path / "m").load() is None
    first = going_on(tmp_path / "m", 0)
    assert (first.state().run, going_on(tmp_path / "m", 0).state().run) == (0, 1)


def test_a_killed_market_goes_on_with_its_prices_and_repeats_no_number(tmp_path: Path) -> None:
    """Killed 3 s after its last save, begun again an hour later on the same seed: nothing jumps, no id comes again."""
    first = going_on(tmp_path / "m", 0)
    before = first.advance(START_NS + 30 * SECOND)
    MarketFile(tmp_path / "m").save(first.state())
    before += first.advance(START_NS + 33 * SECOND)
    after = going_on(tmp_path / "m", 3600).advance(START_NS + 3610 * SECOND)
    began = touches(before)
    for key, bids in touches(after).items():
        assert bids[0] == pytest.approx(began[key][-1], rel=0.006)
    given_before = numbers(before)
    for stream, given in numbers(after).items():
        assert min(given) > max(given_before[stream])


def test_what_was_loaded_is_not_given_again(market_of: MakeMarket, tmp_path: Path) -> None:
    """Killed before its first save, a market leaves the next one other chances and higher numbers."""
    MarketFile(tmp_path / "m").save(market_of().state())
    first, second = (MarketFile(tmp_path / "m").load() for _ in range(2))
    assert first is not None
    assert second is not None
    assert (second.run, second.prices) == (first.run + 1, first.prices)
    assert all(second.streams[key].sequence > stream.sequence for key, stream in first.streams.items())


def test_the_same_seed_does_not_repeat_the_market(tmp_path: Path) -> None:
    """Killed at once after each start, three runs on one seed take three different ways."""
    ways = [
        [bid / bids[0] for bid in bids]
        for bids in (
            touches(going_on(tmp_path / "m", 0).advance(START_NS + 5 * SECOND))["binance", "BTC-USD-PERP"]
            for _ in range(3)
        )
    ]
    assert ways[0] != ways[1] != ways[2] != ways[0]


def test_a_symbol_left_out_for_a_while_is_not_forgotten(tmp_path: Path) -> None:
    """It goes on where it stood when it is generated again, and its numbers do not come again."""
    first = going_on(tmp_path / "m", 0)
    first.advance(START_NS + 20 * SECOND)
    MarketFile(tmp_path / "m").save(first.state())
    state = first.state()
    going_on(tmp_path / "m", 60, DemoSettings(symbols=("BTC-USD-PERP",)))
    again = going_on(tmp_path / "m", 120).state()
    assert again.prices["SUI-USD-PERP"] == state.prices["SUI-USD-PERP"]
    key = ("paradex", "SUI-USD-PERP")
    assert again.streams[key].sequence > state.streams[key].sequence


def test_any_changed_or_missing_byte_begins_a_new_market_with_one_warning(tmp_path: Path) -> None:
    """Never a crash; the file is kept beside it."""
    path = tmp_path / "m"
    going_on(path, 0)
    good = path.read_bytes()
    for at in [*range(0, len(good), 37), len(good) - 1]:
        for bad in (good[:at], good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]):
            path.write_bytes(bad)
            with capture_logs() as logs:
                assert MarketFile(path).load() is None
            assert [entry["log_level"] for entry in logs] == ["warning"]
            assert (tmp_path / "m.damaged").read_bytes() == bad
            assert not path.exists()


@pytest.mark.parametrize("body", [b'{"version":2}', b'{"version":1}', b"[]", b"{", b'{"version":1,"run":"x"}'])
def test_a_file_of_another_shape_or_version_begins_a_new_market(tmp_path: Path, body: bytes) -> None:
    """Though whole by its checksum."""
    (tmp_path / "m").write_bytes(sha256(body).hexdigest().encode() + b"\n" + body)
    with capture_logs() as logs:
        assert MarketFile(tmp_path / "m").load() is None
    assert len(logs) == 1
