"""What every order must satisfy before it is sent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.names import ClientOrderId
from perpbot.core.order_rules import find_problem
from perpbot.core.orders import OrderRequest, OrderType, Side, TimeInForce
from tests.world import INVERSE, LINEAR


def order(**changes: Any) -> OrderRequest:
    plain = OrderRequest(
        ClientOrderId("t-1-b1"),
        LINEAR.exchange,
        LINEAR.symbol,
        Side.BUY,
        Decimal("0.010"),
        Decimal("60000.1"),
        OrderType.LIMIT,
        TimeInForce.IOC,
        False,
        0,
    )
    return replace(plain, **changes)


def test_an_order_on_both_grids_above_the_minimums_has_no_problem() -> None:
    """As has a market order without a price."""
    assert find_problem(order(), LINEAR) is None
    assert find_problem(order(price=None, order_type=OrderType.MARKET), LINEAR) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": Decimal("NaN")}, "size NaN is not a positive number"),
        ({"size": Decimal("Infinity")}, "size Infinity is not a positive number"),
        ({"size": Decimal(0)}, "size 0 is not a positive number"),
        ({"size": Decimal("-0.001")}, "size -0.001 is not a positive number"),
        ({"size": Decimal("0.0105")}, "size 0.0105 is not on the step 0.001"),
        ({"price": Decimal("NaN")}, "price NaN is not a positive number"),
        ({"price": Decimal(0)}, "price 0 is not a positive number"),
        ({"price": Decimal("60000.15")}, "price 60000.15 is not on the tick 0.1"),
        ({"price": None}, "a limit order needs a price"),
        ({"price": Decimal(100)}, "notional 1 is below the minimum 10"),
    ],
)
def test_the_first_broken_rule_is_named(changes: dict[str, Any], words: str) -> None:
    """With the figure and the limit."""
    assert find_problem(order(**changes), LINEAR) == words


def test_a_small_rest_can_always_be_closed() -> None:
    """Reduce-only orders are exempt from minimum size and notional, never from the grids."""
    coarse = replace(LINEAR, min_size=Decimal("0.1"))
    assert find_problem(order(), coarse) == "size 0.01 is below the minimum 0.1"
    assert find_problem(order(reduce_only=True), coarse) is None
    assert find_problem(order(reduce_only=True, price=Decimal(100)), LINEAR) is None
    assert find_problem(order(reduce_only=True, size=Decimal("0.0001")), LINEAR) is not None


def test_the_notional_of_an_inverse_order_is_its_contracts() -> None:
    """One contract of 10 USD is enough for a minimum of 10, whatever the price."""
    assert find_problem(order(size=Decimal(1), price=Decimal("1.0")), INVERSE) is None
