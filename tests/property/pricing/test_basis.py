"""The rolling median on any history."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpbot.pricing.basis import CloseGap
from tests.unit.arbitrage.desk import BTC, FakeBook

prices = st.one_of(st.none(), st.integers(9_000, 11_000).map(lambda cents: cents / 100))


@given(st.lists(st.tuples(prices, st.integers(1, 3)), min_size=1, max_size=120), st.integers(1, 40), st.integers(0, 10))
def test_the_median_is_that_of_the_samples_in_the_window(
    history: list[tuple[float | None, int]], window: int, warmup: int
) -> None:
    """Against statistics.median, with moments that had no price and moments that were not sampled at all."""
    buy, sell = FakeBook("alpha", BTC, [(100.0, 1.0)], []), FakeBook("beta", BTC)
    gap = CloseGap(buy, sell, window, warmup)
    seen: list[tuple[int, float]] = []
    tick = 0
    for ask, step in history:
        tick += step
        sell.ask_levels = [(ask, 1.0)] if ask else []
        gap.sample(tick)
        if ask:
            seen.append((tick, ask / 100.0 - 1.0))
        inside = [value for at, value in seen if at > tick - window]
        expected = statistics.median(inside) if inside else None
        assert gap.median() == (None if expected is None else pytest.approx(expected, abs=1e-15))
        assert gap.warm == (len(inside) >= max(1, warmup))
        assert gap.expected == (gap.median() if gap.warm else 0.0)
