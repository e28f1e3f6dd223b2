"""``perpbot positions``: what the bot saved, or what the recorded fills add up to."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.cli.command_line import run
from perpbot.records import queries, tables
from perpbot.records.database import Database
from perpbot.records.rows import instrument_row
from tests.unit.records.test_reports import FILL, PAIR, insert
from tests.world import BTC, INVERSE, LINEAR

NOON = 1_723_118_400_000_000_000
"""2024-08-08 12:00:00 UTC"""


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A demo that bought and sold a hundredth of a coin, and closed half of what it bought."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    made = Database.create(tmp_path / "demo.db", "demo")
    insert(made, tables.instruments, instrument_row(replace(LINEAR, exchange="a")))
    insert(made, tables.instruments, instrument_row(replace(INVERSE, exchange="b")))
    insert(made, tables.pairs, PAIR | {"pair_id": "p1", "state": "HEDGED", "expected_pnl": Decimal(1)})
    fill(made, "1", exchange="a", side="BUY", price="60000", contracts="0.010")
    fill(made, "2", exchange="a", side="BUY", price="61000", contracts="0.010")
    fill(made, "3", exchange="a", side="SELL", price="62000", contracts="0.010")
    fill(made, "4", exchange="b", side="SELL", price="60000", contracts="60")
    return made


def fill(database: Database, trade_id: str, *, price: str, contracts: str, **facts: Any) -> None:
    numbers = {"price": Decimal(price), "contracts": Decimal(contracts), "time_ns": NOON}
    nothing = {"realized_usd": Decimal(0), "fee_usd": Decimal(0), "pair_id": "p1"}
    insert(database, tables.fills, FILL | nothing | numbers | {"trade_id": trade_id, **facts})


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run(["positions", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_without_a_running_bot_positions_are_what_the_fills_add_up_to(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """At average cost, linear and inverse; no mark is made up."""
    found = shown(capsys)
    assert (found["marked"], found["as_of_ns"], found["mode"]) == (False, NOON, "demo")
    bought, sold = found["positions"]
    assert (bought["side"], bought["size"], bought["entry_price"]) == ("LONG", "0.010", "60500")
    assert (sold["side"], sold["contracts"], sold["entry_price"]) == ("SHORT", "60", "60000")
    assert Decimal(sold["size"]) == Decimal("0.01")
    assert {row["pair_id"] for row in (bought, sold)} == {"p1"}
    assert {row["mark_price"] for row in (bought, sold)} == {None}


def test_what_the_bot_saved_after_the_last_fill_is_shown(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its marks."""
    row = dict.fromkeys(("notional", "liquidation_price", "pair_id", "pair_state"))
    numbers = {"contracts": "1", "size": "1", "entry_price": "5", "mark_price": "6", "unrealized_pnl": "1"}
    words = {"exchange": "a", "symbol": BTC, "side": "LONG", "owner": "mine", "strategy": "mine"}
    queries.save_document(database, "positions", NOON + 1, [row | numbers | words])
    found = shown(capsys)
    assert (found["marked"], found["positions"][0]["unrealized_pnl"]) == (True, "1")
    assert run(["positions"]) == 0
    told = capsys.readouterr()
    assert "mine" in told.out
    assert "not known" not in told.err


def test_what_was_saved_before_the_last_fill_is_not_believed(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bot that was killed saved nothing after it."""
    queries.save_document(database, "positions", NOON - 1, [])
    assert len(shown(capsys)["positions"]) == 2
    assert run(["positions"]) == 0
    told = capsys.readouterr()
    assert "60500" in told.out
    assert "not known without a running bot" in told.err


@pytest.mark.parametrize(
    ("timezone", "moment"),
    [("UTC", "2024-08-08 12:00"), ("Asia/Shanghai", "2024-08-08 20:00"), ("America/New_York", "08:00")],
)
def test_the_time_is_that_of_the_reader(
    database: Database, timezone: str, moment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As of when, in ``display.timezone``."""
    assert run(["positions", "--set", f"display.timezone={timezone}"]) == 0
    assert moment in capsys.readouterr().out


def test_nothing_held_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not an empty table."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    Database.create(tmp_path / "demo.db", "demo").close()
    assert run(["positions"]) == 0
    assert capsys.readouterr().out == "no open positions\n"
