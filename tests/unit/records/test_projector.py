"""The projector: the database says what the journal says, each record once, and can be rebuilt from it."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from perpbot.core.errors import InputError
from perpbot.core.events import OrderFilled, RunStarted, RunStopped
from perpbot.records import database as databases
from perpbot.records import queries, tables
from perpbot.records.database import Database
from perpbot.records.journal import MemoryJournal
from perpbot.records.projector import Projector, rebuild
from tests.unit.ledger.builders import BTC, INVERSE, LINEAR, instrument
from tests.unit.records.scenes import NOW, PAIR, StepClock, life


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.create(tmp_path / "db", "replay")
    yield made
    made.close()


@pytest.fixture
def journal() -> MemoryJournal:
    written = MemoryJournal(StepClock())
    for event in life():
        written.append(event)
    return written


def contents(database: Database) -> dict[str, list[Any]]:
    with database.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table))]
            for table in tables.metadata.sorted_tables
            if table.name != "meta"
        }


def test_a_run_fills_every_table_it_has_something_for(database: Database, journal: MemoryJournal) -> None:
    """One pair: planned, hedged, funded, closed."""
    assert rebuild(journal.records(), database) == len(life())
    counts = {name: len(rows) for name, rows in contents(database).items()}
    assert counts == {
        "journals": 1,
        "runs": 1,
        "instruments": 2,
        "pairs": 1,
        "orders": 4,
        "fills": 4,
        "trades": 4,
        "funding": 1,
        "gas": 1,
        "transfers": 1,
        "equity": 1,
        "events": 3,
        "commands": 0,
        "verdicts": 0,
        "documents": 0,
    }


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_rebuilding_gives_what_filling_as_it_happened_gave(tmp_path: Path, database: Database, batch: int) -> None:
    """DESIGN §6: the database can be rebuilt from the journal, whatever the batches were."""
    live = Database.create(tmp_path / "live", "replay")
    waiting: list[Any] = []
    journal = MemoryJournal(StepClock(), lambda *record: waiting.append(record))
    projector = Projector(live, journal.identity)
    for event in life():
        journal.append(event)
        if len(waiting) == batch:
            for record in waiting:
                projector.add(*record)
            projector.flush()
            waiting.clear()
    for record in waiting:
        projector.add(*record)
    projector.flush()
    rebuild(journal.records(), database)
    assert contents(live) == contents(database)
    live.close()


def test_feeding_the_journal_again_changes_nothing(database: Database, journal: MemoryJournal) -> None:
    """After a crash the journal is read from its beginning; what the database has is skipped."""
    rebuild(journal.records(), database)
    before = contents(database)
    assert rebuild(journal.records(), database) == 0
    assert contents(database) == before


def test_another_journal_with_the_same_numbers_is_not_skipped(database: Database, journal: MemoryJournal) -> None:
    """Numbers count within one journal; its header says which."""
    rebuild(journal.records(), database)
    clock = StepClock()
    clock.ns += 10**9
    other = MemoryJournal(clock)
    other.append(RunStarted("replay", "f", "0.1.0"))
    other.append(RunStopped("stopped"))
    assert rebuild(other.records(), database) == 2
    assert [(run[0], run[5]) for run in contents(database)["runs"]] == [("e", "stopped"), ("f", "stopped")]


def test_runs_of_one_journal_are_told_apart(database: Database) -> None:
    """A run that never stopped has no end; the one after it has its own, also if both come in one batch."""
    journal = MemoryJournal(StepClock())
    for event in (RunStarted("demo", "a", "1"), RunStarted("demo", "b", "1"), RunStopped("signal")):
        journal.append(event)
    rebuild(journal.records(), database)
    assert {run[0]: run[5] for run in contents(database)["runs"]} == {"a": None, "b": "signal"}


def test_an_error_keeps_the_records_for_the_next_attempt(
    database: Database, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P7: the database is locked by another process; nothing is lost, nothing half written."""
    monkeypatch.setattr(databases, "_BUSY_SECONDS", 0)
    impatient = Database.open(database.path, "replay")
    projector = Projector(impatient, journal.identity)
    for record in list(journal.records())[1:]:
        projector.add(record.number, record.time_ns, record.event)
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OperationalError, match="database is locked"):
        projector.flush()
    other.execute("ROLLBACK")
    other.close()
    assert projector.waiting == len(life())
    assert projector.flush() == len(life())
    assert len(queries.fills(database)) == 4
    impatient.close()


def test_a_fill_of_an_instrument_that_was_never_listed_is_an_error(database: Database) -> None:
    """Its size could not be told."""
    journal = MemoryJournal(StepClock())
    for event in life():
        if event.kind != "instrument_listed":
            journal.append(event)
    with pytest.raises(InputError, match="the journal never listed BTC-USD-PERP on linear_house"):
        rebuild(journal.records(), database)


def test_an_empty_journal_is_an_error(database: Database) -> None:
    """Rebuilding from nothing is a mistake in the path."""
    with pytest.raises(InputError, match="the journal is empty"):
        rebuild(iter(()), database)


def test_instruments_come_back_as_they_were(database: Database, journal: MemoryJournal) -> None:
    """Sizes are read with them."""
    rebuild(journal.records(), database)
    with database.reading() as connection:
        found = queries.instruments(connection)
    kinds = found[LINEAR, BTC].kind, found[INVERSE, BTC].kind
    assert found == {
        (LINEAR, BTC): instrument(LINEAR, kinds[0], "1"),
        (INVERSE, BTC): instrument(INVERSE, kinds[1], "100"),
    }
    assert [kind.value for kind in kinds] == ["linear", "inverse"]


def test_a_trade_is_what_a_trader_expects_of_one(database: Database, journal: MemoryJournal) -> None:
    """Base size, dollars, its pair and strategy, and when it was; an inverse contract's too."""
    rebuild(journal.records(), database)
    trade = queries.trades(database)[1]
    del trade["id"]
    assert trade == {
        "timestamp": "2024-08-08T00:00:00.123456796Z",
        "time_ns": NOW + 7,
        "pair_id": PAIR,
        "strategy": "arbitrage",
        "exchange": INVERSE,
        "symbol": BTC,
        "side": "SELL",
        "price": Decimal(60_010),
        "size": Decimal("0.499916680553241126"),
        "notional": Decimal(30_000),
        "fee": Decimal("15.0025"),
        "pnl": Decimal(0),
        "trade_id": "te-1-s0",
        "client_order_id": "e-1-s0",
    }


def test_a_trade_without_a_pair_is_its_strategys(database: Database) -> None:
    """A strategy may trade one leg for itself."""
    journal = MemoryJournal(StepClock())
    for event in life():
        if isinstance(event, OrderFilled):
            event = replace(event, request=replace(event.request, pair_id=None, strategy="funding"))  # noqa: PLW2901
        journal.append(event)
    rebuild(journal.records(), database)
    assert {(trade["strategy"], trade["pair_id"]) for trade in queries.trades(database)} == {("funding", None)}


def test_the_plan_is_kept_beside_what_came_of_it(database: Database, journal: MemoryJournal) -> None:
    """REGRESSIONS 37: what was expected never takes the place of what was realised, nor the other way round."""
    rebuild(journal.records(), database)
    (pair,) = queries.pairs(database)
    assert pair["worst_case_loss"] == Decimal("55.5")
    assert (pair["expected_pnl"], pair["price_pnl"]) == (Decimal("12.5"), Decimal("9.95"))
    assert (pair["state"], pair["exit_reason"]) == ("CLOSED", "gap_vanished")
    assert pair["total"] == Decimal("9.95") - Decimal("60.05") - Decimal("0.75") - Decimal("0.01")
