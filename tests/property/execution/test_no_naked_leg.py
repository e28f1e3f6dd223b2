"""No sequence of fills, rejects, timeouts, cancels, lost messages and jumps ends with an unreported naked leg."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings

from perpbot.core.commands import TradingState
from perpbot.core.pairs import PairState
from perpbot.simulation.paper.faults import FaultPlan
from tests.property.execution.histories import History, Step, histories
from tests.world import ACCOUNT, ALPHA, BTC, SECOND, World, play

REST = (PairState.MISSED, PairState.FAILED, PairState.CLOSED, PairState.HEDGED, PairState.QUARANTINED)
TURN_SECONDS = 0.25


class Driver:
    """Lives one history in a world and looks at it from the venues' side all the time."""

    def __init__(self, world: World, history: History) -> None:
        self.world = world
        self.history = history
        self.names = (ALPHA, history.sell)
        self.down_since: dict[str, int] = {}

    async def live(self) -> None:
        world = self.world
        for name, plan in zip(self.names, self.history.plans, strict=True):
            world.exchanges[name].faults = FaultPlan(plan.sends, plan.cancels, plan.reads)
        _ = world.execute(self.history.size, sell=self.history.sell)
        await world.clock.sleep(0.001)
        for name, jump in zip(self.names, self.history.jumps, strict=True):
            if jump:
                world.quote(name, world.mid(name) + jump, at_bot=False)
        for step in self.history.steps:
            await self.pass_time(step.wait)
            self.apply(step)
        await self.pass_time(12.0)
        self.heal()
        await self.pass_time(12.0)
        await world.settle()

    async def close_all(self) -> None:
        """Whatever is still open is closed: hedged pairs and quarantined ones alike."""
        for pair in self.world.parts.pairs.live():
            _ = self.world.close(pair)
        await self.pass_time(2.0)
        await self.world.settle()

    async def pass_time(self, seconds: float) -> None:
        """Books stay fresh, broken connections come back after the outage, and the truth is looked at."""
        world, left = self.world, seconds
        while left > 0:
            await world.clock.sleep(min(left, TURN_SECONDS))
            left -= TURN_SECONDS
            for name in self.names:
                world.publish(name)
                await self.reconnect(name)
            self.look()

    async def reconnect(self, name: str) -> None:
        exchange, now = self.world.exchanges[name], self.world.clock.now_ns()
        if exchange.connected:
            self.down_since.pop(name, None)
        elif now - self.down_since.setdefault(name, now) >= self.history.outage_seconds * SECOND:
            await exchange.connect()

    def apply(self, step: Step) -> None:
        world, name = self.world, self.names[step.exchange]
        world.quote(name, step.mid, bid_coins=step.bid_coins, ask_coins=step.ask_coins, at_bot=step.at_bot)
        pairs = world.parts.pairs.live()
        if step.order == "close" and pairs:
            _ = world.close(pairs[0])
        elif step.order == "pause" and world.status.state is TradingState.ACTIVE:
            world.pause()
        elif step.order == "start" and world.status.state is TradingState.REDUCING:
            world.resume()
        elif step.order == "halt":
            world.latch.set("a test")

    def heal(self) -> None:
        """Everything works again: what is still open can be closed, what is unknown can be read."""
        self.history = replace(self.history, outage_seconds=0.0)
        for name in self.names:
            self.world.exchanges[name].faults = FaultPlan()
            self.world.quote(name, 60_000.0)

    def look(self) -> None:
        """At no time does a venue hold something for a pair that is over; it is followed by a flight or quarantined."""
        world = self.world
        flying = {pair.pair_id for pair in world.executor.in_flight()}
        live = world.parts.pairs.live()
        if not live:
            assert world.flat()
        for pair in live:
            assert pair.pair_id in flying or pair.state in (PairState.HEDGED, PairState.QUARANTINED)
        held = sum(
            (
                world.parts.executor._context.backing.held(pair.pair_id, name)
                for pair in live
                for name in pair.exchanges
            ),
            Decimal(0),
        )
        assert world.reserved() == held


def assert_at_rest(world: World, history: History) -> None:
    parts, names = world.parts, (ALPHA, history.sell)
    assert world.violated == {}
    assert world.deaths == []
    assert world.executor.in_flight() == []
    assert world.tracker.unsettled() == []
    for name in names:
        assert world.truth(name) == world.tracker.position(name, BTC) == parts.ledger.position(name, BTC)
    for pair in parts.pairs.pairs():
        assert pair.state in REST
        legs = {pair.buy_exchange: pair.buy.open, pair.sell_exchange: -pair.sell.open}
        assert legs == {name: world.truth(name) for name in pair.exchanges}
        if pair.state.final:
            assert world.flat()
        elif pair.state is PairState.HEDGED:
            assert world.executor.hedged(pair)
        else:
            for name in pair.exchanges:
                assert "quarantined" in parts.status.blocks(name).values()
    live = [pair.reservation_id for pair in parts.pairs.live()]
    pair_reservations = [held.reservation_id for held in parts.capital.live if held.strategy != "emergency"]
    assert pair_reservations == live
    if not live:
        assert world.reserved() == 0
    if world.flat():
        for name in names:
            balance = world.exchanges[name].engine.balance(ACCOUNT)
            assert parts.ledger.balance(name) == balance.balance == balance.equity


def assert_sent_once(world: World) -> None:
    order = world.journal.order
    assert max(Counter(order).values(), default=1) == 1
    intended: set[str] = set()
    for kind, client_order_id in order:
        if kind == "intended":
            intended.add(client_order_id)
        else:
            assert client_order_id in intended
    assert len(intended) == world.parts.gate.sends == world.parts.gate.approvals


@settings(max_examples=2000)
@given(histories)
def test_no_history_ends_with_an_unreported_naked_leg(history: History) -> None:
    """Every pair is over and flat, hedged, or quarantined and blocking; books, ledger and capital agree with it."""

    async def act(world: World) -> None:
        driver = Driver(world, history)
        await driver.live()
        assert_at_rest(world, history)
        await driver.close_all()
        assert world.flat()
        assert world.parts.pairs.live() == []
        assert_at_rest(world, history)
        assert_sent_once(world)

    play(act, ALPHA, history.sell)
