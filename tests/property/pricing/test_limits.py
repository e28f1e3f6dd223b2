"""Limit prices and pair PnL on any figures."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from perpbot.core.orders import Leg, Side
from perpbot.core.pairs import PairLeg
from perpbot.pricing.limits import entry_concession, limit_price
from perpbot.pricing.pair_value import leg_pnl, residual_pct
from tests.unit.arbitrage.desk import inverse, linear

ticks = st.integers(1_000, 10_000_000).map(lambda n: Decimal(n) / 10)
fractions = st.integers(0, 100_000).map(lambda n: Decimal(n) / 1_000_000)
contracts = st.integers(1, 100_000).map(lambda n: Decimal(n) / 1000)


@given(ticks, fractions, st.sampled_from(Side))
def test_a_limit_is_never_worse_than_allowed_nor_better_than_the_touch(
    touch: Decimal, concession: Decimal, side: Side
) -> None:
    """On the tick grid, between the touch and what may be given up."""
    limit = limit_price(linear("alpha"), side, touch, concession)
    given_up = side.sign * (limit - touch)
    assert 0 <= given_up <= touch * concession
    assert limit % Decimal("0.1") == 0


@given(st.integers(-10_000, 10_000), fractions)
def test_half_the_edge_is_never_given_up_twice(net_bps: int, slippage: Decimal) -> None:
    """Both legs together give up no more than the net edge."""
    net = Decimal(net_bps) / 100_000
    given_up = entry_concession("edge", net, slippage)
    assert 0 <= given_up <= slippage
    assert 2 * given_up <= max(net, Decimal(0))


@given(ticks, ticks, contracts)
def test_what_one_side_of_a_contract_gains_the_other_loses(entry: Decimal, price: Decimal, size: Decimal) -> None:
    """For linear and inverse contracts alike, to the last digit."""
    for instrument in (linear("alpha"), inverse("alpha")):
        held = PairLeg("alpha", size, instrument.settlement_value(size, entry))
        bought = leg_pnl(instrument, Leg.BUY, held, price)
        assert bought == -leg_pnl(instrument, Leg.SELL, held, price)
        assert (bought > 0) <= (price > entry)
        assert (bought < 0) <= (price < entry)


@given(ticks, ticks, ticks, contracts, st.integers(0, 100))
def test_what_was_closed_keeps_its_own_price(
    entry: Decimal, closed: Decimal, price: Decimal, size: Decimal, percent: int
) -> None:
    """A leg closed in part gains each part at its own price (linear)."""
    instrument = linear("alpha")
    part = size * percent / 100
    held = PairLeg("alpha", size, size * entry, part, part * closed)
    expected = part * (closed - entry) + (size - part) * (price - entry)
    assert abs(leg_pnl(instrument, Leg.BUY, held, price) - expected) <= Decimal("1e-8")


@given(contracts, contracts)
def test_the_residual_is_a_fraction_of_the_larger_leg(buy: Decimal, sell: Decimal) -> None:
    """Symmetric, 0 for equal legs, at most 1."""
    residual = residual_pct(buy, sell)
    assert residual == residual_pct(sell, buy)
    assert 0 <= residual < 1
    assert (residual == 0) == (buy == sell)
    assert residual_pct(Decimal(0), Decimal(0)) == 0
