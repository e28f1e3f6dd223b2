"""Sizes on two grids against trying all of them."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from perpbot.arbitrage.sizing import Grid, grid_at, grid_residual, sizes_down, sizes_up, smallest_base
from perpbot.core.instruments import Instrument
from perpbot.pricing.pair_value import residual_pct
from tests.unit.arbitrage.desk import inverse, linear

prices = st.integers(100, 100_000).map(Decimal)
steps = st.integers(1, 20).map(lambda n: Decimal(n) / 1000)
coins = st.builds(
    lambda step, notional: linear("alpha", step=step, min_size=step, min_notional=Decimal(notional)),
    steps,
    st.sampled_from([0, 10, 100]),
)
usd = st.builds(
    lambda multiplier: inverse("beta", multiplier=Decimal(multiplier), min_notional=Decimal(0)),
    st.sampled_from([1, 10, 100]),
)
legs = st.one_of(coins, usd)
residuals = st.integers(0, 20).map(lambda n: Decimal(n) / 100)


def counts(grid: Grid, most: Decimal) -> range:
    return range(grid.smallest_steps, int(most / grid.step_base) + 2)


@given(legs, legs, prices, st.integers(1, 60), residuals)
def test_a_pair_of_sizes_is_within_all_bounds_and_the_largest_there_is(
    first: Instrument, second: Instrument, price: Decimal, coarse_steps: int, bound: Decimal
) -> None:
    """Against every combination: the largest count of the coarser leg that the finer one matches within the bound.

    Where two coin grids have a common size the legs are equal, and it is the largest of those.
    """
    buy, sell = grid_at(first, price, price), grid_at(second, price * Decimal("1.003"), price)
    most = max(buy.step_base, sell.step_base) * coarse_steps + min(buy.step_base, sell.step_base) / 3
    found = next(sizes_down(buy, sell, most, bound), None)
    best = _by_trying_all(buy, sell, most, bound)
    if found is None:
        assert best is None
        return
    assert best is not None
    assert grid_residual(buy, sell, *found) == best[1]
    coarse = 0 if buy.step_base >= sell.step_base else 1
    assert found[coarse] == best[0]
    for grid, contracts in zip((buy, sell), found, strict=True):
        assert contracts % grid.step == 0
        assert contracts >= grid.smallest
        assert contracts / grid.step * grid.step_base <= most


def _by_trying_all(buy: Grid, sell: Grid, most: Decimal, bound: Decimal) -> tuple[Decimal, Decimal] | None:
    coarse, fine = (buy, sell) if buy.step_base >= sell.step_base else (sell, buy)
    pairs = []
    for c in counts(coarse, most):
        large = c * coarse.step_base
        near = int(large / fine.step_base)
        for f in range(max(fine.smallest_steps, near - 3), near + 4):
            small = f * fine.step_base
            if large <= most and 0 < small <= most:
                pairs.append((c * coarse.step, residual_pct(large, small)))
    equal = [pair for pair in pairs if pair[1] == 0]
    if equal and not (buy.inverse or sell.inverse):
        return max(equal)
    fitting = [pair for pair in pairs if pair[1] <= bound]
    return max(fitting, key=lambda pair: (pair[0], -pair[1]), default=None)


@given(legs, legs, prices, st.integers(1, 60), residuals)
def test_upwards_are_the_same_sizes_in_the_other_order(
    first: Instrument, second: Instrument, price: Decimal, coarse_steps: int, bound: Decimal
) -> None:
    """The smallest comes first, and none is below what both orders need."""
    buy, sell = grid_at(first, price, price), grid_at(second, price, price)
    most = max(buy.step_base, sell.step_base) * coarse_steps
    up = list(sizes_up(buy, sell, most, bound))
    down = list(sizes_down(buy, sell, most, bound))
    coarse = 0 if buy.step_base >= sell.step_base else 1
    assert sorted(up) == sorted(down)
    assert [pair[coarse] for pair in up] == [pair[coarse] for pair in down][::-1]
    assert all(
        max(b / buy.step * buy.step_base, s / sell.step * sell.step_base) >= smallest_base(buy, sell) for b, s in up
    )
