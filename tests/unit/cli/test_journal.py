"""``perpbot journal verify``: which file, line and record, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perpbot.cli.command_line import run
from perpbot.records import packing, segments
from perpbot.records.journal import FileJournal
from tests.unit.records.scenes import StepClock, life


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal in several files."""
    journal = FileJournal(tmp_path / "j", StepClock(), segment_bytes=6000)
    for event in life() * 2:
        journal.append(event)
        journal.flush()
    journal.close()
    return tmp_path / "j"


def test_a_bad_record_is_named_with_file_line_and_number(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line and what to do; the same in JSON."""
    file = path.parent / "j.00002"
    before = segments.verify_file(path.parent / "j.00001").records
    file.write_bytes(file.read_bytes().replace(b'"size":"0.5"', b'"size":"0.6"', 1))
    line = segments.verify_file(file).first_bad_line
    assert line is not None
    record = before + line - 1
    assert run(["journal", "verify", str(path)]) == 1
    ended = capsys.readouterr()
    assert ended.out == ""
    assert ended.err == (
        f"{file}: line {line}: record {record}: the hash does not match what is written; the {record} records before "
        "it are good, trust nothing from it on: restore a backup (perpbot restore), or move the database and all files "
        "of its journal away to begin anew\n"
    )
    assert run(["journal", "verify", str(path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["journal"], found["ok"], found["files"]) == (str(path), False, 2)
    assert (found["file"], found["first_bad_line"], found["record"]) == (str(file), line, record)


def test_a_whole_one_says_how_many_files_it_has(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No bad line is named."""
    assert run(["journal", "verify", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["file"], found["first_bad_line"], found["record"]) == (True, None, None, None)
    assert run(["journal", "verify", str(path)]) == 0
    files = len(segments.files(path))
    assert f"records in {files} files, whole and unchanged" in " ".join(capsys.readouterr().out.split())


def test_a_packed_file_may_be_named_alone(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It begins where its header says."""
    packing.compress(path)
    assert run(["journal", "verify", str(path.parent / "j.00002.gz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_changed_packing_is_named(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its records are whole, and yet somebody was at it."""
    packing.compress(path)
    file = path.parent / "j.00001.gz"
    content = bytearray(file.read_bytes())
    content[4] ^= 1
    file.write_bytes(content)
    assert run(["journal", "verify", str(path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"{file}: it was changed since it was packed")
    assert len(said.splitlines()) == 1
