"""A restore or a backup that is killed, as no program can prevent, before any of its steps on the disk."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from perpbot.cli.command_line import run
from perpbot.core.errors import InputError
from perpbot.core.events import RunStarted
from perpbot.records import packing
from perpbot.records.journal import read, verify
from perpbot.service.backups import back_up
from perpbot.service.half_restored import note_path
from perpbot.service.store import Store
from perpbot.service.system import SystemClock
from perpbot.simulation.paper.accounts import AccountFile

NOW = 1_764_000_000_000_000_000
OLD, NEW = RunStarted("demo", "archived", "0.1.0"), RunStarted("demo", "since", "0.1.0")
STEPS = 24
"""More than a restore has: it ends by itself before the last of these."""
LIFE = """
import os, signal, sys
from pathlib import Path
from perpbot.cli.command_line import run

left = int(sys.argv[1])


def mortal(step):
    def take(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*arguments, **named)

    return take


for name in ("rename", "mkdir", "unlink"):
    setattr(Path, name, mortal(getattr(Path, name)))
opened, counted = os.open, mortal(os.open)
os.open = lambda path, flags, *rest, **named: (counted if flags & os.O_CREAT else opened)(path, flags, *rest, **named)
sys.exit(run(sys.argv[2:]))
"""


def mortal(home: Path, steps: int, *arguments: object) -> int:
    """How a command ended that was killed before step ``steps``, if it came so far."""
    environment = {**os.environ, "PERPBOT_HOME": str(home)}
    command = [sys.executable, "-c", LIFE, str(steps), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False).returncode


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder whose journal went on in several files since its backup was made."""
    home = tmp_path_factory.mktemp("scene") / "home"
    grow(home / "demo.db", OLD)
    AccountFile(home / "demo.db.paper", SystemClock()).close()
    back_up(home / "demo.db", home / "old.tar.gz", NOW)
    grow(home / "demo.db", NEW)
    packing.compress(home / "demo.db.journal")
    return home


def grow(database: Path, event: RunStarted) -> None:
    with Store(database, "demo") as store:
        journal = store.open_journal(SystemClock())
        journal._full_at = journal._segment_bytes = 700
        for _ in range(8):
            journal.append(event)
            journal.flush()


@pytest.fixture
def home(scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path / "home"))
    return Path(shutil.copytree(scene, tmp_path / "home"))


def epochs(database: Path) -> list[str]:
    """What a start finds in the journal."""
    with Store(database, "demo") as store:
        store.open_journal(SystemClock())
        return [str(record.data["epoch"]) for record in store.history() if record.kind == RunStarted.kind]


OLD_STATE = ["archived"] * 8
NEW_STATE = [*OLD_STATE, *["since"] * 8]


@pytest.mark.parametrize("steps", range(5, STEPS, 2))
def test_a_killed_restore_leaves_one_state_whole_or_says_what_to_do(
    home: Path, steps: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The start says it in one line, every other command too; the restore made again puts everything in its place."""
    database = home / "demo.db"
    ended = mortal(home, steps, "restore", home / "old.tar.gz", "--yes")
    assert ended in (0, -signal.SIGKILL)
    if note_path(database).exists():
        again = f"perpbot restore {home / 'old.tar.gz'} --db {database}"
        said = f"{database}: a restore was killed before all files were in their place; run `{again}` again"
        with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
            epochs(database)
        for command in ("status", "pairs", "why", "backup"):
            capsys.readouterr()
            assert run([command]) == 2
            assert capsys.readouterr().err == f"{said}\n"
    else:
        assert epochs(database) in (OLD_STATE, NEW_STATE)
    assert run(["restore", str(home / "old.tar.gz"), "--db", str(database), "--yes"]) == 0
    assert epochs(database) == OLD_STATE
    assert {record.data.get("epoch") for record in read(home / "demo.db.journal")} == {None, "archived"}
    assert list(home.glob(".perpbot-*")) == []
    assert (home / "demo.db.paper").exists()


def test_it_has_no_more_steps_than_are_tried(home: Path) -> None:
    """Or the last ones would never be."""
    assert mortal(home, STEPS - 1, "restore", home / "old.tar.gz", "--yes") == 0


@pytest.mark.parametrize("steps", range(1, 12, 3))
def test_a_killed_backup_leaves_a_whole_archive_or_none(home: Path, steps: int) -> None:
    """What it left half done is gone after the next one."""
    made = home / "backups" / "a.tar.gz"
    ended = mortal(home, steps, "backup", made)
    assert ended in (0, -signal.SIGKILL)
    assert made.exists() == (ended == 0)
    assert verify(home / "demo.db.journal").ok
    if ended:
        assert run(["backup", str(made)]) == 0
    assert [each.name for each in made.parent.iterdir()] == ["a.tar.gz"]
    assert run(["restore", str(made), "--db", str(home / "other.db"), "--yes"]) == 0
    assert epochs(home / "other.db") == NEW_STATE
