"""``perpbot scan``: the gaps that the bot saved, once or again and again."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from perpbot.cli.command_line import run
from perpbot.cli.scan import Reading, _picture, _Watch
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.service.settings import DisplaySettings
from perpbot.simulation.clock import VirtualClock
from perpbot.simulation.clock import run as play

NOON = 1_723_118_400_000_000_000
"""2024-08-08 12:00:00 UTC"""
FIGURES = (
    *("open_gap_bps", "close_gap_bps", "edge_bps", "fees_bps", "funding_bps", "haircut_bps", "min_profit_bps"),
    *("break_even_bps", "distance_bps"),
)


def gap(symbol: str, missing: str | None, **more: Any) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "buy_exchange": "a",
        "sell_exchange": "b",
        "tradable": True,
        "reference_only": [],
        **dict.fromkeys(FIGURES, "1.5"),
        "distance_bps": missing,
        "buy_age_seconds": 0.01,
        "sell_age_seconds": None,
        "reason": "edge_below_minimum",
        **more,
    }


def drawn(
    gaps: list[dict[str, Any]], display: DisplaySettings, now_ns: int = NOON, most: int | None = None, width: int = 200
) -> str:
    to = Console(width=width, record=True, file=io.StringIO())
    to.print(_picture(Reading(NOON, gaps), display, now_ns, most, width))
    return to.export_text()


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    return Database.create(tmp_path / "demo.db", "demo")


def test_once_is_one_object(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """With the mode and the time of what it shows."""
    queries.save_document(database, "gaps", NOON, [gap("BTC-USD-PERP", "3")])
    assert run(["scan", "--once", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert (found["mode"], found["time_ns"], found["gaps"][0]["distance_bps"]) == ("demo", NOON, "3")


def test_a_bot_that_saved_no_gaps_is_one_line(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and what to do."""
    assert run(["scan", "--once"]) == 2
    assert "holds no gaps yet: start the bot" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("timezone", "shown"),
    [("UTC", "2024-08-08 12:00:00.000"), ("Asia/Shanghai", "2024-08-08 20:00"), ("Europe/Berlin", "2024-08-08 14:00")],
)
def test_the_time_is_that_of_the_reader(timezone: str, shown: str) -> None:
    """In ``display.timezone``, which is named."""
    text = drawn([gap("BTC-USD-PERP", "3")], DisplaySettings(timezone=timezone))
    assert f"{shown}" in text
    assert timezone in text


def test_a_bot_that_no_longer_writes_is_noticed() -> None:
    """The gaps of a minute ago are none of now."""
    shown = [gap("BTC-USD-PERP", "3")]
    assert "no bot is writing" not in drawn(shown, DisplaySettings(), NOON + 2_000_000_000)
    assert "60 s ago: no bot is writing" in drawn(shown, DisplaySettings(), NOON + 60_000_000_000)


def test_what_cannot_be_traded_says_so() -> None:
    """A reference exchange is marked beside its name; a symbol that is not scanned is another thing."""
    rows = [
        gap("BTC-USD-PERP", None, tradable=False, reference_only=["b"], reason=None),
        gap("ETH-USD-PERP", None, tradable=False, reason=None),
        gap("SUI-USD-PERP", "4", reason=None),
    ]
    text = drawn(rows, DisplaySettings())
    assert "b (ref)" in text
    assert "a (ref)" not in text
    assert "reference only" in text
    assert "not scanned" in text
    assert "no more than usual" in text
    assert "仅作参考" in drawn(rows, DisplaySettings(language="zh"))


def test_a_small_terminal_shows_the_nearest_and_says_that_there_are_more() -> None:
    """As many rows as it has room for."""
    text = drawn([gap(f"C{n}-USD-PERP", str(n)) for n in range(9)], DisplaySettings(), most=3)
    assert "C2-USD-PERP" in text
    assert "C3-USD-PERP" not in text
    assert "and 6 more" in text


def test_of_what_cannot_be_traded_only_the_widest_of_a_symbol_are_shown() -> None:
    """Reference exchanges do not crowd out what matters."""
    more = [gap("BTC-USD-PERP", None, tradable=False, reference_only=["b"], buy_exchange=f"x{n}") for n in range(5)]
    text = drawn([gap("BTC-USD-PERP", "4"), *more], DisplaySettings())
    assert [f"x{n}" in text for n in range(5)] == [True, True, False, False, False]
    assert "and 3 more; --json has all" in text


@pytest.mark.parametrize("width", [80, 100, 120, 150])
def test_a_narrow_terminal_has_what_matters_and_one_line_a_gap(width: int) -> None:
    """Break-even and what is missing are never left out or cut off; nothing wraps."""
    rows = [gap("KAITO-USD-PERP", "19.97", buy_exchange="paradex", break_even_bps="24.68") for n in range(4)]
    lines = drawn(rows, DisplaySettings(), width=width).splitlines()
    found = [line for line in lines if "USD-PERP" in line]
    assert len(found) == 4
    assert all("24.68" in line and "19.97" in line and "paradex" in line for line in found)
    assert len([line for line in lines if line.strip()]) == 7
    assert all(len(line) <= width for line in lines)


def test_a_name_from_data_is_no_markup() -> None:
    """Brackets stay brackets."""
    assert "[red]x" in drawn([gap("BTC-USD-PERP", "1", buy_exchange="[red]x")], DisplaySettings())


def test_watching_prints_each_new_reading_and_the_summary_last(capsys: pytest.CaptureFixture[str]) -> None:
    """One object a line; a reading that is not new is not said again; the nearest of all is kept."""
    found = [
        Reading(NOON, [gap("BTC-USD-PERP", "5"), gap("X-USD-PERP", None)]),
        Reading(NOON, [gap("BTC-USD-PERP", "5")]),
        Reading(NOON + 1, [gap("ETH-USD-PERP", "-2")]),
        Reading(NOON + 2, [gap("BTC-USD-PERP", "7")]),
    ]
    left = iter(found)

    async def main(clock: VirtualClock) -> None:
        watch = _Watch(lambda: next(left), DisplaySettings(), clock, as_json=True)
        await watch.run(3.5)
        watch.conclude()

    play(main, NOON)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["time_ns"] for line in lines[:-1]] == [NOON, NOON + 1, NOON + 2]
    assert (lines[-1]["readings"], lines[-1]["seconds"]) == (3, 3.5)
    assert (lines[-1]["nearest"]["symbol"], lines[-1]["nearest"]["time_ns"]) == ("ETH-USD-PERP", NOON + 1)
    assert next(left, None) is None


def test_for_ends_by_itself(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, in real time."""
    queries.save_document(database, "gaps", NOON, [gap("BTC-USD-PERP", "3")])
    assert run(["scan", "--for", "0.05", "--json"]) == 0
    first, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["gaps"][0]["symbol"] == "BTC-USD-PERP"
    assert last["readings"] == 1
