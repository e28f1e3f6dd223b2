"""Settings of sections ``risk`` and ``position``. Shares are of the total equity of the trading exchanges."""

import re
from dataclasses import dataclass
from datetime import UTC, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from perpbot.core.settings import SettingError, setting, shown, validate

_CLASS = re.compile(r"[\w.-]+(:\w+)?")


@dataclass(frozen=True, slots=True)
class RiskSettings:
    """Limits on the account and on one trade's worst case."""

    max_risk_pct: Decimal = setting(
        "0.05", gt=0, le=1, live="lower", help="largest notional of one trade, as a share of equity"
    )
    max_drawdown_pct: Decimal = setting(
        "0.10", gt=0, le=1, live="lower", help="drawdown from the equity peak that stops trading until reset-peak"
    )
    daily_loss_pct: Decimal = setting(
        "0.05",
        gt=0,
        le=1,
        live="lower",
        help="loss of one day, as a share of equity, that stops trading until the next",
    )
    daily_loss_limit: Decimal = setting(
        "500", gt=0, live="lower", unit="USD", help="loss of one day that stops trading until the next"
    )
    day_timezone: str = setting("UTC", help="time zone in which a trading day begins and ends")
    max_consecutive_failures: int = setting(3, ge=1, live="lower", help="failed pairs in a row that pause trading")
    failure_pause_seconds: float = setting(600, ge=0, live="higher", help="length of that pause")
    class_: str | None = setting(None, help="a risk rule of your own: module:Class, a subclass of RiskManager")
    misses_count_as_failures: bool = setting(
        False, live="higher", help="whether pairs of which no leg filled count too"
    )
    max_symbol_exposure: Decimal = setting(
        "0.30", gt=0, le=1, live="lower", help="largest sum of pairs in one symbol, as a share of equity"
    )
    fast_market_pct: Decimal = setting(
        "0.005", gt=0, le=1, live="lower", help="move of one exchange's own price that freezes the symbol"
    )
    fast_market_window_seconds: float = setting(
        1, gt=0, live="higher", help="time within which that move is a fast market"
    )
    fast_market_freeze_seconds: float = setting(
        5, ge=0, live="higher", help="how long the symbol stays frozen after the last such move"
    )
    freeze_seconds: float = setting(60, ge=0, live="higher", help="how long an alert's freeze outlasts its condition")
    adverse_move_pct: Decimal = setting(
        "0.005", ge=0, le=1, live="higher", help="price move assumed against a leg that stands alone as long as it may"
    )
    worst_case_loss_pct: Decimal = setting(
        "0.002", gt=0, le=1, live="lower", help="largest worst-case loss of one trade, as a share of equity"
    )

    def __post_init__(self) -> None:
        validate(self)
        self.timezone()
        if self.class_ is not None and not _CLASS.fullmatch(self.class_):
            raise SettingError(
                f"must be module:Class or the name of an installed rule, not {shown(self.class_)}", ("class",)
            )

    def timezone(self) -> tzinfo:
        """The zone of ``day_timezone``."""
        if self.day_timezone == "UTC":  # needs no time zone database
            return UTC
        try:
            return ZoneInfo(self.day_timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise SettingError(
                f"must be a time zone as Europe/Berlin, not {self.day_timezone!r}", ("day_timezone",)
            ) from None


@dataclass(frozen=True, slots=True)
class PositionSettings:
    """Limits on one position."""

    max_position_size: Decimal = setting(
        "1000", gt=0, live="lower", unit="USD notional", help="largest position opened at once"
    )
    max_concentration_pct: Decimal = setting(
        "0.30",
        gt=0,
        le=10,
        live="lower",
        help="largest notional in one symbol on one exchange, as a share of its equity",
    )
    cooldown_seconds: float = setting(
        60, ge=0, live="higher", help="how long exchanges and symbol of a failed pair rest"
    )

    def __post_init__(self) -> None:
        validate(self)
