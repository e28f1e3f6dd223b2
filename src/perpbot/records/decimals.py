"""The exact decimal column: every digit kept, and sorted, compared and added up as numbers.

SQLite's NUMERIC turns decimals into binary floats, and plain text sorts ``"10"`` before ``"9"``. So a decimal is stored
as plain text in a column whose collation is ``decimal``: ORDER BY, comparisons, MIN, MAX and DISTINCT are then exact,
and ``decimal_sum`` adds up exactly. Both are installed on every connection made here, under the names that the
``sqlite3`` shell's own decimal extension gives them, so that the files read the same there. Where neither is present
SQLite refuses to sort such a column (it never sorts it wrongly), and all else, the approximate SUM included, works.
"""

from __future__ import annotations

import sqlite3
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Text, func
from sqlalchemy.types import TypeDecorator

from perpbot.core.money import ZERO
from perpbot.ledger.lots import WIDE

COLLATION = "decimal"


class ExactDecimal(TypeDecorator[Decimal]):
    """A ``Decimal`` of any length; ``None`` is NULL. NaN and infinities are refused."""

    impl = Text
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(collation=COLLATION)

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - as the base has it
        if value is None:
            return None
        if not value.is_finite():
            raise ValueError(f"{value!r} is no finite Decimal")
        return format(value, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - as the base has it
        return None if value is None else Decimal(value)


def total(column: ColumnElement[Any]) -> ColumnElement[Decimal]:
    """The exact sum of a decimal column; NULL over no rows."""
    return func.decimal_sum(column, type_=ExactDecimal())


def install(connection: sqlite3.Connection) -> None:
    """Teach one connection to sort and add up decimals."""
    connection.create_collation(COLLATION, _compare)
    connection.create_aggregate("decimal_sum", 1, _Sum)  # type: ignore[arg-type] # finalize may return None


def _compare(left: str, right: str) -> int:
    try:
        one, other = Decimal(left), Decimal(right)
    except InvalidOperation:  # not written by us; still an order
        return (left > right) - (left < right)
    return (one > other) - (one < other)


class _Sum:
    def __init__(self) -> None:
        self._total = ZERO
        self._any = False

    def step(self, value: str | float | None) -> None:
        if value is not None:
            self._any = True
            with localcontext(WIDE):
                self._total += Decimal(value)

    def finalize(self) -> str | None:
        return format(self._total, "f") if self._any else None
