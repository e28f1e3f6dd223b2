"""An order as the venue keeps it, and why the venue refuses or ends one."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Context, Decimal
from enum import StrEnum
from typing import TypeAlias

from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO
from perpbot.core.names import OrderId
from perpbot.core.orders import Fill, OrderReport, OrderRequest, OrderStatus, OrderType, Side, TimeInForce

AccountName: TypeAlias = str

AVERAGE_DIGITS = Context(prec=18)
"""Average prices are rounded to 18 digits: what division leaves behind them is noise."""


class VenueReason(StrEnum):
    """What the venue says when it refuses an order, or ends one before it is filled."""

    UNKNOWN_SYMBOL = "unknown_symbol"
    MARKET_CLOSED = "market_closed"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    EXPIRED = "expired"
    BAD_PRICE = "bad_price"
    BAD_SIZE = "bad_size"
    TICK = "tick"
    STEP = "step"
    MIN_SIZE = "min_size"
    MIN_NOTIONAL = "min_notional"
    REDUCE_ONLY = "reduce_only"
    POST_ONLY = "post_only"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    SELF_TRADE = "self_trade"
    UNFILLED = "unfilled"
    CANCELLED = "cancelled"
    LIQUIDATION = "liquidation"


@dataclass(slots=True, eq=False)
class VenueOrder:
    """One order on the venue. ``number`` is its time priority, ``ahead`` the contracts that must trade before it."""

    account: AccountName
    request: OrderRequest
    instrument: Instrument
    order_id: OrderId
    number: int
    accepted_ns: int
    status: OrderStatus = OrderStatus.OPEN
    reason: str | None = None
    updated_ns: int = 0
    ahead: Decimal = ZERO
    filled: Decimal = ZERO
    fills: list[Fill] = field(default_factory=list)

    @property
    def side(self) -> Side:
        return self.request.side

    @property
    def remaining(self) -> Decimal:
        """Contracts not filled."""
        return self.request.size - self.filled

    @property
    def live(self) -> bool:
        """Whether the order may still fill."""
        return not self.status.final

    @property
    def limit(self) -> Decimal | None:
        """The worst price the order may get."""
        return self.request.price

    @property
    def rests(self) -> bool:
        """Whether what is left of the order stays on the book."""
        limited = self.request.order_type is OrderType.LIMIT
        return limited and self.request.time_in_force is not TimeInForce.IOC

    def expired(self, now_ns: int) -> bool:
        """Whether the time its sender allowed is over."""
        return self.request.expires_ns is not None and self.request.expires_ns <= now_ns

    def add(self, fill: Fill) -> None:
        """Count ``fill``, which is of this order."""
        self.fills.append(fill)
        self.filled += fill.size
        self.updated_ns = fill.timestamp_ns
        self.status = OrderStatus.PARTIALLY_FILLED if self.remaining else OrderStatus.FILLED

    def end(self, status: OrderStatus, reason: VenueReason, now_ns: int) -> None:
        """Finish the order without filling the rest."""
        self.status, self.reason, self.updated_ns = status, reason.value, now_ns

    def average_price(self) -> Decimal | None:
        """Over all fills; ``None`` without any."""
        if not self.fills:
            return None
        value = sum((self.instrument.settlement_value(fill.size, fill.price) for fill in self.fills), ZERO)
        return AVERAGE_DIGITS.plus(self.instrument.average_price(self.filled, value))

    def report(self) -> OrderReport:
        """What the venue says of the order now."""
        return OrderReport(
            self.request.client_order_id,
            self.order_id,
            self.status,
            self.filled,
            self.average_price(),
            self.updated_ns,
            self.reason,
        )
