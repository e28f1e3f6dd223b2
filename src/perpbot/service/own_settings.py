"""Settings that extensions bring: which keys a section takes beside its own is known once the class it names is.

An exchange, a strategy or a risk rule may have a ``settings_class``, a frozen dataclass made with
:func:`perpbot.core.settings.setting`. Its keys stand in the same section and are checked like all others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import is_dataclass

from perpbot.config import Configuration, Each, Extended, Many, Section
from perpbot.core.errors import ConfigError
from perpbot.exchanges.registry import GROUP as EXCHANGE_GROUP
from perpbot.exchanges.registry import installed, load_object

RISK_GROUP = "perpbot.risk"
STRATEGY_GROUP = "perpbot.strategies"
"""The entry point groups under which installed packages offer them: name = ``module:Name``."""


def with_own(
    sections: Mapping[str, Section], configuration: Configuration, shipped: Collection[str]
) -> dict[str, Section]:
    """The sections with the settings classes of the extensions that are written in the configuration.

    A class that cannot be loaded brings none: whoever builds the service says so, and reports work without it.
    """
    extended = dict(sections)
    exchanges, risk, strategies = sections["exchanges"], sections["risk"], sections["strategies"]
    if isinstance(exchanges, Each):
        extended["exchanges"] = Each(
            exchanges.cls, {**exchanges.named, **_exchanges(exchanges, configuration, shipped)}
        )
    if isinstance(risk, type) and (own := _class(configuration.peek("risk", "class"), RISK_GROUP)):
        extended["risk"] = Extended(risk, own)
    if isinstance(strategies, Many):
        extended["strategies"] = Many(strategies.cls, _strategies(strategies, configuration))
    return extended


def _exchanges(section: Each, configuration: Configuration, shipped: Collection[str]) -> dict[str, Extended]:
    written = configuration.peek("exchanges")
    found = {}
    for name in written if isinstance(written, dict) else ():
        installed_as = None if name in shipped else name
        own = _class(configuration.peek("exchanges", name, "class") or installed_as, EXCHANGE_GROUP)
        if own is not None:
            found[name] = Extended(section.cls, own)
    return found


def _strategies(section: Many, configuration: Configuration) -> dict[int, Extended]:
    written = configuration.peek("strategies")
    entries = enumerate(written if isinstance(written, list) else ())
    own = {i: _class(entry.get("class"), STRATEGY_GROUP) for i, entry in entries if isinstance(entry, dict)}
    return {i: Extended(section.cls, cls) for i, cls in own.items() if cls is not None}


def _class(path: object, group: str) -> type | None:
    """The settings class of the extension at ``module:Name``, or of the installed one of that name."""
    if not isinstance(path, str) or not path:
        return None
    stated = path if ":" in path else installed(group).get(path)
    try:
        own = getattr(load_object(stated, path), "settings_class", None) if stated else None
    except ConfigError:
        return None
    return own if isinstance(own, type) and is_dataclass(own) else None
