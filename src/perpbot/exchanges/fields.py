"""The fields of one JSON object, read one by one: what cannot be read is counted and costs that field alone. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping
from decimal import Decimal
from typing import Any

_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")
"""As long as any amount here can sensibly be."""
_WHOLE = re.compile(r"[0-9]{1,80}|0[xX][0-9a-fA-F]{1,64}", re.ASCII)
_SHOWN = 80
LEAST, MOST = Decimal("1e-18"), Decimal("1e18")
"""Smaller or larger is no tick, size or price that anybody means."""


class Fields:
    """The fields of an object; what is absent or unreadable is noted and ``None``, a text then empty."""

    def __init__(self, fields: Mapping[str, Any], path: str, noted: Counter[str]) -> None:
        self._fields = fields
        self._path = path
        self._noted = noted

    def note_unknown(self, known: frozenset[str]) -> None:
        """Count the fields that are not ``known``."""
        for name in self._fields.keys() - known:
            self._note("unknown field", shown(name))

    def part(self, name: str) -> Fields:
        """The fields of an object within this one; of one that is absent none, which is noted once."""
        value = self._read(name, dict)
        return Fields({}, "", Counter()) if value is None else Fields(value, f"{self._path}{name}.", self._noted)

    def text(self, name: str) -> str:
        return self._read(name, str) or ""

    def word(self, name: str, known: Container[str]) -> str | None:
        """A text, counted if it is not one of the ``known``; ``None`` if absent, empty if it is no text."""
        value: str | None = self._read(name, str)
        if value is None:
            return None if self._fields.get(name) is None else ""
        if value not in known:
            self._note("unknown value", f"{name} {shown(value)}")
        return value

    def flag(self, name: str) -> bool | None:
        value = self._fields.get(name)
        if isinstance(value, bool):
            return value
        self._note("absent field" if value is None else "unreadable field", name)
        return None

    def whole(self, name: str, most: int) -> int | None:
        """A whole number from 0 to ``most``, as such or as decimal or 0x text."""
        value: int | str | None = self._read(name, str | int)
        if isinstance(value, str):
            value = int(value, 16 if value[:2].lower() == "0x" else 10) if _WHOLE.fullmatch(value) else -1
        if value is not None and not 0 <= value <= most:
            self._note("unreadable field", name)
            return None
        return value

    def number(self, name: str, least: Decimal = LEAST, most: Decimal = MOST) -> Decimal | None:
        """A number from ``least`` to ``most``, as text or as such."""
        value = self._read(name, str | int | Decimal)
        if value is None:
            return None
        number = Decimal(str(value)) if _NUMBER.fullmatch(str(value)) else None
        if number is None or not least <= number <= most:
            self._note("unreadable field", name)
            return None
        return number

    def _read(self, name: str, kind: Any) -> Any:
        value = self._fields.get(name)
        if value is None:
            self._note("absent field", name)
        elif not isinstance(value, kind) or isinstance(value, bool):
            self._note("unreadable field", name)
            return None
        return value

    def _note(self, kind: str, name: str) -> None:
        self._noted[f"{kind} {self._path}{name}"] += 1


def shown(text: str) -> str:
    """``text`` on one line, shortened; quoted if it is no plain word."""
    line = text if text.isascii() and text.isidentifier() else ascii(text)
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
