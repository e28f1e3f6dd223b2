"""What one journaled event costs, beside one insert by SQLAlchemy of the same event, in the same run.

Prints microseconds an event (median of the repeats) and their ratio; the ratio is what holds on other machines.
Usage: python benchmarks/journal.py [EVENTS] [REPEATS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from sqlalchemy import JSON, Column, Integer, MetaData, Table, Text, create_engine, event

from perpbot.core.events import EquityMarked, Event, OrderIntended
from perpbot.core.names import ClientOrderId, PairId
from perpbot.core.orders import Leg, OrderRequest, OrderType, Purpose, Side, TimeInForce
from perpbot.records.database import Database
from perpbot.records.encoding import encode
from perpbot.records.journal import FileJournal, verify
from perpbot.records.projector import Projector

INTENT = OrderIntended(
    OrderRequest(
        client_order_id=ClientOrderId("k3v9-17-b0"),
        exchange="paradex",
        symbol="BTC-USD-PERP",
        side=Side.BUY,
        size=Decimal("0.0123"),
        price=Decimal("95123.4"),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        created_ns=1_723_075_200_123_456_789,
        expires_ns=1_723_075_202_123_456_789,
        pair_id=PairId("k3v9-17"),
        leg=Leg.BUY,
        purpose=Purpose.ENTRY,
        decision_price=Decimal("95120.05"),
    )
)


class WallClock:
    def now_ns(self) -> int:
        return time.time_ns()


def microseconds(count: int, act: Callable[[], object]) -> float:
    """The mean time of ``act``."""
    start = time.perf_counter_ns()
    for _ in range(count):
        act()
    return (time.perf_counter_ns() - start) / count / 1000


def inserter(path: Path) -> Callable[[Event], None]:
    """One event, one transaction: what a program does that writes its database before it sends."""
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _tune(connection, _) -> None:  # type: ignore[no-untyped-def] # sqlite3's own
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    table = Table(
        "events", MetaData(), Column("id", Integer, primary_key=True), Column("kind", Text), Column("data", JSON)
    )
    table.create(engine)

    def insert(happened: Event) -> None:
        with engine.begin() as connection:
            connection.execute(table.insert(), {"kind": happened.kind, "data": encode(happened)})

    return insert


def main(count: int = 5000, repeats: int = 5) -> None:
    """Alternate the ways, so that a busy machine is busy for all of them."""
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        journal = FileJournal(place / "process.journal", WallClock())
        power = FileJournal(place / "power.journal", WallClock(), "power")
        insert = inserter(place / "events.db")
        database = Database.create(place / "demo.db", "demo")
        projector, number = Projector(database, journal.identity), 0
        for _ in range(repeats):
            ways: dict[str, tuple[int, Callable[[], object]]] = {
                "journal, durability process": (count, lambda: journal.append(INTENT)),
                "journal, durability power": (count // 10, lambda: power.append(INTENT)),
                "SQLAlchemy, an insert an event": (count // 10, lambda: insert(INTENT)),
            }
            for name, (times, act) in ways.items():
                figures.setdefault(name, []).append(microseconds(times, act))
            start = time.perf_counter_ns()
            for _ in range(count):
                number += 1
                mark = EquityMarked("paradex", Decimal(1), Decimal(1), Decimal(0), number, Decimal(1))
                projector.add(number, 0, mark)
            projector.flush()
            figures.setdefault("database, filled in batches", []).append(
                (time.perf_counter_ns() - start) / count / 1000
            )
        journal.close()
        start = time.perf_counter_ns()
        records = verify(journal.path).records
        figures["verify"] = [(time.perf_counter_ns() - start) / records / 1000]
        power.close()
        database.close()
    report({name: statistics.median(values) for name, values in figures.items()})


def report(figures: dict[str, float]) -> None:
    for name, value in figures.items():
        print(f"{name:32} {value:9.2f} µs an event")
    ratio = figures["journal, durability process"] / figures["SQLAlchemy, an insert an event"]
    print(f"the hot write costs {ratio:.3f} of an insert by SQLAlchemy (1/{1 / ratio:.0f})")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
