"""An exchange in process: the venue's engine behind a line with latency, for paper trading, the demo and replay.

The same class serves real and virtual time: it knows time only through the port. An order meets the book that stands at
the venue when it arrives; its answer, and what it did to the account, come a latency later, the account's events first.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar, TypeVar

from perpbot.core.errors import NotSupported, ReadFailed, Refused
from perpbot.core.events import AccountEvent, FundingPaid
from perpbot.core.instruments import Instrument
from perpbot.core.market_data import MarketEvent, TradePrint
from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId, Symbol
from perpbot.core.orders import (
    Fill,
    Order,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
    TimeInForce,
    advance,
)
from perpbot.core.ports import Approval, OrderOutcome, PreparedOrder, SendStatus, Timers
from perpbot.core.positions import Balance, Position
from perpbot.exchanges.base import AccountListener, ExchangeBase, MarketListener
from perpbot.exchanges.outcomes import not_sent, unknown
from perpbot.simulation.paper.faults import Fault, FaultPlan, next_fault
from perpbot.simulation.paper.line import Line
from perpbot.simulation.paper.wakeups import Wakeups
from perpbot.simulation.venue.engine import VenueEngine
from perpbot.simulation.venue.orders import AccountName, VenueReason

_T = TypeVar("_T")


class PaperExchange(ExchangeBase):
    """``engine`` seen by one of its accounts, ``latency_seconds`` away in each direction.

    Only one paper exchange may speak for an account. ``faults`` breaks chosen messages, for tests and drills.
    """

    declares: ClassVar[frozenset[str]] = frozenset({"client_ids", "ioc", "post_only", "reduce_only", "order_expiry"})

    def __init__(
        self,
        engine: VenueEngine,
        timers: Timers,
        *,
        account: AccountName,
        latency_seconds: float = 0.005,
        answer_timeout_seconds: float = 5.0,
        faults: FaultPlan | None = None,
    ) -> None:
        self.name = engine.exchange
        self.engine = engine
        self.account = account
        self.faults = faults or FaultPlan()
        self.answer_timeout_seconds = answer_timeout_seconds
        self._timers = self._clock = timers
        self._line = Line(timers, latency_seconds, answer_timeout_seconds)
        self._wakeups = Wakeups(timers, engine, self._wake)
        self._account_listeners: list[AccountListener] = []
        self._book_listeners: dict[Symbol, list[MarketListener]] = defaultdict(list)
        self._trade_listeners: dict[Symbol, list[MarketListener]] = defaultdict(list)

    # connection

    async def connect(self) -> None:
        self._line.connect()
        self._wakeups.arrange()

    async def disconnect(self) -> None:
        self._line.drop("disconnected")
        self._wakeups.cancel()

    @property
    def connected(self) -> bool:
        return self._line.up

    # orders

    def send(self, prepared: PreparedOrder, approval: Approval) -> Awaitable[OrderOutcome]:
        """Put the order on the line before returning; the awaitable is the answer, ``UNKNOWN`` without one in time."""
        self.spend(prepared, approval)
        return self._send(prepared.request)

    async def place_order(
        self,
        symbol: Symbol,
        side: Side,
        size: Decimal,
        price: Decimal | None,
        order_type: OrderType,
        *,
        client_order_id: ClientOrderId,
        time_in_force: TimeInForce,
        reduce_only: bool,
    ) -> Order:
        asked = self.seen_order(
            symbol,
            side,
            size,
            price,
            order_type,
            client_order_id=client_order_id,
            time_in_force=time_in_force,
            reduce_only=reduce_only,
        )
        outcome = await self._send(asked.request)
        if outcome.status is SendStatus.NOT_SENT:
            raise Refused(f"{self.name}: order {client_order_id} was not sent: {outcome.reason}")
        return _order_after(asked, outcome)

    async def cancel_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderReport | None:
        """Cancel and return the order as it then stands; ``None`` if the venue does not know it."""
        fault = next_fault(self.faults.cancels)
        return await self._ask(lambda: self._cancel(symbol, client_order_id), "cancel", fault)

    async def cancel_all(self, symbol: Symbol | None = None) -> None:
        fault = next_fault(self.faults.cancels)
        await self._ask(lambda: self.engine.cancel_all(self.account, self._now(), symbol), "cancel all", fault)

    # reads

    async def get_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderReport | None:
        return await self._read("order", symbol, lambda: self.engine.report(self.account, client_order_id))

    async def get_open_orders(self, symbol: Symbol | None = None) -> Sequence[OrderReport]:
        return await self._read("open orders", symbol, lambda: self.engine.open_orders(self.account, symbol))

    async def get_fills(self, symbol: Symbol, client_order_id: ClientOrderId) -> Sequence[Fill]:
        return await self._read("fills", symbol, lambda: self.engine.fills(self.account, client_order_id))

    async def get_orders_since(self, since_ns: int) -> Sequence[Order]:
        def made() -> list[Order]:
            orders = self.engine.orders(self.account)
            return [advance(Order(_told(asked)), report) for asked, report in orders if asked.created_ns >= since_ns]

        return await self._read("orders", None, made)

    async def get_funding_payments(self, since_ns: int) -> Sequence[FundingPaid]:
        return await self._read("funding", None, lambda: self.engine.funding_payments(self.account, since_ns))

    async def get_position(self, symbol: Symbol) -> Position | None:
        return await self._read("position", symbol, lambda: self.engine.position(self.account, symbol))

    async def get_positions(self) -> Sequence[Position]:
        return await self._read("positions", None, lambda: self.engine.positions(self.account))

    async def get_balance(self) -> Balance:
        return await self._read("balance", None, lambda: self.engine.balance(self.account))

    async def get_instruments(self) -> Sequence[Instrument]:
        """At once: what is listed does not change."""
        return self.engine.instruments

    async def get_funding(self, symbol: Symbol) -> Decimal:
        """The rate that the engine was given, at once."""
        if self.engine.instrument(symbol) is None:
            raise NotSupported(f"{self.name} does not list {symbol}")
        return self.engine.funding_rate

    def instrument(self, symbol: Symbol) -> Instrument | None:
        return self.engine.instrument(symbol)

    # streams

    async def subscribe_orderbook(self, symbol: Symbol, listener: MarketListener) -> None:
        """Hand what :meth:`publish` gets of ``symbol``'s book to ``listener``."""
        self._book_listeners[symbol].append(listener)

    async def subscribe_trades(self, symbol: Symbol, listener: MarketListener) -> None:
        self._trade_listeners[symbol].append(listener)

    def subscribe_account(self, listener: AccountListener) -> None:
        self._account_listeners.append(listener)

    def publish(self, event: MarketEvent, received_ns: int) -> None:
        """Hand a market event to its listeners: the owner of the market decides when it reaches the bot."""
        listeners = self._trade_listeners if isinstance(event, TradePrint) else self._book_listeners
        for listener in listeners.get(event.symbol, ()):
            listener(event, received_ns)

    # the line

    def _send(self, request: OrderRequest) -> Awaitable[OrderOutcome]:
        fault = next_fault(self.faults.sends)
        if not self.connected:
            return _answered(not_sent(request, "not connected"))
        return self._line.request(lambda: self._submit(request, fault), lambda why: unknown(request, why), fault)

    def _submit(self, request: OrderRequest, fault: Fault) -> OrderOutcome:
        if fault.reject is not None:
            return _rejected(request, fault.reject, self._now())
        report = self.engine.submit(self.account, request, self._now())
        self._forward(fault)
        status = SendStatus.REJECTED if report.status is OrderStatus.REJECTED else SendStatus.ACCEPTED
        # a report on a repeated id would speak of the first order, which lives on
        repeated = report.reason == VenueReason.DUPLICATE_CLIENT_ID
        return OrderOutcome(status, request.client_order_id, None if repeated else report, report.reason)

    def _cancel(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderReport | None:
        self.engine.advance(self._now(), symbol)
        return self.engine.cancel(self.account, client_order_id, self._now())

    async def _read(self, what: str, symbol: Symbol | None, read: Callable[[], _T]) -> _T:
        def serve() -> _T:
            self.engine.advance(self._now(), symbol)
            return read()

        return await self._ask(serve, what, next_fault(self.faults.reads))

    async def _ask(self, serve: Callable[[], _T], what: str, fault: Fault) -> _T:
        def failed(why: str) -> ReadFailed:
            return ReadFailed(f"{self.name}: {what}: {why}")

        def arrive() -> _T | ReadFailed:
            if fault.reject is not None:
                return failed(fault.reject)
            answer = serve()
            self._forward(fault)
            return answer

        if not self.connected:
            raise failed("not connected")
        return await self._line.request(arrive, failed, fault)

    def _wake(self) -> None:
        self.engine.advance(self._now())
        self._forward()

    def _forward(self, fault: Fault | None = None) -> None:
        """Send on what happened to the account, and see to it that the engine is looked at again in time."""
        events = self.engine.collect(self.account)
        if events and not (fault and fault.lose_events):
            self._line.back(lambda: self._tell(events))
        self._wakeups.arrange()

    def _tell(self, events: Sequence[AccountEvent]) -> None:
        for event in events:
            for listener in self._account_listeners:
                listener(event)

    def _now(self) -> int:
        return self._clock.now_ns()


def _told(request: OrderRequest) -> OrderRequest:
    """What of an order an exchange is told, and can tell again: not what it was for."""
    untold = {"pair_id": None, "leg": None, "purpose": Purpose.OTHER, "decision_price": None, "replaces": None}
    return replace(request, strategy="", **untold)  # type: ignore[arg-type]


def _answered(outcome: OrderOutcome) -> asyncio.Future[OrderOutcome]:
    answer: asyncio.Future[OrderOutcome] = asyncio.get_running_loop().create_future()
    answer.set_result(outcome)
    return answer


def _rejected(request: OrderRequest, reason: str, now_ns: int) -> OrderOutcome:
    report = OrderReport(request.client_order_id, None, OrderStatus.REJECTED, ZERO, None, now_ns, reason)
    return OrderOutcome(SendStatus.REJECTED, request.client_order_id, report, reason)


def _order_after(asked: Order, outcome: OrderOutcome) -> Order:
    report = outcome.report
    if report is None:
        rejected = outcome.status is SendStatus.REJECTED
        return replace(asked, status=OrderStatus.REJECTED if rejected else OrderStatus.UNKNOWN, reason=outcome.reason)
    return advance(asked, report)
