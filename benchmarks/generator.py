"""The generated market's own statistics beside those of the recording it was fitted to.

Two engines, one leading, as recorded (Binance USD-M and COIN-M, six minutes of 2024-08-08), without pulses:

    python benchmarks/generator.py [--minutes 20] [--seed 1]

The last lines are what the demo's market costs: four symbols on four exchanges.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise

from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.market_data import BookDelta, BookSnapshot, TopOfBook, TradePrint
from perpbot.core.ports import Rng
from perpbot.simulation.market import DemoSettings, Emission, GeneratedMarket
from perpbot.simulation.market.calibration import FOLLOWER_DELAY, LEADER_DELAY, ExchangeRow

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
START = 1_723_161_240 * SECOND
LEADER, FOLLOWER = "usdm", "coinm"
ENGINES = (
    ExchangeRow(LEADER, trading=True, leads=True, basis_share=0.0, delay=LEADER_DELAY),
    ExchangeRow(FOLLOWER, trading=True, leads=False, basis_share=1.0, delay=FOLLOWER_DELAY),
)
TICKS = {"BTC-USD-PERP": "0.1", "ETH-USD-PERP": "0.01"}
LAGS_MS = (-100, -50, -20, -10, 0, 5, 10, 15, 20, 25, 50, 100)

MEASURED: dict[tuple[str, str], dict[str, float]] = {
    ("BTC-USD-PERP", LEADER): {
        "updates /s": 191.9, "orders /s": 15.8, "vol 100 ms": 0.41, "vol 1 s": 1.21, "vol 10 s": 3.61, "vol 60 s": 6.9,
        "mean spread": 0.0185, "top p50 k": 193, "depth 5 bps k": 3327, "delay p50 ms": 2.2, "delay p99 ms": 42.6,
    },
    ("BTC-USD-PERP", FOLLOWER): {
        "updates /s": 55.7, "orders /s": 2.1, "vol 100 ms": 0.34, "vol 1 s": 1.21, "vol 10 s": 3.54, "vol 60 s": 6.8,
        "mean spread": 0.0177, "top p50 k": 126, "depth 5 bps k": 1511, "delay p50 ms": 6.5, "delay p99 ms": 52.8,
    },
    ("ETH-USD-PERP", LEADER): {
        "updates /s": 156.6, "orders /s": 10.2, "vol 100 ms": 0.35, "vol 1 s": 1.21, "vol 10 s": 3.51, "vol 60 s": 8.1,
        "mean spread": 0.0389, "top p50 k": 42, "depth 5 bps k": 1484, "delay p50 ms": 2.1, "delay p99 ms": 29.4,
    },
    ("ETH-USD-PERP", FOLLOWER): {
        "updates /s": 46.0, "orders /s": 2.2, "vol 100 ms": 0.36, "vol 1 s": 1.27, "vol 10 s": 3.65, "vol 60 s": 8.2,
        "mean spread": 0.0398, "top p50 k": 23, "depth 5 bps k": 836, "delay p50 ms": 6.4, "delay p99 ms": 47.3,
    },
}  # fmt: skip
MEASURED_GAPS: dict[str, dict[str, float]] = {
    "BTC-USD-PERP": {
        "residual std": 0.60, "> 0.5 bps /min": 26.4, "> 0.5 life ms": 216, "> 1 bps /min": 18.0, "> 1 life ms": 61,
        "> 2 bps /min": 5.9, "> 2 life ms": 13, "lag peak ms": 16, "lag peak corr": 0.58,
    },
    "ETH-USD-PERP": {
        "residual std": 0.59, "> 0.5 bps /min": 56.4, "> 0.5 life ms": 63, "> 1 bps /min": 22.9, "> 1 life ms": 17,
        "> 2 bps /min": 2.8, "> 2 life ms": 13, "lag peak ms": 13, "lag peak corr": 0.38,
    },
}  # fmt: skip


def instrument(exchange: str, symbol: str) -> Instrument:
    """A linear instrument with the recorded tick, in thousandths of a coin."""
    tick, step = Decimal(TICKS[symbol]), Decimal("0.001")
    fee = Decimal("0.0005")
    return Instrument(
        exchange, symbol, symbol, tick, step, step, Decimal(5), ContractKind.LINEAR, Decimal(1), "USDT", fee, fee
    )


def two_engines(seed: int | str, symbols: Iterable[str] = tuple(TICKS)) -> GeneratedMarket:
    """A market of one leader and one follower, without pulses."""

    def stream(name: str) -> Rng:
        return random.Random(f"{seed}/{name}")

    listed = {(row.name, symbol): instrument(row.name, symbol) for symbol in symbols for row in ENGINES}
    settings = DemoSettings(symbols=tuple(symbols), pulses_per_minute=0)
    return GeneratedMarket(settings, stream, START, exchanges=ENGINES, instruments=listed)


class Track:
    """One stream, on the engine's time: its price path and what was counted along it."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.bids: list[float] = []
        self.asks: list[float] = []
        self.updates = 0
        self.orders = 0
        self.delays_ms: list[float] = []
        self.tops_usd: list[float] = []
        self.depths_usd: list[float] = []
        self._next_sample = START
        self._levels: tuple[dict[float, float], dict[float, float]] = ({}, {})

    def see(self, emission: Emission) -> None:
        """Take one event into account."""
        event = emission.event
        if isinstance(event, TopOfBook):
            self.updates += 1
            self.delays_ms.append((emission.received_ns - emission.engine_ns) / MILLISECOND)
            self._see_top(emission.engine_ns, event)
        elif isinstance(event, TradePrint):
            self.orders += 1
        else:
            self._see_depth(event)

    def _see_top(self, at_ns: int, top: TopOfBook) -> None:
        if not self.times or (top.bid, top.ask) != (self.bids[-1], self.asks[-1]):
            self.times.append(at_ns)
            self.bids.append(top.bid)
            self.asks.append(top.ask)
        if at_ns >= self._next_sample:
            self._next_sample = at_ns + 100 * MILLISECOND
            self.tops_usd += [top.bid_size * top.bid, top.ask_size * top.ask]

    def _see_depth(self, event: BookSnapshot | BookDelta) -> None:
        for side, changes in zip(self._levels, (event.bids, event.asks), strict=True):
            if isinstance(event, BookSnapshot):
                side.clear()
            side.update(changes)
            for price in [price for price, size in side.items() if size == 0.0]:
                del side[price]
        bids, asks = self._levels
        best_bid, best_ask = max(bids), min(asks)
        self.depths_usd.append(sum(p * s for p, s in bids.items() if p >= best_bid * (1 - 5e-4)))
        self.depths_usd.append(sum(p * s for p, s in asks.items() if p <= best_ask * (1 + 5e-4)))

    def mids(self, every_ns: int, to_ns: int, shift_ns: int = 0) -> list[float]:
        """The logarithm of the mid in bps at every multiple of ``every_ns``."""
        found, i = [], 0
        for at_ns in range(START + SECOND + shift_ns, to_ns, every_ns):
            while i + 1 < len(self.times) and self.times[i + 1] <= at_ns:
                i += 1
            found.append(math.log((self.bids[i] + self.asks[i]) / 2) * 1e4)
        return found

    def mean_spread_bps(self, to_ns: int) -> float:
        """The time-weighted spread."""
        ends = [*self.times[1:], to_ns]
        total = sum(
            (end - start) * (ask / bid - 1) * 1e4
            for start, end, bid, ask in zip(self.times, ends, self.bids, self.asks, strict=True)
        )
        return total / (to_ns - self.times[0])

    def figures(self, to_ns: int) -> dict[str, float]:
        """The statistics, named as in ``MEASURED``."""
        seconds = (to_ns - START) / SECOND
        tenths = self.mids(100 * MILLISECOND, to_ns)
        fast = quantiles(self.delays_ms)
        fastest = fast[0]
        return {
            "updates /s": self.updates / seconds,
            "orders /s": self.orders / seconds,
            "vol 100 ms": volatility(tenths, 1),
            "vol 1 s": volatility(tenths, 10),
            "vol 10 s": volatility(tenths, 100),
            "vol 60 s": volatility(tenths, 600),
            "mean spread": self.mean_spread_bps(to_ns),
            "top p50 k": statistics.median(self.tops_usd) / 1e3,
            "depth 5 bps k": statistics.median(self.depths_usd) / 1e3,
            "delay p50 ms": fast[49] - fastest,
            "delay p99 ms": fast[98] - fastest,
        }


def quantiles(values: Sequence[float]) -> list[float]:
    """The 1 % … 99 % quantiles."""
    return statistics.quantiles(values, n=100)


def volatility(mids: Sequence[float], steps: int) -> float:
    """Standard deviation of the moves over ``steps`` samples, overlapping beyond a second."""
    stride = min(steps, 10)
    moves = [mids[i + steps] - mids[i] for i in range(0, len(mids) - steps, stride)]
    return statistics.pstdev(moves)


class Median:
    """The median of the last 300 s of samples, one every 0.25 s."""

    def __init__(self) -> None:
        self._window: deque[float] = deque()
        self._ordered: list[float] = []

    def add(self, value: float) -> float:
        """The median with ``value``."""
        if len(self._window) == 1200:
            del self._ordered[bisect_left(self._ordered, self._window.popleft())]
        self._window.append(value)
        insort(self._ordered, value)
        return self._ordered[len(self._ordered) // 2]


class Episodes:
    """How often and how long the residual gap of one direction stays above a threshold."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.lives_ms: list[float] = []
        self._since: int | None = None

    def see(self, at_ns: int, residual: float) -> None:
        """The residual from ``at_ns`` on."""
        if self._since is None and residual > self.threshold:
            self._since = at_ns
        elif self._since is not None and residual <= self.threshold:
            self.lives_ms.append((at_ns - self._since) / MILLISECOND)
            self._since = None


def gaps(a: Track, b: Track, to_ns: int) -> dict[str, float]:
    """Residual gaps between two engines, over the rolling median of their basis, and who follows whom."""
    thresholds = (0.5, 1.0, 2.0, 5.0)
    episodes = [(Episodes(level), Episodes(level)) for level in thresholds]
    weights, largest = [0.0, 0.0, 0.0], 0.0
    basis, median, sample_ns = Median(), 0.0, START
    times = sorted({at_ns // MILLISECOND * MILLISECOND for at_ns in (*a.times, *b.times)})  # as engines stamp
    for at_ns, end_ns in zip(times, [*times[1:], to_ns], strict=True):
        i, j = (bisect_left(track.times, at_ns + MILLISECOND) - 1 for track in (a, b))
        if i < 0 or j < 0:
            continue
        mid = math.log((b.bids[j] + b.asks[j]) / (a.bids[i] + a.asks[i])) * 1e4
        if at_ns < START + 2 * SECOND:
            continue
        sell_b = math.log(b.bids[j] / a.asks[i]) * 1e4 - median
        sell_a = math.log(a.bids[i] / b.asks[j]) * 1e4 + median
        if sample_ns > START:
            largest = max(largest, sell_a, sell_b)
            for one, other in episodes:
                one.see(at_ns, sell_b)
                other.see(at_ns, sell_a)
            span = end_ns - at_ns
            weights = [weights[0] + span, weights[1] + span * sell_b, weights[2] + span * sell_b**2]
        sample_ns = max(sample_ns, at_ns - at_ns % (SECOND // 4))
        while sample_ns < end_ns:
            median = basis.add(mid)
            sample_ns += SECOND // 4
    minutes = (to_ns - START) / SECOND / 60
    found = {"residual std": math.sqrt(weights[2] / weights[0] - (weights[1] / weights[0]) ** 2), "largest": largest}
    for level, (one, other) in zip(thresholds, episodes, strict=True):
        lives = one.lives_ms + other.lives_ms
        found[f"> {level:g} bps /min"] = len(lives) / minutes
        found[f"> {level:g} life ms"] = statistics.median(lives) if lives else math.nan
    return found | lag(a, b, to_ns)


def lag(a: Track, b: Track, to_ns: int) -> dict[str, float]:
    """Where the correlation of 20 ms moves of ``a`` with later ones of ``b`` peaks."""
    step = 20 * MILLISECOND
    end_ns = to_ns - SECOND
    first = moves(a.mids(step, end_ns))
    by_lag = {
        ms: correlation(first, moves(b.mids(step, end_ns + ms * MILLISECOND, ms * MILLISECOND))) for ms in LAGS_MS
    }
    peak = max(by_lag, key=lambda ms: by_lag[ms])
    return {"lag peak ms": peak, "lag peak corr": by_lag[peak]}


def moves(mids: Sequence[float]) -> list[float]:
    """Differences of neighbours."""
    return [after - before for before, after in pairwise(mids)]


def correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Of two zero-mean series."""
    products = sum(x * y for x, y in zip(one, other, strict=False))
    return products / math.sqrt(sum(x * x for x in one) * sum(y * y for y in other))


def measure(market: GeneratedMarket, minutes: float) -> dict[tuple[str, str], Track]:
    """Run ``market`` and track every stream, by symbol and exchange."""
    tracks: dict[tuple[str, str], Track] = {}
    for second in range(1, int(minutes * 60) + 1):
        for emission in market.advance(START + second * SECOND):
            key = (emission.event.symbol, emission.event.exchange)
            tracks.setdefault(key, Track()).see(emission)
    return tracks


def print_table(title: str, rows: dict[str, tuple[float | None, float]]) -> None:
    """One block: measured beside generated."""
    print(f"\n{title:<28}{'measured':>12}{'generated':>12}")
    for name, (measured, generated) in rows.items():
        shown = f"{measured:12.4g}" if measured is not None else f"{'':>12}"
        print(f"  {name:<26}{shown}{generated:12.4g}")


def cost_of_demo(seed: int) -> None:
    """Print what history and a live minute of the demo cost."""
    market = GeneratedMarket(DemoSettings(), lambda name: random.Random(f"{seed}/{name}"), START)
    before = time.process_time()
    history = len(market.history(75))
    warm = time.process_time()
    live = len(market.advance(START + 60 * SECOND))
    after = time.process_time()
    print(f"\ndemo, 4 symbols on 4 exchanges: 75 s of history {warm - before:.2f} s of CPU ({history} events);")
    print(f"live {(after - warm) / 60:.1%} of one core at {live / 60:.0f} events a second")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Statistics of the generated market beside the measured ones.")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    to_ns = START + int(arguments.minutes * 60) * SECOND
    tracks = measure(two_engines(arguments.seed), arguments.minutes)
    for (symbol, exchange), measured in MEASURED.items():
        found = tracks[symbol, exchange].figures(to_ns)
        print_table(f"{symbol} {exchange}", {name: (measured.get(name), value) for name, value in found.items()})
    for symbol, measured in MEASURED_GAPS.items():
        found = gaps(tracks[symbol, LEADER], tracks[symbol, FOLLOWER], to_ns)
        print_table(f"{symbol} gap", {name: (measured.get(name), value) for name, value in found.items()})
    cost_of_demo(arguments.seed)


if __name__ == "__main__":
    main()
