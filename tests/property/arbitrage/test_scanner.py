"""What the scanner hands to the chain, on any two books."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpbot.arbitrage.settings import ArbitrageSettings
from perpbot.core.instruments import Instrument
from perpbot.core.market_data import Level
from perpbot.core.money import exact
from perpbot.core.reasons import REASONS
from perpbot.pricing.walk import walk_exact
from tests.unit.arbitrage.desk import Desk, inverse, linear

SLIPPAGE = Decimal("0.001")
RESIDUAL = Decimal("0.05")
REFUSALS = {"edge_below_minimum", "residual_too_large", "below_minimum_size"}


@st.composite
def side(draw: st.DrawFn, touch: float, direction: int, *, usd: bool) -> list[Level]:
    """Up to six levels behind ``touch``, in coins of 0.001 or contracts of 100 USD."""
    gaps = draw(st.lists(st.integers(1, 400), min_size=1, max_size=6))
    price, levels = touch, []
    for n, gap in enumerate(gaps):
        price = touch if n == 0 else round(price + direction * gap / 10, 1)
        size = draw(st.integers(1, 300)) * 1.0 if usd else draw(st.integers(1, 300)) / 1000
        levels.append((price, size))
    return levels


@st.composite
def desks(draw: st.DrawFn) -> Desk:
    """Warm at no gap to speak of, then one book jumps."""
    instruments: list[Instrument] = [
        draw(st.sampled_from([linear("alpha"), linear("alpha", step=Decimal("0.003")), inverse("alpha")])),
        draw(st.sampled_from([linear("beta"), inverse("beta")])),
    ]
    settings = ArbitrageSettings(min_profit_pct=draw(st.sampled_from([Decimal(0), Decimal("0.0005")])))
    gas = {"alpha": Decimal(draw(st.sampled_from(["0", "0.05"])))}
    desk = Desk(*instruments, settings=settings, gas_usd=gas)
    for instrument in instruments:
        desk.quote(instrument.exchange, 61_799.0, 61_801.0, 100.0)
    desk.warm()
    jump = draw(st.integers(-300, 300)) / 1.0
    for instrument, shift in zip(instruments, (0.0, jump), strict=True):
        book, usd = desk.books[instrument.exchange], instrument.inverse
        book.bid_levels = draw(side(61_799.0 + shift, -1, usd=usd))
        book.ask_levels = draw(side(61_801.0 + shift, 1, usd=usd))
    desk.room = Decimal(draw(st.integers(0, 4000)))
    return desk


@given(desks())
def test_every_candidate_ends_in_one_verdict_and_every_opportunity_keeps_all_bounds(desk: Desk) -> None:
    """Never above a cap or the residual, never below the minimum profit or a smallest order, on both grids."""
    found = desk.scan()
    assert len({(e.buy_exchange, e.sell_exchange) for e in found}) == len(found) <= 2
    for evaluation in found:
        opportunity = evaluation.opportunity
        assert evaluation.verdict.reason in REASONS
        if opportunity is None:
            assert evaluation.verdict.reason in REFUSALS
            continue
        buy = desk.pricer._instruments[opportunity.buy_exchange, opportunity.symbol]
        sell = desk.pricer._instruments[opportunity.sell_exchange, opportunity.symbol]
        asks = list(desk.books[opportunity.buy_exchange].asks())
        bids = list(desk.books[opportunity.sell_exchange].bids())
        bought = walk_exact(asks, buy, opportunity.buy_contracts)
        sold = walk_exact(bids, sell, opportunity.sell_contracts)
        assert bought is not None
        assert sold is not None
        assert (bought.filled, sold.filled) == (opportunity.buy_contracts, opportunity.sell_contracts)
        assert float(opportunity.buy_price) == pytest.approx(float(bought.average_price), rel=1e-15)
        assert float(opportunity.sell_price) == pytest.approx(float(sold.average_price), rel=1e-15)
        assert opportunity.net_profit_pct == opportunity.costs.net_pct >= desk.settings.min_profit_pct
        assert bought.worst_price <= exact(asks[0][0]) * (1 + SLIPPAGE)
        assert sold.worst_price >= exact(bids[0][0]) * (1 - SLIPPAGE)
        bases = [
            buy.base(opportunity.buy_contracts, opportunity.buy_price),
            sell.base(opportunity.sell_contracts, opportunity.sell_price),
        ]
        assert abs(bases[0] - bases[1]) / max(bases) <= RESIDUAL
        assert float(opportunity.size) == pytest.approx(float(max(bases)), rel=1e-12)
        for instrument, contracts, touch in (
            (buy, opportunity.buy_contracts, opportunity.buy_touch),
            (sell, opportunity.sell_contracts, opportunity.sell_touch),
        ):
            assert contracts % instrument.step == 0
            assert contracts >= instrument.smallest_order(touch)
        assert 0.0 <= opportunity.confidence <= 1.0
        assert 0.0 <= opportunity.score <= 10.0
        _is_within_the_room_or_the_smallest(desk, opportunity.notional)


def _is_within_the_room_or_the_smallest(desk: Desk, notional: Decimal) -> None:
    """With less room the size would not be smaller still: then it was the smallest already."""
    if notional <= desk.room:
        return
    desk.room = Decimal(0)
    smallest = [e.opportunity.notional for e in desk.scan() if e.opportunity]
    assert notional in smallest


@given(desks(), st.integers(0, 4000))
def test_more_room_never_makes_a_smaller_order(desk: Desk, more: int) -> None:
    """The size grows with the cap, and the edge falls with the size."""
    before = {e.buy_exchange: e.opportunity for e in desk.scan() if e.opportunity}
    desk.room += more
    after = {e.buy_exchange: e.opportunity for e in desk.scan() if e.opportunity}
    assert before.keys() == after.keys()
    for name, opportunity in before.items():
        assert after[name].buy_contracts >= opportunity.buy_contracts
        assert after[name].costs.open_gap_pct <= opportunity.costs.open_gap_pct + Decimal("1e-15")
