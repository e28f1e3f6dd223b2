"""What the journal says of commands, for people; and which records and rows are shown."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from perpbot.cli.command_line import run
from perpbot.cli.journal_words import words
from perpbot.core.commands import Halt, Override, TradingState
from perpbot.core.events import CommandRefused, CommandTaken, Event, PairResolved, SettingChanged, StateChanged
from perpbot.core.names import PairId
from perpbot.records import journal, tables
from perpbot.records.database import Database
from perpbot.simulation.clock import VirtualClock
from perpbot.simulation.clock import run as play
from tests.unit.records.test_reports import PAIR, insert
from tests.world import BTC, START

SAID: list[tuple[Event, str]] = [
    (CommandTaken("pause", {}, "cli:ann", "lunch", "k1"), "pause by cli:ann: lunch"),
    (CommandTaken("start", {}, "cli:ann", "", "k2"), "start by cli:ann"),
    (CommandTaken("halt", Halt(flatten=True).arguments(), "cli:ann", "", "k3"), "halt --flatten by cli:ann"),
    (CommandTaken("override", Override(minutes=5).arguments(), "cli:ann", "", ""), "override --minutes 5 by cli:ann"),
    (
        CommandRefused("config set", {"key": "risk.x", "value": "1"}, "cli:ann", "calm", "risk.x is not known"),
        "config set risk.x 1 by cli:ann: calm REFUSED: risk.x is not known",
    ),
    (SettingChanged("risk.x", "1", "2", "1", "cli:ann", "calm"), "risk.x 2 → 1 by cli:ann: calm"),
    (StateChanged(TradingState.ACTIVE, TradingState.HALTED, "cli:ann", "drill"), "ACTIVE → HALTED by cli:ann: drill"),
    (PairResolved(PairId("e-1"), BTC, "cli:ann", "flat on both"), f"e-1 ({BTC}) by cli:ann: flat on both"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with a record of each, and others between them."""
    made = tmp_path / "demo.db.journal"

    async def write(clock: VirtualClock) -> None:
        file = journal.FileJournal(made, clock, "process", lambda *_: None)
        for event, _ in SAID:
            file.append(event)
        file.close()

    play(write, START)
    return made


def test_who_did_what_and_why_is_one_sentence(path: Path) -> None:
    """Arguments as they were given; no key, no empty field."""
    said = [words(record, "UTC") for record in journal.read(path)]
    assert said[1:] == [sentence for _, sentence in SAID]


def test_only_what_was_commanded_and_what_came_of_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--commands``; kinds may also be named one by one."""
    assert run(["journal", "show", str(path), "--commands", "--json"]) == 0
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds == [event.kind for event, _ in SAID]
    chosen = ["--kind", "command_refused", "--kind", "setting_changed"]
    assert run(["journal", "show", str(path), *chosen, "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_pairs_that_are_not_over_and_orders_of_one_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As messages name them; a pair that is not there is refused with the nearest name."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    database = Database.create(tmp_path / "demo.db", "demo")
    for pair_id, state in (("e-1", "CLOSED"), ("e-2", "HEDGED"), ("e-3", "QUARANTINED")):
        insert(database, tables.pairs, PAIR | {"pair_id": pair_id, "state": state, "expected_pnl": Decimal(1)})
    database.close()
    assert run(["pairs", "--open", "--json"]) == 0
    assert [pair["pair_id"] for pair in json.loads(capsys.readouterr().out)["pairs"]] == ["e-2", "e-3"]
    assert run(["orders", "--pair", "e-1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["orders"] == []
    assert run(["orders", "--pair", "e-9"]) == 2
    assert "e-9: no such pair in" in capsys.readouterr().err
