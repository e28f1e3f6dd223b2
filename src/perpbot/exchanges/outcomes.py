"""The answers to one send, and the rule that the first stands."""

from __future__ import annotations

import asyncio

from perpbot.core.orders import Order, OrderReport, OrderRequest, OrderStatus
from perpbot.core.ports import OrderOutcome, SendStatus


def settle(answer: asyncio.Future[OrderOutcome], outcome: OrderOutcome) -> None:
    """Give ``answer`` its outcome unless it has one: the first stands, a later answer is found by reading."""
    if not answer.done():
        answer.set_result(outcome)


def not_sent(request: OrderRequest, reason: str) -> OrderOutcome:
    """No byte left."""
    return OrderOutcome(SendStatus.NOT_SENT, request.client_order_id, reason=reason)


def unknown(request: OrderRequest, reason: str) -> OrderOutcome:
    """Bytes may have left and no answer came."""
    return OrderOutcome(SendStatus.UNKNOWN, request.client_order_id, reason=reason)


def outcome_of(request: OrderRequest, order: Order) -> OrderOutcome:
    """The outcome that an answered ``order`` means; an answer about another order says nothing of this one."""
    if order.client_order_id != request.client_order_id:
        return unknown(request, f"the answer was about order {order.client_order_id}")
    report = OrderReport(
        order.client_order_id,
        order.order_id,
        order.status,
        order.filled_size,
        order.average_price,
        order.timestamp_ns,
        order.reason,
    )
    status = {OrderStatus.REJECTED: SendStatus.REJECTED, OrderStatus.UNKNOWN: SendStatus.UNKNOWN}
    sent = status.get(order.status, SendStatus.ACCEPTED)
    return OrderOutcome(sent, order.client_order_id, None if sent is SendStatus.UNKNOWN else report, order.reason)
