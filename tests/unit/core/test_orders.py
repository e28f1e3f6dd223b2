"""The life cycle of an order: only what an exchange said moves it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpbot.core.errors import IllegalTransition
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
CID = ClientOrderId("t-1-b1")


def order(status: OrderStatus = S.PENDING, filled: str = "0", size: str = "10") -> Order:
    request = OrderRequest(
        CID,
        "alpha",
        "BTC-USD-PERP",
        Side.BUY,
        Decimal(size),
        Decimal(100),
        OrderType.LIMIT,
        TimeInForce.IOC,
        False,
        0,
    )
    average = Decimal(100) if Decimal(filled) else None
    return Order(request, status, OrderId("o1"), Decimal(filled), average, timestamp_ns=5)


def report(status: OrderStatus, filled: str = "0", average: str | None = None, **changes: object) -> OrderReport:
    values: dict[str, object] = {
        "client_order_id": CID,
        "order_id": OrderId("o1"),
        "status": status,
        "filled_size": Decimal(filled),
        "average_price": None if average is None else Decimal(average),
        "timestamp_ns": 7,
    }
    return OrderReport(**{**values, **changes})  # type: ignore[arg-type]


def test_a_report_that_says_nothing_new_returns_the_same_order() -> None:
    """So that nothing is journaled or told twice."""
    known = order(S.OPEN)
    assert advance(known, report(S.OPEN)) is known


def test_a_full_fill_is_the_end_whatever_the_report_calls_it() -> None:
    """Everything filled is filled, also while the exchange still says open."""
    assert advance(order(S.OPEN), report(S.OPEN, "10", "100")).status is S.FILLED


@pytest.mark.parametrize("said", [S.OPEN, S.PENDING, S.PARTIALLY_FILLED])
def test_an_order_with_a_fill_is_partially_filled_whatever_it_is_called(said: OrderStatus) -> None:
    """An order is never open or pending with something filled."""
    after = advance(order(S.OPEN), report(said, "3", "100"))
    assert (after.status, after.filled_size) == (S.PARTIALLY_FILLED, Decimal(3))


def test_a_partial_fill_of_nothing_is_open() -> None:
    """The status follows from what filled."""
    assert advance(order(), report(S.PARTIALLY_FILLED)).status is S.OPEN


def test_a_late_report_does_not_take_back_a_fill_or_its_price() -> None:
    """Reports are cumulative and may come in any order."""
    after = advance(order(S.PARTIALLY_FILLED, "5"), report(S.OPEN, "3", "99"))
    assert (after.status, after.filled_size, after.average_price) == (S.PARTIALLY_FILLED, Decimal(5), Decimal(100))


def test_a_report_without_a_price_does_not_lose_the_average() -> None:
    """What is known stays known."""
    after = advance(order(S.PARTIALLY_FILLED, "5"), report(S.CANCELLED, "5"))
    assert (after.status, after.average_price) == (S.CANCELLED, Decimal(100))


def test_a_final_order_is_not_reopened() -> None:
    """A report from before the end changes nothing."""
    known = order(S.CANCELLED, "5")
    assert advance(known, report(S.OPEN, "2", "100")) is known


def test_a_fill_after_the_cancel_counts() -> None:
    """The cancel stands, and so does what filled while it was under way."""
    after = advance(order(S.CANCELLED), report(S.PARTIALLY_FILLED, "4", "100"))
    assert (after.status, after.filled_size) == (S.CANCELLED, Decimal(4))


def test_an_unknown_order_is_settled_by_what_the_exchange_says() -> None:
    """Whatever it turns out to be."""
    for status in (S.OPEN, S.CANCELLED, S.REJECTED, S.EXPIRED):
        assert advance(order(S.UNKNOWN), report(status)).status is status


def test_a_pending_report_says_nothing_of_an_unknown_order() -> None:
    """It stays unknown."""
    assert advance(order(S.UNKNOWN), report(S.PENDING)).status is S.UNKNOWN


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (order(), report(S.OPEN, "11", "100")),
        (order(), report(S.OPEN, "-1")),
        (order(), report(S.FILLED, "9", "100")),
        (order(S.PARTIALLY_FILLED, "3"), report(S.REJECTED)),
        (order(), report(S.OPEN, order_id=OrderId("o2"))),
        (order(), report(S.OPEN, client_order_id=ClientOrderId("t-2-b1"))),
    ],
)
def test_a_report_that_cannot_be_true_is_an_error(known: Order, said: OrderReport) -> None:
    """More filled than ordered, filled in part, a rejected fill, another order's ids."""
    with pytest.raises(IllegalTransition):
        advance(known, said)


def test_the_time_of_a_change_never_goes_back() -> None:
    """A late report carries an old time."""
    assert advance(order(S.OPEN), report(S.CANCELLED, timestamp_ns=1)).timestamp_ns == 5


def test_nothing_follows_a_final_status() -> None:
    """The table of edges says so too."""
    assert all(not after for status, after in ORDER_EDGES.items() if status.final)
    assert all(after for status, after in ORDER_EDGES.items() if not status.final)
