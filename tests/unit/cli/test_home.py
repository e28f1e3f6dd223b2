"""Which database a report reads."""

import os
from pathlib import Path

import pytest

from perpbot.cli.home import BOTS_FIRST, database_path, home, load, newest
from perpbot.core.errors import ConfigError, InputError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def write(folder: Path, name: str, second: int) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(b"")
    os.utime(path, (second, second))
    return path


def test_the_home_is_what_the_environment_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``~`` is understood; without it, it is ~/.perpbot; a run makes it for its owner only."""
    assert database_path("demo") == folder / "demo.db"
    assert folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("PERPBOT_HOME", "~/elsewhere")
    assert home() == Path.home() / "elsewhere"
    monkeypatch.delenv("PERPBOT_HOME")
    assert home() == Path.home() / ".perpbot"


def test_the_newest_of_all_is_read(folder: Path) -> None:
    """For what a replay answers as well as a bot."""
    write(folder, "demo.db", 100)
    replay = write(folder, "replay.db", 200)
    assert newest([("demo", "paper", "live", "replay")]) == replay


def test_what_stands_in_the_write_ahead_log_is_new(folder: Path) -> None:
    """A running bot may not have touched the file itself for a while."""
    demo = write(folder, "demo.db", 100)
    write(folder, "demo.db-wal", 300)
    write(folder, "replay.db", 200)
    assert newest([("demo", "paper", "live", "replay")]) == demo


def test_a_bot_s_database_comes_before_a_replay_s(folder: Path) -> None:
    """For what concerns a running bot; a replay only where no bot ever ran."""
    replay = write(folder, "replay.db", 200)
    assert newest(BOTS_FIRST) == replay
    demo = write(folder, "demo.db", 100)
    assert newest(BOTS_FIRST) == demo


def test_without_any_it_says_what_to_run_first(folder: Path) -> None:
    """In one line."""
    with pytest.raises(InputError, match=r"perpbot demo.*perpbot replay DATASET.*--db"):
        newest(BOTS_FIRST)


@pytest.mark.parametrize("kind", ["folder", "dangling"])
def test_a_configuration_that_stands_there_and_cannot_be_read_is_no_default(kind: str, folder: Path) -> None:
    """What is meant to limit the risk must not be passed over because it is a link to nowhere."""
    folder.mkdir()
    path = folder / "perpbot.yaml"
    path.mkdir() if kind == "folder" else path.symlink_to(folder / "gone.yaml")
    with pytest.raises((ConfigError, InputError), match=r"perpbot.yaml: (cannot be read|no such file)"):
        load(None, [])
