"""What users add by their settings: exchanges, a risk rule and strategies, as ``module:Name`` or by an installed name.

A module is looked for among what is installed, and then beside the configuration file that names it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Container, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from perpbot.core.errors import ConfigError
from perpbot.core.names import ExchangeName
from perpbot.core.settings import unknown
from perpbot.exchanges.base import ExchangeBase
from perpbot.exchanges.registry import SHIPPED, ExchangeRegistry, installed, load_object
from perpbot.exchanges.settings import ExchangeSettings
from perpbot.risk.account import RiskManager
from perpbot.risk.settings import RiskSettings
from perpbot.service.configuration import SHIPPED_EXCHANGES, Settings
from perpbot.service.own_settings import RISK_GROUP, STRATEGY_GROUP

Where = Callable[[str], str]
"""A setting's key behind the place where it was written: how an error begins."""


def look_beside(file: Path) -> None:
    """Find modules beside the configuration ``file`` too; what is installed goes first."""
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)


def own_exchange(name: ExchangeName, settings: ExchangeSettings) -> bool:
    """Whether the settings bring an exchange: by a class, or by a name that an installed package offers."""
    return settings.enabled and (settings.class_ is not None or name not in (*SHIPPED_EXCHANGES, *SHIPPED))


def check_classes(settings: Settings) -> None:
    """Find every class that the settings name, so that a wrong one is refused before anything runs.

    Raises :class:`ConfigError`.
    """
    _exchange_classes(settings)
    risk_manager_class(settings.risk, settings.where)
    for number, entry in enumerate(settings.strategies):
        key = f"strategies.{number}"
        make = _strategy_class(entry, key, settings.where)
        if settings.own(key) is None:
            _check_arguments(make, entry, key, settings.where)


def make_exchanges(settings: Settings, taken: Container[ExchangeName] = ()) -> dict[ExchangeName, ExchangeBase]:
    """The exchanges that the settings bring, each made with its own settings; ``taken`` are names of others.

    Raises :class:`ConfigError`.
    """
    classes = _exchange_classes(settings)
    for name in classes:
        if name in taken:
            key = settings.where(f"exchanges.{name}.class")
            raise ConfigError(f"{key}: there is an exchange {name} in this mode already; give yours another name")
    return {name: _make_exchange(name, cls, settings) for name, cls in classes.items()}


def _exchange_classes(settings: Settings) -> dict[ExchangeName, type[ExchangeBase]]:
    entries = {name: each for name, each in settings.exchanges.items() if own_exchange(name, each)}
    if not entries:
        return {}
    registry = ExchangeRegistry()
    return {
        name: registry.find(name, each.class_, settings.where(f"exchanges.{name}.class"))
        for name, each in entries.items()
    }


def _make_exchange(name: ExchangeName, cls: type[ExchangeBase], settings: Settings) -> ExchangeBase:
    own = settings.own(f"exchanges.{name}")
    try:
        return cls(settings.exchange(name)) if own is None else cls(settings.exchange(name), own)
    except Exception as error:
        key, told = settings.where(f"exchanges.{name}.class"), f"{type(error).__name__}: {error}"
        raise ConfigError(f"{key}: {cls.__name__} cannot be made of its settings ({told})") from error


def risk_manager_class(settings: RiskSettings, where: Where = str) -> type[RiskManager]:
    """The class that ``risk.class`` names, by default :class:`RiskManager`. Raises :class:`ConfigError`."""
    if settings.class_ is None:
        return RiskManager
    key = where("risk.class")
    found = _find(settings.class_, key, RISK_GROUP)
    if not (isinstance(found, type) and issubclass(found, RiskManager)):
        raise ConfigError(f"{key}: {settings.class_} is not a risk rule; it must extend perpbot.risk.RiskManager")
    return found


def make_risk_manager(settings: Settings) -> Callable[..., RiskManager]:
    """What makes the risk rule of the settings, as :class:`RiskManager` is made; a rule with a ``settings_class`` gets
    its own settings as the last argument. Raises :class:`ConfigError`."""
    cls: Callable[..., RiskManager] = risk_manager_class(settings.risk, settings.where)
    own = settings.own("risk")
    return cls if own is None else lambda *arguments: cls(*arguments, own)


def make_strategies(
    entries: Iterable[Mapping[str, Any]], where: Where = str, own: Callable[[str], Any] = lambda _: None
) -> list[Any]:
    """The strategies that the settings list, each made with what its entry says beside ``class``.

    One with a ``settings_class`` is made with an object of it instead: ``own`` tells which, by the entry's key.
    Raises :class:`ConfigError` naming the entry that cannot be.
    """
    keys = (f"strategies.{number}" for number in count())
    return [_make(entry, key, where, own(key)) for entry, key in zip(entries, keys, strict=False)]


def _make(entry: Mapping[str, Any], key: str, where: Where, own: Any) -> Any:
    make = _strategy_class(entry, key, where)
    path, arguments = entry["class"], {name: value for name, value in entry.items() if name != "class"}
    if own is None:
        _check_arguments(make, entry, key, where)
    try:
        strategy = make(**arguments) if own is None else make(own)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{where(key)}: {path} cannot be made of {sorted(arguments)} ({told})") from error
    if not callable(getattr(strategy, "analyze", None)):
        raise ConfigError(f"{where(f'{key}.class')}: {path} is no strategy: it has no analyze(market_data)")
    return strategy


def _strategy_class(entry: Mapping[str, Any], key: str, where: Where) -> Callable[..., Any]:
    path = entry.get("class")
    if not isinstance(path, str):
        raise ConfigError(f"{where(key)}: has no class; write class: module:Name")
    stated = where(f"{key}.class")
    make = _find(path, stated, STRATEGY_GROUP)
    if not callable(make):
        raise ConfigError(f"{stated}: {path} is not a class")
    return make


def _check_arguments(make: Callable[..., Any], entry: Mapping[str, Any], key: str, where: Where) -> None:
    """The keys of an entry are the arguments of its constructor: each must be one, and none may be missing."""
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):  # written in C: it says itself what it takes
        return
    named = {each.name: each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
    anything = any(each.kind is each.VAR_KEYWORD for each in parameters)
    for name in entry:
        if not (anything or name in named or name == "class"):
            raise ConfigError(f"{where(f'{key}.{name}')} {unknown(name, named)}")
    for name, parameter in named.items():
        if parameter.default is parameter.empty and name not in entry:
            raise ConfigError(f"{where(key)}.{name} is missing")


def _find(path: str, where: str, group: str) -> object:
    return load_object(path if ":" in path else installed(group).get(path, path), where)
