"""The latch: a file that anyone may create and only an operator removes."""

from __future__ import annotations

from pathlib import Path

import pytest

from perpbot.core.ports import Latch
from perpbot.records.latch import FileLatch


def test_whoever_creates_the_file_sets_the_latch(tmp_path: Path) -> None:
    """It is looked at each time, without a restart."""
    latch: Latch = FileLatch(tmp_path / "latch")
    assert not latch.is_set()
    (tmp_path / "latch").touch()
    assert latch.is_set()


def test_a_set_latch_survives_the_process_with_its_first_reason(tmp_path: Path) -> None:
    """For its owner alone; a later reason does not hide the first."""
    first = FileLatch(tmp_path / "latch")
    first.set("I7: positions differ")
    first.set("something later")
    assert FileLatch(tmp_path / "latch").is_set()
    assert first.path.read_text(encoding="utf-8") == "I7: positions differ\n"
    assert first.path.stat().st_mode & 0o777 == 0o600
    assert FileLatch(first.path).why() == "I7: positions differ"


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", ""), (b"\xff\x1b[31m a\nb", "� [31m a b"), (b"x" * 9000, "x" * 500)],
    ids=["empty", "escapes", "long"],
)
def test_whatever_stands_in_the_file_is_one_short_line(content: bytes, why: str, tmp_path: Path) -> None:
    """Anyone may create it, also with `touch`; nothing in it can get in the way of halting."""
    latch = FileLatch(tmp_path / "latch")
    assert latch.why() == ""
    latch.path.write_bytes(content)
    assert latch.why() == why


def test_clearing_removes_the_file(tmp_path: Path) -> None:
    """And once more does no harm."""
    latch = FileLatch(tmp_path / "latch")
    latch.set("drill")
    latch.clear()
    latch.clear()
    assert not latch.is_set()
    assert not latch.path.exists()


def test_a_latch_that_cannot_be_written_or_looked_at_is_set(tmp_path: Path) -> None:
    """A full or broken disk never lets trading go on."""
    (tmp_path / "file").touch()
    latch = FileLatch(tmp_path / "file" / "latch")
    assert latch.is_set()
    gone = FileLatch(tmp_path / "no folder" / "latch")
    assert not gone.is_set()
    gone.set("drill")
    assert gone.is_set()
