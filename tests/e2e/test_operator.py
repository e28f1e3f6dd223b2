"""A running demo in one shell, its operator in another: every verb, what it does, and what the journal says of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from perpbot.cli.asking import NoAnswer, NoBot, actor, ask
from perpbot.cli.journal_words import BY_HAND
from perpbot.records import journal, queries
from perpbot.records.database import Database
from perpbot.records.queries import VerdictCount
from perpbot.service.system import SystemClock, wait
from tests.e2e.conftest import Ended, Perpbot

BUSY = (
    *("demo.pulses_per_minute=40", "demo.pulse_seconds=3", "exits.time_limit_seconds=8"),
    *("position.cooldown_seconds=0.5", "risk.max_consecutive_failures=1000", "risk.freeze_seconds=600"),
)
"""Gaps come often and stay for seconds: there is always a pair open, and always the next chance."""
SYMBOLS = ("BTC-USD-PERP", "ETH-USD-PERP", "SUI-USD-PERP", "KAITO-USD-PERP")
PATIENCE_SECONDS = 30.0
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Shells:
    """A demo that runs, and what gives commands beside it."""

    demo: subprocess.Popen[str]
    database: Path
    perpbot: Perpbot

    def done(self, *arguments: object) -> str:
        """A command that is carried out; what it says."""
        ended = self.perpbot(*arguments)
        assert ended.code == 0, ended.out + ended.err
        return ended.out.strip()

    def refused(self, *arguments: object, code: int = 1) -> str:
        """A command that is not; the one line that says why."""
        ended = self.perpbot(*arguments)
        assert (ended.code, ended.out) == (code, "")
        (line,) = ended.err.splitlines()
        return line

    def status(self) -> Any:
        """How the bot stands."""
        return ask(self.database, "status", PATIENCE_SECONDS)["document"]

    def pairs(self) -> list[dict[str, Any]]:
        """All pairs as the bot's database has them now."""
        found: list[dict[str, Any]] = self.read(queries.pairs)
        return found

    def read(self, query: Callable[[Database], Any]) -> Any:
        """What is in the database, which a bot that runs is asked to bring up to date."""
        if self.demo.poll() is None:
            assert ask(self.database, "save", PATIENCE_SECONDS)["saved"]
        database = Database.read(self.database)
        try:
            return query(database)
        finally:
            database.close()

    def opened(self) -> None:
        """Wait until a pair is open."""
        until(lambda: self.status()["pairs"]["open"] > 0, "no pair opened")

    def records(self) -> list[dict[str, Any]]:
        """What the journal says of commands and their effects."""
        found = journal.read(self.database.with_name("demo.db.journal"))
        kept = [record for record in found if record.kind in BY_HAND]
        return [{"time_ns": record.time_ns, "kind": record.kind, "data": record.data} for record in kept]


def until(reached: Callable[[], Any], otherwise: str) -> Any:
    """Ask again and again; what was reached."""
    clock = SystemClock()
    deadline = clock.now_ns() + round(PATIENCE_SECONDS * SECOND)
    while clock.now_ns() < deadline:
        if found := reached():
            return found
        wait(0.05)
    raise AssertionError(otherwise)


@pytest.fixture
def shells(home: Path, tmp_path: Path, perpbot: Perpbot) -> Iterator[Shells]:
    """A demo of its own, killed at the end if it still runs."""
    settings = [f"--set={setting}" for setting in BUSY]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PERPBOT_")}
    with (tmp_path / "demo.err").open("w") as errors:
        demo = subprocess.Popen(
            [sys.executable, "-m", "perpbot", "demo", "--headless", "--json", "--seed", "7", *settings],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=tmp_path,
            env={**environ, "PERPBOT_HOME": str(home)},
        )
        made = Shells(demo, home / "demo.db", perpbot)
        try:
            until(lambda: _listens(made), "the demo did not start")
            yield made
        finally:
            demo.kill()
            demo.communicate()


def _listens(shells: Shells) -> bool:
    assert shells.demo.poll() is None, "the demo ended"
    try:
        return bool(shells.status()["recovered"])
    except (NoBot, NoAnswer):
        return False


def test_the_operator_has_the_bot_in_hand(shells: Shells) -> None:
    """Pause, reduce, halt, a start that is refused, clear-halt, start, a limit changed, a pair closed, stop: and then
    the journal tells who did what, when and why."""
    _limits(shells)
    _closing(shells)
    _pausing(shells)
    _reducing(shells)
    _halting(shells)
    _stopping(shells)
    _the_journal_tells(shells)


def _limits(shells: Shells) -> None:
    key = "risk.max_risk_pct"
    assert shells.done("config", "set", key, "0.02", "-m", "new week") == f"{key} is 0.02, was 0.05"
    assert "is loosening: say so with --confirm" in shells.refused("config", "set", key, "0.04", "-m", "calm")
    assert shells.done("config", "set", key, "0.04", "-m", "calm", "--confirm") == f"{key} is 0.04, was 0.02"
    assert "needs --reason" in shells.refused("config", "set", key, "0.01", code=2)
    assert "did you mean max_risk_pct" in shells.refused("config", "set", "risk.max_risk_pc", "0.01", "-m", "typo")


def _closing(shells: Shells) -> None:
    """A pair may end by itself before the command comes: then the next one is closed."""

    def closed() -> str | None:
        shells.opened()
        live: list[str] = [pair["pair_id"] for pair in shells.pairs() if pair["state"] == "HEDGED"]
        ended = shells.perpbot("close", live[-1], "-m", "by hand") if live else None
        if ended is None or ended.code:
            return None
        assert ended.out == f"closing {live[-1]}\n"
        return live[-1]

    pair_id = until(closed, "no pair was closed by hand")
    (pair,) = until(
        lambda: [each for each in shells.pairs() if each["pair_id"] == pair_id and each["state"] == "CLOSED"],
        "it did not end",
    )
    assert pair["exit_reason"] == "operator"


def _pausing(shells: Shells) -> None:
    """From the moment of the pause chances come and nothing opens, while what is open ends by its own exits."""

    def paused() -> bool:
        shells.opened()
        said = shells.done("pause", "-m", "lunch")
        if "exits go on for" not in said:
            assert shells.done("start", "-m", "nothing was open").startswith("trading")
            return False
        return True

    until(paused, "no pair was open at a pause")
    since = shells.records()[-1]["time_ns"]
    assert (shells.status()["state"], shells.status()["reason"]) == ("REDUCING", "lunch")
    until(lambda: shells.status()["pairs"]["open"] == 0, "exits did not go on")
    until(lambda: _refused_chances(shells) > 0, "no chance came while it was paused")
    pairs = shells.pairs()
    assert all(pair["planned_ns"] < since for pair in pairs if pair["state"] != "REFUSED")
    assert any(pair["closed_ns"] > since for pair in pairs if pair["state"] == "CLOSED")


def _refused_chances(shells: Shells) -> int:
    counts: list[VerdictCount] = shells.read(queries.verdicts)
    return sum(each.count for each in counts if each.reason == "not_active")


def _reducing(shells: Shells) -> None:
    """Everything open gets its exit at once."""
    assert shells.done("start", "-m", "back").startswith("trading")
    shells.opened()
    said = shells.done("reduce", "-m", "news ahead", "--json")
    assert json.loads(said)["state"] == "REDUCING"
    until(lambda: shells.status()["pairs"]["open"] == 0, "reduce closed nothing")


def _halting(shells: Shells) -> None:
    """The latch keeps start out until somebody says why it may go."""
    assert shells.done("halt", "-m", "drill").startswith("halted")
    refusal = shells.refused("start", "-m", "too early")
    assert refusal.startswith("start is not allowed while HALTED (drill)")
    assert "needs --reason" in shells.refused("clear-halt", code=2)
    assert "nothing opens until start" in shells.done("clear-halt", "-m", "drill is over")
    assert shells.done("start", "-m", "open again").startswith("trading")
    assert "nothing opens in any symbol" not in shells.done("freeze", SYMBOLS[0].lower(), "-m", "listing")
    assert shells.perpbot("status", "--json").json["frozen"] == [SYMBOLS[0]]
    assert shells.done("start").startswith("trading")
    assert shells.status()["frozen"] == []


def _stopping(shells: Shells) -> None:
    """The verb returns when the bot has gone, and says what it left."""
    said = shells.done("stop", "-m", "end of day")
    assert shells.demo.wait(5) == 0
    left = [pair["pair_id"] for pair in shells.pairs() if pair["state"] == "HEDGED"]
    assert said == "stopped; no pair is open" or all(pair_id in said for pair_id in left)
    found = shells.perpbot("status", "--json")
    assert (found.json["state"], found.json["source"]) == ("STOPPED", "database")
    assert "no bot is running" in shells.refused("pause")


def _the_journal_tells(shells: Shells) -> None:
    who = actor()
    told = [(each["kind"], each["data"].get("command"), each["data"].get("reason")) for each in shells.records()]
    expected = [
        ("command_taken", "config set", "new week"),
        ("command_refused", "config set", "calm"),
        ("setting_changed", None, "calm"),
        ("command_taken", "close", "by hand"),
        ("command_taken", "pause", "lunch"),
        ("state_changed", None, "lunch"),
        ("command_taken", "reduce", "news ahead"),
        ("command_taken", "halt", "drill"),
        ("command_refused", "start", "too early"),
        ("command_taken", "clear-halt", "drill is over"),
        ("command_taken", "start", "open again"),
        ("command_taken", "freeze", "listing"),
        ("command_taken", "stop", "end of day"),
    ]
    places = [told.index(each) for each in expected]
    assert places == sorted(places)
    assert all(each["data"]["actor"] == who for each in shells.records() if each["kind"].startswith("command_"))
    shown = " ".join(shells.done("journal", "show", "--commands", "--limit", "200").split())
    assert f"pause by {who}: lunch" in shown
    assert f"start by {who}: too early REFUSED: start is not allowed while HALTED (drill)" in shown
    assert f"risk.max_risk_pct 0.02 → 0.04 by {who}: calm" in shown
    assert f"ACTIVE → REDUCING by {who}: lunch" in shown
    assert shells.perpbot("journal", "verify").code == 0


def test_a_bot_that_was_killed_leaves_a_socket_that_hangs_nobody(shells: Shells) -> None:
    """One line and exit code 1; a halt works all the same, and the next start knows it."""
    shells.demo.kill()
    shells.demo.wait(5)
    assert (shells.database.parent / "demo.db.sock").exists()
    assert shells.refused("pause").startswith(f"no bot is running on {shells.database}; `perpbot demo` starts one")
    assert "the next start is halted" in shells.done("halt", "-m", "killed")
    found: Ended = shells.perpbot("status", "--json")
    assert found.json["latched"] is True
    again = shells.perpbot("demo", "--headless", "--json", "--seconds", "1")
    assert (again.code, again.json["state"]) == (0, "HALTED")
