"""``perpbot report``: tables, files, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from perpbot.cli.command_line import run
from perpbot.records import pictures, tables
from perpbot.records.database import Database
from tests.unit.records.test_page import MADE, SECOND, trade
from tests.unit.records.test_reports import insert, mark


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small demo's database."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path / "home"))
    path = tmp_path / "a.db"
    database = Database.create(path, "demo")
    for number, brought in enumerate(("1", "-2", "0.5")):
        trade(database, number, brought=brought)
    for second in range(5):
        mark(database, MADE - 3600 * SECOND + second * SECOND, a=str(100 + second), b="50")
    database.close()
    return path


def test_the_page_is_written_for_its_owner_only_and_may_be_written_again(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mode 0600, nothing left beside it; the JSON says where it is."""
    page = tmp_path / "out" / "report.html"
    page.parent.mkdir()
    for _ in range(2):
        assert run(["report", "--db", str(db), "--html", str(page), "--json"]) == 0
    assert page.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in page.parent.iterdir()] == ["report.html"]
    shown = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (shown["html"], shown["mode"], shown["by_exit"]["gap_vanished"]["closed"]) == (str(page), "demo", 3)
    assert (shown["best"]["pair_id"], shown["worst"]["pair_id"]) == ("p0", "p1")


def test_the_picture_is_written(db: Path, tmp_path: Path) -> None:
    """A PNG."""
    pytest.importorskip("matplotlib")
    assert run(["report", "--db", str(db), "--png", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").read_bytes().startswith(pictures.BEGIN)


@pytest.mark.parametrize("option", ["--html", "--png"])
def test_a_folder_that_is_not_there_is_said_in_one_line(
    db: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is made."""
    assert run(["report", "--db", str(db), option, str(tmp_path / "no" / "a.file")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert f"there is no folder {tmp_path / 'no'}" in told.err
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("option", ["--html", "--png"])
def test_a_file_that_is_no_report_is_not_overwritten(db: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Least of all a database."""
    before = db.read_bytes()
    assert run(["report", "--db", str(db), option, str(db)]) == 2
    assert "is no report and is not overwritten" in capsys.readouterr().err
    assert db.read_bytes() == before


def test_without_matplotlib_one_line_says_how_to_get_it(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page needs none."""
    monkeypatch.setattr(pictures, "find_spec", lambda _: None)
    assert run(["report", "--db", str(db), "--png", str(tmp_path / "a.png")]) == 2
    told = capsys.readouterr()
    assert told.err == "--png draws with matplotlib, which is not installed: pip install 'perpbot[report]'\n"
    assert not (tmp_path / "a.png").exists()
    assert run(["report", "--db", str(db), "--html", str(tmp_path / "a.html")]) == 0


def test_matplotlib_is_loaded_for_a_picture_only(db: Path, tmp_path: Path) -> None:
    """Neither the table nor the page waits for it."""
    code = (
        "import sys; from perpbot.cli.command_line import run; "
        f"assert run(['report', '--db', {str(db)!r}, '--html', {str(tmp_path / 'a.html')!r}]) == 0; "
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_table_says_what_is_quarantined_first(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By name, above the figures."""
    database = Database.open(db, "demo")
    trade(database, 7, "QUARANTINED", pair_id="stuck")
    database.close()
    assert run(["report", "--db", str(db)]) == 0
    out = capsys.readouterr().out
    assert out.index("stuck") < out.index("win rate")


@pytest.mark.parametrize(
    ("timezone", "shown"),
    [("UTC", "2024-08-08 23:00:00.000"), ("Asia/Shanghai", "2024-08-09 07:00"), ("Europe/Berlin", "2024-08-09 01:00")],
)
def test_times_are_in_the_reader_s_zone(
    db: Path, timezone: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In winter Berlin is another hour away: the offset is that of the time shown."""
    assert run(["report", "--db", str(db), "--set", f"display.timezone={timezone}"]) == 0
    assert shown in capsys.readouterr().out


def test_the_table_speaks_chinese(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By ``display.language``."""
    assert run(["report", "--db", str(db), "--set", "display.language=zh"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("交易报告", "胜率", "价差消失", "按交易所"))


def test_deposits_are_shown_where_there_are_any(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are no profit."""
    database = Database.open(db, "demo")
    row = {"exchange": "a", "time_ns": 1, "amount": Decimal(250), "transfer_id": "1"}
    insert(database, tables.transfers, row)
    database.close()
    assert run(["report", "--db", str(db)]) == 0
    assert "deposits and withdrawals" in capsys.readouterr().out
