"""Changes of settings while the program runs: planned on the whole settings, applied nowhere yet.

    change = plan_change(settings, "risk.max_risk_pct", "0.02")
    change.kind, change.before, change.after    # tightening, "0.05", "0.02"

A key may be a section too; then the value is a mapping of those of its keys that change together, as the shares of
``capital`` must: ``{wash_budget_pct: 0, arb_budget_pct: 0.9, reserve_pct: 0.1}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, get_args

from perpbot.config import Each, Loaded, Node, Source, home_of, plain, read_value
from perpbot.core.errors import ConfigError
from perpbot.core.settings import SettingError, SettingField, build, setting_fields, unknown
from perpbot.service.configuration import SECTIONS, Settings


class ChangeKind(StrEnum):
    """What a change does to the risk that may be taken."""

    TIGHTENING = "tightening"
    LOOSENING = "loosening"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Change:
    """A change that would be right. ``before`` and ``after`` are plain: amounts as strings, the rest as JSON has it.

    ``settings`` are the whole new settings, checked. A change that may add risk is ``loosening``: it wants confirming.
    """

    key: str
    value: str
    before: Any
    after: Any
    kind: ChangeKind
    settings: Settings


@dataclass(frozen=True, slots=True)
class KeptChange:
    """A change that was made while running, as the journal has it: what, by whom, why, and when (UTC)."""

    key: str
    value: str
    actor: str
    reason: str
    changed_ns: int

    @property
    def where(self) -> str:
        """Where a value came from, in words."""
        at = datetime.fromtimestamp(self.changed_ns // 1_000_000_000, UTC)
        why = f": {self.reason}" if self.reason else ""
        return f"changed while running by {self.actor} at {at:%Y-%m-%d %H:%M:%S} UTC{why}"


@dataclass(frozen=True, slots=True)
class Replayed:
    """Settings with the kept changes on top; ``warnings`` name those that no longer fit, one line each."""

    settings: Settings
    loaded: Loaded
    warnings: tuple[str, ...]


def plan_change(settings: Settings, key: str, value: str) -> Change:
    """What setting ``key`` to ``value`` (as ``--set`` takes it) would do; nothing is changed.

    Raises :class:`ConfigError`, one line, for a key nobody knows, one that may not change while running, a value it
    cannot take, and new settings that do not fit together.
    """
    where = Source("change", f"config set {key.strip()}")
    try:
        return _plan(settings, key.strip(), value, where)
    except SettingError as error:
        raise ConfigError(f"{where.where}: {error}") from None


def with_changes(settings: Settings, loaded: Loaded, changes: Sequence[KeptChange]) -> Replayed:
    """Freshly loaded settings with what was changed while running laid on top, oldest first.

    Never fails: a change whose key is gone, whose value is no longer taken, or that ``--set`` now says otherwise is
    left out and named in a warning.
    """
    warnings: list[str] = []
    for change in changes:
        if loaded.source(change.key).origin == "set":
            warnings.append(f"{change.key}: {loaded.source(change.key).where} beats what was {change.where}")
            continue
        try:
            settings = plan_change(settings, change.key, change.value).settings
        except ConfigError as error:
            warnings.append(f"{error}; it was {change.where} and is left out")
            continue
        sources = {key: Source("change", change.where) for key in _keys_of(change)}
        loaded = replace(loaded, settings=_by_section(settings, loaded), provenance={**loaded.provenance, **sources})
    return Replayed(replace(settings, loaded=loaded), loaded, tuple(warnings))


def _plan(settings: Settings, key: str, value: str, where: Source) -> Change:
    section, *path = key.split(".")
    cls = _class_of(section, path)
    current = getattr(settings, section)
    node = read_value(value, where)
    chosen = {path[0]: node} if path else _several(section, node)
    values = {spec.key: getattr(current, spec.name) for spec in setting_fields(cls)}
    specs = [_live_spec(cls, section, name) for name in chosen]
    for spec, each in zip(specs, chosen.values(), strict=True):
        try:
            values[spec.key] = _inner(values[spec.key], path[1:], _as_written(spec, each))
        except SettingError as error:
            raise error.under(section, spec.key) from None
    try:
        changed: Any = build(cls, values)
    except SettingError as error:
        raise error.under(section) from None
    return Change(
        key,
        value,
        _shown(current, specs, path),
        _shown(changed, specs, path),
        _kind(current, changed, specs),
        replace(settings, **{section: changed}),
    )


def _class_of(section: str, path: Sequence[str]) -> type:
    """The settings class of a section whose settings may change. Raises for a section that is unknown or fixed."""
    if section not in SECTIONS:
        raise SettingError(f"{unknown(section, SECTIONS)}{home_of(section, SECTIONS)}", (section,), at_key=True)
    found = SECTIONS[section]
    if not isinstance(found, type):
        name = path[1] if isinstance(found, Each) and len(path) > 1 else None
        if name is not None and found.cls is not None:
            _spec(found.cls, name, (section, path[0]))
        raise _needs_restart((section, *path))
    return found


def _several(section: str, node: Node) -> Mapping[str, Node]:
    if not isinstance(node.value, dict) or not node.value:
        raise SettingError("is a section: name one of its keys, or give a mapping of keys to values", (section,))
    return node.value


def _live_spec(cls: type, section: str, name: str) -> SettingField:
    spec = _spec(cls, name, (section,))
    if not spec.setting.live:
        raise _needs_restart((section, name))
    return spec


def _spec(cls: type, name: str, holder: tuple[str, ...]) -> SettingField:
    specs = {spec.key: spec for spec in setting_fields(cls)}
    if name not in specs:
        raise SettingError(f"{unknown(name, specs)}{home_of(name, SECTIONS)}", (*holder, name), at_key=True)
    return specs[name]


def _needs_restart(path: Sequence[str]) -> SettingError:
    return SettingError("may not change while running; set it in the file: it needs a restart", tuple(path))


def _as_written(spec: SettingField, node: Node) -> Any:
    """The value; text needs no quotes here."""
    takes_text = spec.annotation is str or str in get_args(spec.annotation)
    return node.text if takes_text and not isinstance(node.value, dict | list) else node.plain()


def _inner(held: Any, path: Sequence[str], value: Any) -> Any:
    """What a setting holds, with ``value`` at a path within it."""
    if not path:
        return value
    if is_dataclass(held):
        held = {spec.key: getattr(held, spec.name) for spec in setting_fields(type(held))}
    if not isinstance(held, Mapping):
        raise SettingError(f"has nothing below it, so no {'.'.join(path)}")
    return {**held, path[0]: _inner(held.get(path[0]), path[1:], value)}


def _shown(section: Any, specs: Sequence[SettingField], path: Sequence[str]) -> Any:
    values = {spec.key: plain(getattr(section, spec.name)) for spec in specs}
    shown: Any = values
    for key in path:
        shown = shown.get(key)
    return shown


def _kind(current: Any, changed: Any, specs: Sequence[SettingField]) -> ChangeKind:
    """The kind of the whole: loosening if any part of it is, else tightening if any part is."""
    kinds = set(_kinds(current, changed, specs))
    order = (ChangeKind.LOOSENING, ChangeKind.TIGHTENING)
    return next((kind for kind in order if kind in kinds), ChangeKind.NEUTRAL)


def _kinds(current: Any, changed: Any, specs: Sequence[SettingField]) -> Iterator[ChangeKind]:
    for spec in specs:
        before, after, tighter = getattr(current, spec.name), getattr(changed, spec.name), spec.setting.tighter
        if before == after or tighter == "neither":
            yield ChangeKind.NEUTRAL
        elif tighter == "either":
            yield ChangeKind.LOOSENING
        else:
            yield ChangeKind.TIGHTENING if (after < before) == (tighter == "lower") else ChangeKind.LOOSENING


def _keys_of(change: KeptChange) -> list[str]:
    """The settings that a change names, as provenance has them."""
    if "." in change.key:
        return [change.key]
    node = read_value(change.value, Source("change", change.where))
    return [f"{change.key}.{name}" for name in node.value] if isinstance(node.value, dict) else []


def _by_section(settings: Settings, loaded: Loaded) -> Mapping[str, Any]:
    return {name: getattr(settings, name) for name in loaded.settings}
