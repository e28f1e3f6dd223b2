"""The send gate: the only way an order leaves.

One synchronous turn re-evaluates everything, journals the intent and writes to the socket; there is no ``await``
between the last check and the write. Risk-reducing orders pass whatever forbids openings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

from perpbot.core.errors import InvariantViolated, OrderInvalid, SystemStopped
from perpbot.core.events import Event, OrderChanged, OrderIntended, PairMoved, PairPlanned
from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId, ExchangeName, Symbol
from perpbot.core.order_rules import find_problem
from perpbot.core.orders import Order, OrderRequest, OrderStatus, Side, TimeInForce
from perpbot.core.pairs import PairState
from perpbot.core.ports import Approval, Clock, Exchange, Journal, OrderOutcome, PreparedOrder, PriceView, SendStatus
from perpbot.core.verdicts import Level, Verdict, approve, refuse
from perpbot.execution.invariants import Invariants
from perpbot.execution.status import TradingStatus
from perpbot.execution.tracker import OrderTracker

DUPLICATE_WINDOW_NS = 1_000_000_000
STANDSTILL_NS = 50_000_000
"""A check and its journaling that took longer (a slow disk, a machine that slept) is checked once more."""


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What holds for every opening order, orders in flight included. Notionals are USD."""

    max_order_notional: Decimal
    max_book_age_seconds: float
    max_skew_seconds: float
    price_sanity_pct: Decimal


@dataclass(frozen=True, slots=True)
class BookState:
    """What the gate wants to know of a book at the moment of the send."""

    ready: bool
    streaming: bool
    age_seconds: float


class SendGate:
    """Holds the raw adapters. ``send`` takes all orders of one decision and checks all before it writes the first."""

    def __init__(
        self,
        exchanges: Mapping[ExchangeName, Exchange],
        clock: Clock,
        journal: Journal,
        tracker: OrderTracker,
        status: TradingStatus,
        invariants: Invariants,
        prices: PriceView,
        book_state: Callable[[ExchangeName, Symbol], BookState],
        allowed: Callable[[ExchangeName, str], bool],
        limits: GateLimits,
    ) -> None:
        """``allowed`` says whether safe mode leaves an exchange open to a strategy."""
        self._exchanges = exchanges
        self._clock = clock
        self._journal = journal
        self._tracker = tracker
        self._status = status
        self._invariants = invariants
        self._prices = prices
        self._book_state = book_state
        self._allowed = allowed
        self._limits = limits
        self._recent: dict[tuple[object, ...], int] = {}
        self._intents: dict[ClientOrderId, OrderRequest] = {}
        self.approvals = 0
        self.sends = 0

    def adopt(self, limits: GateLimits) -> None:
        """Take new limits; they hold for the next order."""
        self._limits = limits

    def prepare(self, requests: Sequence[OrderRequest]) -> list[PreparedOrder]:
        """Round, encode and sign. Raises :class:`Refused` if any of them may not be sent as it is."""
        return [self._prepare(request) for request in requests]

    def _prepare(self, request: OrderRequest) -> PreparedOrder:
        prepared = self._exchanges[request.exchange].prepare(request)
        if prepared.request != request:
            raise OrderInvalid(f"{request.exchange} changed order {request.client_order_id} while preparing it")
        return prepared

    def send(self, prepared: Sequence[PreparedOrder], plan: Event | None = None) -> Verdict:
        """Check all, journal all, write all. A refusal means that nothing was written; no error comes after a write.

        ``plan`` is what the orders are for; it is journaled before them.
        """
        requests = [order.request for order in prepared]
        began_ns = self._clock.now_ns()
        verdict = self._check(requests)
        if verdict.approved:
            verdict = self._intend(requests, plan, began_ns)
        if verdict.approved:
            for order in prepared:
                self._write(order, began_ns)
        return verdict

    def _intend(self, requests: Sequence[OrderRequest], plan: Event | None, began_ns: int) -> Verdict:
        """All intents are in the journal before the first byte leaves; a dead journal sets the latch."""
        try:
            if plan is not None:
                self._journal.append(plan)
            self._intents = {request.client_order_id: self._journal_intent(request) for request in requests}
            if self._clock.now_ns() - began_ns > STANDSTILL_NS:
                return self._check_again(requests, plan)
        except SystemStopped as error:
            self._status.halt("gate", f"the journal cannot be written: {error}")
            return refuse(Level.GATE, "journal", "journal_failed", detail=str(error))
        return approve(Level.GATE, "journal")

    def _journal_intent(self, request: OrderRequest) -> OrderRequest:
        self._journal.append(OrderIntended(request))
        return request

    def _check_again(self, requests: Sequence[OrderRequest], plan: Event | None) -> Verdict:
        """Time has passed since the check: what may not be opened any more is taken back in the journal."""
        openings = [request for request in requests if not request.reduce_only]
        verdict = self._check_openings(openings) if openings else approve(Level.GATE, "order")
        if not verdict.approved:
            now_ns = self._clock.now_ns()
            for request in requests:
                unsent = Order(request, OrderStatus.REJECTED, timestamp_ns=now_ns, reason="not_sent")
                self._journal.append(OrderChanged(unsent))
            if isinstance(plan, PairPlanned):
                over = plan.pair.to(PairState.REFUSED, reason=verdict.reason, closed_ns=now_ns)
                self._journal.append(PairMoved(over, plan.pair.state))
        return verdict

    def _write(self, order: PreparedOrder, began_ns: int) -> None:
        request = order.request
        fresh = approve(Level.GATE, "book") if request.reduce_only else self._fresh(request)
        if not fresh.approved and self._clock.now_ns() - began_ns > STANDSTILL_NS:
            self._tracker.register(request)
            unsent = OrderOutcome(SendStatus.NOT_SENT, request.client_order_id, reason="stale")
            self._tracker.sent(request, _answered(unsent))
            return
        self._assert_sound(request, fresh)
        self._tracker.register(request)
        self.approvals += 1
        approval = Approval(request.client_order_id, self.approvals, self._clock.now_ns())
        try:
            answer = self._exchanges[request.exchange].send(order, approval)
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises, bytes may have left: UNKNOWN
            self._invariants.check("I6", not isinstance(error, InvariantViolated), str(error))
            answer = _no_answer(request, error)
        self.sends += 1
        self._remember(request)
        self._tracker.sent(request, answer)
        self._invariants.check("I6", self.approvals == self.sends, "a send without its own approval")

    def _assert_sound(self, request: OrderRequest, fresh: Verdict) -> None:
        """What the checks made sure of still holds as the bytes leave; ``fresh`` is what its book is like."""
        journaled = self._intents.get(request.client_order_id) == request
        self._invariants.check("I5", journaled, f"{request.client_order_id} was not journaled as it is sent")
        rules = {"I2": self._valid, "I17": self._no_self_trade}
        rules |= {"I14": self._reduces} if request.reduce_only else {"I15": self._notional, "I18": lambda _: fresh}
        for invariant, rule in rules.items():
            verdict = rule(request)
            self._invariants.check(invariant, verdict.approved, f"{request.client_order_id}: {verdict.message()}")
        safe = not self._allowed(request.exchange, request.strategy)
        allowed = request.reduce_only or not (safe or self._status.reducing_only)
        found = f"{self._status.state}{' and in safe mode' if safe else ''}"
        self._invariants.check("I13", allowed, f"{request.client_order_id} opens while {found}")

    # checks

    def _check(self, requests: Sequence[OrderRequest]) -> Verdict:
        openings = [request for request in requests if not request.reduce_only]
        verdict = self._check_each(requests)
        if verdict.approved and openings:
            verdict = self._check_openings(openings)
        return verdict

    def _check_each(self, requests: Sequence[OrderRequest]) -> Verdict:
        for request in requests:
            for check in (self._known, self._valid, self._unsent, self._no_self_trade, self._reduces):
                verdict = check(request)
                if not verdict.approved:
                    return verdict
        return approve(Level.GATE, "order")

    def _known(self, request: OrderRequest) -> Verdict:
        exchange = self._exchanges.get(request.exchange)
        if exchange is None or exchange.instrument(request.symbol) is None:
            return refuse(
                Level.GATE, "instrument", "order_invalid", detail=f"{request.exchange} has no {request.symbol}"
            )
        if not exchange.connected:
            return refuse(Level.GATE, "connection", "not_connected", detail=request.exchange)
        missing = exchange.capabilities.missing_for_trading()
        if missing:
            return refuse(
                Level.GATE, "capabilities", "not_supported", detail=f"{request.exchange}: {', '.join(missing)}"
            )
        return approve(Level.GATE, "connection")

    def _valid(self, request: OrderRequest) -> Verdict:
        instrument = self._instrument(request)
        problem = find_problem(request, instrument)
        if problem:
            return refuse(Level.GATE, "order", "order_invalid", detail=problem)
        return approve(Level.GATE, "order")

    def _unsent(self, request: OrderRequest) -> Verdict:
        seen = self._recent.get(_content(request))
        again = seen is not None and self._clock.now_ns() - seen < DUPLICATE_WINDOW_NS and request.replaces is None
        if again or request.client_order_id in self._tracker:
            return refuse(Level.GATE, "duplicate", "duplicate_order", detail=request.client_order_id)
        return approve(Level.GATE, "duplicate")

    def _no_self_trade(self, request: OrderRequest) -> Verdict:
        for order in self._tracker.live_orders():
            if crosses(request, order):
                return refuse(Level.GATE, "own orders", "self_trade", detail=order.client_order_id)
        return approve(Level.GATE, "own orders")

    def _reduces(self, request: OrderRequest) -> Verdict:
        """A reduce-only order with all live ones may not exceed the position."""
        if not request.reduce_only:
            return approve(Level.GATE, "reduce-only")
        held = self._tracker.position(request.exchange, request.symbol)
        closing = sum((o.remaining for o in self._tracker.live_orders() if _closes_with(o, request)), ZERO)
        room = (held if request.side is Side.SELL else -held) - closing
        if request.size <= room:
            return approve(Level.GATE, "reduce-only", request.size, room)
        return refuse(Level.GATE, "reduce-only", "order_invalid", request.size, room, "more than is held")

    def _check_openings(self, requests: Sequence[OrderRequest]) -> Verdict:
        exchanges = [request.exchange for request in requests]
        symbol = requests[0].symbol
        refusal = self._status.opening_refusal(symbol, exchanges)
        if refusal is not None:
            return refuse(Level.GATE, "trading state", refusal[0], detail=refusal[1])
        for request in requests:
            verdict = self._check_opening(request)
            if not verdict.approved:
                return verdict
        return self._check_skew(requests)

    def _check_opening(self, request: OrderRequest) -> Verdict:
        if not self._allowed(request.exchange, request.strategy):
            return refuse(Level.GATE, "safe mode", "safe_mode", detail=request.exchange)
        verdict = self._notional(request)
        for check in (self._fresh, self._price_in_band):
            if verdict.approved:
                verdict = check(request)
        return verdict

    def _notional(self, request: OrderRequest) -> Verdict:
        price = self._reference_price(request)
        if price is None:
            return refuse(Level.GATE, "book", "book_not_ready", detail=request.exchange)
        instrument, limit = self._instrument(request), self._limits.max_order_notional
        live = [o for o in self._tracker.live_orders() if _same_opening(o, request)]
        contracts = request.size + sum((order.remaining for order in live), ZERO)
        notional = instrument.notional(contracts, price)
        if not notional <= limit:
            return refuse(Level.GATE, "notional in flight", "limit_breached", notional, limit)
        return approve(Level.GATE, "notional in flight", notional, limit)

    def _fresh(self, request: OrderRequest) -> Verdict:
        book = self._book_state(request.exchange, request.symbol)
        touch = self._prices.touch(request.exchange, request.symbol)
        if not (book.ready and book.streaming) or touch is None or touch[0] >= touch[1]:
            return refuse(Level.GATE, "book", "book_not_ready", detail=request.exchange)
        return _within("book age", "book_age", book.age_seconds, self._limits.max_book_age_seconds)

    def _price_in_band(self, request: OrderRequest) -> Verdict:
        touch = self._prices.touch(request.exchange, request.symbol)
        if touch is None or request.price is None:
            return refuse(Level.GATE, "price band", "price_sanity", detail=request.exchange)
        against = touch[1] if request.side is Side.BUY else touch[0]
        off, limit = abs(request.price / against - 1), self._limits.price_sanity_pct
        if not off <= limit:
            return refuse(Level.GATE, "price band", "price_sanity", off, limit)
        return approve(Level.GATE, "price band", off, limit)

    def _check_skew(self, requests: Sequence[OrderRequest]) -> Verdict:
        ages = [self._book_state(request.exchange, request.symbol).age_seconds for request in requests]
        return _within("book skew", "book_skew", max(ages) - min(ages), self._limits.max_skew_seconds)

    # registers

    def _instrument(self, request: OrderRequest) -> Instrument:
        instrument = self._exchanges[request.exchange].instrument(request.symbol)
        if instrument is None:
            raise OrderInvalid(f"{request.exchange} has no {request.symbol}")
        return instrument

    def _reference_price(self, request: OrderRequest) -> Decimal | None:
        touch = self._prices.touch(request.exchange, request.symbol)
        return request.price if request.price is not None else touch and touch[request.side is Side.BUY]

    def _remember(self, request: OrderRequest) -> None:
        now = self._clock.now_ns()
        if len(self._recent) > 1000:
            self._recent = {key: at for key, at in self._recent.items() if now - at < DUPLICATE_WINDOW_NS}
        self._recent[_content(request)] = now


def _within(rule: str, reason: str, seconds: float, most: float) -> Verdict:
    """Whether ``seconds`` do not exceed ``most``; a time that is no number does."""
    limit = Decimal(str(most))
    measured = Decimal(str(round(seconds, 6))) if isfinite(seconds) else Decimal("Infinity")
    if measured <= limit:
        return approve(Level.GATE, rule, measured, limit)
    return refuse(Level.GATE, rule, reason, measured, limit)


def _no_answer(request: OrderRequest, error: Exception) -> asyncio.Future[OrderOutcome]:
    """The answer to an order whose adapter failed while sending it."""
    reason = f"{type(error).__name__}: {error}"
    return _answered(OrderOutcome(SendStatus.UNKNOWN, request.client_order_id, reason=reason))


def _answered(outcome: OrderOutcome) -> asyncio.Future[OrderOutcome]:
    """An answer that is there at once."""
    answer: asyncio.Future[OrderOutcome] = asyncio.get_running_loop().create_future()
    answer.set_result(outcome)
    return answer


def crosses(request: OrderRequest, order: Order) -> bool:
    """Whether ``request`` could match our own live ``order``, unacknowledged ones included."""
    if (order.exchange, order.symbol) != (request.exchange, request.symbol) or order.side is request.side:
        return False
    if order.time_in_force is TimeInForce.IOC and request.time_in_force is TimeInForce.IOC:
        return False  # neither ever rests, so neither can be met
    if request.price is None or order.price is None:
        return True
    buy, sell = (request.price, order.price) if request.side is Side.BUY else (order.price, request.price)
    return buy >= sell


def _content(request: OrderRequest) -> tuple[object, ...]:
    return (request.exchange, request.symbol, request.side, request.size, request.price, request.reduce_only)


def _closes_with(order: Order, request: OrderRequest) -> bool:
    same_place = (order.exchange, order.symbol, order.side) == (request.exchange, request.symbol, request.side)
    return same_place and order.reduce_only


def _same_opening(order: Order, request: OrderRequest) -> bool:
    same_place = (order.exchange, order.symbol, order.side) == (request.exchange, request.symbol, request.side)
    return same_place and not order.reduce_only
