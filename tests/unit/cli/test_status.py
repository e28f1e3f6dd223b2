"""``perpbot status``: by the bot's own word, else by what it saved, and which of the two it is."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.cli import asking
from perpbot.cli.command_line import run
from perpbot.records import queries, tables
from perpbot.records.database import Database
from perpbot.service.address import latch_path
from tests.unit.cli.bot import answering
from tests.unit.cli.test_verbs import deaf
from tests.unit.records.test_reports import PAIR, insert

NOON = 1_723_118_400_000_000_000
SHAPE = {
    *("mode", "state", "reason", "since", "uptime_seconds", "pid", "exchanges", "pairs", "pnl", "equity", "frozen"),
    "source",
}
PARADEX = {"connected": True, "trading": True, "data_age_seconds": 0.02, "safe_mode": False, "blocked_by": {}}
STANDING: dict[str, Any] = {
    "mode": "demo",
    "state": "HALTED",
    "reason": "drill",
    "since": "2024-08-08T12:00:00.000000000Z",
    "uptime_seconds": 75.2,
    "pid": 4242,
    "recovered": True,
    "exchanges": {"paradex": PARADEX | {"equity": "10000", "reserved": "1000", "free": "9000"}},
    "pairs": {"attempted": 3, "missed": 0, "failed": 0, "opened": 3, "closed": 1, "open": 2, "quarantined": 1},
    "quarantined": ["e1-7"],
    "pnl": {"price": "2", "fees": "0.5", "funding": "0", "gas": "0", "total": "1.5"},
    "equity": "20001.5",
    "frozen": ["*"],
    "stops": ["drawdown"],
    "unexplained_positions": [{"exchange": "paradex", "symbol": "BTC-USD-PERP", "contracts": "0.3"}],
}


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    return Database.create(tmp_path / "demo.db", "demo")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, Any], str]:
    """The object, and what was said beside it."""
    assert run(["status", "--json", *arguments]) == 0
    shown = capsys.readouterr()
    found: dict[str, Any] = json.loads(shown.out)
    assert set(found) >= SHAPE
    return found, shown.err


def test_a_running_bot_speaks_for_itself(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the database has."""
    queries.save_document(database, "status", NOON, {**STANDING, "state": "ACTIVE"})
    with answering(database.path, {"status": {"status": "success", "document": STANDING}}):
        found, said = told(capsys)
    assert (found["state"], found["source"], found["pid"]) == ("HALTED", "bot", 4242)
    assert said == f"running bot: {database.path}\n"


def test_people_see_what_wants_attention_and_what_to_do(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """The state and why first, in their own time zone; collateral by exchange."""
    with answering(database.path, {"status": {"status": "success", "document": STANDING}}):
        assert run(["status", "--set", "display.timezone=Asia/Shanghai"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("HALTED (demo): drill; since 2024-08-08 20:00:00.000 Asia/Shanghai; up 1:15, process 4242")
    for words in (
        "`perpbot clear-halt --reason WHY`, then `perpbot start`",
        "QUARANTINED e1-7: `perpbot orders --pair e1-7`",
        "`perpbot resolve e1-7 --note",
        "position of no pair: 0.3 contracts of BTC-USD-PERP on paradex",
        "nothing opens: drawdown limit reached",
        "frozen: all symbols",
        "3 attempted, 3 opened, 1 closed, 2 open, 1 quarantined",
        "PnL: 1.5 USD = price 2 + funding 0 − fees 0.5; equity 20001.5 USD",
        "paradex yes 0.02 10000 1000 9000",
    ):
        assert words in shown, words


def test_without_a_bot_it_is_stopped_with_the_figures_saved_last(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is connected then; pairs are those of the database, which may know more; a latch that is set is said."""
    queries.save_document(database, "status", NOON, STANDING)
    lost = {"pair_id": "e1-9", "state": "QUARANTINED", "expected_pnl": Decimal(1), "closed_ns": None}
    insert(database, tables.pairs, PAIR | lost)
    latch_path(database.path).write_text("drill\n", encoding="utf-8")
    found, said = told(capsys)
    assert (found["state"], found["source"], found["pid"], found["uptime_seconds"]) == ("STOPPED", "database", None, 0)
    assert (found["equity"], found["quarantined"], found["latched"]) == ("20001.5", ["e1-9"], True)
    assert found["exchanges"]["paradex"]["connected"] is False
    assert found["exchanges"]["paradex"]["free"] == "9000"
    assert "no bot is running on it, `perpbot demo` starts one" in said
    assert run(["status"]) == 0
    shown = capsys.readouterr().out
    assert "STOPPED (demo): no bot is running; the halt latch is set" in shown
    assert "last saved 2024-08-08 12:00:00.000 UTC" in shown


def test_a_bot_that_was_killed_before_it_saved_anything_has_what_was_booked(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not known is null, never zero."""
    found, _ = told(capsys)
    assert (found["state"], found["equity"], found["since"]) == ("STOPPED", None, None)
    assert Decimal(found["pnl"]["total"]) == 0
    assert run(["status"]) == 0
    assert "equity – USD" in capsys.readouterr().out


def test_a_bot_that_does_not_answer_is_not_called_stopped(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is what it was when it saved last, and that is said."""
    queries.save_document(database, "status", NOON, STANDING)
    monkeypatch.setattr(asking.Line.__init__, "__defaults__", (0.05,))
    monkeypatch.setattr(asking.ask, "__defaults__", (0.05,))
    with deaf(database.path):
        found, said = told(capsys)
    assert (found["state"], found["source"]) == ("HALTED", "database")
    assert "has not answered for 0.05 s; this is what it saved last" in said


def test_what_a_starting_bot_does_not_know_is_a_dash(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """No account has been read: that is no zero."""
    starting = {**STANDING, "state": "ACTIVE", "recovered": False, "equity": None, "exchanges": {"paradex": PARADEX}}
    with answering(database.path, {"status": {"status": "success", "document": starting}}):
        assert run(["status"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "starting: nothing opens until it is known what earlier runs left" in shown
    assert "paradex yes 0.02 – – –" in shown


@pytest.mark.parametrize("saved", [True, False])
def test_a_report_has_the_bot_save_first(saved: bool, database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """And says whose figures they are."""
    with answering(database.path, {"save": {"status": "success", "saved": saved}}):
        assert run(["pairs", "--json"]) == 0
    said = capsys.readouterr().err
    assert f"running bot: {database.path} (demo)" in said
    assert ("the bot cannot write its database" in said) is not saved


def test_of_two_databases_the_running_bot_s_is_read(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Although the other was written later."""
    Database.create(tmp_path / "paper.db", "paper").close()
    with answering(database.path, {"save": {"status": "success", "saved": True}}):
        assert run(["orders", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mode"] == "demo"


def test_scan_asks_the_bot_that_runs(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """For the gaps as they are now; the saved ones only without it, which is said."""
    queries.save_document(database, "gaps", NOON, [])
    live = {"status": "success", "time_ns": NOON + 5, "document": []}
    with answering(database.path, {"gaps": live, "save": {"status": "success", "saved": True}}):
        assert run(["scan", "--once", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["time_ns"] == NOON + 5
    assert run(["scan", "--once", "--json"]) == 0
    found = capsys.readouterr()
    assert json.loads(found.out)["time_ns"] == NOON
    assert "these are the gaps that were saved last" in found.err
