"""Closing a pair: both legs together, reduce-only; what one leg missed is completed, never reopened."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.orders import Order, Purpose
from perpbot.core.pairs import ExitReason, PairState
from perpbot.simulation.paper.faults import Fault
from tests.world import ALPHA, BETA, BTC, GAMMA, LOST_ANSWER, LOST_REQUEST, REFUSED, SECOND, World, play

S = PairState
SIZE = Decimal("0.010")


def closings(world: World) -> list[Order]:
    return [order for order in world.orders() if order.request.purpose in (Purpose.EXIT, Purpose.REPAIR)]


def test_both_legs_close_together_reduce_only_in_one_turn() -> None:
    """Before ``close`` returns both orders are written; the pair ends flat and its capital is free."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        way = world.close(pair, ExitReason.TARGET_PROFIT)
        assert world.pair.state is S.CLOSING
        assert world.parts.gate.sends == 4
        assert (await way).success
        assert [(order.reduce_only, order.request.purpose) for order in closings(world)] == 2 * [(True, Purpose.EXIT)]
        assert (world.pair.state, world.pair.exit_reason) == (S.CLOSED, ExitReason.TARGET_PROFIT)
        assert world.flat()
        assert world.reserved() == 0
        assert world.parts.outcomes.counts == {"hedged": 1, "closed": 1}

    play(act)


def test_capital_is_released_exactly_once_exactly_when_the_pair_is_over() -> None:
    """Held through entry, life and exit; a second release would raise the alarm."""

    async def act(world: World) -> None:
        seen: list[tuple[PairState, bool]] = []
        way = world.execute()
        seen.append((world.pair.state, world.reserved() > 0))
        await way
        seen.append((world.pair.state, world.reserved() > 0))
        way = world.close(world.pair)
        seen.append((world.pair.state, world.reserved() > 0))
        await way
        seen.append((world.pair.state, world.reserved() > 0))
        assert seen == [(S.SENT, True), (S.HEDGED, True), (S.CLOSING, True), (S.CLOSED, False)]
        assert (world.parts.capital.repeated_releases, world.parts.capital.unknown_releases) == (0, 0)

    play(act)


def test_what_an_exit_needs_beyond_its_pair_is_reserved_as_emergency() -> None:
    """The price has risen, so closing costs more notional than opening did; released with the pair."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        before = world.reserved()
        for name in (ALPHA, BETA):
            world.quote(name, 62_000.0)
        way = world.close(pair)
        emergencies = [held for held in world.parts.capital.live if held.strategy == "emergency"]
        assert {held.pool for held in emergencies} == {"reserve"}
        assert {name for held in emergencies for name in held.allocations} == {ALPHA, BETA}
        needed = sum(order.size * order.price for order in closings(world) if order.price is not None)
        assert world.reserved() == needed > before
        await way
        assert world.parts.capital.live == ()

    play(act)


@pytest.mark.parametrize("how", ["pause", "halt", "stale", "block", "safe mode"])
def test_whatever_forbids_openings_lets_exits_pass(how: str) -> None:
    """The latch set by anyone, a pause, old books, an unknown order, safe mode: closing goes on."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        if how == "pause":
            world.pause()
        elif how == "halt":
            world.latch.set("somebody made the file")
        elif how == "stale":
            await world.clock.sleep(20)
        elif how == "block":
            world.status.block(ALPHA, "t-9-s1", "unknown_order")
        else:
            world.parts.capital.update_drawdown(ALPHA, Decimal("0.06"))
        assert (await world.close(pair)).success
        assert not (await world.execute()).success
        assert world.parts.gate.sends == 4
        assert world.violated == {}

    play(act)


def test_a_closing_pair_is_not_closed_twice() -> None:
    """The second call sends nothing, while the first is under way and after it."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        first = world.close(pair)
        assert (await world.close(pair)).reason == "symbol_busy"
        await first
        assert (await world.close(pair)).reason == "symbol_busy"
        assert world.parts.gate.sends == 4

    play(act)


@pytest.mark.parametrize("state", ["", "pause", "halt"])
def test_an_exit_completes_the_close_that_fell_short_in_every_state(state: str) -> None:
    """Also where opening it again would be worth more: a closed leg is never opened again."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        world.arm(BETA, REFUSED)
        way = world.close(pair)
        if state == "pause":
            world.pause()
        elif state == "halt":
            world.latch.set("a test")
        assert (await way).success
        assert all(order.reduce_only for order in closings(world))
        assert [order.exchange for order in closings(world)] == [ALPHA, BETA, BETA]
        assert world.states(pair) == [S.SENT, S.HEDGED, S.CLOSING, S.CLOSED]
        assert world.pair.repaired

    play(act)


def test_a_half_closed_inverse_leg_is_completed_in_contracts() -> None:
    """Its book holds 20 contracts at first; the other 40 follow."""

    async def act(world: World) -> None:
        pair = await world.hedged(sell=GAMMA)
        world.books[GAMMA] = (world.books[GAMMA][0], [(60_030.5, 20.0)])
        world.publish(GAMMA)
        way = world.close(pair)
        await world.clock.sleep(0.006)
        world.quote(GAMMA, 60_030.0)
        assert (await way).success
        assert world.flat()
        assert sum(o.filled_size for o in closings(world) if o.exchange == GAMMA) == Decimal(60)

    play(act, ALPHA, GAMMA)


def test_an_exit_that_finds_no_price_keeps_trying_while_the_legs_match() -> None:
    """Nothing is lost while both stand; the pauses grow, and it closes as soon as it can."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        for name in (ALPHA, BETA):
            world.quote(name, 60_000.0, coins=0.0)
        way = world.close(pair)
        await world.clock.sleep(20.0)
        assert world.pair.state is S.CLOSING
        assert world.parts.gate.sends < 40
        world.edge()
        assert (await way).success

    play(act)


def test_rejected_exits_slow_down_while_the_legs_match() -> None:
    """A market that takes no orders is not asked twenty times a second."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        world.arm(ALPHA, *([REFUSED] * 1000))
        world.arm(BETA, *([REFUSED] * 1000))
        way = world.close(pair)
        await world.keep_quoting(20.0)
        assert world.parts.gate.sends < 2 * 30
        world.arm(ALPHA)
        world.arm(BETA)
        await world.keep_quoting(2.0)
        assert (await way).success

    play(act)


def test_a_leg_that_stands_alone_too_long_at_an_exit_is_quarantined() -> None:
    """One side closed and the other found nobody for ``max_unhedged_seconds``."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        world.quote(BETA, 60_030.0, ask_coins=0.0)
        world.books[BETA] = (world.books[BETA][0], [(60_030.5, 1.0)])
        world.publish(BETA, at_venue=False)
        begun = world.clock.now_ns()
        result = await world.close(pair)
        assert (world.pair.state, result.reason) == (S.QUARANTINED, "naked_leg")
        assert 2.0 <= (world.clock.now_ns() - begun) / SECOND < 2.2
        assert world.truth(ALPHA) == 0
        assert world.truth(BETA) == -SIZE
        assert world.reserved() > 0
        assert "quarantined" in world.status.blocks(BETA).values()

    play(act)


def test_a_quarantined_pair_whose_orders_are_known_can_be_closed() -> None:
    """By ``close``, as the operator says; then its exchanges are free again."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        world.quote(BETA, 60_030.0, ask_coins=0.0)
        world.books[BETA] = (world.books[BETA][0], [(60_030.5, 1.0)])
        world.publish(BETA, at_venue=False)
        await world.close(pair)
        world.quote(BETA, 60_030.0)
        assert (await world.close(pair)).success
        assert world.flat()
        assert world.status.blocks(BETA) == {} == world.status.blocks(ALPHA)
        assert world.reserved() == 0

    play(act)


def test_a_quarantined_pair_that_turns_out_to_hold_nothing_is_closed_without_an_order() -> None:
    """Both orders were unknown; now it is known that neither filled."""

    async def act(world: World) -> None:
        down = Fault(reject="maintenance")
        for exchange in (ALPHA, BETA):
            world.arm(exchange, LOST_REQUEST, reads=[down] * 50, cancels=[down])
        await world.execute()
        assert world.pair.state is S.QUARANTINED
        for exchange in (ALPHA, BETA):
            world.arm(exchange)
        await world.settle()
        assert (await world.close(world.pair)).success
        assert closings(world) == []
        assert world.reserved() == 0
        assert world.violated == {}

    play(act)


def test_a_quarantined_pair_with_an_unknown_order_is_not_closed() -> None:
    """Nobody knows yet what there is to close."""

    async def act(world: World) -> None:
        world.arm(BETA, LOST_ANSWER, reads=[Fault(reject="maintenance")] * 50, cancels=[Fault(reject="maintenance")])
        await world.execute()
        assert (await world.close(world.pair)).reason == "outcome_unknown"
        assert world.pair.state is S.QUARANTINED

    play(act)


def test_a_lost_closing_order_is_proved_lost_before_another_is_sent() -> None:
    """The other leg is closed meanwhile; the close is completed with a new id."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        world.arm(BETA, LOST_REQUEST)
        way = world.close(pair)
        await world.keep_quoting(2.4)
        assert len(closings(world)) == 2
        await world.keep_quoting(1.0)
        assert (await way).success
        assert [order.client_order_id for order in closings(world)] == ["t-1-b2", "t-1-s2", "t-1-s3"]

    play(act)


def test_a_lost_answer_to_a_closing_order_does_not_flip_the_position() -> None:
    """REGRESSIONS 13, 14: what was closed is found by asking; nothing is closed twice."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        world.arm(BETA, LOST_ANSWER)
        assert (await world.close(pair)).success
        assert world.flat()
        assert len(closings(world)) == 2

    play(act)


def test_a_close_with_a_missing_fill_is_not_followed_by_another() -> None:
    """What was closed is not fully known: the pair waits for the operator, not for a guess."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        world.arm(BETA, Fault(lose_events=True), reads=[Fault(reject="maintenance")] * 100)
        result = await world.close(pair)
        assert (world.pair.state, result.reason) == (S.QUARANTINED, "outcome_unknown")
        assert len(closings(world)) == 2
        world.arm(BETA)
        await world.settle()
        assert world.pair.sell.open == 0
        assert (await world.close(pair)).success
        assert len(closings(world)) == 2

    play(act)


def test_an_error_while_closing_quarantines_the_pair() -> None:
    """It would stay CLOSING for ever, followed by nobody."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        context = world.executor._context

        def broken(*_: Any) -> Any:
            raise ZeroDivisionError("a bug")

        object.__setattr__(context.pairs, "next_attempt", broken)
        with pytest.raises(ZeroDivisionError):
            _ = world.close(pair)
        assert (world.pair.state, world.pair.reason) == (S.QUARANTINED, "execution_error")
        assert world.executor.in_flight() == []

    play(act)


def test_a_pair_is_not_closed_before_its_entry_has_ended() -> None:
    """A listener of the entry that closes at once is refused; nothing is lost, and the pair can be closed then."""

    async def act(world: World) -> None:
        ways: list[Any] = []
        world.parts.outcomes.listeners.append(lambda kind, pair: ways.append(world.close(pair)))
        await world.execute()
        world.parts.outcomes.listeners.clear()
        assert (await ways[0]).reason == "symbol_busy"
        assert world.pair.state is S.HEDGED
        assert world.executor.in_flight() == []
        assert (await world.close(world.pair)).success

    play(act)


def test_a_fill_after_its_pair_is_over_is_loud() -> None:
    """The position is true, and the latch is set: nobody else would look after it."""

    async def act(world: World) -> None:
        world.arm(ALPHA, LOST_REQUEST)
        world.arm(BETA, LOST_REQUEST)
        await world.execute()
        assert world.pair.state is S.FAILED
        request = world.orders(ALPHA)[0].request
        engine = world.exchanges[ALPHA].engine
        engine._matcher.match(engine._matcher.accept("main", request, world.clock.now_ns()), world.clock.now_ns())
        for event in engine.collect("main"):
            world.tracker._listen(event)
        assert world.truth(ALPHA) == world.tracker.position(ALPHA, BTC) == SIZE
        assert "I3" in world.violated
        assert world.latch.is_set()

    play(act)


def test_funding_paid_while_a_pair_is_open_is_the_pair_s() -> None:
    """It is journaled once with the pair it belongs to, and ours agrees with the venue's account."""

    async def act(world: World) -> None:
        world.exchanges[BETA].engine.funding_rate = Decimal("0.0001")
        pair = await world.hedged()
        await world.keep_quoting(8 * 3600 - 2, every=600)
        await world.keep_quoting(10)
        assert world.parts.ledger.accounts(pair.pair_id).funding == Decimal("0.06003")
        await world.close(pair)
        assert world.parts.ledger.balance(BETA) == world.exchanges[BETA].engine.balance("main").balance

    play(act, most_seconds=10 * 3600)
