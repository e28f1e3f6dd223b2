"""The operator's verbs: what goes over the socket, what is said of the answer, and what if none comes."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.cli import verbs
from perpbot.cli.asking import actor
from perpbot.cli.command_line import run
from perpbot.cli.commands import COMMANDS as ON_THE_LINE
from perpbot.core.commands import COMMANDS
from perpbot.core.events import RunStarted
from perpbot.records import tables
from perpbot.records.database import Database
from perpbot.records.rows import run_row
from perpbot.service.address import latch_path, lock_path, socket_path
from perpbot.service.door import to_command
from tests.unit.cli.bot import answering
from tests.unit.records.test_reports import PAIR, insert

GIVEN: dict[str, tuple[str, dict[str, Any]]] = {
    "start": ("start", {}),
    "pause": ("pause", {}),
    "freeze btc-usd-perp ETH-USD-PERP": ("freeze", {"symbols": ["BTC-USD-PERP", "ETH-USD-PERP"]}),
    "reduce": ("reduce", {}),
    "halt --flatten": ("halt", {"flatten": True}),
    "clear-halt": ("clear-halt", {}),
    "close e1-7": ("close", {"target": "e1-7"}),
    "close btc-usd-perp": ("close", {"target": "BTC-USD-PERP"}),
    "resolve e1-7": ("resolve", {"pair_id": "e1-7"}),
    "reset-peak": ("reset-peak", {}),
    "override --minutes 5": ("override", {"minutes": 5.0}),
    "override --trades 3": ("override", {"trades": 3}),
    "safe-mode Paradex": ("safe-mode", {"exchange": "paradex"}),
    "reweight --wash 0.1 --arb 0.8 --reserve 0.1": ("reweight", {"wash": "0.1", "arb": "0.8", "reserve": "0.1"}),
    "config set risk.max_risk_pct 0.02 --confirm": (
        "config set",
        {"key": "risk.max_risk_pct", "value": "0.02", "confirm": True},
    ),
}


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A demo's database in a home of its own, on which no bot runs."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    path = tmp_path / "demo.db"
    Database.create(path, "demo").close()
    return path


@contextmanager
def deaf(database: Path) -> Iterator[None]:
    """Somebody listens and never answers."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(socket_path(database)))
        door.listen()
        yield


def sent(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The request that the other side echoed as what it did."""
    request: dict[str, Any] = json.loads(capsys.readouterr().out)
    return request


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line, with nothing on standard output."""
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    return line


def test_every_command_of_the_core_can_be_given() -> None:
    """`config set` stands with the configuration, the rest by itself."""
    assert set(COMMANDS) - {"config set"} <= set(ON_THE_LINE)
    assert {verb for verb, _ in GIVEN.values()} == set(COMMANDS) - {"stop"}


def test_what_is_sent_is_what_the_bot_takes(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With who and why, and a key that comes but once."""
    keys = set()
    with answering(database):
        for line, (verb, arguments) in GIVEN.items():
            assert run([*line.split(), "-m", "because"]) == 0, line
            request = sent(capsys)
            assert (request["verb"], request["arguments"]) == (verb, arguments)
            assert (request["actor"], request["reason"]) == (actor(), "because")
            assert isinstance(to_command(verb, arguments), COMMANDS[verb])
            keys.add(request["key"])
    assert len(keys) == len(GIVEN)
    assert actor().startswith("cli:")


def test_a_key_can_be_given_so_that_a_repeated_call_acts_once(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two calls, one key."""
    with answering(database):
        assert run(["pause", "--key", "k1"]) == 0
        assert sent(capsys)["key"] == "k1"


@pytest.mark.parametrize(
    "line", ["clear-halt", "resolve e1-7", "reset-peak", "safe-mode paradex", "config set risk.max_risk_pct 0.02"]
)
def test_what_wants_a_reason_is_not_even_asked_without_one(
    line: str, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2; nobody listens, and that is not what is said."""
    option = "--note" if line.startswith("resolve") else "--reason"
    for more in ([], ["-m", "  "]):
        assert run([*line.split(), *more]) == 2
        assert f"needs {option} TEXT: say why" in refusal(capsys)


@pytest.mark.parametrize(
    "line",
    [
        *("override", "override --minutes 1 --trades 1", "override --trades 0", "override --trades 100001"),
        *("override --minutes nan", "override --minutes inf", "override --minutes -1", "override --minutes 1e7"),
        *("close", "pause --db="),
    ],
)
def test_what_is_given_wrongly_is_usage(line: str, database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line."""
    assert run(line.split()) == 2
    assert "see perpbot" in refusal(capsys)


def test_what_is_longer_than_a_bot_takes_is_not_sent(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Said at once, and not after the bot has hung up."""
    with deaf(database):
        assert run(["pause", "--reason", "x" * 70_000]) == 2
    assert "a bot takes 65,536: say it in fewer words" in refusal(capsys)


@pytest.mark.parametrize("status", ["refused", "error"])
def test_a_refusal_is_one_line_and_exit_code_1(status: str, database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With ``--json`` the answer stands on standard output as well."""
    answer = {"status": status, "reason": "start is not allowed while HALTED (drill)"}
    with answering(database, {"start": answer}):
        assert run(["start"]) == 1
        assert refusal(capsys) == answer["reason"]
        assert run(["start", "--json"]) == 1
        told = capsys.readouterr()
        assert (json.loads(told.out), told.err) == (answer, f"{answer['reason']}\n")


def test_what_was_done_is_one_line_or_the_answer(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing on standard error."""
    answer = {"status": "success", "detail": "trading", "state": "ACTIVE"}
    with answering(database, {"start": answer}):
        assert run(["start"]) == 0
        assert capsys.readouterr() == ("trading\n", "")
        assert run(["start", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == answer


def test_without_any_bot_it_says_what_starts_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty home, too."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    assert run(["pause"]) == 1
    assert refusal(capsys) == f"no bot is running in {tmp_path}; `perpbot demo` starts one"


def test_a_socket_that_a_killed_bot_left_is_no_bot(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At once, in one line."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(socket_path(database)))
    for named in ([], ["--db", str(database)]):
        assert run(["pause", *named]) == 1
        assert refusal(capsys) == f"no bot is running on {database}; `perpbot demo` starts one"
    assert run(["clear-halt", "-m", "done"]) == 1
    assert "starts one, halted; then clear-halt" in refusal(capsys)


def test_a_bot_that_does_not_answer_is_not_waited_for_long(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line says how to give the command again without giving it twice."""
    monkeypatch.setattr(verbs, "PATIENCE_SECONDS", 0.05)
    with deaf(database):
        assert run(["start", "--key", "k9"]) == 1
    assert "has not answered for 0.05 s" in (said := refusal(capsys))
    assert "--key k9 it acts once" in said


def test_a_bot_that_just_starts_is_waited_for_and_named(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has its store before it listens."""
    monkeypatch.setattr(verbs, "PATIENCE_SECONDS", 0.05)
    with lock_path(database).open("w+") as lock:
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run(["pause"]) == 1
    assert f"(process {os.getpid()}) does not listen: it is starting or ending" in refusal(capsys)


def test_a_bot_is_found_without_its_database_and_without_its_socket(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever removed a file must not be told that no bot runs."""
    monkeypatch.setattr(verbs, "PATIENCE_SECONDS", 0.05)
    database.unlink()
    with lock_path(database).open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        assert run(["pause"]) == 1
    line = refusal(capsys)
    assert f"(process {os.getpid()}) does not listen" in line
    assert f"if its socket {socket_path(database)} was removed, `kill {os.getpid()}` stops it in order" in line


def test_a_halt_without_a_bot_sets_the_latch_with_who_and_why(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For its owner's eyes; the line says that no bot has answered."""
    assert run(["halt", "-m", "smoke"]) == 0
    told = capsys.readouterr()
    assert "no bot is running there" in told.out
    assert "the next start is halted" in told.out
    latch = latch_path(database)
    assert latch.read_text(encoding="utf-8") == f"{actor()}: smoke\n"
    assert latch.stat().st_mode & 0o777 == 0o600


def test_a_latch_that_cannot_be_written_is_no_halt_and_says_so_in_one_line(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a trace nor a log line: what is wrong, and that nothing is halted."""
    long = database.rename(database.with_name("d " * 123 + "d.db"))
    assert run(["halt", "-m", "smoke", "--db", str(long)]) == 1
    line = refusal(capsys)
    assert line.startswith(f"NOT halted: {latch_path(long)} cannot be written (File name too long), and no bot is ")


def test_a_halt_that_a_bot_does_not_answer_sets_the_latch_that_it_looks_at(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kill switch does not wait for a bot that hangs."""
    monkeypatch.setattr(verbs, "HALT_PATIENCE_SECONDS", 0.05)
    with deaf(database):
        assert run(["halt", "--flatten", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["state"], answer["by"]) == ("HALTED", "latch")
    assert "it sends no opening from now on" in answer["detail"]
    assert "nothing is closed" in answer["detail"]
    assert latch_path(database).exists()


def test_a_halt_of_nothing_makes_no_latch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped name is no halt."""
    assert run(["halt", "--db", str(tmp_path / "dmeo.db")]) == 2
    assert "no such database, there is nothing to halt" in refusal(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_stop_that_takes_long_is_said(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bot has heard it and is still there."""
    monkeypatch.setattr(verbs, "STOP_SECONDS", 0.05)
    with answering(database, {"stop": {"status": "success", "detail": "stopping; no pair is open"}}):
        assert run(["stop"]) == 1
    told = capsys.readouterr()
    assert told.err.splitlines()[0] == "stopping; no pair is open"
    assert "still stopping after 0.05 s" in told.err.splitlines()[1]


@pytest.mark.parametrize("ended", [True, False])
def test_what_a_stopped_bot_left_open_is_only_said_if_the_database_knows(ended: bool, tmp_path: Path) -> None:
    """A full disk leaves it behind the journal: it would name pairs that are long closed."""
    database = Database.create(tmp_path / "demo.db", "demo")
    insert(database, tables.runs, run_row(RunStarted("demo", "e", "0.1.0"), 1) | {"stopped_ns": 2 if ended else None})
    insert(database, tables.pairs, PAIR | {"pair_id": "e-2", "state": "HEDGED", "expected_pnl": Decimal(1)})
    database.close()
    left = verbs._left_open(tmp_path / "demo.db")
    assert left == ([{"pair_id": "e-2", "symbol": "BTC-USD-PERP", "state": "HEDGED"}] if ended else None)
    assert ("e-2" in verbs._stopped(left)) is ended
    assert ("not up to date" in verbs._stopped(left)) is not ended
