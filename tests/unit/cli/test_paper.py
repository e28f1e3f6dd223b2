"""``perpbot paper reset``: everything is set aside, nothing destroyed, and never under a running bot."""

import fcntl
import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from perpbot.cli.command_line import run
from perpbot.records import packing
from perpbot.records.database import Database

OURS = ("", ".journal", ".journal.1", ".journal.torn", ".paper", ".market", ".latch")
NOT_OURS = (".lock", ".log", ".reset-20260101T000000.000000Z", ".before-0002", "x", ".yaml")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stopped demo's files in PERPBOT_HOME, and some others beside them."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    database = tmp_path / "demo.db"
    Database.create(database, "demo").close()
    for ending in (*OURS[1:], *NOT_OURS):
        database.with_name(database.name + ending).write_text(ending)
    return database


@contextmanager
def in_use(path: Path, pid: str) -> Iterator[None]:
    """A bot that has the store."""
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(pid)
        lock.flush()
        yield


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_all_that_the_bot_keeps_moves_aside_and_nothing_else(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Into one folder for its owner only, said in one line."""
    assert run(["paper", "reset"]) == 0
    (folder,) = (each for each in path.parent.iterdir() if each.is_dir())
    assert folder.name.startswith("demo.db.reset-2")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert names(folder) >= {f"demo.db{ending}" for ending in OURS}
    assert {name.removeprefix("demo.db") for name in names(folder)} <= {*OURS, "-wal", "-shm"}
    assert names(path.parent) == {folder.name, *(f"demo.db{ending}" for ending in NOT_OURS)}
    assert (folder / "demo.db.paper").read_text() == ".paper"
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith(f"files set aside in {folder}; the next start begins anew\n")


def test_json_names_the_folder_and_the_files(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output, alone; the second time there is nothing."""
    for _ in range(2):
        assert run(["paper", "reset", "--json", "--yes"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["database"] == second["database"] == str(path)
    assert set(first["moved"]) == names(Path(first["folder"]))
    assert (second["folder"], second["moved"]) == (None, [])


@pytest.mark.parametrize(("written", "named"), [("4711\n", "process 4711"), ("", "a running bot")])
def test_it_is_refused_while_a_bot_runs(
    path: Path, capsys: pytest.CaptureFixture[str], written: str, named: str
) -> None:
    """Who that is stands in the line, if the lock says it; nothing moves."""
    before = names(path.parent)
    with in_use(path, written):
        assert run(["paper", "reset"]) == 1
    assert capsys.readouterr().err == f"{path} is in use by {named}: stop it first, then reset\n"
    assert names(path.parent) == before


def test_it_waits_for_the_process_that_a_killed_bot_left(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It still packs the journal's files, and would put one of them beside the next journal. Its lock stays."""
    journal = path.with_name("demo.db.journal")
    with packing.alone(journal):
        before = names(path.parent)
        assert run(["paper", "reset"]) == 1
        assert names(path.parent) == before
    told = f"{journal} is being tidied by a process that an earlier run left: try again in a minute\n"
    assert capsys.readouterr().err == told
    assert run(["paper", "reset"]) == 0
    assert "demo.db.journal.tidying" in names(path.parent)


def test_a_lock_that_a_dead_process_left_does_not_matter(path: Path) -> None:
    """The system let go of it."""
    path.with_name("demo.db.lock").write_text("4711\n")
    assert run(["paper", "reset"]) == 0


@pytest.mark.parametrize("mode", ["live", "replay", None])
def test_what_no_paper_bot_made_is_refused(path: Path, capsys: pytest.CaptureFixture[str], mode: str | None) -> None:
    """Another mode's database, or no database at all."""
    other = path.with_name("other.db")
    if mode is None:
        other.write_text("mine")
    else:
        Database.create(other, mode).close()
    assert run(["paper", "reset", "--db", str(other)]) == 2
    assert capsys.readouterr().err.startswith(f"{other} is no database of mode demo: ")
    assert other.exists()


def test_paper_has_a_database_of_its_own(path: Path) -> None:
    """--mode paper leaves the demo's alone."""
    Database.create(path.with_name("paper.db"), "paper").close()
    assert run(["paper", "reset", "--mode", "paper"]) == 0
    assert path.exists()
    assert not path.with_name("paper.db").exists()


def test_accounts_without_a_database_are_reset_too(tmp_path: Path) -> None:
    """Whoever lost one of the files begins anew all the same."""
    (tmp_path / "a.db.paper").write_text("accounts")
    assert run(["paper", "reset", "--db", str(tmp_path / "a.db")]) == 0
    assert not (tmp_path / "a.db.paper").exists()
    assert run(["paper", "reset", "--db", str(tmp_path / "no" / "where.db")]) == 0


@pytest.mark.parametrize(("answer", "code", "moves"), [("y\n", 0, True), ("n\n", 130, False)])
def test_on_a_terminal_it_asks_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, moves: bool
) -> None:
    """Unless it was told --yes."""
    asked: list[str] = []

    def confirm(question: str, *, abort: bool, err: bool) -> None:
        asked.append(question)
        assert (abort, err) == (True, True)
        if answer != "y\n":
            raise click.Abort

    monkeypatch.setattr(click, "confirm", confirm)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert run(["paper", "reset"]) == code
    assert len(asked) == 1
    assert path.exists() is not moves
    assert run(["paper", "reset", "--yes"]) == 0
    assert len(asked) == 1


def test_a_folder_that_cannot_be_written_is_one_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing has moved."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    path.parent.chmod(0o500)
    try:
        assert run(["paper", "reset"]) == 2
    finally:
        path.parent.chmod(0o700)
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert path.exists()
