"""Replay events per second, whole (decode, books, scanner, trades, records) and against decoding and books alone.

    python benchmarks/replay.py [DATASET]

Without an argument it takes ``../shared/data/binance-2024-08-08`` where it is, else it records a minute of the
generated market. Both figures come from the same run and alternate, so that their ratio means something on a busy
machine.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from perpbot.market.market import Market
from perpbot.records.recorded_stream import BadFrame
from perpbot.records.recording_writer import RecordingWriter
from perpbot.records.recordings import Dataset
from perpbot.service.configuration import load_settings
from perpbot.service.replaying import replay
from perpbot.service.store import Store
from perpbot.simulation.market import DemoSettings, GeneratedMarket

REPEATS = 3
RECORDED = Path(__file__).resolve().parents[2] / "shared" / "data" / "binance-2024-08-08"
SECOND = 1_000_000_000


def record(folder: Path, seconds: int = 60) -> Path:
    """A minute of the generated market, as a dataset."""
    start = 1_700_000_000 * SECOND
    market = GeneratedMarket(DemoSettings(), lambda name: random.Random(f"1/{name}"), start)
    with RecordingWriter(folder, market.instruments.values(), reference_only=("okx", "binance")) as writer:
        for emission in sorted(market.advance(start + seconds * SECOND), key=lambda each: each.received_ns):
            writer.record(emission.event, emission.received_ns)
    return folder


class Stopped:
    """A clock that stands at the frame being applied."""

    now = 0

    def now_ns(self) -> int:
        return self.now


def books_only(folder: Path) -> int:
    """Decode every frame and build the books; the number of frames."""
    dataset, clock, frames = Dataset.open(folder), Stopped(), 0
    market = Market(clock, dataset.instruments)
    for received_ns, _, event in dataset.merged():
        clock.now = received_ns
        frames += 1
        if event is not None and not isinstance(event, BadFrame):
            market.apply(event, received_ns)
    return frames


def whole(folder: Path, database: Path) -> int:
    """Replay as the command does; the number of frames."""
    names = {stream.spec.exchange for stream in Dataset.open(folder).streams}
    settings, _ = load_settings(exchanges=sorted(names))
    with Store(database, "replay") as store:
        frames: int = replay(folder, settings, store)["frames"]
    return frames


def events_per_second(run: Callable[[], int]) -> float:
    """Frames over wall time of one run."""
    began = time.perf_counter()
    frames = run()
    return frames / (time.perf_counter() - began)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        given = Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDED
        folder = given if given.exists() else record(Path(scratch) / "recording")
        pairs = [
            (
                events_per_second(lambda: whole(folder, Path(scratch) / "replay.db")),
                events_per_second(lambda: books_only(folder)),
            )
            for _ in range(REPEATS)
        ]
    replayed, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"dataset {folder.name}: replay {replayed:,.0f} events/s, decode and books alone {bare:,.0f}, ratio {ratio:.2f}"
    )


if __name__ == "__main__":
    main()
