"""The demo, whole, in virtual time: what it trades, what it says, and how it stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.core.commands import TradingState
from perpbot.core.pairs import PairState
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.records.journal import verify
from perpbot.records.recordings import Dataset
from perpbot.service.configuration import load_settings
from perpbot.service.demo import Demo
from perpbot.service.replaying import replay
from perpbot.service.store import Store
from perpbot.simulation.clock import VirtualClock, run

START = 1_764_000_000_000_000_000


def demo(
    path: Path,
    *overrides: str,
    seconds: float = 60.0,
    seed: int = 7,
    record: Path | None = None,
    on_frame: Callable[[Demo], None] | None = None,
) -> dict[str, Any]:
    """Run a demo of so many virtual seconds on a fresh store at ``path``."""
    settings, _ = load_settings(overrides=overrides)

    async def main(clock: VirtualClock) -> dict[str, Any]:
        running = Demo(settings, store, clock=clock, seed=seed, seconds=seconds, record=record, on_frame=on_frame)
        return await running.run()

    with Store(path, "demo") as store:
        return run(main, START)


def test_within_a_minute_a_pair_has_opened_and_closed_with_its_pnl_in_the_ledger(tmp_path: Path) -> None:
    """The main job runs without keys and without a network, breaks no invariant, and its identity holds."""
    result = demo(tmp_path / "demo.db")
    assert result["pairs"]["closed"] >= 1
    assert result["invariants"]["violated"] == {}
    assert result["opportunities"] == sum(result["verdicts"].values())
    pnl = {name: Decimal(amount) for name, amount in result["pnl"].items()}
    assert pnl["total"] == pnl["price"] + pnl["funding"] - pnl["fees"] - pnl["gas"] != 0
    assert Decimal(result["equity_change"]) == pnl["total"] + Decimal(result["transfers"])


def test_the_same_seed_trades_the_same(tmp_path: Path) -> None:
    """In virtual time a demo repeats to the digit; another seed is another market."""
    first, again = (demo(tmp_path / f"{name}.db", seconds=20, seed=3) for name in "ab")
    assert json.dumps(first) == json.dumps(again)
    assert demo(tmp_path / "c.db", seconds=20, seed=4)["quotes"] != first["quotes"]


def test_without_pulses_it_trades_next_to_nothing(tmp_path: Path) -> None:
    """No recorded gap of majors pays real fees; without invented ones there is nothing to take."""
    result = demo(tmp_path / "demo.db", "demo.pulses_per_minute=0", seconds=30)
    assert result["pulses"]["count"] == 0
    assert result["pairs"]["attempted"] == 0
    assert result["quotes"] > 1000


def test_every_record_of_a_demo_is_in_a_journal_that_verifies(tmp_path: Path) -> None:
    """Journal and database agree on what was closed and what it brought."""
    path = tmp_path / "demo.db"
    result = demo(path)
    assert verify(path.with_name("demo.db.journal")).ok
    database = Database.read(path)
    pairs = queries.pairs(database)
    database.close()
    closed = [pair for pair in pairs if pair["state"] == PairState.CLOSED]
    assert len(closed) == result["pairs"]["closed"]
    assert sum((pair["total"] for pair in pairs), Decimal(0)) == Decimal(result["pnl"]["total"])


def test_what_a_demo_records_a_replay_reads(tmp_path: Path) -> None:
    """The recording holds every frame the bot saw, and its books are whole."""
    demo(tmp_path / "demo.db", seconds=20, record=tmp_path / "recording")
    settings, _ = load_settings(exchanges=())
    frames = Dataset.open(tmp_path / "recording").frames
    with Store(tmp_path / "replay.db", "replay") as store:
        result = replay(tmp_path / "recording", settings, store)
    assert result["frames"] == frames > 1000
    assert result["invariants"]["violated"] == {}


def test_a_stop_leaves_nothing_in_flight(tmp_path: Path) -> None:
    """Stopping forbids openings, brings pairs in flight to hedged or flat, and lists what stays open."""
    seen: list[Demo] = []

    def end_when_a_pair_is_in_flight(running: Demo) -> None:
        seen.append(running)
        if running.service.parts.pairs.live():
            running.end()

    result = demo(tmp_path / "demo.db", "demo.pulse_seconds=5", seconds=300, on_frame=end_when_a_pair_is_in_flight)
    parts = seen[-1].service.parts
    assert result["state"] == TradingState.REDUCING
    assert parts.executor.in_flight() == []
    assert all(pair.state is PairState.HEDGED for pair in parts.pairs.live())
    assert result["open_pairs"] == [pair.pair_id for pair in seen[-1].left]


@pytest.mark.parametrize("name", ["paradex", "extended"])
def test_with_one_exchange_left_nothing_is_traded(tmp_path: Path, name: str) -> None:
    """A pair needs two exchanges; a demo with one goes on quietly."""
    result = demo(tmp_path / "demo.db", f"exchanges.{name}.enabled=false", seconds=5)
    assert result["pairs"]["attempted"] == 0
    assert result["opportunities"] == 0


def test_whoever_creates_the_latch_file_halts_the_demo(tmp_path: Path) -> None:
    """A file beside the store: seen within a loop, journaled, and nothing is opened any more; a fresh demo is free."""
    opened: list[int] = []

    def on_frame(running: Demo) -> None:
        seconds = (running.clock.now_ns() - START) / 1e9
        if seconds >= 5:
            (tmp_path / "demo.db.latch").touch()
        if seconds >= 7:
            opened.append(len(list(running.service.parts.pairs.pairs())))

    result = demo(tmp_path / "demo.db", seconds=30, on_frame=on_frame)
    assert result["state"] == TradingState.HALTED
    assert len(set(opened)) == 1
    assert result["verdicts"]["latched"] > 0
    assert demo(tmp_path / "demo.db", seconds=2)["state"] == TradingState.HALTED  # a restart does not lift it


def test_what_an_earlier_run_said_of_itself_is_gone_once_the_next_one_trades(tmp_path: Path) -> None:
    """Else a bot that hangs in its first seconds would be shown with another one's state and process."""
    path = tmp_path / "demo.db"
    demo(path, seconds=2)
    seen: list[str] = []

    def on_frame(running: Demo) -> None:
        if running.service.recovered and not seen:
            database = Database.read(path)
            seen.extend((queries.document(database, "status")["epoch"], running.host.status()["epoch"]))
            database.close()

    demo(path, seconds=3, on_frame=on_frame)
    assert seen[0] == seen[1]
