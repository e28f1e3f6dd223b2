"""The float watch and the exact judge on any pair."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from perpbot.core.names import PairId
from perpbot.core.pairs import Pair, PairLeg, PairState
from perpbot.strategy.exits import LegTerms, PairExit, closing_pnl
from perpbot.strategy.settings import ExitSettings
from tests.unit.arbitrage.desk import BTC, inverse, linear

prices = st.integers(500_000, 700_000).map(lambda n: Decimal(n) / 10)
near = st.integers(-6000, 6000).map(lambda n: Decimal(n) / 10)
sizes = st.integers(1, 200)
fees = st.integers(0, 10).map(lambda n: Decimal(n) / 10_000)


def pair_of(buy: PairLeg, sell: PairLeg, size: Decimal, notional: Decimal) -> Pair:
    return Pair(
        pair_id=PairId("a-1"),
        symbol=BTC,
        strategy="arbitrage",
        buy=buy,
        sell=sell,
        size=size,
        notional=notional,
        expected_pnl=Decimal(1),
        planned_ns=0,
        state=PairState.HEDGED,
        opened_ns=0,
    )


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Pair, LegTerms, LegTerms]:
    """A hedged pair of coins or contracts, perhaps with liquidation prices."""
    legs, terms = [], []
    for name in ("alpha", "beta"):
        instrument = draw(st.sampled_from([linear(name), inverse(name)]))
        count = Decimal(draw(sizes))
        contracts = count if instrument.inverse else count / 1000
        legs.append(PairLeg(name, contracts, instrument.settlement_value(contracts, draw(prices))))
        liquidation = draw(st.one_of(st.none(), prices))
        terms.append(LegTerms(instrument, draw(fees), liquidation))
    return pair_of(legs[0], legs[1], Decimal("0.01"), Decimal(600)), terms[0], terms[1]


@given(pairs(), prices, near, st.floats(-0.01, 0.01), st.integers(0, 4000))
def test_the_watch_never_misses_what_the_judge_would_close(
    held: tuple[Pair, LegTerms, LegTerms], bid: Decimal, move: Decimal, median: float, seconds: int
) -> None:
    """Whatever has a reason is due."""
    pair, buy, sell = held
    rule, ask, now_ns = PairExit(ExitSettings()), bid + move, seconds * 1_000_000_000
    reason = rule.judge(
        pair,
        buy,
        sell,
        buy_touch=(bid, bid),
        sell_touch=(ask, ask),
        costs_usd=Decimal("0.3"),
        median_close_gap=median,
        now_ns=now_ns,
    )
    watch = rule.watch(pair, buy, sell, costs_usd=Decimal("0.3"))
    assert reason is None or watch.due(float(bid), float(ask), median, now_ns)


@given(st.integers(1, 200), prices, prices, fees)
def test_a_hedged_pair_of_equal_coins_does_not_move_with_the_market(
    count: int, entry: Decimal, price: Decimal, fee: Decimal
) -> None:
    """Entered and closed at one price each, all that is left is the exit fee."""
    size = Decimal(count) / 1000
    value = size * entry
    pair = pair_of(PairLeg("alpha", size, value), PairLeg("beta", size, value), size, value)
    buy, sell = LegTerms(linear("alpha"), fee), LegTerms(linear("beta"), fee)
    assert abs(closing_pnl(pair, buy, sell, price, price) + 2 * size * price * fee) <= Decimal("1e-7")
