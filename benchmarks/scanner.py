"""Microseconds per quote in the scanner for 1, 10, 100 and 500 symbols, and how much 500 cost over 10.

Every round measures all counts once, in turn, so that what the machine does besides meets all of them; the ratio is the
median over the rounds. Held to the limit is the scanner; the second row adds the book, whose memory no longer fits the
processor's caches as symbols grow. Run: ``python benchmarks/scanner.py [--json] [--rounds N]``.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from decimal import Decimal

from perpbot.arbitrage.pricer import Pricer
from perpbot.arbitrage.scanner import ArbitrageScanner
from perpbot.arbitrage.scoring import Reliability, SuccessRate
from perpbot.arbitrage.settings import ArbitrageSettings
from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.market_data import BookSnapshot, TopOfBook
from perpbot.market.market import Market
from perpbot.pricing.basis import SAMPLE_INTERVAL_NS, Basis
from perpbot.pricing.costs import CostModel, FixedFunding

COUNTS = (1, 10, 100, 500)
QUOTES = 20_000
EXCHANGES = ("paradex", "extended")
LIMIT = 1.3
START_NS = 1_700_000_000_000_000_000


class BenchClock:
    """A clock that the benchmark moves."""

    def __init__(self) -> None:
        self.ns = START_NS

    def now_ns(self) -> int:
        return self.ns


def instrument(exchange: str, symbol: str) -> Instrument:
    return Instrument(
        exchange=exchange,
        symbol=symbol,
        native=symbol,
        tick=Decimal("0.1"),
        step=Decimal("0.001"),
        min_size=Decimal("0.001"),
        min_notional=Decimal(10),
        kind=ContractKind.LINEAR,
        multiplier=Decimal(1),
        quote="USD",
        maker_fee_pct=Decimal("0.0002"),
        taker_fee_pct=Decimal("0.0005"),
    )


class Bench:
    """A warm scanner over ``count`` symbols on two exchanges, and a stream of quotes for it."""

    def __init__(self, count: int) -> None:
        self.count = count
        symbols = [f"C{n}-USD-PERP" for n in range(count)]
        instruments = {(e, s): instrument(e, s) for s in symbols for e in EXCHANGES}
        self.clock = BenchClock()
        self.market = Market(self.clock, instruments)
        settings = ArbitrageSettings()
        basis = Basis(
            self.market, symbols, listed=instruments, trading=EXCHANGES, window_seconds=300.0, warmup_seconds=60.0
        )
        pricer = Pricer(
            settings,
            market=self.market,
            instruments=instruments,
            costs=CostModel(instruments, FixedFunding({}, instruments), holding_seconds=3600.0),
            room=lambda *_: Decimal(1000),
            max_slippage_pct=Decimal("0.001"),
            max_residual_pct=Decimal("0.05"),
            reliability=Reliability(),
            attempts=SuccessRate(),
        )
        self.scanner = ArbitrageScanner(
            settings, basis=basis, pricer=pricer, clock=self.clock, occupancy=lambda _: None
        )
        self._open(symbols)
        for tick in range(240):
            basis.sample(START_NS + tick * SAMPLE_INTERVAL_NS)
        self.quotes = self._quotes(symbols)

    def _open(self, symbols: list[str]) -> None:
        for symbol in symbols:
            for exchange in EXCHANGES:
                levels = [(1.0 + n, 1.0) for n in range(20)]
                bids = [(10_000.0 - price, size) for price, size in levels]
                asks = [(10_000.0 + price, size) for price, size in levels]
                self.market.apply(BookSnapshot(exchange, symbol, bids, asks, 1, START_NS), START_NS)

    def _quotes(self, symbols: list[str]) -> list[TopOfBook]:
        rng = random.Random(1)
        quotes = []
        for n in range(QUOTES):
            mid = 10_000.0 + rng.uniform(-0.5, 0.5)
            symbol, exchange = rng.choice(symbols), rng.choice(EXCHANGES)
            quotes.append(TopOfBook(exchange, symbol, mid - 1.0, 2.0, mid + 1.0, 2.0, n + 2, START_NS + n))
        return quotes

    def run(self) -> tuple[float, float]:
        """Microseconds per quote of the scan alone, and of applying the quote and scanning."""
        clock, market, scan = time.perf_counter, self.market, self.scanner.scan
        started = clock()
        for quote in self.quotes:
            scan(quote.symbol)
        scanned = clock()
        for quote in self.quotes:
            market.apply(quote, START_NS)
            scan(quote.symbol)
        ended = clock()
        self._advance()
        return (scanned - started) / QUOTES * 1e6, (ended - scanned) / QUOTES * 1e6

    def _advance(self) -> None:
        """Renumber the quotes so that the next round's are newer."""
        last = self.quotes[-1].sequence
        self.quotes = [
            TopOfBook(q.exchange, q.symbol, q.bid, q.bid_size, q.ask, q.ask_size, last + n + 1, q.engine_ns)
            for n, q in enumerate(self.quotes)
        ]


def measure(rounds: int) -> dict[str, object]:
    """All counts, ``rounds`` times in turn."""
    benches = [Bench(count) for count in COUNTS]
    for bench in benches:
        bench.run()
    results = [{bench.count: bench.run() for bench in benches} for _ in range(rounds)]
    scan = {str(n): round(statistics.median(r[n][0] for r in results), 3) for n in COUNTS}
    quote = {str(n): round(statistics.median(r[n][1] for r in results), 3) for n in COUNTS}
    ratios = {
        "scan_500_to_10": round(statistics.median(r[500][0] / r[10][0] for r in results), 3),
        "quote_500_to_10": round(statistics.median(r[500][1] / r[10][1] for r in results), 3),
    }
    return {"scan_us": scan, "apply_and_scan_us": quote, **ratios, "limit": LIMIT}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    arguments = parser.parse_args()
    measured = measure(arguments.rounds)
    if arguments.json:
        print(json.dumps(measured))
    else:
        for name, value in measured.items():
            print(f"{name:20} {value}")
    return 0 if float(str(measured["scan_500_to_10"])) < LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
