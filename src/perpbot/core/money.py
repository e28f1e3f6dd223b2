"""Exact money: parsing, rounding and printing of decimals.

Amounts are in the reporting currency (USD; USDC counts 1, USDT a configured source) unless a name says otherwise.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation

ZERO = Decimal(0)
ONE = Decimal(1)
HALF = Decimal("0.5")
BPS = Decimal("0.0001")
BOOKED_STEP = Decimal("1e-8")
"""Every realised amount is a whole multiple of this."""

_NUMBERS = (int, float, str, Decimal)


def exact(value: int | float | str | Decimal) -> Decimal:
    """The decimal that ``value`` shows: floats by their shortest text, so ``0.1`` is one tenth.

    Raises ``ValueError`` for text that is no number, for booleans, NaN and infinities.
    """
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        raise ValueError(f"{value!r} is not a number")
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not finite")
    return number


def realised(value: Decimal) -> Decimal:
    """``value`` rounded to 1e-8, half to even: the grid on which every booked amount lies."""
    return value.quantize(BOOKED_STEP, rounding=ROUND_HALF_EVEN)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest whole multiple of ``step`` that is not above ``value``."""
    return (value / step).to_integral_value(rounding=ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """The smallest whole multiple of ``step`` that is not below ``value``."""
    return (value / step).to_integral_value(rounding=ROUND_CEILING) * step


def on_grid(value: Decimal, step: Decimal) -> bool:
    """Whether ``value`` is a whole multiple of ``step``."""
    return value % step == 0


def plain(value: Decimal) -> str:
    """``value`` as text without exponent and without needless zeros; zero is ``"0"``."""
    if value == 0:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
