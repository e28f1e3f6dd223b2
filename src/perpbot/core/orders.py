"""Orders and fills, and the life cycle of an order as a pure state machine.

``PENDING → OPEN → PARTIALLY_FILLED → FILLED | CANCELLED | REJECTED | EXPIRED``, and ``UNKNOWN``: sent, no answer.
An outcome is never assumed: only what an exchange said moves an order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from perpbot.core.errors import IllegalTransition
from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId, ExchangeName, OrderId, PairId, Symbol, TradeId


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a buy, −1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    MARKET = "MARKET"


class TimeInForce(StrEnum):
    IOC = "IOC"
    GTC = "GTC"
    POST_ONLY = "POST_ONLY"


class Liquidity(StrEnum):
    MAKER = "MAKER"
    TAKER = "TAKER"


class Leg(StrEnum):
    """Which side of its pair an order works for: the leg that was bought at entry, or the one that was sold."""

    BUY = "buy"
    SELL = "sell"

    @property
    def entry_side(self) -> Side:
        return Side.BUY if self is Leg.BUY else Side.SELL

    @property
    def other(self) -> Leg:
        return Leg.SELL if self is Leg.BUY else Leg.BUY


class Purpose(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"
    REPAIR = "repair"
    OTHER = "other"


class OrderStatus(StrEnum):
    PENDING = "PENDING"
    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"

    @property
    def final(self) -> bool:
        """Whether nothing more can happen to the order."""
        return self in _FINAL


_FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED})
_LIVE = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})
_S = OrderStatus
ORDER_EDGES: dict[OrderStatus, frozenset[OrderStatus]] = {
    _S.PENDING: frozenset(_S) - {_S.PENDING},
    _S.OPEN: _FINAL | {_S.PARTIALLY_FILLED, _S.UNKNOWN},
    _S.PARTIALLY_FILLED: _FINAL - {_S.REJECTED} | {_S.PARTIALLY_FILLED, _S.UNKNOWN},
    _S.UNKNOWN: _FINAL | _LIVE,
    _S.FILLED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.EXPIRED: frozenset(),
}
"""Which status may follow which."""


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What we mean to send: journaled before it leaves and never changed.

    ``size`` is contracts; ``price`` is the limit (``None`` for a market order); ``decision_price`` is what the decision
    counted on (slippage is measured against it); ``created_ns`` is our clock; ``expires_ns`` is when the exchange is
    told to drop it. Self-trade prevention is on for every order; there is no way to ask for less.
    """

    client_order_id: ClientOrderId
    exchange: ExchangeName
    symbol: Symbol
    side: Side
    size: Decimal
    price: Decimal | None
    order_type: OrderType
    time_in_force: TimeInForce
    reduce_only: bool
    created_ns: int
    expires_ns: int | None = None
    pair_id: PairId | None = None
    leg: Leg | None = None
    purpose: Purpose = Purpose.OTHER
    decision_price: Decimal | None = None
    replaces: ClientOrderId | None = None
    strategy: str = ""

    @property
    def owner(self) -> str:
        """Whose books the order's fills go to: its pair's, else its strategy's."""
        return self.pair_id or self.strategy or "unowned"


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. ``size`` is contracts, ``fee`` is in ``fee_currency`` and positive when paid."""

    exchange: ExchangeName
    symbol: Symbol
    order_id: OrderId
    client_order_id: ClientOrderId
    trade_id: TradeId
    side: Side
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    timestamp_ns: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order as last seen. ``filled_size`` is cumulative contracts, ``timestamp_ns`` the last change by our clock."""

    request: OrderRequest
    status: OrderStatus = OrderStatus.PENDING
    order_id: OrderId | None = None
    filled_size: Decimal = ZERO
    average_price: Decimal | None = None
    reason: str | None = None
    timestamp_ns: int = 0

    @property
    def client_order_id(self) -> ClientOrderId:
        return self.request.client_order_id

    @property
    def exchange(self) -> ExchangeName:
        return self.request.exchange

    @property
    def symbol(self) -> Symbol:
        return self.request.symbol

    @property
    def side(self) -> Side:
        return self.request.side

    @property
    def size(self) -> Decimal:
        return self.request.size

    @property
    def price(self) -> Decimal | None:
        return self.request.price

    @property
    def order_type(self) -> OrderType:
        return self.request.order_type

    @property
    def time_in_force(self) -> TimeInForce:
        return self.request.time_in_force

    @property
    def reduce_only(self) -> bool:
        return self.request.reduce_only

    @property
    def remaining(self) -> Decimal:
        """Contracts not filled."""
        return self.request.size - self.filled_size

    @property
    def final(self) -> bool:
        return self.status.final


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What an exchange says of one order: cumulative, so it may arrive twice or out of order.

    ``filled_size`` is everything filled so far; ``average_price`` over all of it, ``None`` while nothing has filled.
    """

    client_order_id: ClientOrderId
    order_id: OrderId | None
    status: OrderStatus
    filled_size: Decimal
    average_price: Decimal | None
    timestamp_ns: int
    reason: str | None = None


def advance(order: Order, report: OrderReport) -> Order:
    """``order`` after ``report``; equal to ``order`` when the report carries nothing new.

    Late and repeated reports never take back a fill or reopen a final order. A report that cannot be true of this order
    (more filled than ordered, another order's id) raises :class:`IllegalTransition`.
    """
    _belongs(order, report)
    filled = max(order.filled_size, report.filled_size)
    status = _next_status(order, report, filled)
    average = order.average_price
    if report.filled_size >= order.filled_size:
        average = report.average_price or average
    after = replace(
        order,
        status=status,
        order_id=order.order_id or report.order_id,
        filled_size=filled,
        average_price=average if filled else None,
        reason=report.reason or order.reason,
    )
    return order if after == order else replace(after, timestamp_ns=max(order.timestamp_ns, report.timestamp_ns))


def _belongs(order: Order, report: OrderReport) -> None:
    if report.client_order_id != order.client_order_id:
        raise IllegalTransition(f"report of {report.client_order_id} applied to order {order.client_order_id}")
    if report.filled_size > order.size or report.filled_size < 0:
        raise IllegalTransition(f"order {order.client_order_id}: {report.filled_size} filled of {order.size}")
    if order.order_id and report.order_id and order.order_id != report.order_id:
        raise IllegalTransition(f"order {order.client_order_id}: exchange id {order.order_id} became {report.order_id}")


def _next_status(order: Order, report: OrderReport, filled: Decimal) -> OrderStatus:
    """A full fill is the end whatever was said before; else the first final word stands."""
    if filled == order.size:
        return OrderStatus.FILLED
    status = _stated(order, report, filled)
    if order.status.final or status is order.status:
        return order.status
    if status is OrderStatus.FILLED or (status is OrderStatus.REJECTED and filled):
        raise IllegalTransition(f"order {order.client_order_id}: {status} with {filled} of {order.size} filled")
    if status not in ORDER_EDGES[order.status]:
        raise IllegalTransition(f"order {order.client_order_id}: {order.status} cannot become {status}")
    return status


def _stated(order: Order, report: OrderReport, filled: Decimal) -> OrderStatus:
    """What a report says, in the light of all that is known to have filled; ``PENDING`` says nothing new."""
    if report.status not in (OrderStatus.PENDING, *_LIVE):
        return report.status
    if filled:
        return OrderStatus.PARTIALLY_FILLED
    return order.status if report.status is OrderStatus.PENDING else OrderStatus.OPEN
