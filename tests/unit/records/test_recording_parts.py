"""A long recording stays within its budget, and what is left of it is a dataset."""

from __future__ import annotations

import errno
import gzip
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog

from perpbot.core.errors import InputError
from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.market_data import BookDelta, BookSnapshot, MarketEvent, TopOfBook
from perpbot.market.book import OrderBook
from perpbot.records.dataset_file import read_dataset_file
from perpbot.records.recorded_stream import CARRIED, BadFrame, RecordedStream, VenueFrame
from perpbot.records.recording_writer import RecordingWriter
from perpbot.records.recordings import Dataset
from perpbot.service.system import rng

BTC = "BTC-USD-PERP"
FEE = Decimal("0.0005")
MS = 1_000_000
START = 1_764_000_000_000 * MS
EXCHANGES = ("paradex", "extended")

Event = tuple[int, MarketEvent]


def instrument(exchange: str) -> Instrument:
    return Instrument(
        exchange=exchange,
        symbol=BTC,
        native="BTCUSD_PERP",
        tick=Decimal("0.1"),
        step=Decimal("0.001"),
        min_size=Decimal("0.001"),
        min_notional=Decimal(0),
        kind=ContractKind.LINEAR,
        multiplier=Decimal(1),
        quote="USD",
        maker_fee_pct=FEE,
        taker_fee_pct=FEE,
    )


def feed(count: int, exchanges: tuple[str, ...] = EXCHANGES) -> list[Event]:
    """Snapshots, then changes and tickers that chain, of numbers that do not compress to nothing."""
    numbers = rng(7)("feed")
    newest = dict.fromkeys(exchanges, 0)
    events: list[Event] = []
    for exchange in exchanges:
        bids = tuple((100.0 - level, 5.0) for level in range(20))
        asks = tuple((101.0 + level, 5.0) for level in range(20))
        events.append((START, BookSnapshot(exchange, BTC, bids, asks, 0, START)))
    for number in range(1, count + 1):
        exchange = exchanges[number % len(exchanges)]
        at = START + number * MS
        size, depth = numbers.random(), float(numbers.randrange(19))
        if number % 5:
            below, above = ((100.0 - depth, size),), ((101.0 + depth, size),)
            last = newest[exchange]
            event: MarketEvent = BookDelta(exchange, BTC, below, above, last + 1, last + 3, last, at)
            newest[exchange] = last + 3
        else:
            event = TopOfBook(exchange, BTC, 100.0, size, 101.0, size, newest[exchange] + 1, at)
        events.append((at + 2 * MS, event))
    return events


def record(folder: Path, events: list[Event], budget: int | None = None) -> Dataset:
    instruments = [instrument(name) for name in EXCHANGES]
    with RecordingWriter(folder, instruments, reference_only={"extended"}, budget_bytes=budget) as writer:
        for received_ns, event in events:
            writer.record(event, received_ns)
            if budget is not None and received_ns % (20 * MS) == 0:
                assert size(folder) <= budget
    assert budget is None or size(folder) <= budget
    return Dataset.open(folder)


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def merged(dataset: Dataset) -> list[tuple[int, Any]]:
    return [(received_ns, event) for received_ns, _, event in dataset.merged()]


def venue(dataset: Dataset) -> list[list[VenueFrame]]:
    return [list(stream.venue().until(2**62)) for stream in dataset.streams]


def book(events: list[Any], exchange: str) -> tuple[Any, ...]:
    """What a book is after events."""
    made = OrderBook(exchange, BTC)
    for received_ns, event in events:
        if event.exchange == exchange:
            made.apply(event, received_ns)
    return made.ready, made.gaps, made.sequence, made.engine_ns, tuple(made.bids()), tuple(made.asks())


def test_a_recording_in_parts_reads_as_one_in_a_single_file(tmp_path: Path) -> None:
    """Frame by frame, received and as the exchange made them; what parts carry over is not read twice."""
    events = feed(4000)
    whole = record(tmp_path / "whole", events)
    parts = record(tmp_path / "parts", events, 2 * size(tmp_path / "whole") + 600_000)
    assert len(parts.streams[0].paths) > 2
    assert len(whole.streams[0].paths) == 1
    assert merged(parts) == merged(whole) == events
    assert venue(parts) == venue(whole)
    assert (parts.frames, parts.start_ns, parts.end_ns) == (whole.frames, whole.start_ns, whole.end_ns)
    assert [stream.engine_offset_ns for stream in parts.streams] == [s.engine_offset_ns for s in whole.streams]


def test_beyond_the_budget_the_oldest_part_is_removed_and_what_is_left_begins_with_the_book(tmp_path: Path) -> None:
    """The newest frames are all there, and the books they lead to are those of the whole recording."""
    events = feed(6000)
    dataset = record(tmp_path / "new", events, 160_000)
    left = merged(dataset)
    assert len(left) < len(events)
    known = {repr(event) for event in events}
    tail = [event for event in left if repr(event) in known]
    assert tail == events[-len(tail) :]
    assert len(tail) > 1000
    assert isinstance(left[0][1], BookSnapshot)
    for exchange in EXCHANGES:
        assert book(left, exchange) == book(events, exchange)
        assert book(left, exchange)[:2] == (True, 0)


def test_every_part_begins_with_the_book_as_it_was(tmp_path: Path) -> None:
    """Depth, and the ticker that stood on it."""
    events, tickers = feed(3000), 0
    dataset = record(tmp_path / "new", events, 800_000)
    for stream in dataset.streams:
        exchange, before = stream.spec.exchange, 0
        for name in stream.spec.parts:
            alone = RecordedStream(tmp_path / "new", replace(stream.spec, file=name, files=()), FEE, FEE)
            count = sum(frame.endswith(CARRIED) for frame in alone.lines.frames)
            carried = [(START, alone.decode(index)) for index in range(count)]
            own = [event for event in events if event[1].exchange == exchange]
            if before:
                as_it_was, as_carried = book(own[:before], exchange), book(carried, exchange)
                assert [as_carried[i] for i in (0, 1, 2, 4, 5)] == [as_it_was[i] for i in (0, 1, 2, 4, 5)]
            tickers += sum(isinstance(event, TopOfBook) for _, event in carried)
            before += len(alone.lines.frames) - count
    assert tickers


def test_the_description_lists_what_is_there_and_nothing_else(tmp_path: Path) -> None:
    """At any moment, whatever is removed meanwhile; all files are for their owner only."""
    folder = tmp_path / "new"
    with RecordingWriter(folder, [instrument(name) for name in EXCHANGES], budget_bytes=160_000) as writer:
        for received_ns, event in feed(6000):
            writer.record(event, received_ns)
            if (folder / "dataset.yaml").exists() and received_ns % (100 * MS) == 0:
                listed = {name for spec in read_dataset_file(folder).streams for name in spec.parts}
                assert listed <= {path.name for path in folder.iterdir()}
        assert stat.S_IMODE((folder / ".reserve").stat().st_mode) == 0o600
    listed = {name for spec in read_dataset_file(folder).streams for name in spec.parts}
    assert {path.name for path in folder.iterdir()} == listed | {"dataset.yaml"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_what_a_killed_recorder_left_is_a_dataset_up_to_its_last_whole_part(tmp_path: Path) -> None:
    """Nobody closed it."""
    folder, events = tmp_path / "new", feed(8000)
    writer = RecordingWriter(folder, [instrument(name) for name in EXCHANGES], budget_bytes=800_000)
    for received_ns, event in events:
        writer.record(event, received_ns)
    left = merged(Dataset.open(folder))
    assert left == events[: len(left)]
    assert len(left) > 100
    writer.close()


def test_a_recording_without_a_budget_is_one_file_a_market(tmp_path: Path) -> None:
    """As datasets always were: with ``file``."""
    record(tmp_path / "new", feed(100))
    text = (tmp_path / "new" / "dataset.yaml").read_text(encoding="utf-8")
    assert '"file": "paradex_btc-usd-perp.gz"' in text
    assert "files" not in text


def test_a_full_disk_ends_the_recording_in_order_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was set aside suffices to end the files: all that was recorded is read, and it is said once."""
    folder, events = tmp_path / "new", feed(6000)
    write, left = os.write, 100_000

    def filling(fd: int, data: bytes) -> int:
        nonlocal left
        if not (folder / ".reserve").exists():
            left += 65_536
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(fd, bytes(data)[:left])
        left -= written
        return written

    writer = RecordingWriter(folder, [instrument(name) for name in EXCHANGES])
    with structlog.testing.capture_logs() as logs, monkeypatch.context() as patched:
        patched.setattr(os, "write", filling)
        for received_ns, event in events:
            writer.record(event, received_ns)
        writer.close()
    assert [line["event"] for line in logs] == ["recording ended, trading goes on"]
    assert logs[0]["reason"] == "No space left on device"
    read = merged(Dataset.open(folder))
    assert read == events[: len(read)]
    assert 1000 < len(read) < len(events)


def test_a_disk_that_stays_full_costs_the_part_that_was_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is listed that cannot be read, nothing is raised, and nothing is left behind."""
    folder = tmp_path / "new"
    writer = RecordingWriter(folder, [instrument(name) for name in EXCHANGES])

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with structlog.testing.capture_logs() as logs:
        monkeypatch.setattr(os, "write", full)
        for received_ns, event in feed(3000):
            writer.record(event, received_ns)
        writer.close()
    assert logs[0]["event"] == "recording ended, trading goes on"
    assert {line["event"] for line in logs[1:]} == {"recording lost a file"}
    assert not list(folder.glob("*.gz"))


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    """Before anything is recorded."""
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="name a folder that can be written"):
        RecordingWriter(tmp_path / "file" / "new", [])


# reading


def describe(folder: Path, keys: str) -> Callable[[], Dataset]:
    (folder / "dataset.yaml").write_text(
        f"streams:\n  - {{{keys}, exchange: alpha, market: X, symbol: {BTC}, contract: {{kind: linear, size: 1}}, "
        "tick: 1, step: 1, quote: USD}\n",
        encoding="utf-8",
    )
    return lambda: Dataset.open(folder)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("files: [a.gz, a.gz]", "stands twice: a.gz"),
        ("file: b.gz, files: [a.gz]", "must not stand beside files"),
        ("files: [a.gz, ../b.gz]", "must be the name of a file in the dataset's folder, not '../b.gz'"),
        ("files: []", "must be the name of a file in the dataset's folder, not ''"),
        ("files: [missing.gz]", "no such file, though the dataset lists it"),
    ],
)
def test_a_wrong_list_of_files_is_one_line(tmp_path: Path, keys: str, said: str) -> None:
    """With its place."""
    (tmp_path / "a.gz").touch()
    with pytest.raises(InputError) as caught:
        describe(tmp_path, keys)()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_fault_is_named_by_the_part_it_stands_in(tmp_path: Path) -> None:
    """Lines that were passed over count: the number is that of the file."""
    ticker = b'{"stream":"x@bookTicker","data":{"u":1,"s":"X","b":"1","B":"1","a":"2","A":"1"}}'
    carried = ticker[:-1] + b',"carried":true}'
    for name, frames in {"a": [ticker, b"broken"], "b": [carried, carried, ticker, b"broken"]}.items():
        with gzip.open(tmp_path / f"{name}.gz", "wb") as file:
            file.writelines(b"%d %s\n" % (number, frame) for number, frame in enumerate(frames, 1))
    dataset = describe(tmp_path, "files: [a.gz, b.gz]")()
    bad = [event for _, event in merged(dataset) if isinstance(event, BadFrame)]
    assert [(event.file, event.line) for event in bad] == [("a.gz", 2), ("b.gz", 4)]
    assert [received_ns for received_ns, _ in merged(dataset)] == [1, 2, 3, 4]
    (alone,) = describe(tmp_path, "files: [b.gz]")().streams
    assert len(alone.lines.frames) == 4
