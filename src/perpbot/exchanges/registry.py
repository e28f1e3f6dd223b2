"""Which class serves an exchange: one readable mapping, a ``class`` in the settings, or an installed extension."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TypeAlias

from perpbot.core.errors import ConfigError
from perpbot.core.names import ExchangeName
from perpbot.core.settings import unknown
from perpbot.exchanges.base import ExchangeBase

GROUP = "perpbot.exchanges"
"""The entry point group under which installed packages offer exchanges: name = ``module:Name``."""

ClassPath: TypeAlias = str
"""``module:Name``."""

SHIPPED: Mapping[ExchangeName, ClassPath] = MappingProxyType({})
"""Every adapter of this package that connects to an exchange, loaded only when it is used."""


def installed(group: str = GROUP) -> dict[str, ClassPath]:
    """What installed packages offer under an entry point group: name → path; exchanges by default."""
    return {point.name: point.value for point in entry_points(group=group)}


class ExchangeRegistry:
    """Finds exchange classes by name. ``shipped`` wins over ``extensions`` of the same name."""

    def __init__(
        self,
        shipped: Mapping[ExchangeName, ClassPath] = SHIPPED,
        extensions: Callable[[], Mapping[ExchangeName, ClassPath]] = installed,
    ) -> None:
        self._paths = {**extensions(), **shipped}

    @property
    def names(self) -> tuple[ExchangeName, ...]:
        """All registered names, sorted."""
        return tuple(sorted(self._paths))

    def find(
        self, name: ExchangeName, class_path: ClassPath | None = None, where: str | None = None
    ) -> type[ExchangeBase]:
        """The class of exchange ``name``, or the one at ``class_path`` if that is stated.

        ``where`` names the setting in an error. Raises :class:`ConfigError` for a name nobody knows (naming the
        nearest) and a class that cannot be loaded.
        """
        path = class_path or self._paths.get(name)
        if path is None:
            raise ConfigError(f"exchanges.{name} {unknown(name, self._paths)}; or state its class as module:Name")
        return load(path, where or f"exchanges.{name}.class")


def load(path: ClassPath, where: str) -> type[ExchangeBase]:
    """The exchange class at ``module:Name``; ``where`` names the setting in the error. Raises :class:`ConfigError`."""
    found = load_object(path, where)
    if not (isinstance(found, type) and issubclass(found, ExchangeBase)):
        raise ConfigError(f"{where}: {path} is not an exchange; it must extend perpbot.exchanges.base.ExchangeBase")
    missing = sorted(found.__abstractmethods__)
    if missing:
        raise ConfigError(f"{where}: {path} is not complete; it must have {', '.join(missing)}")
    return found


def load_object(path: ClassPath, where: str) -> object:
    """What stands at ``module:Name``; ``where`` names the setting in the error. Raises :class:`ConfigError`."""
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{where}: {path} cannot be loaded ({error}); write module:Name of an importable class"
        ) from error
    except Exception as error:  # whatever a user's module raises, it is the setting that names it
        raise ConfigError(f"{where}: {path} cannot be loaded ({type(error).__name__}: {error}); correct it") from error
