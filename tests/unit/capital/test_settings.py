"""Section ``capital``: names, defaults and what is refused."""

from dataclasses import fields
from decimal import Decimal

import pytest

from perpbot.capital.settings import CapitalSettings
from perpbot.core.settings import SettingError, build


def test_the_defaults_are_those_of_the_contract() -> None:
    """Names and defaults are public; borrowing, beside them, is off."""
    shown = {field.name: getattr(CapitalSettings(), field.name) for field in fields(CapitalSettings)}
    assert shown == {
        "wu_size": 10000,
        "wash_budget_pct": Decimal("0.70"),
        "arb_budget_pct": Decimal("0.20"),
        "reserve_pct": Decimal("0.10"),
        "drawdown_limit_pct": Decimal("0.05"),
        "safe_mode_exit_ratio": Decimal("0.8"),
        "safe_mode_pools": ("wash", "reserve"),
        "notional_per_equity": 1,
        "borrow_from": {},
        "lender_floor_pct": Decimal("0.5"),
    }


@pytest.mark.parametrize("shares", [("0.7", "0.2", "0.2"), ("0.7", "0.2", "0.09999999")])
def test_shares_must_sum_to_exactly_one(shares: tuple[str, str, str]) -> None:
    """Not nearly."""
    keys = ("wash_budget_pct", "arb_budget_pct", "reserve_pct")
    with pytest.raises(SettingError, match="must sum to 1"):
        build(CapitalSettings, dict(zip(keys, map(Decimal, shares), strict=True)))


def test_safe_mode_cannot_keep_arbitrage() -> None:
    """The set of usable pools is configuration, but no configuration trades arbitrage in safe mode."""
    with pytest.raises(SettingError, match="safe mode forbids arbitrage"):
        build(CapitalSettings, {"safe_mode_pools": ["arb"]})
