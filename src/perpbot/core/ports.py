"""Ports: what the pure side and ``execution`` ask of the outside. Implementations are handed in by ``service``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from perpbot.core.events import AccountEvent, Event, FundingPaid
from perpbot.core.instruments import Instrument
from perpbot.core.names import ClientOrderId, ExchangeName, PairId, Symbol
from perpbot.core.orders import Fill, Order, OrderReport, OrderRequest
from perpbot.core.positions import Balance, Position


class Clock(Protocol):
    """Time as the pure side sees it."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""


class Timers(Clock, Protocol):
    """Time as the I/O side sees it."""

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Run ``callback`` at ``when_ns`` (at once if that is past); the returned function cancels it."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    async def sleep_until(self, when_ns: int) -> None:
        """Wait until ``when_ns``."""


class Rng(Protocol):
    """One seeded stream of random numbers; every actor has its own."""

    def random(self) -> float: ...
    def gauss(self, mu: float, sigma: float) -> float: ...
    def expovariate(self, rate: float) -> float: ...


class Ids(Protocol):
    """Identifiers that never repeat, not after a restart either."""

    @property
    def epoch(self) -> str:
        """This run's name; part of every id it makes."""

    def next_pair(self) -> PairId: ...


class Task(Protocol):
    """A running task."""

    def cancel(self) -> bool: ...
    def done(self) -> bool: ...
    def __await__(self) -> Any: ...


class Spawn(Protocol):
    """Starts supervised tasks; nothing else does."""

    def __call__(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> Task: ...


class Journal(Protocol):
    """The append-only record of what was meant and what happened."""

    def append(self, event: Event) -> int:
        """Write ``event`` and return its number. It has reached the operating system when this returns."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an exchange can do for us. What is not declared is not relied on."""

    trading: bool = False
    client_ids: bool = False
    ioc: bool = False
    post_only: bool = False
    reduce_only: bool = False
    get_order: bool = False
    instruments: bool = False
    order_expiry: bool = False
    account_stream: bool = False
    fill_history: bool = False
    funding_history: bool = False
    order_history: bool = False
    cancel_all: bool = False
    synchronous_send: bool = False

    def missing_for_trading(self) -> tuple[str, ...]:
        """Names of the capabilities without which an exchange is reference only."""
        needed = ("client_ids", "ioc", "reduce_only", "get_order", "instruments")
        return tuple(name for name in needed if not getattr(self, name))


@dataclass(frozen=True, slots=True)
class PreparedOrder:
    """An order rounded, encoded and signed; ``payload`` is the adapter's own."""

    request: OrderRequest
    payload: Any = None


@dataclass(frozen=True, slots=True)
class Approval:
    """The gate's leave to send one prepared order once. Only the send gate makes these."""

    client_order_id: ClientOrderId
    number: int
    decided_ns: int


class SendStatus(StrEnum):
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    NOT_SENT = "NOT_SENT"


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """The answer to one send.

    ``ACCEPTED`` and ``REJECTED`` are the exchange's words, ``NOT_SENT`` means that no byte left (not connected), and
    ``UNKNOWN`` that bytes left and no answer came. ``report`` is what the answer says of the order, where it does.
    """

    status: SendStatus
    client_order_id: ClientOrderId
    report: OrderReport | None = None
    reason: str | None = None


class Exchange(Protocol):
    """What ``execution`` sees of an exchange."""

    @property
    def name(self) -> ExchangeName: ...
    @property
    def capabilities(self) -> Capabilities: ...
    @property
    def connected(self) -> bool:
        """Whether an order could be written now."""

    def instrument(self, symbol: Symbol) -> Instrument | None: ...

    def prepare(self, request: OrderRequest) -> PreparedOrder:
        """Round, encode and sign; pure. Raises :class:`~perpbot.core.errors.OrderInvalid`."""

    def send(self, prepared: PreparedOrder, approval: Approval) -> Awaitable[OrderOutcome]:
        """Write the order to a warm connection before returning; the awaitable is the exchange's answer."""

    async def cancel_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderReport | None:
        """Ask to cancel; the order's state if the answer carries it. Raises ``ReadFailed`` without an answer."""

    async def get_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderReport | None:
        """The order's state; ``None`` if the exchange does not know the id. Raises ``ReadFailed``."""

    async def get_fills(self, symbol: Symbol, client_order_id: ClientOrderId) -> Sequence[Fill]:
        """All fills of one order. Raises ``ReadFailed``."""

    async def get_orders_since(self, since_ns: int) -> Sequence[Order]:
        """All orders made at or after ``since_ns``, whatever became of them. Raises ``ReadFailed``."""

    async def get_funding_payments(self, since_ns: int) -> Sequence[FundingPaid]:
        """All funding payments at or after ``since_ns``, oldest first. Raises ``ReadFailed``."""

    async def get_positions(self) -> Sequence[Position]:
        """All positions that are not flat. Raises ``ReadFailed``, ``NotSupported``."""

    async def get_position(self, symbol: Symbol) -> Position | None:
        """The position, ``None`` if flat. Raises ``ReadFailed``."""

    async def get_balance(self) -> Balance:
        """The account. Raises ``ReadFailed``."""

    def subscribe_account(self, listener: Callable[[AccountEvent], None]) -> None:
        """Hand every account event to ``listener``, in the order the exchange sent them."""


class Latch(Protocol):
    """The kill switch: anyone may set it, only an operator clears it, and it survives a restart."""

    def is_set(self) -> bool: ...
    def why(self) -> str: ...
    def set(self, reason: str) -> None: ...
    def clear(self) -> None: ...


class PriceView(Protocol):
    """Executable touch prices as exact decimals."""

    def touch(self, exchange: ExchangeName, symbol: Symbol) -> tuple[Decimal, Decimal] | None:
        """Best bid and best ask, ``None`` if there is none."""
