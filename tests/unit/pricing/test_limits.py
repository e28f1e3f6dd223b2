"""Protection prices of entries, exits and repairs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpbot.core.orders import Leg, Side
from perpbot.pricing.limits import entry_concession, limit_price, repair_concession
from perpbot.pricing.repair import completing_value, unwinding_value
from tests.unit.arbitrage.desk import inverse, linear

SLIPPAGE = Decimal("0.001")


@pytest.mark.parametrize(
    ("mode", "net", "given"),
    [
        ("edge", "0.0008", "0.0004"),
        ("edge", "0.01", "0.001"),
        ("edge", "-0.01", "0"),
        ("slippage", "0.0008", "0.001"),
        ("slippage", "-0.01", "0.001"),
    ],
)
def test_an_entry_gives_up_half_the_edge_or_the_slippage_limit(mode: str, net: str, given: str) -> None:
    """``edge``: at most half the net edge and never more than the slippage limit; ``slippage``: the latter alone."""
    assert entry_concession(mode, Decimal(net), SLIPPAGE) == Decimal(given)  # type: ignore[arg-type]


def test_attempts_give_a_quarter_more_each_time() -> None:
    """Attempt k gives min(1, k/4) of the slippage limit."""
    assert [repair_concession(k, SLIPPAGE) / SLIPPAGE for k in (1, 2, 3, 4, 9)] == [
        Decimal("0.25"),
        Decimal("0.5"),
        Decimal("0.75"),
        1,
        1,
    ]


def test_a_buy_limit_never_rounds_up_and_a_sell_limit_never_down() -> None:
    """Rounding to tick never gives up more than was decided."""
    instrument = linear("alpha")
    assert limit_price(instrument, Side.BUY, Decimal("100.3"), SLIPPAGE) == Decimal("100.4")
    assert limit_price(instrument, Side.SELL, Decimal("100.3"), SLIPPAGE) == Decimal("100.2")
    assert limit_price(instrument, Side.BUY, Decimal("100.3"), Decimal(0)) == Decimal("100.3")


def test_completing_is_worth_the_gap_less_basis_and_fees_to_pay() -> None:
    """Gap at the executable price − median close gap − fees still to pay, on what is missing."""
    value = completing_value(
        base=Decimal("0.01"),
        buy_price=Decimal(100_000),
        sell_price=Decimal(100_500),
        close_gap_pct=Decimal("0.001"),
        fees_pct=Decimal("0.0015"),
    )
    assert value == Decimal("2.5")


def test_unwinding_a_coin_leg_brings_its_gain_less_the_fee() -> None:
    """A bought leg is sold, a sold leg bought back; both pay the fee."""
    instrument = linear("alpha")
    terms = {"contracts": Decimal("0.01"), "entry_price": Decimal(100_000), "exit_price": Decimal(99_900)}
    assert unwinding_value(instrument, Leg.BUY, **terms, fee_pct=Decimal("0.0005")) == Decimal("-1.4995")
    assert unwinding_value(instrument, Leg.SELL, **terms, fee_pct=Decimal("0.0005")) == Decimal("0.5005")


def test_unwinding_an_inverse_leg_is_counted_in_coin_first() -> None:
    """Ten contracts of 100 USD bought at 50,000 and sold at 40,000 lose 0.005 coin: 200 USD at 40,000."""
    terms = {"contracts": Decimal(10), "entry_price": Decimal(50_000), "exit_price": Decimal(40_000)}
    assert unwinding_value(inverse("alpha"), Leg.BUY, **terms, fee_pct=Decimal(0)) == Decimal(-200)
