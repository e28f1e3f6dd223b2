"""Any order in which an exchange's reports arrive leads to the same end."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId, OrderId
from perpbot.core.orders import (
    ORDER_EDGES,
    Order,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    advance,
)

S = OrderStatus
SIZE = 10
CID = ClientOrderId("t-1-b1")
PENDING = Order(
    OrderRequest(CID, "alpha", "X", Side.BUY, Decimal(SIZE), Decimal(9), OrderType.LIMIT, TimeInForce.GTC, False, 0)
)


def said(status: OrderStatus, filled: int) -> OrderReport:
    average = Decimal(100 + filled) if filled else None
    return OrderReport(CID, OrderId("o1"), status, Decimal(filled), average, filled)


@st.composite
def lives(draw: st.DrawFn) -> list[OrderReport]:
    """What a truthful exchange says of one order in the course of time; the last report is final."""
    fills = sorted(draw(st.lists(st.integers(1, SIZE - 1), max_size=5, unique=True)))
    reports = [said(draw(st.sampled_from([S.PENDING, S.OPEN])), 0)]
    reports += [said(draw(st.sampled_from([S.PARTIALLY_FILLED, S.OPEN])), filled) for filled in fills]
    end = draw(st.sampled_from([S.FILLED, S.CANCELLED, S.EXPIRED] if fills else [S.FILLED, S.CANCELLED, S.REJECTED]))
    return [*reports, said(end, SIZE if end is S.FILLED else (fills[-1] if fills else 0))]


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[OrderReport], list[OrderReport]]:
    """A life, and its reports as they arrive: in any order, some twice, with silences between."""
    life = draw(lives())
    silence = OrderReport(CID, None, S.UNKNOWN, ZERO, None, 0)
    extra = draw(st.lists(st.sampled_from([*life, silence]), max_size=6))
    return life, draw(st.permutations([*life, *extra]))


@settings(max_examples=2000)
@given(shuffled())
def test_any_order_of_reports_has_the_same_end(case: tuple[list[OrderReport], list[OrderReport]]) -> None:
    """Status, filled size and average are those of the exchange's last word."""
    life, arrived = case
    order = PENDING
    for each in arrived:
        order = advance(order, each)
    last = life[-1]
    assert (order.status, order.filled_size, order.average_price) == (last.status, last.filled_size, last.average_price)


@settings(max_examples=2000)
@given(shuffled())
def test_fills_never_shrink_and_status_moves_along_its_edges(
    case: tuple[list[OrderReport], list[OrderReport]],
) -> None:
    """At every single report."""
    order = PENDING
    for each in case[1]:
        after = advance(order, each)
        assert order.filled_size <= after.filled_size <= after.size
        assert after.status is order.status or after.status in ORDER_EDGES[order.status]
        assert (after.status is S.FILLED) == (after.filled_size == after.size)
        assert advance(after, each) is after
        order = after
