"""The examples in a whole demo, in virtual time: what they do there, and what a restart makes of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from examples.exchange import PERIOD_NS
from perpbot.core.errors import InputError
from perpbot.core.pairs import PairState
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.service.configuration import load_settings
from perpbot.service.demo import Demo
from perpbot.service.extensions import look_beside
from perpbot.service.store import Store
from perpbot.simulation.clock import VirtualClock, run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
START = 1_764_000_000_000_000_000
SWING = PERIOD_NS / 1e9


@pytest.fixture(autouse=True)
def path_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked for beside a configuration is looked for in its own test alone."""
    monkeypatch.setattr(sys, "path", list(sys.path))


def demo(
    path: Path,
    example: str | None,
    *overrides: str,
    seconds: float,
    start_ns: int = START,
    on_frame: Callable[[Demo], None] | None = None,
) -> dict[str, Any]:
    """So many virtual seconds of a demo on the store at ``path``, with an example's configuration."""
    file = EXAMPLES / f"{example}.yaml" if example else None
    if file:
        look_beside(file)
    settings, _ = load_settings(file=file, overrides=overrides)

    async def main(clock: VirtualClock) -> dict[str, Any]:
        return await Demo(settings, store, clock=clock, seed=7, seconds=seconds, on_frame=on_frame).run()

    with Store(path, "demo") as store:
        return run(main, start_ns)


def end_with_a_hedged_pair(running: Demo) -> None:
    """Stop while something is held."""
    if any(pair.state is PairState.HEDGED for pair in running.service.parts.pairs.live()):
        running.end()


def held(path: Path) -> list[dict[str, Any]]:
    """The pairs that the database knows."""
    database = Database.read(path)
    try:
        return list(queries.pairs(database))
    finally:
        database.close()


def test_the_exchange_trades_in_the_demo(tmp_path: Path) -> None:
    """It swings against two exchanges that hardly move: each pair has a leg there, and the books agree."""
    result = demo(tmp_path / "demo.db", "exchange", seconds=8 * SWING)
    assert result["pairs"]["closed"] >= 3
    assert result["invariants"]["violated"] == {}
    assert "swing" in result["capital"]
    assert all("swing" in (pair["buy_exchange"], pair["sell_exchange"]) for pair in held(tmp_path / "demo.db"))


def test_held_to_reference_only_the_exchange_gets_no_order(tmp_path: Path) -> None:
    """Without its swing there is nothing to trade in this demo."""
    result = demo(tmp_path / "demo.db", "exchange", "exchanges.swing.trading=false", seconds=3 * SWING)
    assert result["pairs"]["attempted"] == 0
    assert "swing" not in result["capital"]


def test_the_intents_of_the_strategy_go_through_chain_and_gate(tmp_path: Path) -> None:
    """With the arbitrage off, each approved pair is the strategy's; the gate lets none pass that it did not see."""
    result = demo(tmp_path / "demo.db", "strategy", seconds=20)
    assert result["pairs"]["opened"] == result["verdicts"]["approved"] >= 1
    assert result["invariants"]["checked"]["I5"] >= 2
    assert result["invariants"]["violated"] == {}
    idle = demo(tmp_path / "idle.db", "strategy", "strategies=[]", seconds=20)
    assert idle["pairs"]["attempted"] == 0


def test_the_risk_rule_spaces_trades(tmp_path: Path) -> None:
    """Two pairs are never planned within its rest, and what it refuses is counted as custom."""
    result = demo(tmp_path / "demo.db", "risk_rule", seconds=30)
    assert result["verdicts"]["custom"] >= 1
    opened = sorted(pair["opened_ns"] for pair in held(tmp_path / "demo.db") if pair["opened_ns"])
    assert len(opened) >= 2
    assert all(later - earlier > 4.5e9 for earlier, later in pairwise(opened))


def test_after_a_restart_the_pair_of_an_exchange_that_forgot_is_quarantined(tmp_path: Path) -> None:
    """The example keeps its account in memory: the next run sees that it holds nothing, and says so."""
    path = tmp_path / "demo.db"
    first = demo(path, "exchange", seconds=60, on_frame=end_with_a_hedged_pair)
    assert first["pairs"]["open"] == 1
    again = demo(path, "exchange", seconds=SWING, start_ns=START + 120_000_000_000)
    assert again["pairs"]["quarantined"] == 1
    assert again["invariants"]["violated"] == {}


def test_without_the_exchange_its_pair_is_not_traded_around(tmp_path: Path) -> None:
    """Nobody could close what is held there: the start is refused, and says what to do."""
    path = tmp_path / "demo.db"
    first = demo(path, "exchange", seconds=60, on_frame=end_with_a_hedged_pair)
    for example, override, why in (
        (None, "capital.wu_size=10000", "is not in the configuration"),
        ("exchange", "exchanges.swing.enabled=false", "is disabled"),
        ("exchange", "exchanges.swing.trading=false", "may not trade"),
    ):
        expected = f"exchange swing {why}, and {first['open_pairs'][0]} of an earlier run is open there: bring it back"
        with pytest.raises(InputError, match=expected):
            demo(path, example, override, seconds=5, start_ns=START + 120_000_000_000)
