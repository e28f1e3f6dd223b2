"""A small recording in Binance's format: two engines, ten seconds, one gap of 30 bps that opens and closes."""

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

START_NS = 1_723_161_000_000_000_000
DELAY_NS = 20_000_000
STEPS = 100
STEP_NS = 100_000_000
GAP_STEPS = range(60, 70)
USDM, COINM = "usdm.gz", "coinm.gz"
FRAMES = 2 * (3 * STEPS + 1)

_DATASET = """
name: small
streams:
  - {file: usdm.gz, exchange: binance_usdm, market: BTCUSDT, symbol: BTC-USD-PERP, contract: {kind: linear, size: "1"},
     tick: "0.1", step: "0.001", min_notional: "100", quote: USDT}
  - {file: coinm.gz, exchange: binance_coinm, market: BTCUSD_PERP, symbol: BTC-USD-PERP,
     contract: {kind: inverse, size: "100"}, tick: "0.1", step: "1", min_notional: "100", quote: USD}
"""


def record(folder: Path) -> Path:
    """Write the dataset and return its folder."""
    folder.mkdir()
    (folder / "dataset.yaml").write_text(_DATASET, encoding="utf-8")
    _write(folder / USDM, _frames("BTCUSDT", "50.000", lambda _: Decimal(60_000)))
    gap = _frames("BTCUSD_PERP", "40000", lambda step: Decimal(60_180 if step in GAP_STEPS else 60_000))
    _write(folder / COINM, gap)
    return folder


def edit(folder: Path, file: str, change: Callable[[list[str]], list[str]]) -> Path:
    """Rewrite the lines of one of its files."""
    lines = gzip.decompress((folder / file).read_bytes()).decode().splitlines()
    _write(folder / file, change(lines))
    return folder


def is_snapshot(line: str) -> bool:
    return '"lastUpdateId"' in line


def is_depth(line: str) -> bool:
    return "depthUpdate" in line


def _write(path: Path, lines: list[str]) -> None:
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))


def _frames(market: str, size: str, mid_at: Callable[[int], Decimal]) -> list[str]:
    """A snapshot, then every step a depth change that moves the book to its price, and the ticker that goes with it."""
    book = _book(mid_at(0), size)
    update = 1_000
    bids, asks = _sides(book, mid_at(0))
    lines = [_line(0, {"lastUpdateId": update, "E": _ms(0), "T": _ms(0), "bids": bids, "asks": asks})]
    for step in range(1, STEPS + 1):
        mid, before, update = mid_at(step), book, update + 10
        book = _book(mid, size)
        changed = {price: "0" for price in before if price not in book} | book
        bids, asks = _sides(changed, mid)
        common = {"E": _ms(step), "T": _ms(step), "s": market}
        depth = {"e": "depthUpdate", **common, "U": update - 9, "u": update, "pu": update - 10, "b": bids, "a": asks}
        lines.append(_line(step, {"stream": f"{market.lower()}@depth@0ms", "data": depth}))
        bid, ask = str(mid - Decimal("0.1")), str(mid + Decimal("0.1"))
        ticker = {"e": "bookTicker", "u": update + 1, **common, "b": bid, "B": size, "a": ask, "A": size}
        lines.append(_line(step, {"stream": f"{market.lower()}@bookTicker", "data": ticker}))
        trade = {"e": "trade", **common, "t": step, "p": bid, "q": "1", "m": True}
        lines.append(_line(step, {"stream": f"{market.lower()}@trade", "data": trade}))
    return lines


def _book(mid: Decimal, size: str) -> dict[Decimal, str]:
    ticks = [Decimal(number) / 10 for number in range(1, 21)]
    return {price: size for tick in ticks for price in (mid - tick, mid + tick)}


def _sides(levels: dict[Decimal, str], mid: Decimal) -> tuple[list[list[str]], list[list[str]]]:
    """Bids and asks; what is taken away is told to the side on which it stood, here both."""
    bids = [[str(price), size] for price, size in levels.items() if price < mid or size == "0"]
    asks = [[str(price), size] for price, size in levels.items() if price > mid or size == "0"]
    return bids, asks


def _ms(step: int) -> int:
    return (START_NS + step * STEP_NS - DELAY_NS) // 1_000_000


def _line(step: int, frame: dict[str, object]) -> str:
    return f"{START_NS + step * STEP_NS} {json.dumps(frame, separators=(',', ':'))}"
