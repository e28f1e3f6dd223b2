"""Sections ``risk``, ``position`` and ``execution``: names, defaults and what is refused."""

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.settings import SettingError, build
from perpbot.execution.settings import ExecutionSettings
from perpbot.risk.settings import PositionSettings, RiskSettings

RISK = {
    "max_risk_pct": "0.05",
    "max_drawdown_pct": "0.10",
    "daily_loss_pct": "0.05",
    "daily_loss_limit": "500",
    "day_timezone": "UTC",
    "max_consecutive_failures": "3",
    "failure_pause_seconds": "600",
    "class": None,
    "misses_count_as_failures": False,
    "max_symbol_exposure": "0.30",
    "fast_market_pct": "0.005",
    "fast_market_window_seconds": "1",
    "fast_market_freeze_seconds": "5",
    "freeze_seconds": "60",
    "adverse_move_pct": "0.005",
    "worst_case_loss_pct": "0.002",
}
POSITION = {"max_position_size": "1000", "max_concentration_pct": "0.30", "cooldown_seconds": "60"}
EXECUTION = {
    "max_slippage_pct": "0.001",
    "limit_mode": "edge",
    "fill_timeout_seconds": "30",
    "order_expiry_seconds": "2",
    "max_unhedged_seconds": "2",
    "max_unhedged_notional": "2000",
    "max_book_age_seconds": "1",
    "max_skew_seconds": "0.5",
    "price_sanity_pct": "0.02",
    "max_residual_pct": "0.05",
    "miss_backoff_seconds": "1",
    "poll_seconds": "1",
}


@pytest.mark.parametrize(
    ("section", "expected"), [(RiskSettings, RISK), (PositionSettings, POSITION), (ExecutionSettings, EXECUTION)]
)
def test_names_and_defaults_are_those_of_the_contract(section: Any, expected: dict[str, Any]) -> None:
    """Names and defaults are public."""
    made = section()
    shown = {field.name.removesuffix("_"): getattr(made, field.name) for field in fields(section)}
    assert list(shown) == list(expected)
    for name, default in expected.items():
        wanted = shown[name] if default is None else type(shown[name])(default)
        assert shown[name] == wanted, name
    assert shown.get("class") is None


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "", "/etc/localtime"])
def test_a_time_zone_nobody_knows_is_refused(zone: str) -> None:
    """One line, naming the setting."""
    with pytest.raises(SettingError, match="day_timezone must be a time zone as Europe/Berlin"):
        build(RiskSettings, {"day_timezone": zone})


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (RiskSettings, {"max_risk_pct": Decimal("1.5")}),
        (RiskSettings, {"max_drawdown_pct": 0}),
        (RiskSettings, {"daily_loss_limit": -500}),
        (RiskSettings, {"max_consecutive_failures": 0}),
        (PositionSettings, {"max_position_size": float("inf")}),
        (ExecutionSettings, {"limit_mode": "both"}),
        (ExecutionSettings, {"max_slippage_pct": 1}),
        (ExecutionSettings, {"max_book_age_seconds": float("nan")}),
    ],
)
def test_a_value_out_of_range_is_refused(section: Any, values: dict[str, Any]) -> None:
    """NaN, infinity and what makes no limit, with the setting's name."""
    with pytest.raises(SettingError, match=f"^{next(iter(values))} "):
        build(section, values)
