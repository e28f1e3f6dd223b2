"""What every exchange is: the class that adapters and users' own exchanges extend.

A subclass must say how to connect, disconnect, place and cancel an order, read one position and the balance, and follow
an order book. All else answers "not supported" until it is overridden, and is absent from :attr:`capabilities` until
then; what no method shows (client ids, IOC, …) is named in :attr:`declares`. Without client ids, IOC, reduce-only,
``get_order`` and instruments an exchange is reference only, and :meth:`reference_only_because` says why.

A class that the settings name is made with its :class:`~perpbot.exchanges.settings.ExchangeSettings` as only argument.
"""

# ruff: noqa: ARG002 - methods that answer "not supported" have the signatures of those that will

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, NoReturn, Self, TypeAlias, TypeVar

from perpbot.core.errors import ExchangeStopped, InvariantViolated, NotSupported, Refused
from perpbot.core.events import AccountEvent, FundingPaid
from perpbot.core.instruments import Instrument
from perpbot.core.market_data import MarketEvent
from perpbot.core.names import ClientOrderId, ExchangeName, Symbol
from perpbot.core.orders import (
    Fill,
    Order,
    OrderReport,
    OrderRequest,
    OrderType,
    Side,
    TimeInForce,
)
from perpbot.core.ports import Approval, Capabilities, OrderOutcome, PreparedOrder, Spawn, Timers
from perpbot.core.positions import Balance, Position
from perpbot.exchanges.order_rules import check_order
from perpbot.exchanges.outcomes import not_sent, outcome_of, settle, unknown

NANOSECONDS = 1_000_000_000
_PortT = TypeVar("_PortT")

MarketListener: TypeAlias = Callable[[MarketEvent, int], None]
"""Takes a market event and our receive time in nanoseconds since 1970."""
AccountListener: TypeAlias = Callable[[AccountEvent], None]
FundingListener: TypeAlias = Callable[[Decimal, int], None]
"""Takes a funding rate (fraction per funding interval) and our receive time."""
AdjustInstrument: TypeAlias = Callable[[Instrument], Instrument]
"""An instrument at the fees and the smallest order that the settings state."""

_SHOWN_BY_METHOD = {
    "get_order": "get_order",
    "instruments": "get_instruments",
    "account_stream": "subscribe_account",
    "fill_history": "get_fills",
    "funding_history": "get_funding_payments",
    "order_history": "get_orders_since",
    "cancel_all": "cancel_all",
    "synchronous_send": "send",
}
_DECLARABLE = frozenset(field.name for field in fields(Capabilities)) - set(_SHOWN_BY_METHOD) - {"trading"}


class ExchangeBase(ABC):
    """One exchange; satisfies :class:`perpbot.core.ports.Exchange`.

    ``declares`` names those of ``client_ids, ioc, post_only, reduce_only, order_expiry`` that ``place_order`` obeys.
    """

    name: ExchangeName = ""
    declares: ClassVar[frozenset[str]] = frozenset()
    answer_timeout_seconds: float = 10.0
    account_id: str | None = None
    """The account it trades on, known before it connects: one process at a time may. ``None``: the account belongs to
    this state folder alone."""

    _spawn: Spawn | None
    _timers: Timers | None
    _instruments: dict[Symbol, Instrument]
    _adjust: AdjustInstrument | None
    _held_back: str | None
    _spent: set[int]
    _started: bool

    def __new__(cls, *_arguments: Any, **_named: Any) -> Self:
        """State is made here, so that a subclass with a constructor of its own need not call this one's."""
        self = super().__new__(cls)
        self._spawn = self._timers = None
        self._instruments = {}
        self._adjust = self._held_back = None
        self._spent = set()
        self._started = False
        return self

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        wrong = sorted(set(cls.declares) - _DECLARABLE)
        if wrong:
            raise TypeError(
                f"{cls.__name__}.declares has {', '.join(wrong)}; allowed: {', '.join(sorted(_DECLARABLE))}"
            )

    def attach(
        self,
        *,
        name: ExchangeName,
        timers: Timers,
        spawn: Spawn,
        adjust: AdjustInstrument | None = None,
        reference_only: str | None = None,
    ) -> None:
        """Hand in what the exchange may not make itself: its name in the settings, time, and tasks.

        ``adjust`` is what the settings say of its instruments; ``reference_only`` is why it may not trade though it
        could.
        """
        self.name, self._timers, self._spawn = name, timers, spawn
        self._adjust, self._held_back = adjust, reference_only
        self.__dict__.pop("capabilities", None)

    @property
    def timers(self) -> Timers:
        """Time, as it was handed in. Raises :class:`ExchangeStopped` before :meth:`attach`."""
        return self._attached(self._timers)

    @property
    def spawn(self) -> Spawn:
        """Starts tasks that are watched. Raises :class:`ExchangeStopped` before :meth:`attach`."""
        return self._attached(self._spawn)

    async def start(self) -> None:
        """Connect, and learn the instruments if the exchange tells them."""
        await self.connect()
        if self.capabilities.instruments:
            listed = await self.get_instruments()
            self._instruments = {each.symbol: self._adjust(each) if self._adjust else each for each in listed}
        self._started = True

    async def stop(self) -> None:
        """Disconnect; nothing is sent from the moment this is called."""
        self._started = False
        await self.disconnect()

    @property
    def connected(self) -> bool:
        """Whether an order could be written now; override it where the connection knows better."""
        return self._started

    @cached_property
    def capabilities(self) -> Capabilities:
        """What is declared and what is overridden; trading only if nothing needed for it is missing or forbids it."""
        flags = dict.fromkeys(self.declares, True)
        for flag, method in _SHOWN_BY_METHOD.items():
            flags[flag] = getattr(type(self), method) is not getattr(ExchangeBase, method)
        found = Capabilities(**flags)
        return replace(found, trading=not (found.missing_for_trading() or self._held_back))

    def reference_only_because(self) -> str | None:
        """Why the exchange cannot trade, in one line; ``None`` if it can."""
        missing = self.capabilities.missing_for_trading()
        reason = f"it lacks {', '.join(missing)}" if missing else self._held_back
        return f"{self.name} is reference only: {reason}" if reason else None

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """All instruments, as of :meth:`start`; none if the exchange does not tell them."""
        return tuple(self._instruments.values())

    def instrument(self, symbol: Symbol) -> Instrument | None:
        """The instrument of ``symbol``, as of :meth:`start`."""
        return self._instruments.get(symbol)

    # what a subclass must say

    @abstractmethod
    async def connect(self) -> None:
        """Open connections and sign in."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Close all connections."""

    @abstractmethod
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
        """Send one order, once, and return what the exchange answered (see :meth:`seen_order`).

        ``size`` is contracts. A refusal by the exchange is an order with status ``REJECTED``. Raise
        :class:`~perpbot.core.errors.Refused` only if nothing was sent; any other error means that the outcome is
        unknown.
        """

    @abstractmethod
    async def cancel_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderReport | None:
        """Ask to cancel; the order's state if the answer carries it. Raises ``ReadFailed`` without an answer."""

    @abstractmethod
    async def get_position(self, symbol: Symbol) -> Position | None:
        """The position, ``None`` if flat. Raises ``ReadFailed``."""

    @abstractmethod
    async def get_balance(self) -> Balance:
        """The account in USD. Raises ``ReadFailed``."""

    @abstractmethod
    async def subscribe_orderbook(self, symbol: Symbol, listener: MarketListener) -> None:
        """Hand every book change of ``symbol`` to ``listener``, a snapshot first."""

    # what a subclass may add

    async def cancel_all(self, symbol: Symbol | None = None) -> None:
        """Cancel all open orders (of ``symbol``)."""
        self._lacks("cancel_all")

    async def get_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderReport | None:
        """The order's state; ``None`` if the exchange does not know the id. Raises ``ReadFailed``."""
        self._lacks("get_order")

    async def get_open_orders(self, symbol: Symbol | None = None) -> Sequence[OrderReport]:
        """All orders that may still fill. Raises ``ReadFailed``."""
        self._lacks("get_open_orders")

    async def get_fills(self, symbol: Symbol, client_order_id: ClientOrderId) -> Sequence[Fill]:
        """All fills of one order. Raises ``ReadFailed``."""
        self._lacks("get_fills")

    async def get_orders_since(self, since_ns: int) -> Sequence[Order]:
        """All orders made at or after ``since_ns``, whatever became of them: side, size, price, reduce-only and client
        id as the exchange knows them. Raises ``ReadFailed``."""
        self._lacks("get_orders_since")

    async def get_funding_payments(self, since_ns: int) -> Sequence[FundingPaid]:
        """All funding payments at or after ``since_ns``, oldest first. Raises ``ReadFailed``."""
        self._lacks("get_funding_payments")

    async def get_positions(self) -> Sequence[Position]:
        """All positions that are not flat. Raises ``ReadFailed``."""
        self._lacks("get_positions")

    async def get_instruments(self) -> Sequence[Instrument]:
        """All perpetual markets. Raises ``ReadFailed``."""
        self._lacks("get_instruments")

    async def get_funding(self, symbol: Symbol) -> Decimal:
        """The rate of the next settlement, a fraction per funding interval; longs pay when positive."""
        self._lacks("get_funding")

    async def set_leverage(self, symbol: Symbol, leverage: Decimal) -> None:
        """Set the leverage of ``symbol``."""
        self._lacks("set_leverage")

    async def subscribe_trades(self, symbol: Symbol, listener: MarketListener) -> None:
        """Hand every public trade of ``symbol`` to ``listener``."""
        self._lacks("subscribe_trades")

    async def subscribe_funding(self, symbol: Symbol, listener: FundingListener) -> None:
        """Hand every change of the funding rate to ``listener``."""
        self._lacks("subscribe_funding")

    def subscribe_account(self, listener: AccountListener) -> None:
        """Hand every account event to ``listener``, in the order the exchange sent them."""
        self._lacks("subscribe_account")

    def prepare(self, request: OrderRequest) -> PreparedOrder:
        """Check ``request`` against its instrument and the capabilities; pure.

        Raises ``OrderInvalid`` or ``NotSupported``.
        """
        if self._held_back:
            raise NotSupported(self.reference_only_because())
        check_order(request, self.instrument(request.symbol), self.capabilities, self.name)
        return PreparedOrder(request)

    def send(self, prepared: PreparedOrder, approval: Approval) -> Awaitable[OrderOutcome]:
        """Start ``place_order`` in a task of its own.

        Not synchronous: the bytes leave a moment after this returns, and :attr:`capabilities` says so. Without an
        answer in ``answer_timeout_seconds`` the outcome is ``UNKNOWN``; nothing is ever sent again.
        """
        self.spend(prepared, approval)
        answer: asyncio.Future[OrderOutcome] = asyncio.get_running_loop().create_future()
        request = prepared.request
        if not self.connected:
            answer.set_result(not_sent(request, "not connected"))
            return answer
        timers, spawn = self.timers, self.spawn
        deadline_ns = timers.now_ns() + int(self.answer_timeout_seconds * NANOSECONDS)
        cancel_deadline = timers.call_at(deadline_ns, lambda: settle(answer, unknown(request, "no answer in time")))
        answer.add_done_callback(lambda _: cancel_deadline())
        _ = spawn(self._place(request, answer), name=f"{self.name} place {request.client_order_id}")
        return answer

    def spend(self, prepared: PreparedOrder, approval: Approval) -> None:
        """Use up ``approval``; an override of :meth:`send` calls this first.

        Raises :class:`InvariantViolated` (I6) if it is another order's or was used before.
        """
        wanted = prepared.request.client_order_id
        if approval.client_order_id != wanted:
            raise InvariantViolated(
                f"I6: {self.name}: order {wanted} sent with the approval of {approval.client_order_id}"
            )
        if approval.number in self._spent:
            raise InvariantViolated(f"I6: {self.name}: approval {approval.number} of order {wanted} used twice")
        self._spent.add(approval.number)

    def seen_order(
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
        **seen: Any,
    ) -> Order:
        """The order that ``place_order`` was asked for, with what the exchange said of it.

        ``seen`` are fields of :class:`~perpbot.core.orders.Order`: status, order_id, filled_size, average_price and
        reason.
        """
        now_ns = self._timers.now_ns() if self._timers else 0
        request = OrderRequest(
            client_order_id, self.name, symbol, side, size, price, order_type, time_in_force, reduce_only, now_ns
        )
        return Order(request, **{"timestamp_ns": now_ns, **seen})

    async def _place(self, request: OrderRequest, answer: asyncio.Future[OrderOutcome]) -> None:
        outcome = unknown(request, "stopped before an answer")
        try:
            order = await self.place_order(
                request.symbol,
                request.side,
                request.size,
                request.price,
                request.order_type,
                client_order_id=request.client_order_id,
                time_in_force=request.time_in_force,
                reduce_only=request.reduce_only,
            )
            outcome = outcome_of(request, order)
        except Refused as error:
            outcome = not_sent(request, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises, the order may stand: that is an answer too
            outcome = unknown(request, f"{type(error).__name__}: {error}")
        finally:
            settle(answer, outcome)

    def _attached(self, port: _PortT | None) -> _PortT:
        if port is None:
            raise ExchangeStopped(f"{self.name}: attach(name=…, timers=…, spawn=…) must be called before it trades")
        return port

    def _lacks(self, method: str) -> NoReturn:
        raise NotSupported(f"{self.name or type(self).__name__} does not support {method}")
