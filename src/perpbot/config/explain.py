"""What every setting is, takes, is set to and why: the rows of ``config explain``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from decimal import Decimal
from typing import Any

from perpbot.config.load import Each, Loaded, Section
from perpbot.config.nodes import DEFAULT, Source
from perpbot.core.settings import SettingField, Tighter, setting_fields

MASKED = "(set, not shown)"


@dataclass(frozen=True, slots=True)
class Explained:
    """One setting. `value` and `default` are plain (see `plain`); `key` has ``<name>`` where entries have names."""

    key: str
    value: Any
    default: Any
    unit: str
    takes: str
    help: str
    live: bool
    tighter: Tighter
    required: bool
    source: Source


def describe(sections: Mapping[str, Section], loaded: Loaded | None = None) -> list[Explained]:
    """Every setting of the sections; with `loaded` as it is set and from where, else at its default."""
    rows: list[Explained] = []
    for name, section in sections.items():
        for prefix, cls, settings in _targets(name, section, loaded):
            rows += _rows(prefix, cls, settings, loaded)
    for prefix, settings in loaded.own.items() if loaded else ():
        rows += _rows(prefix, type(settings), settings, loaded)
    return rows


def plain(value: Any) -> Any:
    """A setting's value as JSON has it: amounts as strings without exponent, counts and seconds as numbers."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if is_dataclass(value) and not isinstance(value, type):
        return {spec.key: plain(getattr(value, spec.name)) for spec in setting_fields(type(value))}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def _targets(name: str, section: Section, loaded: Loaded | None) -> Iterator[tuple[str, type, Any]]:
    """Key prefix, settings class and settings of each place the section has, once as a pattern if it has none."""
    if isinstance(section, type):
        yield name, section, loaded.settings[name] if loaded else None
        return
    entries: Any = loaded.settings[name] if loaded else ()
    named = entries.items() if isinstance(entries, Mapping) else enumerate(entries)
    typed: list[tuple[str, type, Any]] = [
        (f"{name}.{key}", type(entry), entry) for key, entry in named if is_dataclass(entry)
    ]
    pattern = "name" if isinstance(section, Each) else "number"
    yield from typed or ([(f"{name}.<{pattern}>", section.cls, None)] if section.cls else [])


def _rows(prefix: str, cls: type, settings: Any, loaded: Loaded | None) -> Iterator[Explained]:
    """One row a setting; of settings that may be left out as a whole, one for each within."""
    for spec in setting_fields(cls):
        if spec.inner and spec.left_out:
            yield from _rows(f"{prefix}.{spec.key}", spec.inner, settings and getattr(settings, spec.name), loaded)
        else:
            yield _row(prefix, spec, settings, loaded)


def _shown(spec: SettingField, value: Any) -> Any:
    return MASKED if spec.setting.masked and value is not None else plain(value)


def _row(prefix: str, spec: SettingField, settings: Any, loaded: Loaded | None) -> Explained:
    key = f"{prefix}.{spec.key}"
    default = None if spec.required else spec.default
    value = default if settings is None else getattr(settings, spec.name)
    return Explained(
        key=key,
        value=_shown(spec, value),
        default=plain(default),
        unit=spec.setting.unit,
        takes=spec.expected(),
        help=spec.setting.help,
        live=spec.setting.live,
        tighter=spec.setting.tighter,
        required=spec.required,
        source=loaded.source(key) if loaded and settings is not None else DEFAULT,
    )
