"""A database of each earlier schema, as it was written then, becomes one of today: with a backup, and nothing lost."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from perpbot.core.errors import InputError
from perpbot.core.events import CommandRefused, CommandTaken
from perpbot.records import decimals
from perpbot.records.database import Database
from perpbot.records.journal import MemoryJournal
from perpbot.records.migrations import runner
from perpbot.records.projector import Projector
from tests.unit.records.scenes import StepClock

FIRST = Path(__file__).with_name("schema_0001.sql")
TABLES = ("runs", "pairs", "orders", "fills", "trades", "funding", "gas", "transfers", "equity", "events", "journals")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A demo's database of the first schema."""
    with closing(sqlite3.connect(tmp_path / "demo.db")) as made:
        decimals.install(made)
        made.executescript(FIRST.read_text(encoding="utf-8"))
    return tmp_path / "demo.db"


def rows(path: Path, table: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as opened:
        decimals.install(opened)
        return opened.execute(f"SELECT * FROM {table}").fetchall()


def test_the_first_schema_is_upgraded_beside_a_backup_with_all_it_held(path: Path) -> None:
    """Done when 4: rows are equal before and after; what the new tables show is filled from the old ones."""
    before = {table: rows(path, table) for table in TABLES}
    assert all(before.values())
    Database.open(path, "demo").close()
    assert {table: rows(path, table) for table in TABLES} == before
    assert [row[2:] for row in rows(path, "commands")] == [
        ("pause", "{}", "cli", "look at it", None),
        ("start", '{"force":"yes"}', "cli", "go on", "HALTED: clear-halt first"),
    ]
    backup = path.with_name(f"demo.db.before-{runner.newest()}")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert {table: rows(backup, table) for table in TABLES} == before
    assert rows(backup, "alembic_version") == [("0001",)]
    Database.read(path).close()


def test_a_backup_that_cannot_be_written_stops_the_upgrade(path: Path) -> None:
    """In one line; the database stays as it was."""
    path.with_name(f"demo.db.before-{runner.newest()}").mkdir()
    with pytest.raises(InputError, match=r"before-\d+: Is a directory; .*upgraded once it can be backed up"):
        Database.open(path, "demo")
    assert rows(path, "alembic_version") == [("0001",)]


def test_commands_are_kept_with_who_what_when_and_why(tmp_path: Path) -> None:
    """Those that were refused too."""
    database = Database.create(tmp_path / "demo.db", "demo")
    journal = MemoryJournal(StepClock())
    projector = Projector(database, journal.identity)
    taken = CommandTaken("halt", {"flatten": "true"}, "cli", "news", "")
    for event in (taken, CommandRefused("start", {}, "cli", "go on", "HALTED")):
        projector.add(journal.append(event), 7, event)
    projector.flush()
    database.close()
    assert [row[1:] for row in rows(tmp_path / "demo.db", "commands")] == [
        (7, "halt", '{"flatten": "true"}', "cli", "news", None),
        (7, "start", "{}", "cli", "go on", "HALTED"),
    ]
