"""Microseconds to decode one message of Paradex: binary (SBE), and the same message in JSON by msgspec, in one run."""

import random
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import msgspec

from perpbot.exchanges.paradex.sbe import decode
from perpbot.simulation.emulators.paradex.sbe import encode

MARKET = "BTC-USD-PERP"
LEVELS = 15
COUNT, REPEATS = 5_000, 9
read_json = msgspec.json.Decoder().decode


def top(rng: random.Random) -> dict[str, Any]:
    middle = rng.randrange(600_000, 700_000)
    return {
        "timestamp": 1_790_000_000_123,
        "seq_no": rng.randrange(10**10),
        "bid_price": f"{middle / 10:.1f}",
        "bid_size": f"{rng.randrange(1, 10**6) / 10**5:.5f}",
        "ask_price": f"{(middle + 1) / 10:.1f}",
        "ask_size": f"{rng.randrange(1, 10**6) / 10**5:.5f}",
        "market": MARKET,
    }


def book(rng: random.Random) -> dict[str, Any]:
    best = top(rng)
    middle = float(best["bid_price"])
    sizes = [f"{rng.randrange(1, 10**6) / 10**5:.5f}" for _ in range(2 * LEVELS)]
    return {
        "timestamp": best["timestamp"],
        "seq_no": best["seq_no"],
        "pkg_type": "SNAPSHOT",
        **{f"best_{side}_api_{what}": best[f"{side}_{what}"] for side in ("bid", "ask") for what in ("price", "size")},
        "bids": [[f"{middle - i / 10:.1f}", size] for i, size in enumerate(sizes[:LEVELS])],
        "asks": [[f"{middle + (i + 1) / 10:.1f}", size] for i, size in enumerate(sizes[LEVELS:])],
        "market": MARKET,
    }


def trade(rng: random.Random) -> dict[str, Any]:
    best = top(rng)
    return {
        "timestamp": best["timestamp"],
        "seq_no": best["seq_no"],
        "trade_id": 123,
        "side": rng.choice(["BUY", "SELL"]),
        "price": best["bid_price"],
        "size": best["bid_size"],
        "created_at": best["timestamp"],
        "trade_type": "FILL",
        "market": MARKET,
        "trade_id_str": "1718377985380201703994000001",
    }


def pushed(channel: str, data: Mapping[str, Any]) -> bytes:
    """As a message of the JSON feed."""
    params = {"channel": f"{channel}.{MARKET}", "data": data}
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "subscription", "params": params})


def spent(read: Callable[[bytes], object], messages: list[bytes]) -> float:
    """Microseconds a message."""
    begun = time.process_time()
    for message in messages:
        read(message)
    return (time.process_time() - begun) / len(messages) * 1e6


def measure(channel: str, make: Callable[[random.Random], dict[str, Any]], rng: random.Random) -> None:
    data = [make(rng) for _ in range(COUNT)]
    frames, texts = [encode(channel, each) for each in data], [pushed(channel, each) for each in data]
    runs = [(spent(decode, frames), spent(read_json, texts)) for _ in range(REPEATS)]
    binary, text = median(run[0] for run in runs), median(run[1] for run in runs)
    ratio = median(run[0] / run[1] for run in runs)
    print(
        f"{channel:12} SBE {binary:6.2f} µs ({len(frames[0])} B)   "
        f"JSON {text:6.2f} µs ({len(texts[0])} B)   SBE / JSON {ratio:.2f}"
    )


def main() -> None:
    rng = random.Random(7)
    measure("bbo", top, rng)
    measure("trades", trade, rng)
    measure("order_book", book, rng)


if __name__ == "__main__":
    main()
