"""What callers hand in, made exact or refused."""

from collections.abc import Iterable
from decimal import Decimal

from perpbot.core.errors import InputError
from perpbot.core.money import BOOKED_STEP, ceil_to, exact
from perpbot.core.names import ExchangeName
from perpbot.core.positions import TradeResult

Number = int | float | str | Decimal
LARGEST = Decimal("1e15")
"""USD; beyond it an amount is a slip of the finger, and sums would no longer be exact."""


def finite(value: Number, what: str) -> Decimal:
    """``value`` as an exact decimal. Raises :class:`InputError` for what is no number, not finite or absurd."""
    try:
        number = exact(value)
    except ValueError as error:
        raise InputError(f"{what}: {error}") from None
    if abs(number) > LARGEST:
        raise InputError(f"{what}: {value} is too large to be meant")
    return number


def positive(amount: Number) -> Decimal:
    """An amount to reserve, rounded up to 1e-8: never less than was asked for. Raises :class:`InputError`."""
    number = finite(amount, "amount")
    if number <= 0:
        raise InputError(f"amount: must be more than 0, not {number}")
    return ceil_to(number, BOOKED_STEP)


def distinct(exchanges: Iterable[ExchangeName]) -> list[ExchangeName]:
    """The exchanges a reservation is for; one may be given by its bare name. Raises :class:`InputError`."""
    names = [exchanges] if isinstance(exchanges, str) else list(exchanges)
    if not names or len(set(names)) != len(names):
        raise InputError(f"a reservation needs one or more different exchanges, not {names}")
    return names


def results_of(result: TradeResult | Iterable[TradeResult] | None) -> list[TradeResult]:
    """The results to book with a release. Raises :class:`InputError` if a figure is not finite."""
    results = [result] if isinstance(result, TradeResult) else list(result or ())
    for item in results:
        for what in ("realized_pnl", "volume", "fees"):
            finite(getattr(item, what), f"{what} of {item.exchange}")
    return results
