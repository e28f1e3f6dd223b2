"""A check's answer, with what it measured and against which limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from perpbot.core.money import plain
from perpbot.core.reasons import message


class Level(StrEnum):
    """Who answered; the chain asks ``capital`` … ``execution`` in this order."""

    SCANNER = "scanner"
    CAPITAL = "capital"
    ACCOUNT = "account"
    POSITION = "position"
    EXECUTION = "execution"
    GATE = "gate"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check's answer. ``reason`` is a code of :mod:`perpbot.core.reasons`; unpacks as ``(ok, reason)``."""

    level: Level
    rule: str
    approved: bool
    reason: str
    measured: Decimal | None = None
    limit: Decimal | None = None
    detail: str = ""

    def __iter__(self) -> Iterator[bool | str]:
        yield self.approved
        yield self.reason

    @property
    def distance(self) -> Decimal | None:
        """How far the measured value was from the limit, as a positive amount; ``None`` without figures."""
        if self.measured is None or self.limit is None:
            return None
        return abs(self.measured - self.limit)

    def message(self, language: str = "en") -> str:
        """One line for people: the reason's words, the figures and the detail."""
        text = message(self.reason, language)
        if self.measured is not None and self.limit is not None:
            text += f" ({self.rule} {plain(self.measured)}, limit {plain(self.limit)})"
        return f"{text}: {self.detail}" if self.detail else text


def approve(level: Level, rule: str, measured: Decimal | None = None, limit: Decimal | None = None) -> Verdict:
    """A check that passed."""
    return Verdict(level, rule, True, "approved", measured, limit)


def refuse(
    level: Level,
    rule: str,
    reason: str,
    measured: Decimal | None = None,
    limit: Decimal | None = None,
    detail: str = "",
) -> Verdict:
    """A check that did not pass."""
    return Verdict(level, rule, False, reason, measured, limit, detail)
