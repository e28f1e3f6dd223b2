"""``perpbot backup`` and ``perpbot restore``: where to, what is said, and what is asked."""

import json
from pathlib import Path

import pytest

from perpbot.cli.command_line import run
from perpbot.core.events import RunStarted
from perpbot.service.store import Store
from perpbot.service.system import SystemClock


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stopped demo in PERPBOT_HOME."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    with Store(tmp_path / "demo.db", "demo") as store:
        store.open_journal(SystemClock()).append(RunStarted("demo", "e", "0.1.0"))
    return tmp_path / "demo.db"


def test_there_and_back(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By default into the folder of backups, named by mode and time; back into the place of its mode."""
    assert run(["backup", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    archive = Path(made["file"])
    assert archive.parent == path.parent / "backups"
    assert archive.name.startswith("demo-2")
    assert (made["mode"], made["records"]) == ("demo", 2)
    assert run(["restore", str(archive), "--yes", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["database"] == str(path)
    assert Path(done["aside"], "demo.db").exists()


def test_without_a_terminal_it_wants_yes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script never replaces anything by accident."""
    assert run(["backup", str(path.parent / "a.tar.gz")]) == 0
    capsys.readouterr()
    assert run(["restore", str(path.parent / "a.tar.gz")]) == 2
    assert capsys.readouterr().err == f"what {path} keeps would be replaced: say --yes\n"


def test_where_nothing_is_kept_nothing_is_asked(path: Path) -> None:
    """On a new machine nothing is replaced."""
    assert run(["backup", str(path.parent / "a.tar.gz")]) == 0
    elsewhere = path.parent / "new" / "demo.db"
    assert run(["restore", str(path.parent / "a.tar.gz"), "--db", str(elsewhere)]) == 0
    assert elsewhere.exists()


def test_without_a_run_there_is_nothing_to_back_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    assert run(["backup"]) == 2
    assert run(["backup", "--db", str(tmp_path / "no.db")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert list(tmp_path.iterdir()) == []
