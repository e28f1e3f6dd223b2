"""Walks and curves on any book."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perpbot.core.instruments import Instrument
from perpbot.core.market_data import Level
from perpbot.pricing.walk import DepthCurve, largest_size, walk, walk_exact
from tests.unit.arbitrage.desk import inverse, linear

instruments = st.sampled_from([linear("alpha"), inverse("alpha"), linear("alpha", multiplier=Decimal("0.01"))])


@st.composite
def sides(draw: st.DrawFn, *, falling: bool = False) -> list[Level]:
    """Levels from a touch near 1000, best first."""
    steps = draw(st.lists(st.integers(1, 40), min_size=1, max_size=8))
    sizes = draw(st.lists(st.integers(1, 5000), min_size=len(steps), max_size=len(steps)))
    price, levels = draw(st.integers(9_500, 10_500)), []
    for step, size in zip(steps, sizes, strict=True):
        price += -step if falling else step
        levels.append((price / 10, size / 10))
    return levels


@given(sides(), instruments, st.floats(0.001, 500), st.floats(0.001, 500))
def test_a_larger_purchase_never_costs_less_a_coin(
    levels: list[Level], instrument: Instrument, first: float, second: float
) -> None:
    """The walked price is monotone in the size, and never beyond the worst level."""
    small, large = (walk(levels, instrument, base) for base in sorted((first, second)))
    assert small is not None
    assert large is not None
    assert small.average_price <= large.average_price * (1 + 1e-12)
    assert levels[0][0] <= small.average_price * (1 + 1e-12)
    assert large.average_price <= large.worst_price * (1 + 1e-12)


@given(sides(), instruments, st.floats(0.001, 500))
def test_the_curve_and_the_walk_agree(levels: list[Level], instrument: Instrument, base: float) -> None:
    """The cumulative curve is the walk for every size at once."""
    curve = DepthCurve(levels, instrument, 10.0)
    taken = walk(levels, instrument, base)
    assert taken is not None
    assert taken.filled == pytest.approx(min(base, curve.depth))
    assert curve.average_price(taken.filled) == pytest.approx(taken.average_price)
    assert curve.base_for(curve.usd_for(taken.filled)) == pytest.approx(taken.filled)


@given(sides(), instruments, st.integers(1, 20_000))
def test_the_exact_walk_agrees_with_the_float_one(levels: list[Level], instrument: Instrument, tenths: int) -> None:
    """Detection and decision see the same price."""
    exact = walk_exact(levels, instrument, Decimal(tenths) / 10)
    assert exact is not None
    base = float(instrument.base(exact.filled, exact.average_price))
    taken = walk(levels, instrument, base)
    assert taken is not None
    assert float(exact.average_price) == pytest.approx(taken.average_price, rel=1e-9)


@given(sides(), sides(falling=True), st.floats(0.95, 1.05), st.floats(0, 5))
def test_the_largest_size_is_the_last_that_pays(
    asks: list[Level], bids: list[Level], ratio: float, gas_usd: float
) -> None:
    """It pays the ratio and the gas; no size beyond it does."""
    buy, sell = DepthCurve(asks, linear("alpha"), 10.0), DepthCurve(bids, linear("beta"), 10.0)
    depth = min(buy.depth, sell.depth)
    size = largest_size(buy, sell, ratio, gas_usd)
    assert 0.0 <= size <= depth

    def surplus(base: float) -> float:
        return sell.usd_for(base) - ratio * buy.usd_for(base) - gas_usd

    tolerance = 1e-7 * (1.0 + buy.usd_for(depth))
    assert size == 0.0 or surplus(size) >= -tolerance
    for n in range(1, 21):
        beyond = size + (depth - size) * n / 20
        assume(beyond > size)
        assert surplus(beyond) <= tolerance
