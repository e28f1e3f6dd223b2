"""Fees, funding, gas and the net figure."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpbot.core.orders import Liquidity
from perpbot.pricing.costs import CostModel, FixedFunding, net_profit
from perpbot.pricing.worst_case import worst_case_loss
from tests.unit.arbitrage.desk import BTC, START_NS, linear

HOUR_NS = 3_600_000_000_000
INSTRUMENTS = {
    ("alpha", BTC): linear("alpha", funding_interval_seconds=3600),
    ("beta", BTC): linear("beta", funding_interval_seconds=28_800, taker_fee_pct=Decimal("0.0003")),
}


class ContinuousFunding:
    """Accrues all the time at alpha, at beta's settlements only."""

    def rate(self, exchange: str, symbol: str) -> Decimal:
        return Decimal("0.0008")

    def next_settlement_ns(self, exchange: str, symbol: str, now_ns: int) -> int | None:
        return None if exchange == "alpha" else now_ns + HOUR_NS


def model(funding: dict[str, Decimal] | None = None, hours: float = 1.0, **gas: Decimal) -> CostModel:
    return CostModel(
        INSTRUMENTS, FixedFunding(funding or {}, INSTRUMENTS), holding_seconds=hours * 3600, gas_usd=gas or None
    )


def test_the_net_of_the_reference_trade() -> None:
    """0.001 BTC bought at 95,123.45 and sold at 95,234.56 at costs of 0.05 % nets 0.0668 % = 0.0635 USDT."""
    prices = (Decimal("95123.45"), Decimal("95234.56"))
    pct, usd = net_profit(*prices, Decimal("0.001"), Decimal("0.0005"))
    assert round(pct, 6) == Decimal("0.000668")
    assert round(usd, 4) == Decimal("0.0635")


def test_a_round_trip_pays_both_entry_and_both_exit_fees() -> None:
    """By order class: taker unless said otherwise."""
    costs = model()
    assert costs.round_trip_pct(BTC, "alpha", "beta") == Decimal("0.0016")
    assert costs.round_trip_pct(BTC, "alpha", "beta", entry=Liquidity.MAKER) == Decimal("0.0012")


def test_funding_settles_by_each_exchanges_own_interval() -> None:
    """Held for eight hours from a settlement on: eight times at alpha, once at beta."""
    start = START_NS // (8 * HOUR_NS) * 8 * HOUR_NS
    costs = model({"alpha": Decimal("0.0001"), "beta": Decimal("0.0005")}, hours=8)
    assert costs.funding_pct(BTC, "alpha", "beta", start) == Decimal("0.0003")
    assert costs.funding_pct(BTC, "beta", "alpha", start) == Decimal("-0.0003")


def test_funding_that_does_not_settle_while_held_costs_nothing() -> None:
    """One hour held right after a settlement of eight hours."""
    start = START_NS // (8 * HOUR_NS) * 8 * HOUR_NS
    assert model({"beta": Decimal("0.01")}).funding_pct(BTC, "beta", "alpha", start) == 0


def test_equal_rates_on_both_exchanges_cancel_and_are_never_added() -> None:
    """Regression 32: funding of both exchanges added as a cost whatever the sides."""
    costs = CostModel(
        {key: linear(key[0]) for key in INSTRUMENTS},
        FixedFunding({"alpha": Decimal("0.0003"), "beta": Decimal("0.0003")}, INSTRUMENTS),
        holding_seconds=28_800,
    )
    assert costs.funding_pct(BTC, "alpha", "beta", START_NS) in {Decimal(0), Decimal("0.0000")}


def test_continuous_funding_accrues_by_the_time_held() -> None:
    """An exchange without settlement times pays the interval's rate in proportion."""
    costs = CostModel(INSTRUMENTS, ContinuousFunding(), holding_seconds=1800)
    assert costs.funding_pct(BTC, "alpha", "beta", START_NS) == Decimal("0.0004")


def test_gas_is_paid_for_four_orders() -> None:
    """Two entries and two exits."""
    assert model(alpha=Decimal("0.01")).gas_usd("alpha", "beta") == Decimal("0.02")
    assert model().gas_usd("alpha", "beta") == 0


@pytest.mark.parametrize(("notional", "loss"), [("1000", "7.0"), ("0", "0")])
def test_the_worst_case_adds_move_slippage_and_fees(notional: str, loss: str) -> None:
    """size × (adverse move + unwind slippage + taker fees)."""
    parts = {"adverse_move_pct": "0.005", "unwind_slippage_pct": "0.001", "taker_fees_pct": "0.001"}
    exact = {name: Decimal(part) for name, part in parts.items()}
    assert worst_case_loss(Decimal(notional), **exact) == Decimal(loss)
