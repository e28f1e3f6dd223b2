"""The log stays within its budget, for its owner only, and never stops who writes to it."""

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perpbot.service.log_file import PARTS, LogFile

PART = 100
BUDGET = PARTS * PART


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(folder: Path) -> list[Path]:
    """Newest first."""
    return sorted(folder.iterdir(), key=lambda path: path.name)


def text(folder: Path) -> str:
    """All that is kept, oldest first."""
    return "".join(path.read_text(encoding="utf-8") for path in reversed(files(folder)))


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def quiet(folder: Path, budget: int = BUDGET) -> tuple[LogFile, list[str]]:
    said: list[str] = []
    return LogFile(folder / "perpbot.log", budget, said.append), said


def test_a_log_is_for_its_owner_and_is_appended_to(tmp_path: Path) -> None:
    """Also if it was made readable for others before."""
    path = tmp_path / "logs" / "perpbot.log"
    for line in ("one\n", "two\n"):
        file = LogFile(path, BUDGET)
        file.write(line)
        file.close()
        assert mode(path) == 0o600
        path.chmod(0o644)
    assert path.read_text(encoding="utf-8") == "one\ntwo\n"
    assert mode(path.parent) == 0o700


def test_a_full_part_is_put_aside_and_the_oldest_removed(tmp_path: Path) -> None:
    """The newest lines are kept, in order, each file for its owner only."""
    file, said = quiet(tmp_path)
    for number in range(200):
        file.write(f"line {number:04}\n")
        assert size(tmp_path) <= BUDGET
    file.close()
    kept = text(tmp_path).splitlines()
    assert kept == [f"line {number:04}" for number in range(200 - len(kept), 200)]
    assert len(kept) > 35
    assert [path.name for path in files(tmp_path)] == ["perpbot.log", *(f"perpbot.log.{n}" for n in range(1, PARTS))]
    assert {mode(path) for path in files(tmp_path)} == {0o600}
    assert said == []


@settings(max_examples=50)
@given(st.lists(st.integers(1, 80), max_size=60), st.integers(0, 60))
def test_the_budget_holds_whatever_is_written_and_over_a_restart(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], restart: int
) -> None:
    """Lines of any length, and a new program in between."""
    folder = tmp_path_factory.mktemp("logs")
    file, said = quiet(folder)
    for number, length in enumerate(lengths):
        if number == restart:
            file.close()
            file, said = quiet(folder)
        file.write("x" * length + "\n")
        assert size(folder) <= BUDGET
    file.close()
    assert said == []


def test_a_smaller_budget_than_last_time_holds_at_once(tmp_path: Path) -> None:
    """The oldest go with the first line."""
    file, _ = quiet(tmp_path, 10 * BUDGET)
    for number in range(400):
        file.write(f"line {number:04}\n")
    file.close()
    file, _ = quiet(tmp_path)
    file.write("now\n")
    file.write("then\n")
    file.close()
    assert size(tmp_path) <= BUDGET
    assert text(tmp_path).endswith("now\nthen\n")


def test_a_file_that_was_moved_away_or_deleted_is_made_anew(tmp_path: Path) -> None:
    """Someone tidied up while the bot ran."""
    file, said = quiet(tmp_path / "logs")
    file.write("one\n")
    file.path.rename(tmp_path / "mine")
    file.write("two\n")
    file.path.unlink()
    file.path.write_text("theirs\n", encoding="utf-8")
    file.write("two\n")
    assert file.path.read_text(encoding="utf-8") == "theirs\ntwo\n"
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "one\n"
    file.path.unlink()
    file.path.parent.rmdir()
    file.write("three\n")
    assert file.path.read_text(encoding="utf-8") == "three\n"
    assert mode(file.path) == 0o600
    assert said == []


def test_a_line_that_cannot_be_written_is_counted_and_said_once(tmp_path: Path) -> None:
    """A folder that cannot be made stops nobody; when it can, writing goes on, and the next trouble is said again."""
    (tmp_path / "logs").write_text("in the way", encoding="utf-8")
    file, said = quiet(tmp_path / "logs")
    for _ in range(3):
        file.write("lost\n")
    assert (file.lost, file.untold, len(said)) == (3, 3, 1)
    (tmp_path / "logs").unlink()
    file.write("written\n")
    assert (file.lost, file.untold) == (3, 0)
    file.write("x" * BUDGET)
    assert len(said) == 2
    assert "beyond the budget" in said[1]
    assert file.path.read_text(encoding="utf-8") == "written\n"


def test_half_a_line_is_never_joined_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk was full in the middle of a line, or the power went."""
    file, said = quiet(tmp_path)
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
        file.write("half a line\n")
    file.write("whole\n")
    file.close()
    assert file.path.read_text(encoding="utf-8") == "hal\nwhole\n"
    assert (file.lost, len(said)) == (1, 1)
    file.path.write_text("torn", encoding="utf-8")
    file.write("whole\n")
    assert file.path.read_text(encoding="utf-8") == "torn\nwhole\n"


def test_a_rotation_that_fails_keeps_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are lost rather than the disk filled."""
    file, said = quiet(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "replace", refuse)
    for number in range(100):
        file.write(f"line {number:04}\n")
    assert size(tmp_path) <= PART
    assert file.lost > 80
    assert len(said) == 1


def test_standard_error_that_is_gone_stops_nothing_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither place can be written: the bot trades."""

    class Gone:
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Gone())
    (tmp_path / "logs").touch()
    LogFile(tmp_path / "logs" / "perpbot.log", BUDGET).write("lost\n")
