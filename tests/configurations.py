"""The commented configuration file, taken apart: what tests of the configuration need of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMMENTED = re.compile(r"^( *)#(?! |$)", re.MULTILINE)
_LINE = re.compile(r"(?P<indent> *)(?P<key>[a-z_0-9]+):(?: (?P<value>.+))?")


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One line of settings: its number (from 1), key with what it stands under, indent, and value as written."""

    number: int
    key: str
    indent: int
    value: str

    @property
    def name(self) -> str:
        """The last word of the key."""
        return self.key.rpartition(".")[2]

    @property
    def column(self) -> int:
        """Where the value begins, from 1."""
        return self.indent + len(self.name) + 3


def in_force(text: str) -> str:
    """The file with every line of settings in force."""
    return _COMMENTED.sub(r"\1", text)


def setting_lines(text: str) -> list[SettingLine]:
    """Every line that sets something, in force or not."""
    found: list[SettingLine] = []
    above: list[str] = []
    for number, line in enumerate(in_force(text).splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        depth = len(match["indent"]) // 2
        above[depth:] = [match["key"]]
        if match["value"] is not None:
            found.append(SettingLine(number, ".".join(above), len(match["indent"]), match["value"]))
    return found
