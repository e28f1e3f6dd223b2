"""A disk that is full, or a journal that cannot be written at all: a demo, whole, in virtual time."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from perpbot.core.pairs import PairState
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.records.journal import FileJournal, read, verify
from perpbot.records.projector import Projector
from perpbot.service.demo import Demo
from perpbot.simulation.market import saved
from tests.integration.test_demo import demo

BROKEN_AFTER_SECONDS = 20.0


def full(*_: Any) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def pairs(path: Path) -> list[dict[str, Any]]:
    database = Database.read(path)
    try:
        return queries.pairs(database)
    finally:
        database.close()


def test_a_journal_that_cannot_be_written_ends_the_run_in_order_and_the_next_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says in one line what to do; no pair is forgotten, none is sent twice."""
    path = tmp_path / "demo.db"
    broken: list[str] = []
    write = FileJournal._write

    def written(journal: FileJournal, line: bytes) -> None:
        if broken and journal.path.name == "demo.db.journal":
            raise journal._fail(full())
        write(journal, line)

    def look(running: Demo) -> None:
        hedged = [pair for pair in running.service.parts.pairs.live() if pair.state is PairState.HEDGED]
        if hedged and running.clock.now_ns() - running.started_ns > BROKEN_AFTER_SECONDS * 1e9:
            broken.append(hedged[0].pair_id)

    with monkeypatch.context() as dying:
        dying.setattr(FileJournal, "_write", written)
        result = demo(path, on_frame=look)
    assert broken
    assert result["seconds"] < 60
    assert result["state"] in ("REDUCING", "HALTED")
    assert result["error"] == (
        f"task journal died: SystemStopped: journal {path}.journal cannot be written (No space left on device): "
        "nothing may be sent; make room or mend the disk, then stop the bot and start it again"
    )
    found = verify(path.with_name("demo.db.journal"))
    assert found.ok
    again = demo(path, "demo.pulses_per_minute=0", seconds=20)
    (recovered,) = [each for each in read(path.with_name("demo.db.journal")) if each.kind == "recovered"][1:]
    assert broken[0] in recovered.data["resumed"]
    assert "error" not in again
    assert again["invariants"]["violated"] == {}
    assert again["transfers"] == "0"


def test_a_market_that_cannot_be_kept_costs_neither_a_task_nor_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal's last space is for orders; the market goes on from where it was kept last."""
    path = tmp_path / "demo.db"

    def fail(*_: object) -> None:
        raise full()

    result = demo(path, seconds=30, on_frame=lambda _: monkeypatch.setattr(saved, "_replace", fail))
    assert "error" not in result
    assert [each for each in read(path.with_name("demo.db.journal")) if each.kind == "task_died"] == []


def test_a_database_that_cannot_be_written_at_the_end_does_not_fail_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal has everything, and the next start brings the database up to it."""
    path = tmp_path / "demo.db"

    def fail(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    with monkeypatch.context() as full_disk:
        full_disk.setattr(Projector, "flush", fail)
        result = demo(path, seconds=30)
    assert result["pairs"]["opened"] > 0
    assert "error" not in result
    assert pairs(path) == []
    demo(path, "demo.pulses_per_minute=0", seconds=1)
    assert len(pairs(path)) >= result["pairs"]["opened"]
