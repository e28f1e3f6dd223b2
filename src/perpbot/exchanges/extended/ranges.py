"""What fits the on-chain types of an order's hash. Pure.

The library that hashes ends in a ``BaseException`` on some numbers out of range and takes others modulo the field.
"""

from __future__ import annotations

import re
from typing import Final

from perpbot.core.errors import OrderInvalid
from perpbot.exchanges.stark import PRIME

Limits = tuple[int, int]
"""The smallest and the largest number of a type."""

FELT: Final[Limits] = (0, PRIME - 1)
U32: Final[Limits] = (0, 2**32 - 1)
U64: Final[Limits] = (0, 2**64 - 1)
I64: Final[Limits] = (-(2**63), 2**63 - 1)

_NUMBER = re.compile(r"-?[0-9]{1,80}|0[xX][0-9a-fA-F]{1,64}", re.ASCII)
_SHORT_TEXT = 31
_SHOWN = 80


def within(name: str, value: object, limits: Limits) -> int:
    """``value``, a whole number or its decimal or 0x text, if it is within ``limits``.

    Raises :class:`~perpbot.core.errors.OrderInvalid`.
    """
    number = _whole(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int) or not limits[0] <= number <= limits[1]:
        raise OrderInvalid(f"{name} {_shown(value)} is not a whole number from {limits[0]} to {limits[1]}")
    return number


def short_text(name: str, text: object) -> str:
    """``text`` if it fits one field element: ASCII, 31 characters. Raises ``OrderInvalid``."""
    if not isinstance(text, str) or len(text) > _SHORT_TEXT or not text.isascii():
        raise OrderInvalid(f"{name} {_shown(text)} is not ASCII text of at most {_SHORT_TEXT} characters")
    return text


def _whole(text: str) -> int | None:
    if not _NUMBER.fullmatch(text):
        return None
    return int(text, 16 if text[:2].lower() == "0x" else 10)


def _shown(value: object) -> str:
    if not isinstance(value, int | str):
        return f"of type {type(value).__name__}"
    text = ascii(value) if isinstance(value, str) else hex(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
