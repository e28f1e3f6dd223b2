"""Settings of section ``execution``."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from perpbot.core.settings import setting, validate


@dataclass(frozen=True, slots=True)
class ExecutionSettings:
    """How orders are limited, followed and repaired, and how fresh the books must be."""

    max_slippage_pct: Decimal = setting(
        "0.001", gt=0, lt=1, live="lower", help="most a price may give up against the quote"
    )
    limit_mode: Literal["edge", "slippage"] = setting(
        "edge", live="either", help="entry limits give up at most half the net edge, or max_slippage_pct alone"
    )
    fill_timeout_seconds: float = setting(
        30, gt=0, live="lower", help="deadline of orders that may rest while nothing has filled"
    )
    order_expiry_seconds: float = setting(2, gt=0, help="when the exchange drops an order that has not filled")
    max_unhedged_seconds: float = setting(2, gt=0, live="lower", help="longest time one leg may stand alone")
    max_unhedged_notional: Decimal = setting(
        "2000", gt=0, live="lower", unit="USD", help="most notional that may stand alone"
    )
    max_book_age_seconds: float = setting(1, gt=0, live="lower", help="oldest book an opening may rest on")
    max_skew_seconds: float = setting(0.5, gt=0, live="lower", help="largest difference in age of a pair's two books")
    price_sanity_pct: Decimal = setting(
        "0.02",
        gt=0,
        le=1,
        live="lower",
        help="largest distance from the last price and from the other exchanges' median",
    )
    max_residual_pct: Decimal = setting(
        "0.05", ge=0, lt=1, help="largest difference of a pair's legs that still counts as hedged, as a share of it"
    )
    miss_backoff_seconds: float = setting(1, ge=0, live="higher", help="how long a symbol rests after both legs missed")
    poll_seconds: float = setting(1, gt=0, help="how often a live order is asked for while its stream is silent")

    def __post_init__(self) -> None:
        validate(self)
