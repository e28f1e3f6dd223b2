"""What has been told already: each thing once, and nothing again after a restart."""

from __future__ import annotations

from collections.abc import Iterable

from perpbot.core.commands import TradingState
from perpbot.core.events import Event, StateChanged
from perpbot.core.names import ClientOrderId
from perpbot.core.orders import Order, OrderStatus
from perpbot.monitoring.notices import Notice, Origin, halted, notice_of, order_unknown

UNKNOWN_NS = 5_000_000_000
"""An order of unknown outcome is told of when it has been so for longer than this."""


class NoticeWatch:
    """Decides what is told: from journaled events as they come, and from a look at state and orders now and then."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._halted = False
        self._unknown_since: dict[ClientOrderId, int] = {}
        self._told_orders: set[ClientOrderId] = set()

    def remember(self, state: TradingState, orders: Iterable[Order], until_ns: int) -> None:
        """What an earlier run left, at the time of its last journal record: that was told then.

        An order that had been unknown for too short a time to be told of is told of in this run.
        """
        self._halted = state is TradingState.HALTED
        for order in orders:
            if order.status is OrderStatus.UNKNOWN:
                self._unknown_since[order.client_order_id] = order.timestamp_ns
                if until_ns - order.timestamp_ns > UNKNOWN_NS:
                    self._told_orders.add(order.client_order_id)

    def on_event(self, event: Event, time_ns: int) -> Notice | None:
        """What is told of a journaled event."""
        if type(event) is StateChanged:
            told, self._halted = self._halted, event.after is TradingState.HALTED
            if told:
                return None
        return notice_of(event, time_ns, self._origin)

    def look(self, state: TradingState, reason: str, orders: Iterable[Order], now_ns: int) -> list[Notice]:
        """What is told of the state and of all orders that are not over, as of now.

        A halt is seen here too: when the journal is dead, which is a reason to halt, no event tells of it.
        """
        notices = self._look_at_orders(orders, now_ns)
        if state is TradingState.HALTED and not self._halted:
            notices.insert(0, halted(reason, now_ns, self._origin))
        self._halted = state is TradingState.HALTED
        return notices

    def _look_at_orders(self, orders: Iterable[Order], now_ns: int) -> list[Notice]:
        notices: list[Notice] = []
        earlier, self._unknown_since, live = self._unknown_since, {}, set()
        for order in orders:
            name = order.client_order_id
            live.add(name)
            if order.status is not OrderStatus.UNKNOWN:
                continue
            since = self._unknown_since[name] = earlier.get(name, order.timestamp_ns)
            if now_ns - since > UNKNOWN_NS and name not in self._told_orders:
                self._told_orders.add(name)
                notices.append(order_unknown(order, (now_ns - since) // 1_000_000_000, now_ns, self._origin))
        self._told_orders &= live
        return notices
