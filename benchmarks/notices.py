"""What being told costs who trades: one journaled event with a notifier listening, beside the journal alone.

Prints microseconds an event (median of the repeats) and their ratios to appending it; the ratios are what holds on
other machines. Usage: python benchmarks/notices.py [EVENTS] [REPEATS]
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from perpbot.core.events import Event, PairMoved, RunStarted
from perpbot.core.names import PairId
from perpbot.core.pairs import Pair, PairLeg, PairState
from perpbot.monitoring.command import Command
from perpbot.monitoring.notices import Origin
from perpbot.monitoring.notifier import Notifier
from perpbot.monitoring.settings import CommandSettings
from perpbot.records.journal import FileJournal
from perpbot.service.system import SystemClock

ORIGIN = Origin("demo", "k3v9")
FAILED = PairMoved(
    Pair(
        pair_id=PairId("k3v9-7"),
        symbol="BTC-USD-PERP",
        strategy="arbitrage",
        buy=PairLeg("paradex"),
        sell=PairLeg("extended"),
        size=Decimal("0.0123"),
        notional=Decimal("1169.99"),
        expected_pnl=Decimal("1.07"),
        planned_ns=1_723_075_200_123_456_789,
        state=PairState.FAILED,
        reason="rejected",
    ),
    PairState.SENT,
)
OTHER = RunStarted("demo", "k3v9", "1")
STORM = 10_000


def command() -> Command:
    """A program that does nothing."""
    return Command(CommandSettings((sys.executable, "-c", "pass")), os.environ, SystemClock())


def microseconds(count: int, act: Callable[[], object]) -> float:
    """The mean time of ``act``."""
    start = time.perf_counter_ns()
    for _ in range(count):
        act()
    return (time.perf_counter_ns() - start) / count / 1000


def main(count: int = 5000, repeats: int = 5) -> None:
    """Alternate the ways, so that a busy machine is busy for all of them."""
    figures: dict[str, list[float]] = {}
    clock = SystemClock()
    notifier = Notifier(ORIGIN, [command(), command()], clock)
    with tempfile.TemporaryDirectory() as folder:
        journal = FileJournal(Path(folder) / "journal", clock)

        def listen(event: Event) -> Callable[[], None]:
            return lambda: notifier.listen(1, 1, event)

        ways: dict[str, Callable[[], object]] = {
            "append to the journal": lambda: journal.append(FAILED),
            "listen, nothing to tell": listen(OTHER),
            "listen, a notice for two channels, full": listen(FAILED),
        }
        for _ in range(repeats):
            for name, act in ways.items():
                figures.setdefault(name, []).append(microseconds(count, act))
        journal.close()
    report({name: statistics.median(values) for name, values in figures.items()})
    print(f"memory of {STORM} notices that nobody takes: {storm_kib():.0f} KiB on two channels")
    print(f"the loop stands still while a program is started: {statistics.median(starts_ms()):.2f} ms")


def report(figures: dict[str, float]) -> None:
    append = figures["append to the journal"]
    for name, value in figures.items():
        print(f"{name:42} {value:7.2f} µs   {value / append:5.2f} of an append")


def storm_kib() -> float:
    """What stays in memory of a storm."""
    notifier = Notifier(ORIGIN, [command(), command()], SystemClock())
    tracemalloc.start()
    for _ in range(STORM):
        notifier.listen(1, 1, FAILED)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / 1024


def starts_ms(times: int = 30) -> list[float]:
    """How long starting a program takes, in ms: the loop can do nothing else meanwhile."""
    taken: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        process = command()._start(b"{}")  # noqa: SLF001 - the part of a delivery that does not await
        taken.append((time.perf_counter() - start) * 1000)
        process.wait()
    return taken


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
