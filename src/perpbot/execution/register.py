"""Every order of this run and what is known of it.

Positions are sums of cumulative fills per order; every trade id counts once, whichever way it comes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import takewhile

import structlog

from perpbot.core.errors import IllegalTransition, OrderInvalid
from perpbot.core.events import AccountEvent, FundingPaid, OrderChanged
from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId, ExchangeName, PairId, Symbol
from perpbot.core.orders import Fill, Order, OrderReport, OrderRequest, OrderStatus, advance
from perpbot.core.ports import Clock, Exchange, Journal
from perpbot.execution.fills import fill_of_report, fill_problem, report_of_fills
from perpbot.execution.invariants import Invariants
from perpbot.execution.notes import note
from perpbot.execution.status import TradingStatus

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class TrackedOrder:
    """An order with the fills seen of it and those who wait for it.

    ``asked``: the exchange is being asked for it now. ``overdue``: it was not over at its deadline.
    """

    order: Order
    traded: Decimal = ZERO
    trades: dict[str, Fill] = field(default_factory=dict)
    waiters: list[asyncio.Future[bool]] = field(default_factory=list)
    asked: bool = False
    overdue: bool = False

    @property
    def request(self) -> OrderRequest:
        return self.order.request

    @property
    def settled(self) -> bool:
        """Whether the order is over and all its fills are known."""
        return self.order.final and self.traded == self.order.filled_size


class OrderRegister:
    """Takes in what exchanges say of our orders. ``on_fill`` gets each fill once, ``on_funding`` each funding event."""

    def __init__(
        self,
        exchanges: Mapping[ExchangeName, Exchange],
        clock: Clock,
        journal: Journal,
        status: TradingStatus,
        invariants: Invariants,
        *,
        on_fill: Callable[[Fill, OrderRequest], None],
        on_funding: Callable[[FundingPaid], None],
    ) -> None:
        self._exchanges = exchanges
        self._clock = clock
        self._journal = journal
        self._status = status
        self._invariants = invariants
        self._on_fill = on_fill
        self._on_funding = on_funding
        self._orders: dict[ClientOrderId, TrackedOrder] = {}
        self._live: dict[ClientOrderId, TrackedOrder] = {}
        self._of_pair: dict[PairId, list[TrackedOrder]] = defaultdict(list)
        self._positions: dict[tuple[ExchangeName, Symbol], Decimal] = {}
        self.foreign_events = 0
        for exchange in exchanges.values():
            if exchange.capabilities.account_stream:
                exchange.subscribe_account(self._listen)

    # what is known

    def __contains__(self, client_order_id: object) -> bool:
        return client_order_id in self._orders

    def order(self, client_order_id: ClientOrderId) -> Order:
        return self._orders[client_order_id].order

    def orders(self) -> Iterable[Order]:
        """Every order of this run, oldest first."""
        return [tracked.order for tracked in self._orders.values()]

    def orders_of(self, pair_id: PairId) -> tuple[Order, ...]:
        """Every order of one pair, oldest first."""
        return tuple(tracked.order for tracked in self._of_pair.get(pair_id, ()))

    def pair_settled(self, pair_id: PairId) -> bool:
        """Whether every order of a pair is over and all its fills are known."""
        return all(tracked.settled for tracked in self._of_pair.get(pair_id, ()))

    def overdue(self, client_order_id: ClientOrderId) -> bool:
        """Whether the order was not over at its deadline and had to be cancelled."""
        return self._orders[client_order_id].overdue

    def live_orders(self) -> Iterable[Order]:
        """Orders that may still fill."""
        return [tracked.order for tracked in self._live.values()]

    def live_in(self, exchange: ExchangeName, symbol: Symbol) -> list[Order]:
        """Orders of one market that may still fill."""
        return [order for order in self.live_orders() if (order.exchange, order.symbol) == (exchange, symbol)]

    def unsettled(self) -> list[Order]:
        """Orders that are not over, or of which a fill is still missing."""
        return [tracked.order for tracked in self._orders.values() if not tracked.settled]

    def traded(self) -> list[tuple[ExchangeName, Symbol]]:
        """Markets in which anything has filled."""
        return list(self._positions)

    def settled(self, client_order_id: ClientOrderId) -> bool:
        return self._orders[client_order_id].settled

    def position(self, exchange: ExchangeName, symbol: Symbol) -> Decimal:
        """Signed contracts held by our own fills."""
        return self._positions.get((exchange, symbol), ZERO)

    # hearing

    def register(self, request: OrderRequest) -> Order:
        """Take up an order that is about to be sent."""
        order = Order(request, timestamp_ns=request.created_ns)
        tracked = self._orders[request.client_order_id] = self._live[request.client_order_id] = TrackedOrder(order)
        if request.pair_id is not None:
            self._of_pair[request.pair_id].append(tracked)
        return order

    def recall(self, order: Order) -> None:
        """Take over what the journal says of an order, unless it was forgotten; nobody is told."""
        tracked = self._orders.get(order.client_order_id)
        if tracked is None:
            return
        gained = (order.filled_size - tracked.order.filled_size) * order.side.sign
        before, tracked.order = tracked.order, order
        self._positions[order.exchange, order.symbol] = self.position(order.exchange, order.symbol) + gained
        if order.final:
            self._live.pop(order.client_order_id, None)
        self._block_while_unknown(before, order)

    def recall_trade(self, fill: Fill) -> None:
        """Take over a fill from the journal; whatever else says it again counts once."""
        tracked = self._orders.get(fill.client_order_id)
        if tracked is None:  # it came after the end of its pair
            held = self.position(fill.exchange, fill.symbol)
            self._positions[fill.exchange, fill.symbol] = held + fill.size * fill.side.sign
            return
        tracked.trades[fill.trade_id] = fill
        tracked.traded += fill.size

    def forget(self, pair_id: PairId) -> None:
        """Let go of the orders of a pair that is over: only what they did to positions is still of interest."""
        for tracked in self._of_pair.pop(pair_id, ()):
            del self._orders[tracked.request.client_order_id]

    def forget_singles(self, before_ns: int) -> None:
        """Let go of orders of no pair that were settled before ``before_ns``."""
        old = takewhile(lambda tracked: tracked.request.created_ns < before_ns, self._orders.values())
        for tracked in [each for each in old if each.settled and each.order.timestamp_ns < before_ns]:
            if tracked.request.pair_id is None:
                del self._orders[tracked.request.client_order_id]

    def write_off(self, exchange: ExchangeName, symbol: Symbol, contracts: Decimal) -> None:
        """``contracts`` (signed) of ours are no longer at the exchange, by the operator's word and the exchange's."""
        self._positions[exchange, symbol] = self.position(exchange, symbol) - contracts

    def _listen(self, event: AccountEvent) -> None:
        """Take in an account event; one that cannot be booked is never dropped in silence."""
        try:
            self._hear(event)
        except Exception as error:
            log.exception("account event not booked")
            self._invariants.check("I8", False, f"{type(event).__name__} not booked: {type(error).__name__}: {error}")

    def _hear(self, event: AccountEvent) -> None:
        if isinstance(event, FundingPaid):
            self._on_funding(event)
        elif event.client_order_id not in self._orders:
            self.foreign_events += 1
        elif isinstance(event, Fill):
            self.on_fill(event)
        else:
            self.on_report(event)

    def on_report(self, report: OrderReport) -> None:
        """Apply what an exchange says of one of our orders."""
        tracked = self._orders[report.client_order_id]
        before = tracked.order
        try:
            after = advance(before, report)
        except IllegalTransition as error:
            self._invariants.check("I8", False, str(error))
            return
        if after is not before:
            self._changed(tracked, before, after)
        if after.filled_size > tracked.traded and not self._tells_fills(after.exchange):
            self._book_report(tracked, report)

    def _tells_fills(self, exchange: ExchangeName) -> bool:
        capabilities = self._exchanges[exchange].capabilities
        return capabilities.fill_history or capabilities.account_stream

    def _book_report(self, tracked: TrackedOrder, report: OrderReport) -> None:
        """The report's fills, for an exchange that tells none."""
        fill = fill_of_report(tracked.request, report, tracked.trades.values(), self._instrument(tracked.request))
        if fill is not None:
            self.on_fill(fill)

    def on_fill(self, fill: Fill) -> None:
        """Count one execution, once. One that cannot be true of its order is not booked: the latch is set."""
        tracked = self._orders[fill.client_order_id]
        if fill.trade_id in tracked.trades:
            return
        traded = tracked.traded + fill.size
        problem = fill_problem(fill, tracked.request)
        if problem is None and traded > tracked.order.size:
            problem = f"{traded} traded of {tracked.order.size}"
        if not self._invariants.check("I8", problem is None, f"{fill.client_order_id}: {problem}"):
            return
        tracked.trades[fill.trade_id] = fill
        tracked.traded = traded
        self._on_fill(fill, tracked.request)
        if traded > tracked.order.filled_size:
            self.on_report(self._report_of_trades(tracked))
        self._wake(tracked)

    def _report_of_trades(self, tracked: TrackedOrder) -> OrderReport:
        request, fills = tracked.request, tracked.trades.values()
        now_ns = self._clock.now_ns()
        return report_of_fills(request, tracked.order.order_id, fills, self._instrument(request), now_ns)

    def _instrument(self, request: OrderRequest) -> Instrument:
        instrument = self._exchanges[request.exchange].instrument(request.symbol)
        if instrument is None:
            raise OrderInvalid(f"{request.exchange} has no {request.symbol}")
        return instrument

    def _changed(self, tracked: TrackedOrder, before: Order, after: Order) -> None:
        tracked.order = after
        self._move_position(after, (after.filled_size - before.filled_size) * after.side.sign)
        if after.final:
            self._live.pop(after.client_order_id, None)
        self._block_while_unknown(before, after)
        self._wake(tracked)
        note(self._journal, OrderChanged(after))

    def _move_position(self, order: Order, gained: Decimal) -> None:
        if not gained:
            return
        held = self.position(order.exchange, order.symbol)
        after = self._positions[order.exchange, order.symbol] = held + gained
        if order.reduce_only:
            reduces = abs(after) <= abs(held) and after * held >= 0
            self._invariants.check("I14", reduces, lambda: f"{order.client_order_id}: position {held} became {after}")

    def _block_while_unknown(self, before: Order, after: Order) -> None:
        if after.status is OrderStatus.UNKNOWN:
            self._status.block(after.exchange, after.client_order_id, "unknown_order")
        elif before.status is OrderStatus.UNKNOWN:
            self._status.unblock(after.exchange, after.client_order_id)

    def _wake(self, tracked: TrackedOrder) -> None:
        if tracked.settled:
            self._read_no_longer_fails(tracked)
        waiters, tracked.waiters = tracked.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(True)

    def _read_no_longer_fails(self, tracked: TrackedOrder) -> None:
        self._status.unblock(tracked.order.exchange, f"order {tracked.order.client_order_id}")
