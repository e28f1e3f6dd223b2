"""Intents and what a strategy is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpbot.strategy.intents import ClosePosition, OpenPair
from perpbot.strategy.protocol import ExecutingStrategy, MarketData, Signals, Strategy
from tests.unit.arbitrage.desk import BTC


class Idle:
    """The least a strategy is."""

    def analyze(self, market_data: MarketData) -> Signals:
        return []


def test_a_pair_has_two_exchanges() -> None:
    """One account never trades with itself."""
    with pytest.raises(ValueError, match="two exchanges"):
        OpenPair(BTC, "alpha", "alpha", Decimal(1))


@pytest.mark.parametrize("size", ["0", "-1", "NaN", "Infinity"])
def test_sizes_are_positive_and_finite(size: str) -> None:
    """A strategy's slip of the pen ends at the intent."""
    with pytest.raises(ValueError, match=r"finite|more than 0"):
        OpenPair(BTC, "alpha", "beta", Decimal(size))
    with pytest.raises(ValueError, match=r"finite|more than 0"):
        ClosePosition("alpha", BTC, "mine", Decimal(size))


def test_execute_is_optional() -> None:
    """Without it the service submits the signals."""
    assert isinstance(Idle(), Strategy)
    assert not isinstance(Idle(), ExecutingStrategy)
