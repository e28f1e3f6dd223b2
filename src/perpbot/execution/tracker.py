"""Follows every order from its intent to its end.

A timeout makes an order ``UNKNOWN`` and is never answered by sending again: only the exchange's own order record, its
fills and the position together settle it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeAlias

import structlog
from structlog.contextvars import bound_contextvars

from perpbot.core.events import FundingPaid
from perpbot.core.names import ClientOrderId, ExchangeName
from perpbot.core.orders import Fill, Order, OrderReport, OrderRequest, OrderStatus
from perpbot.core.ports import Exchange, Journal, OrderOutcome, SendStatus, Spawn, Timers
from perpbot.execution.invariants import Invariants
from perpbot.execution.reads import OrderRead, read_order
from perpbot.execution.register import OrderRegister, TrackedOrder
from perpbot.execution.status import TradingStatus

log = structlog.get_logger(__name__)

NANOSECONDS = 1_000_000_000
LATEST_ARRIVAL_NS = 600 * NANOSECONDS
"""No order without an expiry arrives so long after it was sent; exchanges take requests up to 300 s old."""
FILLS_GRACE_NS = 100_000_000
"""How long the fills of an order that is over may stay away before they are asked for; doubled up to a poll."""

Question: TypeAlias = Callable[[ClientOrderId], Coroutine[Any, Any, None]]


class OrderTracker(OrderRegister):
    """Asks the exchanges for what they do not say by themselves, until an order and all its fills are known."""

    _clock: Timers

    def __init__(
        self,
        exchanges: Mapping[ExchangeName, Exchange],
        clock: Timers,
        spawn: Spawn,
        journal: Journal,
        status: TradingStatus,
        invariants: Invariants,
        *,
        poll_seconds: float,
        skew_seconds: float,
        on_fill: Callable[[Fill, OrderRequest], None],
        on_funding: Callable[[FundingPaid], None],
        on_answer: Callable[[ExchangeName, bool], None],
    ) -> None:
        """``on_answer`` is told of every order and read whether the exchange took or answered it."""
        super().__init__(exchanges, clock, journal, status, invariants, on_fill=on_fill, on_funding=on_funding)
        self._spawn = spawn
        self._on_answer = on_answer
        self.adopt(poll_seconds=poll_seconds, skew_seconds=skew_seconds)

    def adopt(self, *, poll_seconds: float, skew_seconds: float) -> None:
        """Take new times; they hold from the next question on."""
        self._poll_ns = round(poll_seconds * NANOSECONDS)
        self._skew_ns = round(skew_seconds * NANOSECONDS)

    def sent(self, request: OrderRequest, answer: Awaitable[OrderOutcome]) -> None:
        """The order has left; ``answer`` is what the exchange will say."""
        with bound_contextvars(pair_id=request.pair_id, order_id=request.client_order_id):
            _ = self._spawn(self._await_answer(request, answer), name=f"answer {request.client_order_id}")

    async def _await_answer(self, request: OrderRequest, answer: Awaitable[OrderOutcome]) -> None:
        try:
            outcome = await answer
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises, the order may be live: UNKNOWN
            outcome = OrderOutcome(
                SendStatus.UNKNOWN, request.client_order_id, reason=f"{type(error).__name__}: {error}"
            )
        self._on_answer(request.exchange, outcome.status is SendStatus.ACCEPTED)
        silent = outcome.status is SendStatus.UNKNOWN and outcome.report is None
        if silent and self.order(request.client_order_id).status is not OrderStatus.PENDING:
            return  # no answer, but the exchange has spoken of the order on another way
        self.on_report(outcome.report or self._report_of(request, outcome))

    def _report_of(self, request: OrderRequest, outcome: OrderOutcome) -> OrderReport:
        status, reason = _MEANING[outcome.status], outcome.reason
        if outcome.status is SendStatus.NOT_SENT:
            reason = reason or "not_connected"
        known = self._orders[request.client_order_id].order
        return OrderReport(
            request.client_order_id, None, status, known.filled_size, known.average_price, self._clock.now_ns(), reason
        )

    # following

    async def follow(self, client_order_id: ClientOrderId, until_ns: int) -> Order:
        """The order once settled, or as known at ``until_ns``; polled while its stream is silent."""
        tracked = self._orders[client_order_id]
        grace_ns = FILLS_GRACE_NS
        while not tracked.settled and (now := self._clock.now_ns()) < until_ns:
            pause_ns = min(grace_ns, self._poll_ns) if tracked.order.final else self._poll_ns
            if not await self._heard(tracked, min(until_ns, now + pause_ns)):
                grace_ns = 2 * grace_ns if tracked.order.final else grace_ns
                self._ask(tracked, self.refresh)
        return tracked.order

    async def finish(self, client_order_id: ClientOrderId, deadline_ns: int, give_up_ns: int) -> Order:
        """The order once settled: at the deadline it is cancelled and **then** read, until ``give_up_ns``.

        That takes as long from whenever it is asked: an earlier run may have sent it, or the machine stood still.
        """
        order = await self.follow(client_order_id, deadline_ns)
        if self.settled(client_order_id):
            return order
        tracked = self._orders[client_order_id]
        tracked.overdue = not order.final
        tracked.asked = False  # what was asked before the deadline may hang: the cancel does not wait for it
        self._ask(tracked, self._end)
        return await self.follow(client_order_id, max(deadline_ns, self._clock.now_ns()) + give_up_ns - deadline_ns)

    async def _end(self, client_order_id: ClientOrderId) -> None:
        if not self.order(client_order_id).final:
            await self.cancel(client_order_id)
        await self.refresh(client_order_id)

    def _ask(self, tracked: TrackedOrder, question: Question) -> None:
        """Ask the exchange beside listening: an answer that hangs must not hide what the stream says meanwhile."""
        if not tracked.asked:
            tracked.asked = True
            request = tracked.request
            with bound_contextvars(pair_id=request.pair_id, order_id=request.client_order_id):
                _ = self._spawn(self._answered(tracked, question), name=f"read {request.client_order_id}")

    async def _answered(self, tracked: TrackedOrder, question: Question) -> None:
        try:
            await question(tracked.request.client_order_id)
        finally:
            tracked.asked = False
            self._wake(tracked)

    async def _heard(self, tracked: TrackedOrder, until_ns: int) -> bool:
        """Whether something was heard of the order before ``until_ns``."""
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        tracked.waiters.append(waiter)
        cancel = self._clock.call_at(until_ns, lambda: None if waiter.done() else waiter.set_result(False))
        try:
            return await waiter
        finally:
            cancel()
            if waiter in tracked.waiters:
                tracked.waiters.remove(waiter)

    async def cancel(self, client_order_id: ClientOrderId) -> None:
        """Ask for a cancel and take in its answer; without one nothing is concluded."""
        tracked = self._orders[client_order_id]
        request = tracked.request
        try:
            report = await self._exchanges[request.exchange].cancel_order(request.symbol, client_order_id)
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises, the order's state is not known by it
            self._read_fails(tracked, error)
            return
        if report is not None:
            self.on_report(report)

    async def refresh(self, client_order_id: ClientOrderId) -> None:
        """Read the order and its fills from the exchange. A failed read changes nothing but forbids openings there."""
        tracked = self._orders[client_order_id]
        request, exchange = tracked.request, self._exchanges[tracked.request.exchange]
        too_late = self._too_late(request, exchange)
        try:
            found = await read_order(exchange, request, traded=tracked.traded, too_late=too_late)
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises, nothing was read
            self._read_fails(tracked, error)
            self._doubt(tracked)
            return
        self._on_answer(request.exchange, True)
        self._read_no_longer_fails(tracked)
        self._take_in(tracked, found)

    def _take_in(self, tracked: TrackedOrder, found: OrderRead) -> None:
        for fill in found.fills:
            self.on_fill(fill)
        if found.report is not None:
            self.on_report(found.report)
        elif found.absent and found.held == self.position(tracked.order.exchange, tracked.order.symbol):
            self._settle_never_accepted(tracked)
        else:
            self._doubt(tracked)

    def _too_late(self, request: OrderRequest, exchange: Exchange) -> bool:
        """Whether the exchange can no longer accept the order: it enforces expiries, and this one is past; one that has
        none is not on its way for ever."""
        now_ns = self._clock.now_ns()
        if request.expires_ns is None:
            return now_ns > request.created_ns + LATEST_ARRIVAL_NS
        return exchange.capabilities.order_expiry and now_ns > request.expires_ns + self._skew_ns

    def _settle_never_accepted(self, tracked: TrackedOrder) -> None:
        """Order, fills and position agree that the exchange never took it."""
        order = tracked.order
        if order.status in (OrderStatus.PENDING, OrderStatus.UNKNOWN) and not order.filled_size:
            self._say(tracked, OrderStatus.REJECTED, "never_accepted")

    def _doubt(self, tracked: TrackedOrder) -> None:
        """An order that nobody has answered for a whole poll is ``UNKNOWN``."""
        order = tracked.order
        if order.status is OrderStatus.PENDING and self._clock.now_ns() - order.request.created_ns >= self._poll_ns:
            self._say(tracked, OrderStatus.UNKNOWN, None)

    def _say(self, tracked: TrackedOrder, status: OrderStatus, reason: str | None) -> None:
        order = tracked.order
        filled, average = order.filled_size, order.average_price
        now_ns = self._clock.now_ns()
        self.on_report(OrderReport(order.client_order_id, order.order_id, status, filled, average, now_ns, reason))

    def _read_fails(self, tracked: TrackedOrder, error: Exception) -> None:
        """Openings there stop until the order is read, or known by other ways."""
        order = tracked.order
        self._on_answer(order.exchange, False)
        log.warning("order not read", order_id=order.client_order_id, error=f"{type(error).__name__}: {error}")
        if not tracked.settled:
            self._status.block(order.exchange, f"order {order.client_order_id}", "reads_failing")


_MEANING = {
    SendStatus.ACCEPTED: OrderStatus.OPEN,
    SendStatus.REJECTED: OrderStatus.REJECTED,
    SendStatus.NOT_SENT: OrderStatus.REJECTED,
    SendStatus.UNKNOWN: OrderStatus.UNKNOWN,
}
