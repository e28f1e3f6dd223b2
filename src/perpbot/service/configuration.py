"""All sections of the configuration and the settings they become."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from perpbot.arbitrage.settings import ArbitrageSettings
from perpbot.capital.settings import CapitalSettings
from perpbot.config import Configuration, Each, Loaded, Many, Section, read
from perpbot.core.errors import ConfigError
from perpbot.core.instruments import Instrument
from perpbot.core.names import ExchangeName
from perpbot.exchanges.registry import installed
from perpbot.exchanges.settings import ExchangeSettings
from perpbot.execution.settings import ExecutionSettings
from perpbot.monitoring.settings import NotificationSettings
from perpbot.records.settings import JournalSettings, StorageSettings
from perpbot.risk.settings import PositionSettings, RiskSettings
from perpbot.service.own_settings import with_own
from perpbot.service.settings import DisplaySettings, LiveSettings, MaintenanceSettings, ServiceSettings
from perpbot.simulation.market.settings import DemoSettings
from perpbot.strategy.settings import ExitSettings

SECTIONS: Mapping[str, Section] = {
    "service": ServiceSettings,
    "capital": CapitalSettings,
    "arbitrage": ArbitrageSettings,
    "risk": RiskSettings,
    "position": PositionSettings,
    "execution": ExecutionSettings,
    "exits": ExitSettings,
    "exchanges": Each(ExchangeSettings),
    "demo": DemoSettings,
    "live": LiveSettings,
    "maintenance": MaintenanceSettings,
    "journal": JournalSettings,
    "storage": StorageSettings,
    "display": DisplaySettings,
    "strategies": Many(None),
    "alerts": Many(None),
    "notifications": NotificationSettings,
}
"""Section → its settings class."""

SHIPPED_EXCHANGES: tuple[ExchangeName, ...] = ("paradex", "extended", "okx", "binance")
"""Exchanges that come with the package; others need a ``class``, an installed package, or a dataset that names them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked. Each room is handed its own."""

    service: ServiceSettings
    capital: CapitalSettings
    arbitrage: ArbitrageSettings
    risk: RiskSettings
    position: PositionSettings
    execution: ExecutionSettings
    exits: ExitSettings
    exchanges: Mapping[ExchangeName, ExchangeSettings]
    demo: DemoSettings
    live: LiveSettings
    maintenance: MaintenanceSettings
    journal: JournalSettings
    storage: StorageSettings
    display: DisplaySettings
    strategies: tuple[Any, ...]
    alerts: tuple[Any, ...]
    notifications: NotificationSettings
    loaded: Loaded | None = field(default=None, compare=False, repr=False)

    def where(self, key: str) -> str:
        """``key`` as an error message begins: behind the place where it was written, if it was."""
        source = self.loaded.source(key) if self.loaded else None
        return key if source is None or source.origin == "default" else f"{source.where}: {key}"

    def own(self, key: str) -> Any:
        """The settings that the extension at ``key`` (``risk``, ``strategies.0``) brought, or ``None``."""
        return self.loaded.own.get(key) if self.loaded else None

    def exchange(self, name: ExchangeName) -> ExchangeSettings:
        """The settings of one exchange; the defaults if nothing was said of it."""
        return self.exchanges.get(name) or ExchangeSettings()

    def with_mode(self, mode: str) -> Settings:
        """The same settings in another mode."""
        return replace(self, service=replace(self.service, mode=mode))  # type: ignore[arg-type]


def adjust(instrument: Instrument, settings: ExchangeSettings) -> Instrument:
    """``instrument`` at the fees and smallest order that its exchange's settings state."""
    taker, maker = settings.taker_fee_pct, settings.maker_fee_pct
    return replace(
        instrument,
        taker_fee_pct=instrument.taker_fee_pct if taker is None else taker,
        maker_fee_pct=instrument.maker_fee_pct if maker is None else maker,
        min_notional=max(instrument.min_notional, settings.min_order_size),
    )


def load_settings(
    *,
    file: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    exchanges: Iterable[ExchangeName] = (),
) -> tuple[Settings, Loaded]:
    """Read and check file, environment and ``--set``. ``exchanges`` are names known beside the shipped ones.

    Raises :class:`ConfigError` with one line on the first thing that is wrong.
    """
    configuration = read(file, overrides, environ or {})
    loaded = configuration.settings(with_own(SECTIONS, configuration, SHIPPED_EXCHANGES))
    settings = Settings(**loaded.settings, loaded=loaded)
    known = {*SHIPPED_EXCHANGES, *exchanges}
    if any(name not in known and section.class_ is None for name, section in settings.exchanges.items()):
        _refuse_unknown(settings, configuration, sorted(known.union(installed())))
    return settings, loaded


def _refuse_unknown(settings: Settings, configuration: Configuration, known: Sequence[ExchangeName]) -> None:
    for name, section in settings.exchanges.items():
        if name not in known and section.class_ is None:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            question = f"; did you mean {nearest[0]}?" if nearest else ""
            where = configuration.where("exchanges", name)
            raise ConfigError(
                f"{where}: exchanges.{name} is not known and has no class{question} (known: {', '.join(known)})"
            )
