"""The section ``exits`` of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from perpbot.core.settings import setting, validate


@dataclass(frozen=True, slots=True)
class ExitSettings:
    """When an open pair is closed."""

    target_profit_pct: Decimal = setting(
        "0.01", gt=0, le=10, live="either", help="pair PnL that closes it, of its notional"
    )
    stop_loss_pct: Decimal = setting(
        "0.005", gt=0, le=1, live="lower", help="pair loss that closes it, of its notional"
    )
    time_limit_seconds: Decimal = setting("3600", gt=0, unit="s", live="lower", help="longest time a pair is held")
    liquidation_distance_pct: Decimal = setting(
        "0.10", ge=0, lt=1, live="higher", help="distance of a leg's price to its liquidation that closes the pair"
    )

    def __post_init__(self) -> None:
        validate(self)
