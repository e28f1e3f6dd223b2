"""Orders that belong to no pair go through capital and risk as pairs do."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.errors import InputError, Refused
from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId
from perpbot.core.orders import Order, OrderStatus, OrderType, Side, TimeInForce
from perpbot.simulation.paper.faults import Fault
from perpbot.strategy.intents import ClosePosition
from tests.world import ALPHA, BETA, BTC, GAMMA, LOST_ANSWER, SECOND, World, play

SIZE = Decimal("0.010")
DOWN = Fault(reject="maintenance")


async def buy(world: World, size: Decimal = SIZE, **changes: Any) -> Order:
    world.edge()
    asked: dict[str, Any] = {"side": Side.BUY, "price": Decimal("59980.0")} | changes
    return await world.service.exchanges[ALPHA].place_order(BTC, size=size, **asked)


def test_capital_is_held_as_long_as_the_order_lives_and_exposure_as_long_as_the_position() -> None:
    """Notional of the order at its limit; of the position at its last fill."""

    async def act(world: World) -> None:
        world.edge()
        request = world.parts.singles.request(
            ALPHA, BTC, Side.BUY, SIZE, Decimal("59980.0"), strategy="stat", reduce_only=False
        )
        way = world.parts.singles.place(request)
        exposure = world.parts.manager.exposure
        (held,) = world.parts.capital.live
        assert (held.pool, held.allocations) == ("arb", {ALPHA: Decimal("599.8")})
        assert exposure.in_symbol(BTC) == Decimal("599.8")
        assert (await way).success
        assert world.parts.capital.live == ()
        assert exposure.in_symbol(BTC) == Decimal("599.705")
        assert exposure.opposes(BTC, Side.SELL)
        world.edge()
        closed = await world.service.desk.submit(ClosePosition(ALPHA, BTC, "stat"))
        assert closed.success
        assert exposure.in_symbol(BTC) == ZERO
        assert world.flat()
        assert world.violated == {}

    play(act)


def test_an_inverse_order_is_backed_by_its_contracts_in_usd() -> None:
    """60 contracts of 10 USD."""

    async def act(world: World) -> None:
        world.edge()
        request = world.parts.singles.request(
            GAMMA, BTC, Side.SELL, Decimal(60), Decimal("60020.0"), strategy="stat", reduce_only=False
        )
        way = world.parts.singles.place(request)
        assert round(world.reserved(), 4) == 600
        assert (await way).success
        assert round(world.parts.manager.exposure.on(GAMMA, BTC), 4) == 600

    play(act, ALPHA, GAMMA)


def fail_three_times(world: World) -> None:
    for _ in range(3):
        world.parts.manager.record_failure()


@pytest.mark.parametrize(
    ("reason", "set_", "prepare", "changes"),
    [
        ("insufficient_capital", (), None, {"size": Decimal("0.040")}),
        ("insufficient_capital", (), None, {"size": Decimal("0.020"), "strategy": "emergency"}),
        ("safe_mode", (), lambda world: world.parts.capital.update_drawdown(ALPHA, "0.05"), {}),
        ("trade_risk", ("risk.max_risk_pct=0.01",), None, {}),
        ("daily_loss", (), lambda world: world.parts.ledger.book_gas(BETA, Decimal(500), "g", "nobody"), {}),
        ("consecutive_failures", (), fail_three_times, {}),
        ("symbol_exposure", ("risk.max_symbol_exposure=0.02",), None, {}),
        ("position_size", ("position.max_position_size=500",), None, {}),
        ("cooldown", (), lambda world: world.parts.guard.record_failure(ALPHA, BTC), {}),
        ("concentration", ("position.max_concentration_pct=0.05",), None, {}),
        (
            "book_not_ready",
            (),
            lambda world: world.parts.market.reset(ALPHA, BTC),
            {"price": None, "order_type": OrderType.MARKET},
        ),
        ("price_sanity", (), None, {"price": Decimal("66000.0")}),
    ],
)
def test_each_limit_refuses_an_order_that_opens_and_leaves_capital_unchanged(
    reason: str, set_: tuple[str, ...], prepare: Callable[[World], object] | None, changes: dict[str, Any]
) -> None:
    """Capital, account, position and gate, as for pairs; nothing is sent."""

    async def act(world: World) -> None:
        world.edge()
        world.parts.account.mark()
        if prepare:
            prepare(world)
        before = world.parts.capital.current_snapshot()
        asked: dict[str, Any] = {"side": Side.BUY, "size": SIZE, "price": Decimal("59980.0")} | changes
        with pytest.raises(Refused, match=reason):
            await world.service.exchanges[ALPHA].place_order(BTC, **asked)
        assert world.parts.capital.current_snapshot() == before
        assert world.parts.manager.exposure.by_symbol() == {}
        assert world.parts.gate.sends == 0

    play(act, set_=set_)


def test_many_orders_do_not_add_up_to_more_than_one_exchange_may_hold() -> None:
    """Each is small, together they reach the concentration limit: 30 % of the exchange's equity."""

    async def act(world: World) -> None:
        for _ in range(5):
            await buy(world)
            await world.clock.sleep(1.1)
        with pytest.raises(Refused, match="concentration"):
            await buy(world)
        assert world.truth(ALPHA) == 5 * SIZE

    play(act)


def test_a_position_of_one_strategy_forbids_another_s_opposite_one() -> None:
    """Two directional strategies do not trade against each other; reducing asks nobody."""

    async def act(world: World) -> None:
        await buy(world, strategy="stat")
        with pytest.raises(Refused, match="opposite_position"):
            await buy(world, side=Side.SELL, price=Decimal("59960.0"), strategy="flash")
        fail_three_times(world)
        world.parts.capital.update_drawdown(ALPHA, "0.5")
        await buy(world, side=Side.SELL, price=Decimal("59960.0"), strategy="stat", reduce_only=True)
        assert world.flat()

    play(act)


def test_an_order_without_a_known_end_keeps_its_capital_until_it_has_one() -> None:
    """It may still fill."""

    async def act(world: World) -> None:
        world.arm(ALPHA, LOST_ANSWER, reads=[DOWN] * 20, cancels=[DOWN])
        begun = world.clock.now_ns()
        order = await buy(world)
        assert order.status is OrderStatus.UNKNOWN
        assert world.reserved() == Decimal("599.8")
        await world.keep_quoting(30.0 - (world.clock.now_ns() - begun) / SECOND)
        assert world.tracker.order(order.client_order_id).status is OrderStatus.FILLED
        assert world.reserved() == 0

    play(act)


def test_a_resting_order_that_is_cancelled_gives_its_capital_back() -> None:
    """At its fill deadline, or by hand."""

    async def act(world: World) -> None:
        cid = ClientOrderId("mine-1")
        request = world.parts.singles.request(
            ALPHA,
            BTC,
            Side.BUY,
            SIZE,
            Decimal("59500.0"),
            strategy="stat",
            reduce_only=False,
            time_in_force=TimeInForce.GTC,
            client_order_id=cid,
        )
        way = world.parts.singles.place(request)
        await world.clock.sleep(1.0)
        assert world.reserved() == Decimal(595)
        await world.service.exchanges[ALPHA].cancel_order(BTC, cid)
        assert not (await way).success
        assert world.reserved() == 0

    play(act)


def test_what_is_not_ours_cannot_be_cancelled() -> None:
    """One line, no traceback of a mapping."""

    async def act(world: World) -> None:
        with pytest.raises(InputError, match="no order of this run"):
            await world.service.exchanges[ALPHA].cancel_order(BTC, ClientOrderId("nobody-1"))

    play(act)
