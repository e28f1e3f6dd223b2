"""The fields of one JSON object, read one by one: what cannot be read is counted and costs that field alone. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from decimal import Decimal, InvalidOperation
from typing import Any

from perpbot.core.errors import OrderInvalid
from perpbot.exchanges.extended.ranges import Limits, within

_LARGEST = 18  # powers of ten of a tick, step, minimum or leverage, either way
_SHOWN = 80


class Fields:
    """The fields of one object; what is absent or unreadable is counted and ``None`` (a text: empty)."""

    def __init__(self, fields: dict[str, Any], path: str, noted: Counter[str]) -> None:
        self._fields = fields
        self._path = path
        self._noted = noted

    def note_unknown(self, known: frozenset[str]) -> None:
        for name in sorted(self._fields.keys() - known):
            self._note("unknown field", shown(name))

    def part(self, name: str) -> Fields:
        value = self._value(name)
        if value is not None and not isinstance(value, dict):
            self._note("unreadable field", name)
            value = None
        return Fields(value or {}, f"{self._path}{name}.", self._noted)

    def text(self, name: str) -> str:
        value = self._value(name)
        if value is None or isinstance(value, str):
            return value or ""
        self._note("unreadable field", name)
        return ""

    def word(self, name: str, known: Container[str]) -> str | None:
        """One of ``known`` words, or another, which is counted; ``None`` if absent, empty if it is no word."""
        value = self._value(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self._note("unreadable field", name)
            return ""
        if value not in known:
            self._note("unknown value", f"{name} {shown(value)}")
        return value

    def flag(self, name: str) -> bool | None:
        value = self._value(name)
        if value is None or isinstance(value, bool):
            return value
        self._note("unreadable field", name)
        return None

    def number(self, name: str) -> Decimal | None:
        """A positive number, as text or as such."""
        value = self._value(name)
        if value is None:
            return None
        number = _number(value)
        if number is None:
            self._note("unreadable field", name)
        return number

    def whole(self, name: str, limits: Limits) -> int | None:
        value = self._value(name)
        if value is None:
            return None
        try:
            return within(name, value, limits)
        except OrderInvalid:
            self._note("unreadable field", name)
            return None

    def _value(self, name: str) -> Any:
        value = self._fields.get(name)
        if value is None:
            self._note("absent field", name)
        return value

    def _note(self, kind: str, name: str) -> None:
        self._noted[f"{kind} {self._path}{name}"] += 1


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() and number > 0 and abs(number.adjusted()) <= _LARGEST else None


def shown(text: str) -> str:
    """``text`` on one line, shortened; quoted if it is no plain word."""
    line = text if text.isascii() and text.isidentifier() else ascii(text)
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
