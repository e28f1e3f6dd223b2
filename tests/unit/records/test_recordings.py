"""A dataset folder is read as it was recorded; what is wrong with it is one line that names file and place."""

import gzip
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from perpbot.core.errors import InputError
from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.market_data import BookDelta, BookSnapshot, MarketEvent, TopOfBook, TradePrint
from perpbot.market.book import OrderBook
from perpbot.market.gaps import GapCounter
from perpbot.records.recorded_stream import BadFrame, VenueFrame
from perpbot.records.recordings import Dataset

MS = 1_000_000
LINEAR = """\
streams:
  - {file: a.gz, exchange: alpha, market: BTCUSDT, symbol: BTC-USD-PERP, contract: {kind: linear, size: "1"},
     tick: "0.1", step: "0.001", min_notional: "100", quote: USDT}
"""
BOTH = (
    LINEAR
    + """\
  - {file: b.gz, exchange: beta, market: BTCUSD_PERP, symbol: BTC-USD-PERP, contract: {kind: inverse, size: "100"},
     tick: "0.1", step: "1", min_notional: "100", quote: USD, reference_only: true}
"""
)

Lines = Sequence[tuple[int, bytes]]


def ticker(sequence: int, engine_ms: int | None = None, market: str = "BTCUSDT", bid: float = 99) -> bytes:
    data = {"u": sequence, "s": market, "b": str(bid), "B": "1", "a": "101", "A": "1"}
    if engine_ms is not None:
        data["T"] = engine_ms
    return json.dumps({"stream": "x@bookTicker", "data": data}).encode()


def trade(number: int, engine_ms: int) -> bytes:
    data = {"e": "trade", "s": "BTCUSDT", "t": number, "p": "100", "q": "1", "m": True, "T": engine_ms}
    return json.dumps({"stream": "x@trade", "data": data}).encode()


def write(folder: Path, description: str, **files: Lines) -> Path:
    (folder / "dataset.yaml").write_text(description, encoding="utf-8")
    for name, lines in files.items():
        with gzip.open(folder / f"{name}.gz", "wb") as opened:
            opened.writelines(b"%d %s\n" % line for line in lines)
    return folder


def events(dataset: Dataset) -> list[MarketEvent | BadFrame | None]:
    return [event for _, _, event in dataset.merged()]


def reason(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_description_becomes_instruments(tmp_path: Path) -> None:
    """Contract size is coins of a linear and USD of an inverse contract; fees are those handed in."""
    write(tmp_path, BOTH, a=[(1, ticker(1))], b=[(1, ticker(1))])
    dataset = Dataset.open(tmp_path, maker_fee_pct=Decimal("0.1"), taker_fee_pct=Decimal("0.2"))
    assert dataset.name == tmp_path.name
    assert [stream.reference_only for stream in dataset.streams] == [False, True]
    assert dataset.instruments["beta", "BTC-USD-PERP"] == Instrument(
        exchange="beta",
        symbol="BTC-USD-PERP",
        native="BTCUSD_PERP",
        tick=Decimal("0.1"),
        step=Decimal(1),
        min_size=Decimal(1),
        min_notional=Decimal(100),
        kind=ContractKind.INVERSE,
        multiplier=Decimal(100),
        quote="USD",
        maker_fee_pct=Decimal("0.1"),
        taker_fee_pct=Decimal("0.2"),
    )


def test_frames_come_by_receive_time_then_order_of_the_files_then_line(tmp_path: Path) -> None:
    """The order of a replay never depends on anything else."""
    beta = [(20, ticker(1, market="BTCUSD_PERP")), (30, ticker(2, market="BTCUSD_PERP"))]
    write(tmp_path, BOTH, a=[(20, ticker(1)), (20, ticker(2)), (40, ticker(3))], b=beta)
    dataset = Dataset.open(tmp_path)
    seen = [
        (ns, stream.spec.exchange, event.sequence)
        for ns, stream, event in dataset.merged()
        if isinstance(event, TopOfBook)
    ]
    assert seen == [(20, "alpha", 1), (20, "alpha", 2), (20, "beta", 1), (30, "beta", 2), (40, "alpha", 3)]
    assert (dataset.frames, dataset.start_ns, dataset.end_ns) == (5, 20, 40)


def test_a_clock_that_goes_back_never_takes_the_merge_back(tmp_path: Path) -> None:
    """The order of the file is the order of receipt; such a frame counts as received with the one before it."""
    write(tmp_path, LINEAR, a=[(20, ticker(1)), (10, ticker(2)), (30, ticker(3))])
    dataset = Dataset.open(tmp_path)
    assert [ns for ns, _, _ in dataset.merged()] == [20, 20, 30]
    assert [event.sequence for event in events(dataset) if isinstance(event, TopOfBook)] == [1, 2, 3]
    assert dataset.streams[0].lines.reversals == 1


def test_a_break_of_more_than_a_day_is_named_before_anything_is_run(tmp_path: Path) -> None:
    """A replay would tick through the years between; a day, as of a recorder that was down, is fine."""
    day = 86_400_000_000_000
    beta = [(day + 20, ticker(1, market="BTCUSD_PERP")), (2 * day + 22, ticker(2, market="BTCUSD_PERP"))]
    write(tmp_path, BOTH, a=[(20, ticker(1)), (day + 21, ticker(2))], b=beta)
    told = reason(Dataset.open(tmp_path).read)
    assert told.startswith(f"{tmp_path / 'b.gz'}:2: received more than a day after the frame before it; ")
    write(tmp_path, BOTH, b=beta[:1])
    Dataset.open(tmp_path).read()


def test_a_frame_that_cannot_be_decoded_is_handed_on_with_its_place(tmp_path: Path) -> None:
    """The run goes on; the frame is counted and named."""
    write(tmp_path, LINEAR, a=[(1, ticker(1)), (2, b"hello"), (3, ticker(2, bid=float("nan"))), (4, b"")])
    found = events(Dataset.open(tmp_path))
    assert isinstance(found[0], TopOfBook)
    bad = [event for event in found if isinstance(event, BadFrame)]
    assert [(frame.file, frame.line) for frame in bad] == [("a.gz", 2), ("a.gz", 3), ("a.gz", 4)]
    assert str(bad[0]).startswith("a.gz:2: not JSON")


def test_a_frame_of_another_market_is_a_bad_frame(tmp_path: Path) -> None:
    """A file holds one market; a stray frame must not move its book."""
    write(tmp_path, LINEAR, a=[(1, ticker(1, market="ETHUSDT"))])
    (bad,) = events(Dataset.open(tmp_path))
    assert "'ETHUSDT'" in str(bad)


def test_an_answer_to_a_request_is_a_frame_without_an_event(tmp_path: Path) -> None:
    """It counts as a frame."""
    write(tmp_path, LINEAR, a=[(1, b'{"result":null,"id":1}')])
    dataset = Dataset.open(tmp_path)
    assert (events(dataset), dataset.frames) == ([None], 1)


def test_the_engine_offset_is_the_one_percent_quantile_of_the_delays(tmp_path: Path) -> None:
    """Of n frames with a time, sorted by receive − T, the one at n // 100 from 0; frames without T take no part."""
    lines = [(1_000 * MS + delay * MS, ticker(delay, engine_ms=1_000)) for delay in range(250)]
    write(tmp_path, LINEAR, a=[*lines, (2_000 * MS, ticker(999))])
    assert Dataset.open(tmp_path).streams[0].engine_offset_ns == 2 * MS


def test_the_venue_sees_frames_in_the_order_the_exchange_made_them(tmp_path: Path) -> None:
    """By (T, u) put on the receive clock; a trade comes before what it changed; without T the receive time counts."""
    lines = [
        (105 * MS, ticker(8, engine_ms=2)),
        (106 * MS, ticker(7, engine_ms=2)),
        (107 * MS, trade(5, engine_ms=2)),
        (108 * MS, b"hello"),
        (102 * MS, ticker(6, engine_ms=1)),
        (109 * MS, ticker(9)),
    ]
    write(tmp_path, LINEAR, a=lines)
    stream = Dataset.open(tmp_path).streams[0]
    offset = stream.engine_offset_ns
    assert offset == 103 * MS
    venue = stream.venue()
    assert venue.next_ns == 104 * MS
    first = list(venue.until(105 * MS))
    assert [(frame.at_ns, ids(frame)) for frame in first] == [
        (104 * MS, 6),
        (105 * MS, -5),
        (105 * MS, 7),
        (105 * MS, 8),
    ]
    assert [(frame.at_ns, ids(frame)) for frame in venue.until(200 * MS)] == [(109 * MS, 9)]
    assert venue.next_ns is None


def ids(frame: VenueFrame) -> int:
    event = frame.event
    assert isinstance(event, TopOfBook | TradePrint)
    return event.sequence if isinstance(event, TopOfBook) else -event.trade_id


def test_both_orders_carry_the_same_events(tmp_path: Path) -> None:
    """That a frame is decoded once for both is not to be noticed."""
    write(tmp_path, LINEAR, a=[(i * MS, ticker(i, engine_ms=100 - i)) for i in range(1, 50)])
    dataset = Dataset.open(tmp_path)
    venue = dataset.streams[0].venue()
    half = [frame.event for frame in venue.until(100 * MS - 25 * MS)]
    received = events(dataset)
    rest = [frame.event for frame in venue.until(10**18)]
    assert len(half) + len(rest) == len(received) == 49
    assert [event.sequence for event in (*half, *rest) if isinstance(event, TopOfBook)] == list(range(49, 0, -1))
    assert [event.sequence for event in received if isinstance(event, TopOfBook)] == list(range(1, 50))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """Folder, description and each listed file are looked for before anything is read."""
    assert "no such folder" in reason(lambda: Dataset.open(tmp_path / "nowhere"))
    assert "dataset.yaml: no such file" in reason(lambda: Dataset.open(tmp_path))
    write(tmp_path, BOTH, a=[(1, ticker(1))])
    assert "b.gz: no such file" in reason(lambda: Dataset.open(tmp_path))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "a.gz: is empty"),
        (gzip.compress(b"", mtime=0), "a.gz: is empty"),
        (gzip.compress(b"\n\n", mtime=0), "a.gz: is empty"),
        (b"1 {}\n", "a.gz: cannot be read as gzip"),
        (gzip.compress(b"1 {}\n" * 100, mtime=0)[:-12], "a.gz: ends in the middle"),
        (gzip.compress(b"1 {}\n{}\n", mtime=0), "a.gz:2: no receive time"),
        (gzip.compress(b"1 {}\n\n2 {}\n", mtime=0), "a.gz:2: no receive time"),
        (gzip.compress(b"-1 {}\n", mtime=0), "a.gz:1: no receive time"),
        (gzip.compress(b"99999999999999999999 {}\n", mtime=0), "a.gz:1: no receive time"),
        (gzip.compress(b"9999999999999999999 {}\n", mtime=0), "a.gz:1: no receive time"),
        (gzip.compress(b"1 {}\n2 \xff\n", mtime=0), "a.gz:2: not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, content: bytes, expected: str) -> None:
    """A recording that is not whole gives no half answers."""
    write(tmp_path, LINEAR)
    (tmp_path / "a.gz").write_bytes(content)
    assert expected in reason(lambda: Dataset.open(tmp_path).frames)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """The checksum at its end tells."""
    packed = bytearray(gzip.compress(b"1 {}\n" * 100, mtime=0))
    packed[-6] ^= 0xFF
    write(tmp_path, LINEAR)
    (tmp_path / "a.gz").write_bytes(packed)
    assert "a.gz: cannot be read as gzip" in reason(lambda: Dataset.open(tmp_path).frames)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("streams:", "stream:", "dataset.yaml:1:1: stream is not known; did you mean streams?"),
        ("tick:", "tikc:", "streams.0.tikc is not known; did you mean tick?"),
        ('tick: "0.1"', 'tick: "0.1", tick: "0.2"', "the key tick stands twice"),
        ('tick: "0.1", ', "", "streams.0.tick is missing"),
        ('tick: "0.1"', 'tick: "-0.1"', "dataset.yaml:3:12: streams.0.tick must be a number, more than 0"),
        ('tick: "0.1"', "tick: .nan", "not finite"),
        ("kind: linear", "kind: linaer", "streams.0.contract.kind must be one of linear, inverse"),
        ("file: a.gz", "file: ../a.gz", "must be the name of a file in the dataset's folder"),
        ("exchange: alpha", "exchange: Alpha", "streams.0.exchange must be a lower-case name"),
        ("BTC-USD-PERP", "BTCUSD", "streams.0.symbol must be a unified symbol"),
        ("]", "", "dataset.yaml"),
    ],
)
def test_a_wrong_description_is_named_with_its_place(tmp_path: Path, before: str, after: str, expected: str) -> None:
    """Unknown, double, missing and impossible keys are refused, never guessed at."""
    write(tmp_path, LINEAR.replace(before, after) if before in LINEAR else "streams: [")
    assert expected in reason(lambda: Dataset.open(tmp_path))


@pytest.mark.parametrize("text", ["", "streams: []", "- 1", "name: x"])
def test_a_description_without_files_is_refused(tmp_path: Path, text: str) -> None:
    """A dataset holds at least one file."""
    write(tmp_path, text)
    assert "streams" in reason(lambda: Dataset.open(tmp_path))


@pytest.mark.parametrize(("old", "new"), [("b.gz", "a.gz"), ("beta", "alpha")])
def test_nothing_is_recorded_twice(tmp_path: Path, old: str, new: str) -> None:
    """One file a market of an exchange."""
    write(tmp_path, BOTH.replace(old, new))
    assert "stands twice" in reason(lambda: Dataset.open(tmp_path))


@pytest.mark.shared
def test_the_recorded_market_holds_what_was_measured(shared: Path) -> None:
    """Frames, updates, gaps and books of data/README.md, exactly."""
    dataset = Dataset.open(shared / "data" / "binance-2024-08-08")
    gaps, counts = GapCounter(), dict.fromkeys((TopOfBook, BookDelta, TradePrint, BookSnapshot), 0)
    books = {key: OrderBook(*key) for key in dataset.instruments}
    tops: dict[tuple[str, str], TopOfBook] = {}
    agreed = 0
    for received_ns, stream, event in dataset.merged():
        assert event is not None
        assert not isinstance(event, BadFrame)
        key = event.exchange, event.symbol
        book = books[key]
        book.apply(event, received_ns)
        if key == ("binance_usdm", "BTC-USD-PERP"):
            counts[type(event)] += 1
        if isinstance(event, TopOfBook):
            tops[key] = event
            if not stream.reference_only:
                gaps.on_ticker(event.exchange, event.symbol, event.bid, event.ask)
        elif isinstance(event, BookDelta) and book.ready and key in tops and tops[key].sequence == event.last:
            top = tops[key]
            assert (book.bid, book.bid_size, book.ask, book.ask_size) == (top.bid, top.bid_size, top.ask, top.ask_size)
            agreed += 1
    assert dataset.frames == 332_200
    assert counts == {TopOfBook: 66_089, BookDelta: 6_551, TradePrint: 21_313, BookSnapshot: 1}
    assert gaps.updates == {"BTC-USD-PERP": 84_960, "ETH-USD-PERP": 69_644}
    assert gaps.gaps_bps == {
        "BTC-USD-PERP": {"3": 1_605, "5": 328, "8": 90, "10": 20},
        "ETH-USD-PERP": {"3": 9_771, "5": 23, "8": 0, "10": 0},
    }
    assert round(gaps.largest["BTC-USD-PERP"] * 1e4, 2) == 11.59
    assert agreed > 4_000
    assert [(book.ready, book.gaps) for book in books.values()] == [(True, 0)] * 6
    offsets = [stream.engine_offset_ns for stream in dataset.streams]
    assert [round(offset / 1e5) / 10 for offset in offsets if offset is not None] == [
        -1271.3, -1271.4, -1264.5, -1264.5, -1273.4, -1273.5,
    ]  # fmt: skip


@pytest.mark.shared
def test_the_venue_builds_whole_books_from_the_same_frames(shared: Path) -> None:
    """In the exchange's order every change chains too, and the book ends as the receiver's does."""
    dataset = Dataset.open(shared / "data" / "binance-2024-08-08")
    stream = dataset.streams[2]
    book, last_ns = OrderBook("binance_coinm", "BTC-USD-PERP"), 0
    for frame in stream.venue().until(dataset.end_ns + 10**12):
        assert frame.at_ns >= last_ns
        last_ns = frame.at_ns
        book.apply(frame.event, frame.at_ns)
    assert (book.ready, book.gaps, book.bid, book.ask) == (True, 0, 61668.6, 61668.7)
