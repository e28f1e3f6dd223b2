"""What is recorded is read back as it was."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpbot.core.errors import InputError
from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.market_data import BookDelta, BookSnapshot, MarketEvent, TopOfBook, TradePrint
from perpbot.exchanges.binance.parse import FrameParser
from perpbot.records.recording_writer import RecordingWriter, frame_of
from perpbot.records.recordings import Dataset

BTC = "BTC-USD-PERP"
FEE = Decimal("0.0005")


def instrument(exchange: str) -> Instrument:
    return Instrument(
        exchange=exchange,
        symbol=BTC,
        native="BTCUSD_PERP",
        tick=Decimal("0.1"),
        step=Decimal("0.001"),
        min_size=Decimal("0.001"),
        min_notional=Decimal(0),
        kind=ContractKind.INVERSE,
        multiplier=Decimal(100),
        quote="USD",
        maker_fee_pct=FEE,
        taker_fee_pct=FEE,
    )


_numbers = st.integers(0, 2**60)
_prices = st.floats(1e-9, 1e12)
_sizes = st.floats(1e-9, 1e12)
_times = st.none() | st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds * 1_000_000)
_levels = st.lists(st.tuples(_prices, _sizes | st.just(0.0)), max_size=5).map(tuple)
_names = {"exchange": st.just("paradex"), "symbol": st.just(BTC), "engine_ns": _times}
_events: st.SearchStrategy[MarketEvent] = st.one_of(
    st.builds(TopOfBook, bid=_prices, bid_size=_sizes, ask=_prices, ask_size=_sizes, sequence=_numbers, **_names),
    st.builds(BookSnapshot, bids=_levels, asks=_levels, sequence=_numbers, **_names),
    st.builds(TradePrint, price=_prices, size=_sizes, buyer_is_maker=st.booleans(), trade_id=_numbers, **_names),
    st.builds(
        BookDelta,
        bids=_levels,
        asks=_levels,
        first=st.integers(0, 2**40),
        last=st.integers(2**40, 2**60),
        previous=st.none() | _numbers,
        **_names,
    ),
)


@given(_events)
def test_an_event_decodes_to_itself(event: MarketEvent) -> None:
    """Prices and sizes keep their last digit; times are whole milliseconds on the wire."""
    assert FrameParser("paradex", {"X": BTC}).decode(frame_of(event, "X")) == event


def test_a_recording_is_a_dataset(tmp_path: Path) -> None:
    """Only markets that said something are listed."""
    event = TopOfBook("paradex", BTC, 99.5, 1.0, 100.5, 1.0, 7, 5_000_000)
    everyone = [instrument("paradex"), instrument("extended"), instrument("okx")]
    with RecordingWriter(tmp_path / "new", everyone, reference_only={"okx"}) as writer:
        writer.record(event, 10)
        writer.record(TradePrint("okx", BTC, 99.5, 1.0, True, 1, None), 20)
    dataset = Dataset.open(tmp_path / "new", maker_fee_pct=FEE, taker_fee_pct=FEE)
    assert dataset.name == "new"
    assert next((ns, event) for ns, _, event in dataset.merged()) == (10, event)
    assert [stream.reference_only for stream in dataset.streams] == [False, True]
    assert dataset.instruments == {(name, BTC): instrument(name) for name in ("paradex", "okx")}


def test_a_recording_never_overwrites_anything(tmp_path: Path) -> None:
    """Whatever stands in the folder stays."""
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="not an empty folder"):
        RecordingWriter(tmp_path, [])
