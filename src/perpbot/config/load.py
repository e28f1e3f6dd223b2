"""Defaults, file, environment and ``--set`` (later beats earlier) to one settings object a section.

    sections = {"risk": RiskSettings, "exchanges": Each(ExchangeSettings), "strategies": Many(None)}
    loaded = load(sections, file=path, overrides=["risk.max_risk_pct=0.02"], environ=environ)
    loaded.of(RiskSettings).max_risk_pct

Which keys exist is known only when every room and extension has named its settings class, so reading (`read`) and
checking (`Configuration.settings`) are two steps; `load` takes both.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from perpbot.config.document import read_document, read_value
from perpbot.config.nodes import DEFAULT, Node, Source
from perpbot.config.secrets import is_secret_name
from perpbot.core.errors import ConfigError
from perpbot.core.settings import SettingError, WrongTypeError, build, quoted, setting_fields, unknown

SettingsT = TypeVar("SettingsT")

_VARIABLE = re.compile(r"PERPBOT_[A-Z0-9_]*?[A-Z0-9]__[A-Z0-9_]+")
_OURS = "PERPBOT_"


@dataclass(frozen=True, slots=True)
class Extended:
    """Settings of a room, or of an entry with a ``class`` (``None``), and beside their keys those of an extension."""

    cls: type | None
    own: type

    @property
    def keys(self) -> dict[str, type | None]:
        """Every key and whose it is; the room's own win."""
        keys: dict[str, type | None] = {spec.key: self.own for spec in setting_fields(self.own)}
        rooms = [spec.key for spec in setting_fields(self.cls)] if self.cls else ["class"]
        return keys | dict.fromkeys(rooms, self.cls)


@dataclass(frozen=True, slots=True)
class Each:
    """A section of named entries, ``exchanges.<name>``: one settings class, another for some names; ``None``: any."""

    cls: type | None
    named: Mapping[str, type | Extended] = field(default_factory=dict)

    def cls_of(self, name: str) -> type | Extended | None:
        return self.named.get(name, self.cls)


@dataclass(frozen=True, slots=True)
class Many:
    """A section that is a list, ``strategies``: one settings class for its entries, another for some; ``None``: any."""

    cls: type | None
    numbered: Mapping[int, Extended] = field(default_factory=dict)


Section = type | Each | Many | Extended


@dataclass(frozen=True, slots=True)
class Loaded:
    """Checked settings by section, and where each value came from (by ``section.key``)."""

    settings: Mapping[str, Any]
    provenance: Mapping[str, Source]
    own: Mapping[str, Any] = field(default_factory=dict)
    """What extensions brought, by where it stands: ``exchanges.mine``, ``risk``, ``strategies.0``."""

    def of(self, cls: type[SettingsT]) -> SettingsT:
        """The settings of a room by their class."""
        for settings in self.settings.values():
            if type(settings) is cls:
                return settings
        raise KeyError(f"no section was loaded with {cls.__name__}")

    def each(self, section: str, cls: type[SettingsT]) -> Mapping[str, SettingsT]:
        """The entries of a section of names that have this settings class."""
        entries: Mapping[str, Any] = self.settings[section]
        return {name: entry for name, entry in entries.items() if isinstance(entry, cls)}

    def source(self, key: str) -> Source:
        """Where a value came from: its own place, else that of what holds it, else the default."""
        while key:
            if key in self.provenance:
                return self.provenance[key]
            key = key.rpartition(".")[0]
        return DEFAULT


class Configuration:
    """What was written, in file, environment and ``--set``, laid over each other but not yet checked."""

    def __init__(self, root: Node, ignored: Sequence[str] = ()) -> None:
        self._root = root
        self._ignored = ignored
        self._own: dict[str, Any] = {}

    def peek(self, *path: str) -> Any:
        """What is written at a path, unchecked, ``None`` if nothing is."""
        node, steps = self._root.nearest(path)
        return node.plain() if steps == len(path) else None

    def where(self, *path: str) -> str:
        """The place of a path's value, or of what holds it, as an error message begins."""
        return self._root.nearest(path)[0].source.where

    def settings(self, sections: Mapping[str, Section]) -> Loaded:
        """Check everything that is written against the settings classes. Raises `ConfigError` on the first fault."""
        self._own.clear()
        for name in self._ignored:
            _refuse_misspelt(name, sections)
        try:
            _refuse_unknown(self._written(), sections)
            settings = {name: self._section(name, section) for name, section in sections.items()}
        except SettingError as error:
            raise ConfigError(self._sentence(error, sections)) from None
        own = dict(self._own)
        return Loaded(MappingProxyType(settings), MappingProxyType(self._provenance(settings | own)), own)

    def _written(self) -> Mapping[str, Node]:
        return self._mapping((), self._root)

    def _section(self, name: str, section: Section) -> Any:
        node = self._written().get(name)
        if isinstance(section, Many):
            return self._entries(name, node, section)
        if isinstance(section, Each):
            names = self._mapping((name,), node)
            return MappingProxyType({key: self._one(section.cls_of(key), (name, key), names[key]) for key in names})
        return self._one(section, (name,), node)

    def _entries(self, name: str, node: Node | None, section: Many) -> tuple[Any, ...]:
        if node is None or node.value is None:
            return ()
        if not isinstance(node.value, list):
            raise WrongTypeError("must be a list of entries, each beginning with a dash", (name,))
        return tuple(
            self._one(section.numbered.get(i, section.cls), (name, str(i)), entry) for i, entry in enumerate(node.value)
        )

    def _one(self, cls: type | Extended | None, path: tuple[str, ...], node: Node | None) -> Any:
        values = self._mapping(path, node)
        if isinstance(cls, Extended):
            return self._extended(cls, path, values)
        return self._built(cls, path, values)

    def _extended(self, extended: Extended, path: tuple[str, ...], values: dict[str, Node]) -> Any:
        """The room's settings; the extension's are kept aside."""
        keys = extended.keys
        for key in values:
            if key not in keys:
                raise SettingError(unknown(key, keys), (*path, key), at_key=True)
        own = {key: value for key, value in values.items() if keys[key] is extended.own}
        self._own[".".join(path)] = self._built(extended.own, path, own)
        return self._built(extended.cls, path, {key: value for key, value in values.items() if key not in own})

    def _built(self, cls: type | None, path: tuple[str, ...], values: dict[str, Node]) -> Any:
        if cls is None:
            return {key: value.plain() for key, value in values.items()}
        while True:
            try:
                return build(cls, {key: value.plain() for key, value in values.items()})
            except SettingError as error:
                if not self._as_text(error, values):
                    raise error.under(*path) from None

    def _mapping(self, path: tuple[str, ...], node: Node | None) -> dict[str, Node]:
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            raise WrongTypeError("must be a mapping of keys to values", path)
        return node.value

    def _as_text(self, error: SettingError, values: dict[str, Node]) -> bool:
        """Whether a value given as ``--set`` or variable can be tried again as text: there it needs no quotes."""
        node, steps = Node(values, DEFAULT, DEFAULT).nearest(error.path)
        retry = (
            isinstance(error, WrongTypeError)
            and not error.at_key
            and steps == len(error.path) > 0
            and node.source.origin in {"environment", "set"}
            and "text" in error.message
            and not isinstance(node.value, str | dict | list)
        )
        if retry:
            node.value = node.text
        return retry

    def _sentence(self, error: SettingError, sections: Mapping[str, Section]) -> str:
        node, steps = self._root.nearest(error.path)
        if steps < len(error.path):  # a key that should be there and is not
            return f"{node.source.where}: {error}"
        if error.at_key:
            return f"{node.key_source.where}: {error}{home_of(error.path[-1], sections)}"
        if isinstance(node.value, dict) and not isinstance(error, WrongTypeError):  # a rule across the keys below
            return f"{_strongest(node, node.value, error.message).where}: {error}"
        return f"{node.source.where}: {error}"

    def _provenance(self, settings: Mapping[str, Any]) -> dict[str, Source]:
        sources: dict[str, Source] = {}
        for name, value in settings.items():
            for key in _keys(name, value):
                sources[key] = DEFAULT
        sources |= {".".join(path): node.source for path, node in self._root.leaves()}
        return sources


def load(
    sections: Mapping[str, Section],
    *,
    file: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Loaded:
    """Read and check in one step; see `read` and `Configuration.settings`. Raises `ConfigError`."""
    return read(file, overrides, environ).settings(sections)


def read(
    file: Path | None = None,
    overrides: Iterable[str] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Configuration:
    """Lay file, variables ``PERPBOT_SECTION__KEY`` and ``section.key=value`` over each other. Raises `ConfigError`."""
    root = (read_document(file) if file else None) or Node({}, DEFAULT, DEFAULT)
    if root.value is None:
        root.value = {}
    if not isinstance(root.value, dict):
        raise ConfigError(f"{root.source.where}: must be a mapping of sections, such as `risk:`")
    ours = sorted(name for name in environ if name.upper().startswith(_OURS))
    ignored = [name for name in ours if not _VARIABLE.fullmatch(name)]
    for name in ours:
        if name not in ignored:
            path = name.removeprefix(_OURS).lower().split("__")
            root.put(path, read_value(environ[name], Source("environment", name)))
    for override in overrides:
        _put_override(root, override)
    return Configuration(root, ignored)


def _put_override(root: Node, override: str) -> None:
    key, equals, value = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise ConfigError(f"--set {quoted(key)}: write it as --set section.key=value")
    root.put(path, read_value(value, Source("set", f"--set {key.strip()}")))


def _refuse_unknown(written: Iterable[str], sections: Mapping[str, Section]) -> None:
    for name in written:
        if name not in sections:
            raise SettingError(unknown(name, sections), (name,), at_key=True)


def _refuse_misspelt(variable: str, sections: Iterable[str]) -> None:
    """A variable that names a section, but not as one is written, would be ignored: a limit that does not hold."""
    name = variable.upper().removeprefix(_OURS).strip("_")
    section = next((each for each in sections if name == each.upper() or name.startswith(f"{each.upper()}_")), None)
    if section is not None:
        key = name[len(section) :].strip("_") or "KEY"
        meant = f"{_OURS}{section.upper()}__{key}"
        raise ConfigError(f"{variable}: is no setting; write it as {meant}, in capitals and with two underscores")


def home_of(key: str, sections: Mapping[str, Section]) -> str:
    """The end of a sentence on a key that is not known here: the section where it would be in its place."""
    if is_secret_name(key):
        return "; keys of accounts come from the environment, never from here"
    homes = [home for name, section in sections.items() for home in _homes(name, section, key)]
    return f"; {key} belongs under {' or '.join(homes)}" if homes else ""


def _homes(name: str, section: Section, key: str) -> list[str]:
    """Where in a section the key is known: the section itself, or settings within it."""
    cls = section if isinstance(section, type) else section.cls
    specs = setting_fields(cls) if cls else ()
    holders = [(f"{name}.{spec.key}", setting_fields(spec.inner)) for spec in specs if spec.inner]
    return [holder for holder, held in [(name, specs), *holders] if any(spec.key == key for spec in held)]


def _strongest(node: Node, below: Mapping[str, Node], told: str) -> Source:
    """The place an operator would look at first: of the keys that are told of the last laid over the others."""
    named = [child for key, child in below.items() if re.search(rf"\b{re.escape(key)}\b", told)]
    sources = [leaf.source for child in named or [node] for _, leaf in child.leaves()]
    ranked = [source for origin in ("set", "environment") for source in sources if source.origin == origin]
    if ranked:
        return ranked[0]
    return named[-1].key_source if named else node.key_source


def _keys(prefix: str, value: Any) -> list[str]:
    if hasattr(value, "__dataclass_fields__"):
        return [f"{prefix}.{spec.key}" for spec in setting_fields(type(value))]
    if isinstance(value, Mapping):
        return [key for name, entry in value.items() for key in _keys(f"{prefix}.{name}", entry)]
    return []
