"""The decimal column keeps every digit and sorts, compares and adds up as numbers."""

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, select
from sqlalchemy.exc import StatementError

from perpbot.records.database import Database
from perpbot.records.decimals import ExactDecimal, total

TABLE = Table("amounts", MetaData(), Column("id", Integer, primary_key=True), Column("amount", ExactDecimal()))
AMOUNTS = ["10", "9", "-1.5", "-10", "0.1", "0.10000000000000000000000001", "123456789012345678901234567890.12345678"]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    database = Database.create(tmp_path / "db", "demo")
    with database.writing() as opened:
        TABLE.create(opened)
        yield opened
    database.close()


def fill(connection: Connection, *amounts: str) -> None:
    connection.execute(TABLE.insert(), [{"amount": Decimal(amount)} for amount in amounts])


def test_every_digit_comes_back_and_nothing_is_written_with_an_exponent(connection: Connection) -> None:
    """NUMERIC would make floats of them."""
    amounts = [*AMOUNTS, "1E-8", "0E-8", "1E+3"]
    fill(connection, *amounts)
    assert list(connection.scalars(select(TABLE.c.amount))) == [Decimal(amount) for amount in amounts]
    texts = list(connection.exec_driver_sql("SELECT amount FROM amounts").scalars())
    assert texts == [*AMOUNTS, "0.00000001", "0.00000000", "1000"]


def test_decimals_sort_as_numbers(connection: Connection) -> None:
    """Text would put 10 before 9."""
    fill(connection, *AMOUNTS)
    in_order = list(connection.scalars(select(TABLE.c.amount).order_by(TABLE.c.amount)))
    assert in_order == sorted(Decimal(amount) for amount in AMOUNTS)
    assert connection.scalar(select(func.min(TABLE.c.amount))) == -10


def test_decimals_compare_as_numbers_however_they_are_written(connection: Connection) -> None:
    """9 is less than 10, and 1.50 is 1.5; plain SQL literals included."""
    fill(connection, "9", "10", "1.50")
    assert connection.scalar(select(func.count()).where(TABLE.c.amount < Decimal(10))) == 2
    assert connection.scalar(select(func.count()).where(TABLE.c.amount == Decimal("1.5"))) == 1
    assert connection.exec_driver_sql("SELECT count(*) FROM amounts WHERE amount > 5").scalar() == 2


def test_decimals_add_up_exactly(connection: Connection) -> None:
    """Ten tenths are one, and a large amount swallows no small one."""
    fill(connection, *["0.1"] * 10, "123456789012345678901234567890.12345678", "0.00000001")
    assert connection.scalar(select(total(TABLE.c.amount))) == Decimal("123456789012345678901234567891.12345679")


def test_the_sum_over_nothing_is_nothing(connection: Connection) -> None:
    """NULL, as of every SQL sum."""
    assert connection.scalar(select(total(TABLE.c.amount))) is None


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_what_is_no_finite_number_is_refused(connection: Connection, value: str) -> None:
    """A NaN in a database poisons every sum."""
    with pytest.raises(StatementError, match="is no finite Decimal"):
        fill(connection, value)


def test_a_reader_without_the_collation_is_refused_and_never_misled(tmp_path: Path) -> None:
    """Plain sqlite3 reads and roughly sums the column; sorting it wrongly it cannot."""
    Database.create(tmp_path / "db", "demo").close()
    plain = sqlite3.connect(tmp_path / "db")
    assert plain.execute("SELECT sum(pnl) FROM trades").fetchall() == [(None,)]
    with pytest.raises(sqlite3.OperationalError, match="no such collation sequence: decimal"):
        plain.execute("SELECT pnl FROM trades ORDER BY pnl")
    plain.close()
