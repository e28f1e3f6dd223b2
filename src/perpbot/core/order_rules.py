"""What an order must satisfy before it is sent, whoever sends it and wherever to."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.instruments import Instrument
from perpbot.core.money import on_grid, plain
from perpbot.core.orders import OrderRequest, OrderType


def find_problem(request: OrderRequest, instrument: Instrument) -> str | None:
    """Which rule of ``instrument`` the order breaks, or ``None``.

    Sizes and prices are finite, positive and on their grids; reduce-only orders are exempt from the minimums, so that
    a small rest can always be closed.
    """
    size, price = request.size, request.price
    if price is None and request.order_type is OrderType.LIMIT:
        return "a limit order needs a price"
    problem = _number_problem("size", size, "step", instrument.step)
    if problem is None and price is not None:
        problem = _number_problem("price", price, "tick", instrument.tick)
    return problem if problem or request.reduce_only else _minimum_problem(size, price, instrument)


def _number_problem(name: str, value: Decimal, grid: str, step: Decimal) -> str | None:
    if not value.is_finite() or value <= 0:
        return f"{name} {value} is not a positive number"
    return None if on_grid(value, step) else f"{name} {plain(value)} is not on the {grid} {plain(step)}"


def _minimum_problem(size: Decimal, price: Decimal | None, instrument: Instrument) -> str | None:
    if size < instrument.min_size:
        return f"size {plain(size)} is below the minimum {plain(instrument.min_size)}"
    if price is None or (notional := instrument.notional(size, price)) >= instrument.min_notional:
        return None
    return f"notional {plain(notional)} is below the minimum {plain(instrument.min_notional)}"
