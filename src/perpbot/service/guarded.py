"""Guarded exchanges: what everyone but the send gate sees of an adapter. Orders placed here go through the gate."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.errors import InputError, Refused
from perpbot.core.instruments import Instrument
from perpbot.core.names import ClientOrderId, ExchangeName, Symbol
from perpbot.core.orders import Order, OrderReport, OrderType, Side, TimeInForce
from perpbot.core.ports import Capabilities, Exchange
from perpbot.core.positions import Balance, Position
from perpbot.service.parts import Parts


class GuardedExchange:
    """Reads pass; orders go the one way there is."""

    def __init__(self, raw: Exchange, parts: Parts) -> None:
        self.__raw = raw
        self.__parts = parts

    @property
    def name(self) -> ExchangeName:
        return self.__raw.name

    @property
    def capabilities(self) -> Capabilities:
        return self.__raw.capabilities

    @property
    def connected(self) -> bool:
        return self.__raw.connected

    def instrument(self, symbol: Symbol) -> Instrument | None:
        return self.__raw.instrument(symbol)

    async def get_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderReport | None:
        return await self.__raw.get_order(symbol, client_order_id)

    async def get_position(self, symbol: Symbol) -> Position | None:
        return await self.__raw.get_position(symbol)

    async def get_balance(self) -> Balance:
        return await self.__raw.get_balance()

    async def place_order(
        self,
        symbol: Symbol,
        side: Side,
        size: Decimal,
        price: Decimal | None,
        order_type: OrderType = OrderType.LIMIT,
        *,
        client_order_id: ClientOrderId | None = None,
        time_in_force: TimeInForce = TimeInForce.IOC,
        reduce_only: bool = False,
        strategy: str = "manual",
    ) -> Order:
        """Place an order of ``size`` contracts and wait for its end.

        One that opens is asked of capital (the pool of ``strategy``, ``arb`` if that is none of the pools' strategies),
        account and position before the gate. Raises :class:`Refused` with the reason; then nothing was sent.
        """
        singles = self.__parts.singles
        request = singles.request(
            self.name,
            symbol,
            side,
            size,
            price,
            strategy=strategy,
            reduce_only=reduce_only,
            order_type=order_type,
            time_in_force=time_in_force,
            client_order_id=client_order_id,
        )
        result = await singles.place(request)
        if not result.orders:
            raise Refused(f"{self.name}: order refused, nothing was sent: {result.reason}")
        return result.orders[0]

    async def cancel_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderReport | None:  # noqa: ARG002
        """Cancel one of our own orders. Raises :class:`InputError` for one that is not."""
        if client_order_id not in self.__parts.tracker:
            raise InputError(f"{self.name}: {client_order_id} is no order of this run")
        await self.__parts.tracker.cancel(client_order_id)
        return None
