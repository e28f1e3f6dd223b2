"""Settings of the service: mode and loops, display, maintenance, live limits and the demo's market."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from perpbot.core.settings import SettingError, setting, validate


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """How the trading service runs."""

    mode: Literal["demo", "paper", "live"] = setting(
        "demo", help="market and orders: generated, real and simulated, real"
    )
    initial_state: Literal["ACTIVE", "REDUCING", "HALTED"] = setting(
        "ACTIVE", help="trading state at the start; in live mode ACTIVE becomes REDUCING: an operator starts it"
    )
    loop_interval_seconds: float = setting(
        1.0, ge=0.05, le=60, unit="seconds", help="interval of the slow loop: strategies, exits, equity, alerts, push"
    )
    reconcile_seconds: float = setting(
        15.0,
        ge=1,
        le=3600,
        unit="seconds",
        help="interval at which orders and positions are compared with the exchanges",
    )
    alerts_may_start: bool = setting(False, help="whether an alert may start trading in live mode")

    def __post_init__(self) -> None:
        validate(self)

    @property
    def first_state(self) -> Literal["ACTIVE", "REDUCING", "HALTED"]:
        """The trading state at the start: trading with real money never starts by itself."""
        if self.mode == "live" and self.initial_state == "ACTIVE":
            return "REDUCING"
        return self.initial_state


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """How times and texts are shown; nothing is decided by them."""

    timezone: str = setting("UTC", live="neither", help="time zone of the times shown, as in Europe/Berlin")
    language: Literal["en", "zh"] = setting("en", live="neither", help="language of messages")

    def __post_init__(self) -> None:
        validate(self)
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise SettingError(
                f"must be a time zone such as UTC or Europe/Berlin, not {self.timezone!r}", ("timezone",)
            ) from None


@dataclass(frozen=True, slots=True)
class MaintenanceSettings:
    """Announced exchange maintenance."""

    lead_seconds: float = setting(
        300.0, ge=0, le=86400, unit="seconds", help="how long before announced maintenance openings stop"
    )

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What trading with real money may not exceed until the operator raises it."""

    max_pair_notional: Decimal = setting(
        "50", gt=0, unit="USD", live="lower", help="largest notional of one pair in live mode"
    )
    max_day_notional: Decimal = setting(
        "500", gt=0, unit="USD", live="lower", help="largest sum of pair notionals of a day in live mode"
    )

    def __post_init__(self) -> None:
        validate(self)
        if self.max_pair_notional > self.max_day_notional:
            raise ValueError(
                f"max_pair_notional {self.max_pair_notional} must not exceed max_day_notional {self.max_day_notional}"
            )
