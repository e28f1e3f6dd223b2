"""What people read."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from perpbot.cli.options import did_you_mean
from perpbot.cli.output import moment, short_moment, table, text, told, usd


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1E+3"), "1000"),
        (Decimal("0.016616843829916633"), "0.01661684"),
        (Decimal("1.10"), "1.1"),
        (None, "–"),
        (True, "yes"),
        (12345, "12,345"),
        ("text", "text"),
    ],
)
def test_a_cell_is_short_and_exact_enough(value: Any, shown: str) -> None:
    """Eight places, as amounts are booked; no exponent."""
    assert text(value) == shown


def test_times_are_shown_where_the_reader_is() -> None:
    """Stored in UTC, shown in ``display.timezone``, to the millisecond."""
    assert moment(1_723_161_255_088_169_167, "UTC") == "2024-08-08 23:54:15.088"
    assert moment(1_723_161_255_088_169_167, "Asia/Shanghai") == "2024-08-09 07:54:15.088"
    assert moment(None, "UTC") == "–"
    assert short_moment(1_723_161_255_088_169_167, "UTC") == "08-08 23:54:15.088"
    assert short_moment(None, "UTC") == "–"


def test_columns_that_say_nothing_are_left_out() -> None:
    """But for those that are always shown."""
    rows = [{"a": 0, "b": "0", "c": None, "d": Decimal(0)}, {"a": 1, "b": "0", "c": None, "d": Decimal(0)}]
    assert told("abcd", rows) == ["a"]
    assert told("abcd", rows, always="bd") == ["a", "b", "d"]


def test_amounts_are_shown_to_a_hundredth_of_a_cent() -> None:
    """Also those that come as text out of a document."""
    assert [usd(Decimal("1.23456789")), usd("10000"), usd("-0.00004")] == ["1.2346", "10000", "0"]


def test_a_wrong_name_gets_the_nearest() -> None:
    """What it begins, else what is spelt alike, else all there are if they are few."""
    known = ["BTC-USD-PERP", "ETH-USD-PERP"]
    assert did_you_mean("ETH", known) == "; did you mean ETH-USD-PERP?"
    assert did_you_mean("BTC-USDT-PERP", known) == "; did you mean BTC-USD-PERP?"
    assert did_you_mean("zzz", known) == " (known: BTC-USD-PERP, ETH-USD-PERP)"
    assert did_you_mean("zzz", map(str, range(100))) == ""


def test_a_narrow_terminal_breaks_lines_and_cuts_nothing_off() -> None:
    """What names a row stays whole; the rest goes on below, also where no column has a title."""
    made = table("risk.max_risk_pct", "", "")
    made.add_row("while running", "may change: perpbot config set risk.max_risk_pct VALUE --reason WHY; at once")
    written = StringIO()
    Console(width=40, file=written).print(made)
    shown = written.getvalue()
    assert "while running" in shown
    assert "WHY; at once" in " ".join(shown.split())
