"""Sections as rooms declare them, for the tests of the config room."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from perpbot.arbitrage.settings import ArbitrageSettings
from perpbot.capital.settings import CapitalSettings
from perpbot.config import Each, Many, Section
from perpbot.core.settings import setting, validate
from perpbot.exchanges.settings import ExchangeSettings
from perpbot.execution.settings import ExecutionSettings
from perpbot.records.settings import JournalSettings
from perpbot.risk.settings import PositionSettings, RiskSettings
from perpbot.service.settings import DisplaySettings, LiveSettings, MaintenanceSettings, ServiceSettings
from perpbot.simulation.market.settings import DemoSettings
from perpbot.strategy.settings import ExitSettings


@dataclass(frozen=True, slots=True)
class Shares:
    """Pools that must share out the whole, and one field of every kind."""

    wash_pct: Decimal = setting("0.7", ge=0, le=1, unit="fraction", help="first share")
    arb_pct: Decimal = setting("0.3", ge=0, le=1, unit="fraction", help="second share", live=True)
    count: int = setting(3, ge=1, le=100, unit="pairs", help="a whole number")
    wait_seconds: float = setting(0.5, gt=0, lt=60, unit="seconds", help="a time")
    on: bool = setting(True, help="a switch")
    mode: Literal["edge", "slippage"] = setting("edge", help="a choice")
    zone: str = setting("UTC", help="a text")
    symbols: tuple[str, ...] | Literal["auto"] = setting("auto", help="a list or a word")
    weights: Mapping[str, Decimal] = setting({"profit": "0.5", "liquidity": "0.5"}, ge=0, help="a mapping")
    limit: Decimal | None = setting(None, gt=0, help="a number or nothing")

    def __post_init__(self) -> None:
        validate(self)
        if self.wash_pct + self.arb_pct != 1:
            raise ValueError(f"wash_pct + arb_pct must be 1, not {self.wash_pct + self.arb_pct}")


ROOMS: Mapping[str, type] = {
    "capital": CapitalSettings,
    "arbitrage": ArbitrageSettings,
    "risk": RiskSettings,
    "position": PositionSettings,
    "execution": ExecutionSettings,
    "exits": ExitSettings,
    "service": ServiceSettings,
    "display": DisplaySettings,
    "maintenance": MaintenanceSettings,
    "live": LiveSettings,
    "demo": DemoSettings,
    "journal": JournalSettings,
}
SINGLE: Mapping[str, type] = {"shares": Shares, **ROOMS}
SECTIONS: Mapping[str, Section] = {**SINGLE, "exchanges": Each(ExchangeSettings), "strategies": Many(None)}
