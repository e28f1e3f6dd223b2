"""Times are stored in UTC and shown in ``display.timezone``, in every listing."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.cli.command_line import run
from perpbot.cli.journal_words import fact
from perpbot.core.events import Event, SafeModeChanged, SettingChanged
from perpbot.records import journal, queries, tables
from perpbot.records.database import Database
from perpbot.records.encoding import encode
from perpbot.records.rows import instrument_row
from perpbot.simulation.clock import VirtualClock
from perpbot.simulation.clock import run as play
from tests.unit.records.test_reports import FILL, PAIR, insert
from tests.world import BTC, LINEAR

ZONES = [
    # the same moment on three clocks, winter and summer
    (1_704_110_400_000_000_000, "UTC", "01-01 12:00:00.000"),
    (1_704_110_400_000_000_000, "Asia/Shanghai", "01-01 20:00:00.000"),
    (1_704_110_400_000_000_000, "America/New_York", "01-01 07:00:00.000"),
    (1_723_118_400_000_000_000, "Asia/Shanghai", "08-08 20:00:00.000"),
    (1_723_118_400_000_000_000, "America/New_York", "08-08 08:00:00.000"),
    # the hour that comes twice says which one it is
    (1_730_611_800_000_000_000, "America/New_York", "11-03 01:30:00.000 EDT"),
    (1_730_615_400_000_000_000, "America/New_York", "11-03 01:30:00.000 EST"),
]
COMMANDS = ("pairs", "orders", "trades", "why", "report", "positions", "scan --once", "journal show")


def filled(path: Path, at_ns: int) -> Database:
    """A demo in which everything happened at one moment."""
    database = Database.create(path, "demo")
    times = {"planned_ns": at_ns, "opened_ns": at_ns, "closed_ns": at_ns}
    pair = PAIR | times | {"pair_id": "p1", "state": "CLOSED", "expected_pnl": Decimal(1)}
    insert(database, tables.pairs, pair)
    money = {"realized_usd": Decimal(1), "fee_usd": Decimal(0)}
    fill = FILL | money | {"trade_id": "1", "pair_id": "p1", "time_ns": at_ns}
    insert(database, tables.fills, fill)
    insert(database, tables.instruments, instrument_row(LINEAR) | {"exchange": "a"})
    shared = {name: fill[name] for name in ("exchange", "symbol", "side", "price", "size", "time_ns", "trade_id")}
    more = {"timestamp": "", "strategy": "s", "notional": Decimal(1), "fee": Decimal(0), "pnl": Decimal(0)}
    insert(database, tables.trades, shared | more | {"pair_id": "p1", "client_order_id": "1"})
    insert(database, tables.orders, _order(at_ns))
    verdict = {"symbol": BTC, "buy_exchange": "a", "sell_exchange": "b", "count": 1, "reason": "approved"}
    found = verdict | {"time_ns": at_ns, "rule": "", "measured": None, "limit": None, "detail": ""}
    queries.save_document(database, "verdicts", at_ns, [found])
    queries.save_document(database, "positions", at_ns, [])
    queries.save_document(database, "gaps", at_ns, [])
    return database


def _order(at_ns: int) -> dict[str, Any]:
    words = {"client_order_id": "1", "pair_id": "p1", "leg": "buy", "purpose": "entry", "exchange": "a", "symbol": BTC}
    terms = {"side": "BUY", "order_type": "LIMIT", "time_in_force": "IOC", "reduce_only": False, "status": "FILLED"}
    sizes = {"size": Decimal(1), "filled_size": Decimal(1), "created_ns": at_ns, "updated_ns": at_ns}
    return words | terms | sizes


@pytest.mark.parametrize(("at_ns", "timezone", "shown"), ZONES)
def test_every_listing_shows_the_reader_s_time(
    at_ns: int,
    timezone: str,
    shown: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Summer time included; the zone is named where the times stand."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    filled(tmp_path / "demo.db", at_ns).close()
    _journal(tmp_path / "demo.db.journal", at_ns)
    for command in COMMANDS:
        assert run([*command.split(), "--set", f"display.timezone={timezone}"]) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert shown in out, command
        assert timezone in out, command


def test_what_was_changed_while_running_is_how_times_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``config set display.timezone`` beats file and environment in every listing, and ``--set`` beats it."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    monkeypatch.setenv("PERPBOT_DISPLAY__TIMEZONE", "America/New_York")
    at_ns, timezone, shown = ZONES[1]
    change = SettingChanged("display.timezone", timezone, "UTC", timezone, "cli:anna", "home")
    database = filled(tmp_path / "demo.db", at_ns)
    insert(database, tables.events, {"time_ns": at_ns, "kind": change.kind, "data": encode(change)})
    database.close()
    _journal(tmp_path / "demo.db.journal", at_ns, change)
    for command in COMMANDS:
        assert run(command.split()) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert shown in out, command
        assert timezone in out, command
    assert run(["pairs", "--set", "display.timezone=UTC"]) == 0
    assert "(UTC)" in capsys.readouterr().out


def test_json_says_nanoseconds_whatever_the_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What programs read does not depend on how people like their clocks."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    at_ns, _, _ = ZONES[0]
    filled(tmp_path / "demo.db", at_ns).close()
    told = []
    for timezone in ("UTC", "Asia/Shanghai"):
        assert run(["pairs", "--json", "--set", f"display.timezone={timezone}"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert told[0]["pairs"][0]["opened_ns"] == at_ns


def test_a_time_inside_a_record_is_shown_as_the_others() -> None:
    """Nobody reads nanoseconds since 1970."""
    data = {"planned_ns": ZONES[0][0], "state": "SENT", "closed_ns": None}
    assert fact("pair", data, "Asia/Shanghai") == ("pair {planned 2024-01-01 20:00:00.000, state SENT, closed_ns None}")


def _journal(path: Path, at_ns: int, *events: Event) -> None:
    async def write(clock: VirtualClock) -> None:
        made = journal.FileJournal(path, clock, "process", lambda *_: None)
        made.append(SafeModeChanged("a", True, Decimal("0.06"), "drawdown"))
        for event in events:
            made.append(event)
        made.close()

    play(write, at_ns)
