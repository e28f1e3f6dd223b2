"""The examples, as someone runs them who has the wheel installed and two files in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, Perpbot

SECONDS = 10


@pytest.fixture
def example(installed: Perpbot, tmp_path: Path) -> Any:
    """Copies one example into a folder of its own and runs its demo; returns what the demo's JSON says."""

    def run(name: str) -> Any:
        folder = tmp_path / "mine"
        folder.mkdir()
        for suffix in ("py", "yaml"):
            shutil.copy(ROOT / "examples" / f"{name}.{suffix}", folder)
        config = folder / f"{name}.yaml"
        ran = installed("demo", "--headless", "--json", "--seconds", SECONDS, "--seed", 5, "--config", config)
        assert ran.code == 0, ran.err
        result = ran.json
        assert result["invariants"]["violated"] == {}
        return result

    return run


def test_an_exchange_of_ones_own_trades(example: Any, installed: Perpbot) -> None:
    """It has capital, orders go there through the gate, and every fill is booked."""
    result = example("exchange")
    assert set(result["capital"]) >= {"swing", "paradex", "extended"}
    assert result["verdicts"]["approved"] >= 1
    assert result["pairs"]["opened"] >= 1
    trades = installed("trades", "--json").json["trades"]
    assert {"swing"} < {trade["exchange"] for trade in trades}


def test_the_intents_of_a_strategy_of_ones_own_are_carried_out(example: Any) -> None:
    """The built-in arbitrage is off: what passed the chain and was opened came from the strategy."""
    result = example("strategy")
    assert result["verdicts"]["approved"] >= 1
    assert result["pairs"]["attempted"] >= 1


def test_a_risk_rule_of_ones_own_refuses(example: Any) -> None:
    """After the first trade the rule speaks, and its refusals are counted as its own."""
    result = example("risk_rule")
    assert result["verdicts"]["approved"] >= 1
    assert result["verdicts"]["custom"] >= 1


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("class: 'mine:Nothing'", "has no attribute 'Nothing'"),
        ("class: 'nowhere:Mine'", "No module named 'nowhere'"),
        ("class: 'mine:Rule'", "must extend perpbot.exchanges.base.ExchangeBase"),
        ("class: 'mine:Half'", "is not complete; it must have cancel_order, get_balance"),
    ],
)
def test_a_class_that_cannot_be_used_is_one_line_with_its_place(
    perpbot: Perpbot, tmp_path: Path, written: str, words: str
) -> None:
    """File, line and column, what is wrong and what to do; exit code 2."""
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "mine.py").write_text(MINE, encoding="utf-8")
    config = folder / "mine.yaml"
    config.write_text(f"exchanges:\n  mine:\n    type: dex\n    {written}\n", encoding="utf-8")
    line = perpbot("demo", "--headless", "--seconds", 1, "--config", config).refusal()
    assert f"{config}:4:12: exchanges.mine.class: " in line
    assert words in line


def test_a_constructor_that_raises_is_one_line_too(perpbot: Perpbot, tmp_path: Path) -> None:
    """Behind what a demo says when it begins; without a trace, and with exit code 2."""
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    config = tmp_path / "mine.yaml"
    config.write_text("exchanges:\n  mine: {class: 'mine:Failing'}\n", encoding="utf-8")
    ran = perpbot("demo", "--headless", "--seconds", 1, "--config", config)
    assert ran.code == 2, ran.err
    line = ran.err.splitlines()[-1]
    expected = "exchanges.mine.class: Failing cannot be made of its settings (KeyError: 'MINE_KEY')"
    assert line == f"{config}:2:17: {expected}"
    assert "Traceback" not in ran.err


def test_an_exchange_that_nobody_knows_is_refused_with_the_nearest(perpbot: Perpbot, tmp_path: Path) -> None:
    """A slip in a name must not silently trade without it."""
    config = tmp_path / "mine.yaml"
    config.write_text("exchanges:\n  paradx: {enabled: true}\n", encoding="utf-8")
    line = perpbot("demo", "--headless", "--seconds", 1, "--config", config).refusal()
    assert "exchanges.paradx" in line
    assert "did you mean paradex?" in line


MINE = """
from perpbot.exchanges.base import ExchangeBase


class Rule:
    pass


class Half(ExchangeBase):
    async def connect(self): ...
    async def disconnect(self): ...
    async def place_order(self, *_, **__): ...
    async def get_position(self, symbol): ...
    async def subscribe_orderbook(self, symbol, listener): ...


class Failing(Half):
    async def cancel_order(self, symbol, client_order_id): ...
    async def get_balance(self): ...

    def __init__(self, config):
        raise KeyError("MINE_KEY")
"""
