"""The float facts of a direction against the exact ones."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpbot.arbitrage.route import Route
from perpbot.arbitrage.sizing import grid_at, smallest_base
from perpbot.core.instruments import Instrument
from tests.unit.arbitrage.desk import inverse, linear

prices = st.integers(10, 1_000_000).map(lambda n: n / 10)
instruments = st.one_of(
    st.builds(
        lambda step, least, notional: linear(
            "alpha", step=Decimal(step), min_size=Decimal(least), min_notional=Decimal(notional)
        ),
        st.sampled_from(["0.001", "0.003", "0.1", "1"]),
        st.sampled_from(["0", "0.001", "0.5"]),
        st.sampled_from(["0", "5", "100"]),
    ),
    st.builds(
        lambda multiplier, notional: inverse("alpha", multiplier=Decimal(multiplier), min_notional=Decimal(notional)),
        st.sampled_from([1, 10, 100]),
        st.sampled_from([0, 10, 100, 250]),
    ),
)


@given(instruments, instruments, prices, prices, st.sampled_from([0.0, 0.001, 0.01]))
def test_the_smallest_order_is_the_exact_one(
    buy: Instrument, sell: Instrument, ask: float, bid: float, slippage: float
) -> None:
    """Detection judges the edge at the size that the chain would be asked for."""
    limit = Decimal(repr(bid)) * (1 - Decimal(repr(slippage)))
    ask_exact, bid_exact = Decimal(repr(ask)), Decimal(repr(bid))
    exact = smallest_base(grid_at(buy, ask_exact, ask_exact), grid_at(sell, bid_exact, limit))
    fast = Route(buy, sell, 0.0, 0.0).smallest_base(ask, bid, bid * (1.0 - slippage))
    assert fast == pytest.approx(float(exact), rel=1e-9)
