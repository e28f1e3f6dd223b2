"""Depth walks in floats and in decimals."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpbot.pricing.walk import DepthCurve, largest_size, walk, walk_exact
from tests.unit.arbitrage.desk import inverse, linear

ASKS = [(100.0, 1.0), (101.0, 2.0), (103.0, 4.0)]


def test_a_walk_takes_levels_best_first() -> None:
    """Average over what was taken, worst price of the last level touched."""
    taken = walk(ASKS, linear("alpha"), 2.0)
    assert taken is not None
    assert (taken.average_price, taken.worst_price, taken.filled) == (100.5, 101.0, 2.0)


def test_a_walk_beyond_the_depth_says_what_was_there() -> None:
    """No infinite size: what is filled is less than what was wanted."""
    taken = walk(ASKS, linear("alpha"), 100.0)
    assert taken is not None
    assert taken.filled == 7.0
    assert walk([], linear("alpha"), 1.0) is None
    assert walk_exact([], linear("alpha"), Decimal(1)) is None


def test_inverse_contracts_average_by_coins() -> None:
    """100 contracts of 100 USD at 100 and at 200 are 100 and 50 coins: 20,000 USD for 150 coins."""
    levels = [(100.0, 100.0), (200.0, 100.0)]
    taken = walk(levels, inverse("alpha"), 150.0)
    assert taken is not None
    assert taken.average_price == pytest.approx(20_000 / 150)
    exact = walk_exact(levels, inverse("alpha"), Decimal(200))
    assert exact is not None
    assert float(exact.average_price) == pytest.approx(20_000 / 150)
    assert exact.filled == 200


def test_the_exact_walk_reads_floats_by_their_shortest_text() -> None:
    """0.1 is one tenth."""
    taken = walk_exact([(0.1, 0.3), (0.2, 0.3)], linear("alpha"), Decimal("0.4"))
    assert taken is not None
    assert (taken.average_price, taken.worst_price) == (Decimal("0.125"), Decimal("0.2"))


def test_a_curve_ends_at_the_slippage_limit() -> None:
    """Levels whose price is further from the touch than the limit are not depth."""
    curve = DepthCurve(ASKS, linear("alpha"), 0.01)
    assert curve.depth == 3.0
    assert curve.usd_for(2.0) == 201.0
    assert curve.base_for(201.0) == 2.0
    assert curve.average_price(2.0) == 100.5


def test_the_largest_size_ends_where_the_walked_ratio_does() -> None:
    """Selling at 110 against asks of 100 and 120: the average purchase reaches 110 at two of each."""
    buy = DepthCurve([(100.0, 2.0), (120.0, 10.0)], linear("alpha"), 1.0)
    sell = DepthCurve([(110.0, 100.0)], linear("beta"), 1.0)
    assert largest_size(buy, sell, 1.0) == pytest.approx(4.0)
    assert largest_size(buy, sell, 1.2) == 0.0
    assert largest_size(buy, sell, 0.5) == 12.0
    assert largest_size(buy, sell, 1.0, gas_usd=10.0) == pytest.approx(3.0)
