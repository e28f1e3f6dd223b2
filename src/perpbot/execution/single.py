"""Orders that belong to no pair: a strategy's own, or placed by hand through a guarded exchange.

One that opens asks capital, account and position first; its capital is held as long as the order lives, and what it
filled counts as exposure as long as it is held. One that reduces asks nobody but the gate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from perpbot.capital.pools import STRATEGY_POOLS
from perpbot.core.errors import NotSupported, OrderInvalid
from perpbot.core.instruments import Instrument
from perpbot.core.names import ClientOrderId, ExchangeName, ReservationId, Symbol, single_order_id
from perpbot.core.orders import OrderRequest, OrderType, Purpose, Side, TimeInForce
from perpbot.core.ports import Ids, PreparedOrder, PriceView, Spawn, Task, Timers
from perpbot.core.positions import CapitalReservation
from perpbot.core.results import ExecutionResult
from perpbot.execution.executor import at_once
from perpbot.execution.gate import SendGate
from perpbot.execution.tracker import OrderTracker
from perpbot.risk.chain import RiskChain
from perpbot.risk.trades import DirectionalTrade

NANOSECONDS = 1_000_000_000
BY_DEFAULT = "mid_freq"
"""The strategy in whose pool an order is backed that names none of the pools' strategies."""


class SingleOrders:
    """Sends single orders through the gate and follows them to their end."""

    def __init__(
        self,
        clock: Timers,
        spawn: Spawn,
        ids: Ids,
        gate: SendGate,
        tracker: OrderTracker,
        prices: PriceView,
        chain: RiskChain,
        instrument_of: Callable[[ExchangeName, Symbol], Instrument],
        *,
        expiry_seconds: float,
        fill_timeout_seconds: float,
        grace_seconds: float,
    ) -> None:
        self._clock = clock
        self._spawn = spawn
        self._ids = ids
        self._gate = gate
        self._tracker = tracker
        self._prices = prices
        self._chain = chain
        self._instrument_of = instrument_of
        self.adopt(
            expiry_seconds=expiry_seconds, fill_timeout_seconds=fill_timeout_seconds, grace_seconds=grace_seconds
        )

    def adopt(self, *, expiry_seconds: float, fill_timeout_seconds: float, grace_seconds: float) -> None:
        """Take new times, for the next order. ``grace_seconds`` is how long one may stay without a known end after its
        deadline."""
        self._expiry_ns = round(expiry_seconds * NANOSECONDS)
        self._fill_timeout_ns = round(fill_timeout_seconds * NANOSECONDS)
        self._grace_ns = round(grace_seconds * NANOSECONDS)

    def request(
        self,
        exchange: ExchangeName,
        symbol: Symbol,
        side: Side,
        contracts: Decimal,
        price: Decimal | None,
        *,
        strategy: str,
        reduce_only: bool,
        order_type: OrderType = OrderType.LIMIT,
        time_in_force: TimeInForce = TimeInForce.IOC,
        client_order_id: ClientOrderId | None = None,
    ) -> OrderRequest:
        """An order of ``strategy``; the touch of this moment is its decision price."""
        now = self._clock.now_ns()
        touch = self._prices.touch(exchange, symbol)
        return OrderRequest(
            client_order_id=client_order_id or single_order_id(self._ids.next_pair()),
            exchange=exchange,
            symbol=symbol,
            side=side,
            size=contracts,
            price=price,
            order_type=order_type,
            time_in_force=time_in_force,
            reduce_only=reduce_only,
            created_ns=now,
            expires_ns=now + self._expiry_ns if time_in_force is TimeInForce.IOC else None,
            purpose=Purpose.OTHER,
            decision_price=touch and touch[side is Side.BUY],
            strategy=strategy,
        )

    def place(self, request: OrderRequest) -> Awaitable[ExecutionResult]:
        """Send in this turn; the result comes when the order is over. A refusal sent and holds nothing."""
        try:
            prepared = self._gate.prepare([request])
        except (OrderInvalid, NotSupported) as error:
            return at_once(ExecutionResult(False, f"order_invalid: {error}"))
        return self._send(request, prepared) if request.reduce_only else self._open(request, prepared)

    def resume(self, request: OrderRequest) -> Task:
        """Follow an order of an earlier run to its end, with its capital; one that rests is cancelled at once."""
        now = self._clock.now_ns()
        deadline = now if request.expires_ns is None else max(request.expires_ns, now)
        price = request.price or request.decision_price
        backing = None
        if price is not None and not request.reduce_only:
            trade, backer = self._trade(request, price)
            backing = self._chain.restore_single(trade, backer, ReservationId(f"{request.client_order_id}-resumed"))
        return self._spawn(self._follow(request, backing, deadline), name=f"order {request.client_order_id}")

    def _trade(self, request: OrderRequest, price: Decimal) -> tuple[DirectionalTrade, str]:
        """What the order opens, and the strategy in whose pool it is backed."""
        size = self._instrument_of(request.exchange, request.symbol).base(request.size, price)
        trade = DirectionalTrade(request.exchange, request.symbol, request.side, size, price, request.strategy)
        return trade, request.strategy if request.strategy in STRATEGY_POOLS else BY_DEFAULT

    def _open(self, request: OrderRequest, prepared: list[PreparedOrder]) -> Awaitable[ExecutionResult]:
        price = request.price or request.decision_price
        if price is None:
            return at_once(ExecutionResult(False, "book_not_ready"))
        answer = self._chain.ask_single(*self._trade(request, price))
        if answer.reservation is None:
            return at_once(ExecutionResult(False, answer.reason))
        return self._send(request, prepared, answer.reservation)

    def _send(
        self, request: OrderRequest, prepared: list[PreparedOrder], backing: CapitalReservation | None = None
    ) -> Awaitable[ExecutionResult]:
        verdict = self._gate.send(prepared)
        if verdict.approved:
            if backing is not None:
                self._chain.record_trade()
            deadline = request.expires_ns or request.created_ns + self._fill_timeout_ns
            return self._spawn(self._follow(request, backing, deadline), name=f"order {request.client_order_id}")
        if backing is not None:
            self._chain.release(backing)
        return at_once(ExecutionResult(False, verdict.reason))

    async def _follow(
        self, request: OrderRequest, backing: CapitalReservation | None, deadline: int
    ) -> ExecutionResult:
        order = await self._tracker.finish(request.client_order_id, deadline, deadline + self._grace_ns)
        if backing is not None and self._tracker.settled(request.client_order_id):
            self._chain.release(backing)
        elif backing is not None:
            _ = self._spawn(self._wait_out(request, backing), name=f"capital of {request.client_order_id}")
        return ExecutionResult(order.filled_size > 0, order.reason or order.status.lower(), (order,))

    async def _wait_out(self, request: OrderRequest, backing: CapitalReservation) -> None:
        """An order without a known end may still fill: its capital waits for it."""
        while not self._tracker.settled(request.client_order_id):
            await self._tracker.follow(request.client_order_id, self._clock.now_ns() + self._fill_timeout_ns)
        self._chain.release(backing)
