"""The commented configuration file: every section and key, what it is, takes and is by default.

A line of settings begins with ``#`` and no blank after it; without that ``#`` it is in force. A line that begins with
``# `` only explains. Sections stand open and empty, so that a key needs nothing but its own ``#`` removed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

from perpbot.config.explain import Explained, describe
from perpbot.config.load import Each, Many, Section

_WIDTH = 110


@dataclass(frozen=True, slots=True)
class Filling:
    """What the file says beside the settings' own words.

    ``head`` are the first lines. ``name`` stands for the entries of a section of names, ``notes`` explain a section,
    ``stated`` (by ``section.key``) are the values in force, ``examples`` those shown of what has no default.
    """

    head: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    stated: Mapping[str, Any] = field(default_factory=dict)
    examples: Mapping[str, Any] = field(default_factory=dict)


def template(sections: Mapping[str, Section], filling: Filling) -> str:
    """The text of the file."""
    lines = list(_comment(0, *filling.head))
    rows = describe(sections)
    for name, section in sections.items():
        own = [row for row in rows if row.key.startswith(f"{name}.")]
        lines += ["", f"{name}:", *_comment(2, *_meaning(section), *filling.notes.get(name, ()))]
        lines += _entries(own, filling)
    return "\n".join(lines) + "\n"


def yaml(value: Any) -> str:
    """A plain value in YAML's short form."""
    if isinstance(value, list):
        return f"[{', '.join(map(yaml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {yaml(item)}" for key, item in value.items()) + "}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _meaning(section: Section) -> list[str]:
    cls = section.cls if isinstance(section, Each | Many) else section
    return [(cls.__doc__ or "").strip().splitlines()[0]] if cls else []


def _entries(rows: Sequence[Explained], filling: Filling) -> Iterator[str]:
    """The lines of a section; what stands between its name and a key is opened once."""
    opened: tuple[str, ...] = ()
    for row in rows:
        section, *holders, key = row.key.split(".")
        holders = [filling.names.get(section, each) if each.startswith("<") else each for each in holders]
        if tuple(holders) != opened and holders:
            yield ""
            yield f"{'  ' * len(holders)}{holders[-1]}:"
        opened = tuple(holders)
        depth = 2 * (len(holders) + 1)
        yield ""
        yield from _comment(depth, f"{row.help}.", _facts(row))
        yield _line(depth, key, row, filling)


def _line(depth: int, key: str, row: Explained, filling: Filling) -> str:
    if row.key in filling.stated:
        return f"{' ' * depth}{key}: {yaml(filling.stated[row.key])}"
    value = filling.examples[row.key] if row.required else row.default
    return f"{' ' * depth}#{key}: {yaml(value)}"


def _facts(row: Explained) -> str:
    default = "needed" if row.required else f"default {yaml(row.default)}"
    return f"{row.takes}; {default}{'; may change while running' if row.live else ''}"


def _comment(depth: int, *texts: str) -> Iterator[str]:
    for text in texts:
        for line in wrap(text, _WIDTH - depth - 2) or [""]:
            yield f"{' ' * depth}# {line}".rstrip()
