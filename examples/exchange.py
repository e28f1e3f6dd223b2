"""An exchange of your own, complete and small: it keeps a book, fills orders, and knows its account.

    perpbot demo --config examples/exchange.yaml

An exchange is a class that extends :class:`~perpbot.exchanges.base.ExchangeBase`. Seven methods must be there:
``connect``, ``disconnect``, ``place_order``, ``cancel_order``, ``get_position``, ``get_balance`` and
``subscribe_orderbook``. With these alone it is *reference only*: its prices are seen, no order goes there. To trade it
needs five things more, because without them a lost answer could not be told from a lost order:

- ``get_order``, so that an order can be looked up,
- ``get_instruments``, so that sizes and prices can be rounded to what the exchange takes,
- and that ``place_order`` obeys client ids, IOC and reduce-only, which no method shows: ``declares`` says so.

``get_fills`` and ``subscribe_account`` are optional; they make it faster. The program hands in what a class may not
make itself: ``self.name`` (as in the settings), ``self.timers`` (time) and ``self.spawn`` (tasks that are watched).

This one needs no network: its price swings 0.3 % up and down around a fair price, which a real exchange would not, and
so it is now cheaper and now dearer than the demo's exchanges. To make it a real one, put requests in the place of
``_fill`` and messages in the place of ``_swing``. What it sends, it sends in the demo too. Its account lives in memory:
a real exchange remembers it when the program starts again, and is asked what it holds before anything opens.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from perpbot.core.errors import NotSupported, Refused
from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.market_data import BookSnapshot
from perpbot.core.money import ZERO, floor_to
from perpbot.core.names import ClientOrderId, OrderId, Symbol, TradeId
from perpbot.core.orders import (
    Fill,
    Liquidity,
    Order,
    OrderReport,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from perpbot.core.ports import Task
from perpbot.core.positions import Balance, Position, PositionSide
from perpbot.exchanges.base import AccountListener, ExchangeBase, MarketListener
from perpbot.exchanges.settings import ExchangeSettings

SYMBOL = "BTC-USD-PERP"
FAIR_PRICE = Decimal(61_800)
SWING = Decimal("0.003")
PERIOD_NS = 4_000_000_000
BOOK_SECONDS = 0.1
TICK = Decimal("0.1")
TOP_SIZE = Decimal(1)
"""Contracts (of one coin each) at the best bid and at the best ask; there are no further levels."""
DEPOSIT = Decimal(10_000)


class SwingExchange(ExchangeBase):
    """One market, IOC orders only, filled at once at the touch."""

    declares: ClassVar[frozenset[str]] = frozenset({"client_ids", "ioc", "reduce_only"})

    def __init__(self, config: ExchangeSettings) -> None:
        """``config`` is the exchange's entry in the settings; keys and addresses would come from the environment."""
        self.config = config
        self._book_listeners: list[MarketListener] = []
        self._account_listeners: list[AccountListener] = []
        self._reports: dict[ClientOrderId, OrderReport] = {}
        self._fills: dict[ClientOrderId, Fill] = {}
        self._balance = DEPOSIT
        self._held = ZERO
        self._entry_value = ZERO
        self._sequence = 0
        self._swinging: Task | None = None

    # connection

    async def connect(self) -> None:
        """A real exchange opens its connections and signs in here."""
        self._swinging = self.spawn(self._swing(), name=f"{self.name} book")

    async def disconnect(self) -> None:
        if self._swinging is not None:
            self._swinging.cancel()

    # the market

    async def get_instruments(self) -> Sequence[Instrument]:
        """Fees and smallest order are those of the settings where they state them: see :meth:`instrument`."""
        listed = Instrument(
            exchange=self.name,
            symbol=SYMBOL,
            native="BTC",
            tick=TICK,
            step=Decimal("0.0001"),
            min_size=Decimal("0.0001"),
            min_notional=Decimal(1),
            kind=ContractKind.LINEAR,
            multiplier=Decimal(1),
            quote="USD",
            maker_fee_pct=ZERO,
            taker_fee_pct=Decimal("0.0002"),
        )
        return [listed]

    async def subscribe_orderbook(self, symbol: Symbol, listener: MarketListener) -> None:
        if symbol != SYMBOL:
            raise NotSupported(f"{self.name} does not list {symbol}")
        self._book_listeners.append(listener)

    async def _swing(self) -> None:
        """Publish the whole book ten times a second: so small a book needs no deltas."""
        while True:
            now_ns, (bid, ask) = self.timers.now_ns(), self._touch()
            self._sequence += 1
            bids, asks = [(float(bid), float(TOP_SIZE))], [(float(ask), float(TOP_SIZE))]
            for listener in self._book_listeners:
                listener(BookSnapshot(self.name, SYMBOL, bids, asks, self._sequence, now_ns), now_ns)
            await self.timers.sleep(BOOK_SECONDS)

    def _touch(self) -> tuple[Decimal, Decimal]:
        """Best bid and best ask: a triangle wave over time."""
        phase = Decimal(self.timers.now_ns() % PERIOD_NS) / PERIOD_NS
        bid = floor_to(FAIR_PRICE * (1 + SWING * (abs(4 * phase - 2) - 1)), TICK)
        return bid, bid + TICK

    # orders

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
        """Fill what the touch offers within ``price``; the rest is cancelled. ``Refused`` means: nothing was sent."""
        if time_in_force is not TimeInForce.IOC:
            raise Refused(f"{self.name} takes IOC orders only")
        if client_order_id in self._reports:
            raise Refused(f"{self.name}: {client_order_id} was used before")
        bid, ask = self._touch()
        touch = ask if side is Side.BUY else bid
        filled = min(size, TOP_SIZE) if price is None or (price - touch) * side.sign >= 0 else ZERO
        if reduce_only:
            filled = min(filled, max(ZERO, -side.sign * self._held))
        report = self._settle(client_order_id, side, size, filled, touch)
        return self.seen_order(
            symbol,
            side,
            size,
            price,
            order_type,
            client_order_id=client_order_id,
            time_in_force=time_in_force,
            reduce_only=reduce_only,
            status=report.status,
            order_id=report.order_id,
            filled_size=report.filled_size,
            average_price=report.average_price,
        )

    def _settle(self, cid: ClientOrderId, side: Side, size: Decimal, filled: Decimal, price: Decimal) -> OrderReport:
        """Book the fill, keep the order for :meth:`get_order`, and tell the account: its fills first."""
        order_id, now_ns = OrderId(f"{self.name}-{cid}"), self.timers.now_ns()
        if filled:
            self._fill(cid, order_id, side, filled, price)
        status = OrderStatus.FILLED if filled == size else OrderStatus.CANCELLED
        report = OrderReport(cid, order_id, status, filled, price if filled else None, now_ns)
        self._reports[cid] = report
        for listener in self._account_listeners:
            listener(report)
        return report

    def _fill(self, cid: ClientOrderId, order_id: OrderId, side: Side, size: Decimal, price: Decimal) -> None:
        """One fill an order; ids must never repeat, not after a restart either, so they come from the client id."""
        instrument = self._listed()
        fee = instrument.fee(size, price, instrument.taker_fee_pct)
        fill = Fill(
            exchange=self.name,
            symbol=SYMBOL,
            order_id=order_id,
            client_order_id=cid,
            trade_id=TradeId(f"{order_id}-1"),
            side=side,
            price=price,
            size=size,
            fee=fee,
            fee_currency=instrument.fee_currency,
            liquidity=Liquidity.TAKER,
            timestamp_ns=self.timers.now_ns(),
        )
        self._fills[cid] = fill
        self._book(side.sign * size, price)
        self._balance -= fee
        for listener in self._account_listeners:
            listener(fill)

    async def cancel_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderReport | None:
        """An IOC order is over before it could be cancelled."""
        return await self.get_order(symbol, client_order_id)

    async def get_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderReport | None:  # noqa: ARG002
        return self._reports.get(client_order_id)

    async def get_fills(self, symbol: Symbol, client_order_id: ClientOrderId) -> Sequence[Fill]:  # noqa: ARG002
        fill = self._fills.get(client_order_id)
        return [fill] if fill else []

    # the account

    def subscribe_account(self, listener: AccountListener) -> None:
        self._account_listeners.append(listener)

    async def get_position(self, symbol: Symbol) -> Position | None:
        if symbol != SYMBOL or not self._held:
            return None
        side = PositionSide.LONG if self._held > 0 else PositionSide.SHORT
        entry = self._listed().average_price(self._held, self._entry_value)
        return Position(self.name, SYMBOL, side, abs(self._held), entry, self._mark(), self._unrealised())

    async def get_balance(self) -> Balance:
        equity = self._balance + self._unrealised()
        return Balance(self.name, balance=self._balance, equity=equity, available=equity)

    def _book(self, contracts: Decimal, price: Decimal) -> None:
        """Close at average cost what ``contracts`` (bought > 0) reduce, then open the rest."""
        closes = self._held * contracts < 0
        size = min(abs(contracts), abs(self._held)) if closes else ZERO
        closed = size if self._held > 0 else -size
        if closed:
            self._close(closed, price)
        self._held += contracts + closed
        self._entry_value += self._listed().settlement_value(contracts + closed, price)

    def _close(self, contracts: Decimal, price: Decimal) -> None:
        instrument = self._listed()
        share = self._entry_value * contracts / self._held
        self._balance += instrument.to_usd(instrument.gain(contracts, share, price), price)
        self._held -= contracts
        self._entry_value -= share

    def _unrealised(self) -> Decimal:
        instrument = self._listed()
        return instrument.to_usd(instrument.gain(self._held, self._entry_value, self._mark()), self._mark())

    def _mark(self) -> Decimal:
        bid, ask = self._touch()
        return (bid + ask) / 2

    def _listed(self) -> Instrument:
        """The instrument at the fees of the settings."""
        instrument = self.instrument(SYMBOL)
        if instrument is None:
            raise Refused(f"{self.name} is not connected")
        return instrument
