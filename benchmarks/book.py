"""Microseconds a frame: decode, book and top, for generated Binance frames, and for a recording if one is named.

Usage: python benchmarks/book.py [DATASET]
"""

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from perpbot.core.market_data import BookDelta, BookSnapshot, MarketEvent
from perpbot.exchanges.binance.parse import FrameParser
from perpbot.market.book import OrderBook
from perpbot.records.recorded_stream import BadFrame
from perpbot.records.recordings import Dataset

PARSER = FrameParser("binance", {"BTCUSDT": "BTC-USD-PERP"})
LEVELS = 1_000


def best(run: Callable[[], object], count: int, repeats: int = 7) -> float:
    """Microseconds a piece in the fastest of some runs."""
    fastest = float("inf")
    for _ in range(repeats):
        begun = time.process_time()
        run()
        fastest = min(fastest, time.process_time() - begun)
    return fastest / count * 1e6


def tickers(count: int) -> list[bytes]:
    rows = ({"e": "bookTicker", "u": i, "s": "BTCUSDT", "b": "61804.70", "B": "3.5", "a": "61804.80", "A": "16.45",
             "T": 1723161257465, "E": 1723161257476} for i in range(count))  # fmt: skip
    return [json.dumps({"stream": "btcusdt@bookTicker", "data": row}).encode() for row in rows]


def changes(count: int, levels: int, rng: random.Random) -> list[bytes]:
    frames = []
    for i in range(1, count + 1):
        bids = [
            [f"{60_000 - rng.randrange(LEVELS) / 10:.2f}", rng.choice(["0", "1.5", "2"])] for _ in range(levels // 2)
        ]
        asks = [
            [f"{60_001 + rng.randrange(LEVELS) / 10:.2f}", rng.choice(["0", "1.5", "2"])] for _ in range(levels // 2)
        ]
        data = {"e": "depthUpdate", "E": 1, "T": 1, "s": "BTCUSDT", "U": i, "u": i, "pu": i - 1, "b": bids, "a": asks}
        frames.append(json.dumps({"stream": "btcusdt@depth", "data": data}).encode())
    return frames


def decode_all(frames: Sequence[bytes]) -> list[MarketEvent | None]:
    return [PARSER.decode(frame) for frame in frames]


def measure(name: str, frames: Sequence[bytes]) -> None:
    events = [event for event in decode_all(frames) if event is not None]
    snapshot = BookSnapshot(
        "binance",
        "BTC-USD-PERP",
        [(60_000 - i / 10, 1.0) for i in range(LEVELS)],
        [(60_001 + i / 10, 1.0) for i in range(LEVELS)],
        0,
        None,
    )

    def build() -> None:
        book = OrderBook("binance", "BTC-USD-PERP")
        book.apply(snapshot, 0)
        for event in events:
            book.apply(event, 1)

    decoding, applying = best(lambda: decode_all(frames), len(frames)), best(build, len(events))
    print(f"{name:28} decode {decoding:6.2f}   apply {applying:6.2f}   µs a frame")


def measure_recording(folder: Path) -> None:
    dataset = Dataset.open(folder)
    books = {key: OrderBook(*key) for key in dataset.instruments}
    begun = time.process_time()
    frames, deltas = dataset.frames, 0
    loaded = time.process_time()
    for received_ns, _, event in dataset.merged():
        if event is None or isinstance(event, BadFrame):
            continue
        books[event.exchange, event.symbol].apply(event, received_ns)
        deltas += isinstance(event, BookDelta)
    spent = time.process_time() - loaded
    print(f"{dataset.name}: {frames} frames, {deltas} of them changes of depth")
    print(f"  read {(loaded - begun) / frames * 1e6:.2f}, merge + decode + apply {spent / frames * 1e6:.2f} µs a frame")


def main() -> None:
    rng = random.Random(7)
    measure("bookTicker", tickers(5_000))
    measure("depthUpdate, 10 levels", changes(2_000, 10, rng))
    measure("depthUpdate, 68 levels", changes(500, 68, rng))
    if len(sys.argv) > 1:
        measure_recording(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
