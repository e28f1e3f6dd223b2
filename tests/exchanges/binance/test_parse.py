"""Binance frames become market events; what cannot be one is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from perpbot.core.errors import ParseError
from perpbot.core.market_data import BookDelta, BookSnapshot, MarketEvent, TopOfBook, TradePrint
from perpbot.exchanges.binance.parse import FrameParser, stamp

PARSER = FrameParser("binance", {"BTCUSDT": "BTC-USD-PERP"})


def frame(**data: Any) -> bytes:
    return json.dumps({"stream": "btcusdt@x", "data": {"s": "BTCUSDT", **data}}).encode()


def decode(raw: bytes) -> MarketEvent | None:
    return PARSER.decode(raw)


def ticker(**changes: Any) -> bytes:
    return frame(**{"e": "bookTicker", "u": 7, "b": "10.1", "B": "2", "a": "10.2", "A": "3", "T": 5, **changes})


def depth(**changes: Any) -> bytes:
    fields = {"e": "depthUpdate", "T": 5, "U": 3, "u": 7, "pu": 2, "b": [["10.1", "2"]], "a": [["10.2", "0"]]}
    return frame(**{**fields, **changes})


def test_a_futures_ticker_carries_its_engine_time_in_nanoseconds() -> None:
    """T is milliseconds on the wire."""
    assert decode(ticker()) == TopOfBook("binance", "BTC-USD-PERP", 10.1, 2.0, 10.2, 3.0, 7, 5_000_000)


def test_a_spot_ticker_is_known_without_a_kind_and_without_a_time() -> None:
    """Spot bookTicker frames carry neither e nor T."""
    event = decode(frame(u=7, b="10.10000000", B="2.0", a="10.2", A="3"))
    assert event == TopOfBook("binance", "BTC-USD-PERP", 10.1, 2.0, 10.2, 3.0, 7, None)


def test_a_futures_change_names_the_one_before_it() -> None:
    """USD-M and COIN-M chain by pu."""
    expected = BookDelta("binance", "BTC-USD-PERP", ((10.1, 2.0),), ((10.2, 0.0),), 3, 7, 2, 5_000_000)
    assert decode(depth()) == expected


def test_a_spot_change_chains_by_its_own_numbers_alone() -> None:
    """Spot has no pu, and E is the time of sending, not of the engine."""
    event = decode(frame(e="depthUpdate", E=9, U=3, u=7, b=[], a=[]))
    assert event == BookDelta("binance", "BTC-USD-PERP", (), (), 3, 7, None, None)


def test_a_trade_says_who_took() -> None:
    """m is true when the buyer's order rested."""
    event = decode(frame(e="trade", T=5, t=99, p="10.1", q="0.5", m=True, X="MARKET"))
    assert event == TradePrint("binance", "BTC-USD-PERP", 10.1, 0.5, True, 99, 5_000_000)


def test_a_trade_at_nothing_is_no_trade() -> None:
    """What the insurance fund takes over is reported at price 0."""
    assert decode(frame(e="trade", T=5, t=99, p="0", q="0", m=True, X="NA")) is None


def test_a_snapshot_belongs_to_the_market_it_was_asked_for() -> None:
    """The USD-M answer does not name its market."""
    raw = b'{"lastUpdateId":7,"E":6,"T":5,"bids":[["10.1","2"]],"asks":[["10.2","3"]]}'
    expected = BookSnapshot("binance", "BTC-USD-PERP", ((10.1, 2.0),), ((10.2, 3.0),), 7, 5_000_000)
    assert decode(raw) == expected
    both = FrameParser("binance", {"BTCUSDT": "BTC-USD-PERP", "ETHUSDT": "ETH-USD-PERP"})
    assert both.decode(raw, "BTCUSDT") == expected
    with pytest.raises(ParseError, match="names no market"):
        both.decode(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"result":null,"id":1}',
        frame(e="markPriceUpdate", p="10", r="0.0001"),
        frame(e="24hrTicker", p="-94.9", b="10", a="11"),
        frame(e="forceOrder", o={"S": "SELL"}),
        frame(e="aggTrade", a=26129, p="0.01", q="1", T=5, m=False),
    ],
)
def test_other_frames_are_passed_over(raw: bytes) -> None:
    """Answers to requests and events that no book needs are no error, whatever their fields mean."""
    assert decode(raw) is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (ticker()[:-5], "not JSON"),
        (b"[]", "Expected `object`"),
        (b'{"a":' * 50_000, "recursion depth"),
        (b"[" * 50_000, "Expected `object`"),
        (b"{}", "neither a stream's frame nor a depth snapshot"),
        (b'{"lastUpdateId":7,"bids":[]}', "neither a stream's frame nor a depth snapshot"),
        (ticker(b="NaN"), r"\$\.data\.b"),
        (ticker(B="-1"), r"\$\.data\.B"),
        (ticker(a="Infinity"), r"\$\.data\.a"),
        (ticker(u=None), "bookTicker without"),
        (ticker(b=[["1", "1"]]), "bookTicker without b or a"),
        (ticker(s="ETHUSDT"), "'ETHUSDT'"),
        (ticker(T=10**18), r"\$\.data\.T"),
        (depth(b=[["10.1", "-2"]]), r"\$\.data\.b"),
        (depth(b=[["10.1", "NaN"]]), r"\$\.data\.b"),
        (depth(b=[["0", "1"]]), r"\$\.data\.b"),
        (depth(a="10.2"), "depthUpdate without b or a"),
        (depth(U=8), "U=8 u=7"),
        (frame(e="trade", p="1", q="1"), "trade without"),
    ],
)
def test_what_cannot_be_an_event_is_named(raw: bytes, message: str) -> None:
    """One line says what is wrong and how the frame begins."""
    with pytest.raises(ParseError, match=message) as caught:
        decode(raw)
    assert "\n" not in str(caught.value)


def test_a_stamp_is_read_without_the_rest() -> None:
    """Time and update id put the frames of a file in order."""
    assert stamp(ticker()) == (5_000_000, 7)
    assert stamp(depth()) == (5_000_000, 7)
    assert stamp(frame(e="trade", T=5, t=99, p="1", q="1", m=True)) == (5_000_000, 0)
    assert stamp(frame(u=7, b="1", B="1", a="2", A="1")) == (None, 7)
    assert stamp(b'{"lastUpdateId":7,"T":5,"bids":[],"asks":[]}') == (5_000_000, 7)
    for unreadable in (b"hello", b'{"a":' * 50_000):
        with pytest.raises(ParseError):
            stamp(unreadable)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "market"),
    [("usdm_btcusdt", "BTCUSDT"), ("cm_btcusd_perp", "BTCUSD_PERP")],
)
def test_recorded_frames_keep_every_number(shared: Path, name: str, market: str) -> None:
    """What was decoded says the same as the frame: prices, sizes, ids and time."""
    parser = FrameParser("binance", {market: "BTC-USD-PERP"})
    path = shared / "wire" / "binance" / f"hftbacktest_{name}_20240808_sample.jsonl"
    kinds = set()
    for line in path.read_text().splitlines():
        raw = json.loads(line)["raw"]
        event = parser.decode(raw.encode())
        kinds.add(type(event))
        assert event is not None
        assert_says(event, json.loads(raw))
    assert kinds == {TopOfBook, BookDelta, BookSnapshot, TradePrint}


def assert_says(event: MarketEvent, sent: dict[str, Any]) -> None:
    data = sent.get("data", sent)
    assert event.engine_ns == data["T"] * 1_000_000
    if isinstance(event, TopOfBook):
        values = (event.bid, event.bid_size, event.ask, event.ask_size, event.sequence)
        assert values == (float(data["b"]), float(data["B"]), float(data["a"]), float(data["A"]), data["u"])
    elif isinstance(event, BookDelta):
        assert (event.first, event.last, event.previous) == (data["U"], data["u"], data["pu"])
        assert (list(event.bids), list(event.asks)) == (levels(data["b"]), levels(data["a"]))
    elif isinstance(event, BookSnapshot):
        assert event.sequence == data["lastUpdateId"]
        assert (list(event.bids), list(event.asks)) == (levels(data["bids"]), levels(data["asks"]))
    else:
        assert (event.price, event.size, event.trade_id) == (float(data["p"]), float(data["q"]), data["t"])
        assert event.buyer_is_maker is data["m"]


def levels(sent: list[list[str]]) -> list[tuple[float, float]]:
    return [(float(price), float(size)) for price, size in sent]
