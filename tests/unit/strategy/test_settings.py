"""The section ``exits``."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

import pytest

from perpbot.core.settings import SettingError, build
from perpbot.strategy.settings import ExitSettings


def test_the_defaults_are_those_users_rely_on() -> None:
    """Names and values of CONTRACTS.md §5."""
    assert {f.name: getattr(ExitSettings(), f.name) for f in fields(ExitSettings)} == {
        "target_profit_pct": Decimal("0.01"),
        "stop_loss_pct": Decimal("0.005"),
        "time_limit_seconds": Decimal(3600),
        "liquidation_distance_pct": Decimal("0.10"),
    }


@pytest.mark.parametrize("key", ["target_profit_pct", "stop_loss_pct", "time_limit_seconds"])
def test_a_barrier_of_zero_or_less_is_refused(key: str) -> None:
    """It would close every pair at once."""
    for value in (0, -1):
        with pytest.raises(SettingError, match=key):
            build(ExitSettings, {key: value})
