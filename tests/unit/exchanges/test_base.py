"""An exchange of one's own needs seven methods; all else is not supported until it is there."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from perpbot.core.errors import ExchangeStopped, InvariantViolated, NotSupported, OrderInvalid, Refused
from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.names import ClientOrderId
from perpbot.core.orders import Order, OrderReport, OrderRequest, OrderStatus, OrderType, Side, TimeInForce
from perpbot.core.ports import Approval, Capabilities, Exchange, OrderOutcome, PreparedOrder, SendStatus
from perpbot.core.positions import Balance, Position
from perpbot.exchanges.base import ExchangeBase, MarketListener
from perpbot.simulation.clock import VirtualClock, run

SYMBOL = "BTC-USD-PERP"
INSTRUMENT = Instrument(
    exchange="mine",
    symbol=SYMBOL,
    native="BTC",
    tick=Decimal("0.5"),
    step=Decimal("0.01"),
    min_size=Decimal("0.02"),
    min_notional=Decimal(0),
    kind=ContractKind.LINEAR,
    multiplier=Decimal(1),
    quote="USD",
    maker_fee_pct=Decimal(0),
    taker_fee_pct=Decimal(0),
)


class Bare(ExchangeBase):
    """Exactly what must be there, with a constructor that does not call the base's."""

    def __init__(self, config: dict[str, str] | None = None) -> None:
        self.config = config
        self.placed: list[ClientOrderId] = []

    async def connect(self) -> None: ...

    async def disconnect(self) -> None: ...

    async def place_order(
        self,
        symbol: str,
        side: Side,
        size: Decimal,
        price: Decimal | None,
        order_type: OrderType,
        *,
        client_order_id: ClientOrderId,
        time_in_force: TimeInForce,
        reduce_only: bool,
    ) -> Order:
        self.placed.append(client_order_id)
        return self.seen_order(
            symbol,
            side,
            size,
            price,
            order_type,
            client_order_id=client_order_id,
            time_in_force=time_in_force,
            reduce_only=reduce_only,
            **await self.answer(),
        )

    async def answer(self) -> dict[str, Any]:
        return {"status": OrderStatus.FILLED, "filled_size": Decimal(1), "average_price": Decimal(100)}

    async def cancel_order(self, symbol: str, client_order_id: ClientOrderId) -> OrderReport | None:
        return None

    async def get_position(self, symbol: str) -> Position | None:
        return None

    async def get_balance(self) -> Balance:
        return Balance(self.name, Decimal(1), Decimal(1), Decimal(1))

    async def subscribe_orderbook(self, symbol: str, listener: MarketListener) -> None: ...


class Trading(Bare):
    """A bare one with what trading needs."""

    declares: ClassVar[frozenset[str]] = frozenset({"client_ids", "ioc", "reduce_only"})

    async def get_order(self, symbol: str, client_order_id: ClientOrderId) -> OrderReport | None:
        return None

    async def get_instruments(self) -> list[Instrument]:
        return [INSTRUMENT]


def order(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_order_id": ClientOrderId("e-1-b1"),
        "exchange": "mine",
        "symbol": SYMBOL,
        "side": Side.BUY,
        "size": Decimal(1),
        "price": Decimal(100),
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.IOC,
        "reduce_only": False,
        "created_ns": 0,
    }
    return OrderRequest(**{**fields, **changes})


def play(exchange: ExchangeBase, act: Callable[[VirtualClock], Coroutine[Any, Any, None]], start: bool = True) -> None:
    async def main(clock: VirtualClock) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        exchange.attach(name="mine", timers=clock, spawn=lambda coroutine, name: loop.create_task(coroutine, name=name))
        if start:
            await exchange.start()
        await act(clock)

    run(main, 0)


def send(exchange: ExchangeBase, request: OrderRequest, number: int = 1) -> Any:
    return exchange.send(PreparedOrder(request), Approval(request.client_order_id, number, 0))


def outcome_of_sending(exchange: Trading) -> tuple[OrderOutcome, int]:
    """The outcome of one order and the time it took."""
    seen: list[tuple[OrderOutcome, int]] = []

    async def act(clock: VirtualClock) -> None:
        seen.append((await send(exchange, order()), clock.now_ns()))

    play(exchange, act)
    assert len(exchange.placed) <= 1
    return seen[0]


def test_it_has_the_port_that_execution_asks_for() -> None:
    """Structure is checked by the type checker, names here."""
    port: Exchange = Trading()
    assert isinstance(port, ExchangeBase)


@pytest.mark.parametrize(
    "missing",
    ["connect", "disconnect", "place_order", "cancel_order", "get_position", "get_balance", "subscribe_orderbook"],
)
def test_the_seven_methods_are_required(missing: str) -> None:
    """Without one of them there is no exchange."""
    assert missing in ExchangeBase.__abstractmethods__
    assert len(ExchangeBase.__abstractmethods__) == 7


def test_what_is_not_overridden_is_not_a_capability() -> None:
    """A bare exchange is reference only, and says why."""
    bare = Bare({"key": "value"})
    bare.name = "bare"
    flags = bare.capabilities
    assert flags == Capabilities()
    assert bare.reference_only_because() == (
        "bare is reference only: it lacks client_ids, ioc, reduce_only, get_order, instruments"
    )


def test_what_is_declared_and_overridden_is_a_capability() -> None:
    """And with all that is needed it trades."""
    trading = Trading()
    assert trading.capabilities.trading
    assert trading.reference_only_because() is None
    assert not trading.capabilities.synchronous_send


def test_a_declaration_with_an_unknown_word_is_refused() -> None:
    """A slip would silently lose a capability."""
    with pytest.raises(TypeError, match="post_onyl"):
        type("Wrong", (Bare,), {"declares": frozenset({"post_onyl"})})


def test_every_other_method_says_that_it_is_not_supported() -> None:
    """Naming the exchange and the method."""
    bare = Bare()

    async def act(clock: VirtualClock) -> None:
        cid = ClientOrderId("x")
        for method, arguments in {
            "cancel_all": (),
            "get_order": (SYMBOL, cid),
            "get_open_orders": (),
            "get_fills": (SYMBOL, cid),
            "get_funding_payments": (0,),
            "get_positions": (),
            "get_instruments": (),
            "get_funding": (SYMBOL,),
            "set_leverage": (SYMBOL, Decimal(1)),
            "subscribe_trades": (SYMBOL, print),
            "subscribe_funding": (SYMBOL, print),
        }.items():
            with pytest.raises(NotSupported, match=f"mine does not support {method}"):
                await getattr(bare, method)(*arguments)
        with pytest.raises(NotSupported, match="subscribe_account"):
            bare.subscribe_account(lambda event: None)

    play(bare, act)


def test_starting_learns_the_instruments() -> None:
    """Where the exchange tells them."""
    trading = Trading()

    async def act(clock: VirtualClock) -> None:
        assert trading.connected
        assert trading.instrument(SYMBOL) == INSTRUMENT
        assert trading.instrument("ETH-USD-PERP") is None
        await trading.stop()
        assert not trading.connected

    play(trading, act)


def test_an_answered_order_is_accepted_with_its_report() -> None:
    """The wrapped place_order's order becomes the outcome."""
    outcome, _ = outcome_of_sending(Trading())
    assert outcome.status is SendStatus.ACCEPTED
    assert outcome.report is not None
    assert (outcome.report.status, outcome.report.filled_size) == (OrderStatus.FILLED, Decimal(1))


def test_a_rejected_order_is_rejected() -> None:
    """The exchange's word, with its reason."""

    class Rejecting(Trading):
        async def answer(self) -> dict[str, Any]:
            return {"status": OrderStatus.REJECTED, "reason": "margin"}

    outcome, _ = outcome_of_sending(Rejecting())
    assert (outcome.status, outcome.reason) == (SendStatus.REJECTED, "margin")


@pytest.mark.parametrize("error", [TimeoutError("slow"), OSError("reset"), RuntimeError("bug"), KeyError("orderId")])
def test_any_error_after_sending_may_have_begun_is_unknown(error: Exception) -> None:
    """Never a failure, and never sent again."""

    class Failing(Trading):
        async def answer(self) -> dict[str, Any]:
            raise error

    outcome, _ = outcome_of_sending(Failing())
    assert outcome.status is SendStatus.UNKNOWN
    assert type(error).__name__ in (outcome.reason or "")


def test_a_refusal_before_sending_is_not_sent() -> None:
    """The adapter says that nothing left."""

    class Refusing(Trading):
        async def answer(self) -> dict[str, Any]:
            raise Refused("no route")

    outcome, _ = outcome_of_sending(Refusing())
    assert (outcome.status, outcome.reason) == (SendStatus.NOT_SENT, "no route")


def test_an_answer_about_another_order_says_nothing_of_this_one() -> None:
    """The outcome is unknown."""

    class Confused(Trading):
        async def place_order(self, *arguments: Any, **named: Any) -> Order:
            return await super().place_order(*arguments, **{**named, "client_order_id": ClientOrderId("other")})

    outcome, _ = outcome_of_sending(Confused())
    assert outcome.status is SendStatus.UNKNOWN


def test_without_an_answer_in_time_the_outcome_is_unknown() -> None:
    """The first word stands, even when the answer comes after all."""

    class Slow(Trading):
        answer_timeout_seconds = 2.0

        async def answer(self) -> dict[str, Any]:
            assert self._timers is not None
            await self._timers.sleep(3)
            return await super().answer()

    outcome, took_ns = outcome_of_sending(Slow())
    assert (outcome.status, took_ns) == (SendStatus.UNKNOWN, 2_000_000_000)


def test_not_connected_is_not_sent() -> None:
    """Nothing is placed."""
    trading = Trading()

    async def act(clock: VirtualClock) -> None:
        outcome = await send(trading, order())
        assert outcome.status is SendStatus.NOT_SENT
        assert trading.placed == []

    play(trading, act, start=False)


def test_an_exchange_that_was_not_attached_refuses_to_send() -> None:
    """Tasks and time are handed in."""
    trading = Trading()

    async def main(clock: VirtualClock) -> None:
        await trading.start()
        with pytest.raises(ExchangeStopped, match="attach"):
            send(trading, order())

    run(main, 0)


def test_an_approval_is_used_once() -> None:
    """I6: at most once."""
    trading = Trading()

    async def act(clock: VirtualClock) -> None:
        await send(trading, order())
        with pytest.raises(InvariantViolated, match="I6"):
            send(trading, order())
        assert len(trading.placed) == 1

    play(trading, act)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"exchange": "other"}, OrderInvalid, "is meant for other"),
        ({"symbol": "ETH-USD-PERP"}, OrderInvalid, "no such instrument"),
        ({"size": Decimal("0.015")}, OrderInvalid, "size 0.015 is not on the step 0.01"),
        ({"size": Decimal("NaN")}, OrderInvalid, "size NaN is not a positive number"),
        ({"size": Decimal(-1)}, OrderInvalid, "size -1 is not a positive number"),
        ({"size": Decimal("0.01")}, OrderInvalid, "size 0.01 is below the minimum 0.02"),
        ({"price": Decimal("100.25")}, OrderInvalid, "price 100.25 is not on the tick 0.5"),
        ({"price": Decimal("Infinity")}, OrderInvalid, "price Infinity is not a positive number"),
        ({"price": None}, OrderInvalid, "a limit order needs a price"),
        ({"time_in_force": TimeInForce.POST_ONLY}, NotSupported, "does not support post_only"),
    ],
)
def test_prepare_refuses_what_cannot_be_sent(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    """In one line that names the exchange, the symbol and the order."""
    trading = Trading()

    async def act(clock: VirtualClock) -> None:
        with pytest.raises(error, match=words) as caught:
            trading.prepare(order(**changes))
        assert "\n" not in str(caught.value)
        assert "mine" in str(caught.value)

    play(trading, act)


def test_prepare_takes_a_small_rest_that_only_reduces() -> None:
    """Minimums do not hold for closings."""
    trading = Trading()

    async def act(clock: VirtualClock) -> None:
        request = order(size=Decimal("0.01"), reduce_only=True)
        assert trading.prepare(request).request == request

    play(trading, act)


def test_one_that_could_trade_may_be_held_to_reference_only() -> None:
    """It then says why, and prepares no order."""
    exchange = Trading()

    async def act(clock: VirtualClock) -> None:
        could = exchange.capabilities.trading
        exchange.attach(name="mine", timers=clock, spawn=exchange.spawn, reference_only="the settings say so")
        assert could is not exchange.capabilities.trading
        assert exchange.reference_only_because() == "mine is reference only: the settings say so"
        with pytest.raises(NotSupported, match="the settings say so"):
            exchange.prepare(order())

    play(exchange, act)


def test_its_instruments_are_those_of_the_settings() -> None:
    """Fees and smallest order as stated hold wherever the exchange is asked."""
    exchange = Trading()

    async def act(clock: VirtualClock) -> None:
        exchange.attach(name="mine", timers=clock, spawn=exchange.spawn, adjust=lambda each: replace(each, native="X"))
        await exchange.start()
        assert [each.native for each in exchange.instruments] == ["X"]
        assert exchange.instrument(SYMBOL) == exchange.instruments[0]

    play(exchange, act, start=False)
