"""When an open pair is closed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.names import PairId
from perpbot.core.pairs import ExitReason, Pair, PairLeg, PairState
from perpbot.strategy.exits import LegTerms, PairExit
from perpbot.strategy.settings import ExitSettings
from tests.unit.arbitrage.desk import BTC, START_NS, inverse, linear

HOUR_NS = 3_600_000_000_000
FEE = Decimal("0.0005")


def pair_of(buy: PairLeg, sell: PairLeg) -> Pair:
    return Pair(
        pair_id=PairId("a-1"),
        symbol=BTC,
        strategy="arbitrage",
        buy=buy,
        sell=sell,
        size=Decimal("0.01"),
        notional=Decimal(1000),
        expected_pnl=Decimal(1),
        planned_ns=START_NS,
        state=PairState.HEDGED,
        opened_ns=START_NS,
    )


COINS = pair_of(PairLeg("alpha", Decimal("0.01"), Decimal(1000)), PairLeg("beta", Decimal("0.01"), Decimal(1001)))
BUY, SELL = LegTerms(linear("alpha"), FEE), LegTerms(linear("beta"), FEE)


def judge(bid: str, ask: str, pair: Pair = COINS, buy: LegTerms = BUY, sell: LegTerms = SELL, **changes: Any) -> Any:
    """The verdict on closing at ``bid`` of the exchange bought on and ``ask`` of the one sold on."""
    values: dict[str, Any] = {
        "buy_touch": (Decimal(bid), Decimal(bid) + 1),
        "sell_touch": (Decimal(ask) - 1, Decimal(ask)),
        "costs_usd": Decimal("1.0005"),
        "median_close_gap": -0.5,
        "now_ns": START_NS,
        **changes,
    }
    rule = PairExit(ExitSettings())
    reason = rule.judge(pair, buy, sell, **values)
    due = rule.watch(pair, buy, sell, costs_usd=values["costs_usd"]).due(
        float(bid) if values["buy_touch"] else 0.0,
        float(ask) if values["sell_touch"] else 0.0,
        values["median_close_gap"],
        values["now_ns"],
    )
    assert due or reason is None, "the watch missed an exit"
    return reason


def test_a_pair_is_held_while_nothing_is_due() -> None:
    """A market move that both legs share changes nothing."""
    for price in ("100000", "50000", "200000"):
        assert judge(price, price) is None


def test_the_target_is_pair_pnl_after_all_fees() -> None:
    """1 % of 1000 USD is 10: a price PnL of 12 leaves 9.994 after fees paid and to pay, one of 12.01 leaves 10.004."""
    assert judge("101100", "100000") is None
    assert judge("101101", "100000") is ExitReason.TARGET_PROFIT


def test_the_stop_is_pair_pnl_too() -> None:
    """0.5 % of 1000 USD is 5, fees included."""
    assert judge("100000", "100200") is None
    assert judge("100000", "100400") is ExitReason.STOP_LOSS


def test_a_gap_at_its_median_has_vanished() -> None:
    """Close gap ≤ the median of the moment."""
    assert judge("100000", "100010", median_close_gap=0.0001) is ExitReason.GAP_VANISHED
    assert judge("100000", "100011", median_close_gap=0.0001) is None
    assert judge("100000", "100010", median_close_gap=None) is None


def test_the_time_limit_needs_no_price() -> None:
    """An hour after opening, whatever the books say."""
    assert judge("100000", "100000", now_ns=START_NS + HOUR_NS - 1) is None
    assert judge("100000", "100000", now_ns=START_NS + HOUR_NS) is ExitReason.TIME_LIMIT
    assert judge("100000", "100000", buy_touch=None, now_ns=START_NS + HOUR_NS) is ExitReason.TIME_LIMIT


def test_without_a_price_nothing_is_concluded() -> None:
    """An absent side is no loss."""
    assert judge("100000", "150000", sell_touch=None) is None


@pytest.mark.parametrize(
    ("bought_at", "sold_at", "reason"),
    [
        ("91000", None, ExitReason.LIQUIDATION_DISTANCE),
        ("89000", None, None),
        (None, "109000", ExitReason.LIQUIDATION_DISTANCE),
        (None, "111000", None),
        (None, None, None),
    ],
)
def test_a_leg_near_its_liquidation_closes_the_pair(
    bought_at: str | None, sold_at: str | None, reason: ExitReason | None
) -> None:
    """10 % from the price the leg would close at; a leg without a liquidation price has none."""
    buy = replace(BUY, liquidation_price=Decimal(bought_at) if bought_at else None)
    sell = replace(SELL, liquidation_price=Decimal(sold_at) if sold_at else None)
    assert judge("100000", "100000", buy=buy, sell=sell) is reason


def test_an_inverse_leg_counts_in_coin_at_the_price_it_closes_at() -> None:
    """Ten contracts sold at 100,000 and bought back at 90,000: the short loses coin of no value to a long of coin."""
    pair = pair_of(PairLeg("alpha", Decimal("0.01"), Decimal(1000)), PairLeg("beta", Decimal(10), Decimal("0.01")))
    sell = LegTerms(inverse("beta"), FEE)
    assert judge("90000", "90000", pair=pair, sell=sell) is None
    assert judge("90000", "91500", pair=pair, sell=sell) is ExitReason.STOP_LOSS
    assert judge("91500", "90000", pair=pair, sell=sell) is ExitReason.TARGET_PROFIT
