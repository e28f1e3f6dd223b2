"""One leg filled and the other did not: completing or unwinding, whichever is worth more, within its time."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpbot.core.orders import Order, OrderStatus, Purpose, Side
from perpbot.core.pairs import PairState
from perpbot.simulation.paper.faults import Fault
from tests.world import ALPHA, BETA, BTC, GAMMA, LOST_ANSWER, LOST_REQUEST, REFUSED, SECOND, World, play

S = PairState
SIZE = Decimal("0.010")


def repairs(world: World, exchange: str | None = None) -> list[Order]:
    return [order for order in world.orders(exchange) if order.request.purpose is Purpose.REPAIR]


def test_while_the_gap_stands_the_missing_leg_is_completed() -> None:
    """Beta refused once; its price is still good, so it is sold there after all: a success at entry."""

    async def act(world: World) -> None:
        world.arm(BETA, REFUSED)
        result = await world.execute()
        assert result.success
        assert world.states(world.pair) == [S.SENT, S.BALANCING, S.HEDGED]
        assert [(order.exchange, order.side) for order in repairs(world)] == [(BETA, Side.SELL)]
        assert world.pair.repaired
        assert world.parts.outcomes.counts == {"hedged": 1}

    play(act)


def test_when_the_gap_is_gone_the_filled_leg_is_unwound() -> None:
    """On its own exchange, reduce-only, and the pair has failed."""

    async def act(world: World) -> None:
        way = world.execute()
        world.quote(BETA, 59_800.0)
        result = await way
        assert (world.pair.state, result.reason) == (S.FAILED, "unwound")
        assert world.states(world.pair) == [S.SENT, S.BALANCING, S.UNWINDING, S.FAILED]
        assert [(o.exchange, o.side, o.reduce_only) for o in repairs(world)] == [(ALPHA, Side.SELL, True)]
        assert world.flat()
        assert world.reserved() == 0
        assert world.parts.outcomes.counts == {"failed": 1}
        assert world.parts.manager.failures.count == 1

    play(act)


def test_the_short_leg_is_unwound_by_buying_it_back() -> None:
    """The same with the sides changed."""

    async def act(world: World) -> None:
        way = world.execute()
        world.quote(ALPHA, 60_200.0)
        assert (await way).reason == "unwound"
        assert [(o.exchange, o.side, o.reduce_only) for o in repairs(world)] == [(BETA, Side.BUY, True)]
        assert world.flat()

    play(act)


@pytest.mark.parametrize("state", ["pause", "halt"])
def test_unless_active_it_only_unwinds(state: str) -> None:
    """Even where completing would be worth more: completing opens."""

    async def act(world: World) -> None:
        world.arm(BETA, REFUSED)
        way = world.execute()
        if state == "pause":
            world.pause()
        else:
            world.latch.set("a test")
        assert (await way).reason == "unwound"
        assert all(order.reduce_only for order in repairs(world))
        assert world.flat()

    play(act)


def test_what_is_below_the_smallest_order_cannot_be_completed() -> None:
    """REGRESSIONS 8: 0.004 are missing where 0.005 is the least, so 0.004 of the other leg go back."""

    async def act(world: World) -> None:
        found = world.opportunity()
        world.books[BETA] = ([(60_029.5, 0.006)], world.books[BETA][1])
        world.publish(BETA)
        way = world.executor.execute(found)
        await world.clock.sleep(0.006)
        world.quote(BETA, 60_030.0)
        assert (await way).success
        assert [(o.exchange, o.reduce_only, o.size) for o in repairs(world)] == [(ALPHA, True, Decimal("0.004"))]
        assert world.truth(ALPHA) == Decimal("0.006") == -world.truth(BETA)
        assert world.states(world.pair) == [S.SENT, S.BALANCING, S.HEDGED]

    play(act, listed={BETA: {"min_size": Decimal("0.005")}})


def test_a_partial_fill_is_completed_by_exactly_what_is_missing() -> None:
    """REGRESSIONS 5: never the full size again."""

    async def act(world: World) -> None:
        found = world.opportunity()
        world.books[BETA] = ([(60_029.5, 0.006)], world.books[BETA][1])
        world.publish(BETA)
        way = world.executor.execute(found)
        await world.clock.sleep(0.006)
        world.quote(BETA, 60_030.0)
        assert (await way).success
        assert [order.size for order in repairs(world)] == [Decimal("0.004")]
        assert world.truth(BETA) == -SIZE

    play(act)


def test_an_inverse_leg_is_repaired_in_its_own_contracts() -> None:
    """40 of 60 contracts are missing: 40 are sold, not their coins."""

    async def act(world: World) -> None:
        found = world.opportunity(sell=GAMMA)
        world.books[GAMMA] = ([(60_029.5, 20.0)], world.books[GAMMA][1])
        world.publish(GAMMA)
        way = world.executor.execute(found)
        await world.clock.sleep(0.006)
        world.quote(GAMMA, 60_030.0)
        assert (await way).success
        assert [order.size for order in repairs(world)] == [Decimal(40)]
        assert world.truth(GAMMA) == Decimal(-60)

    play(act, ALPHA, GAMMA)


def test_the_excess_of_an_inverse_leg_is_unwound_in_its_own_contracts() -> None:
    """A third of the coins was bought and the gap is gone: two thirds of the contracts go back."""

    async def act(world: World) -> None:
        found = world.opportunity("0.012", sell=GAMMA)
        world.books[ALPHA] = (world.books[ALPHA][0], [(59_970.5, 0.004)])
        world.publish(ALPHA)
        way = world.executor.execute(found)
        await world.clock.sleep(0.006)
        world.quote(ALPHA, 60_300.0)
        assert (await way).success
        assert world.truth(ALPHA) == Decimal("0.004")
        assert world.truth(GAMMA) == Decimal(-24)
        assert all(order.reduce_only and order.exchange == GAMMA for order in repairs(world))
        assert world.states(world.pair) == [S.SENT, S.BALANCING, S.HEDGED]

    play(act, ALPHA, GAMMA)


def test_when_the_other_exchange_is_down_the_filled_leg_is_unwound() -> None:
    """FAULTS N13: completing would be worth more but cannot be sent, so the other way is taken at once."""

    async def act(world: World) -> None:
        world.arm(BETA, REFUSED)
        world.arm(ALPHA, Fault(answer_delay_seconds=0.05, lose_events=True))
        way = world.execute()
        await world.clock.sleep(0.02)
        await world.exchanges[BETA].disconnect()
        world.edge()
        result = await way
        assert result.reason == "unwound"
        assert [order.exchange for order in repairs(world)] == [ALPHA]
        assert world.flat()

    play(act)


def test_a_way_that_the_exchange_rejects_gives_way_to_the_other() -> None:
    """Beta has no margin and will have none: the second attempt unwinds."""

    async def act(world: World) -> None:
        world.arm(BETA, *([REFUSED] * 20))
        result = await world.execute()
        assert result.reason == "unwound"
        assert len(repairs(world, BETA)) == 1
        assert len(repairs(world, ALPHA)) == 1

    play(act)


def test_both_books_are_judged_again_at_every_attempt() -> None:
    """Unwinding found no price; then the gap came back, and it is completed."""

    async def act(world: World) -> None:
        way = world.execute()
        world.quote(BETA, 59_800.0)
        await world.clock.sleep(0.008)
        world.quote(ALPHA, 59_700.0, at_bot=False)  # the bid that the bot sees is gone
        await world.clock.sleep(0.010)
        assert repairs(world, ALPHA)
        world.quote(BETA, 60_030.0)
        assert (await way).success
        assert world.states(world.pair) == [S.SENT, S.BALANCING, S.HEDGED]
        assert world.truth(ALPHA) == SIZE
        assert world.truth(BETA) == -SIZE

    play(act)


def test_each_attempt_gives_a_quarter_more_of_the_slippage_limit() -> None:
    """From the newest quote; only attempts that were sent count."""

    async def act(world: World) -> None:
        way = world.execute()
        world.quote(BETA, 59_000.0)
        world.quote(ALPHA, 59_970.0, coins=0.0, ask_coins=1.0, at_bot=False)
        world.books[ALPHA] = ([(59_969.5, 1.0)], [(59_970.5, 1.0)])
        world.publish(ALPHA, at_venue=False)
        await world.clock.sleep(0.005)
        world.feeds[ALPHA]._events.clear()
        result = await way
        assert result.reason in ("unwound", "naked_leg")
        prices = [order.price for order in repairs(world, ALPHA)]
        touch = Decimal("59969.5")
        offs = [round((touch - price) / touch, 5) for price in prices if price is not None]
        assert offs[:5] == [Decimal(text) for text in ("0.00025", "0.0005", "0.00075", "0.001", "0.001")]

    play(act)


def test_a_leg_that_stands_alone_too_long_is_quarantined() -> None:
    """No liquidity anywhere for ``max_unhedged_seconds``: openings stop, capital stays, the operator is told."""

    async def act(world: World) -> None:
        way = world.execute()
        world.quote(BETA, 59_000.0)
        await world.clock.sleep(0.006)
        world.quote(ALPHA, 59_970.0, bid_coins=0.0)
        world.quote(BETA, 59_000.0, bid_coins=0.0)
        begun = world.clock.now_ns()
        result = await way
        assert (world.pair.state, result.reason) == (S.QUARANTINED, "naked_leg")
        assert 2.0 <= (world.clock.now_ns() - begun) / SECOND < 2.2
        assert world.pair.buy.open == SIZE == world.truth(ALPHA)
        assert world.reserved() > 0
        for exchange in (ALPHA, BETA):
            assert "quarantined" in world.status.blocks(exchange).values()
        assert world.parts.outcomes.counts == {"quarantined": 1}
        await world.settle()
        assert world.violated == {}

    play(act)


def test_while_the_other_leg_is_unknown_the_filled_one_is_not_touched() -> None:
    """Only when the outcome is known, or the order can no longer arrive."""

    async def act(world: World) -> None:
        world.arm(BETA, LOST_REQUEST)
        way = world.execute()
        await world.keep_quoting(2.4)
        assert world.pair.state is S.SENT
        assert repairs(world) == []
        assert "unknown_order" in world.status.blocks(BETA).values()
        await world.keep_quoting(1.0)
        assert (await way).success or world.pair.reason == "unwound"
        assert world.orders(BETA)[0].reason == "never_accepted"
        assert "unknown_order" not in world.status.blocks(BETA).values()

    play(act)


def test_a_repair_with_a_missing_fill_is_not_followed_by_another() -> None:
    """REGRESSIONS 1: what is over but not fully known is neither filled nor unfilled; another order would double it."""

    async def act(world: World) -> None:
        silent = Fault(lose_events=True)
        world.arm(BETA, REFUSED, silent, reads=[Fault(reject="maintenance")] * 100)
        result = await world.execute()
        assert (world.pair.state, result.reason) == (S.QUARANTINED, "outcome_unknown")
        assert len(repairs(world)) == 1
        world.arm(BETA)
        await world.settle()
        assert world.truth(BETA) == -SIZE == world.tracker.position(BETA, BTC)
        assert world.pair.sell.open == SIZE

    play(act)


def test_a_lost_answer_to_a_repair_is_waited_for() -> None:
    """The repair was filled although nobody said so: hedged, with one repair order."""

    async def act(world: World) -> None:
        world.arm(BETA, REFUSED, LOST_ANSWER)
        assert (await world.execute()).success
        assert len(repairs(world)) == 1
        assert world.truth(BETA) == -SIZE

    play(act)


def test_a_fill_during_the_repair_counts() -> None:
    """The exchange called the order over and then filled it (REGRESSIONS 4): both fills are on the books."""

    async def act(world: World) -> None:
        world.arm(BETA, Fault(reject="insufficient_margin"), *([Fault(request_delay_seconds=0.2)] * 3))
        way = world.execute()
        await world.clock.sleep(0.1)
        world.quote(BETA, 60_030.0)
        assert (await way).success
        assert world.truth(BETA) == world.tracker.position(BETA, BTC) == -SIZE
        assert repairs(world, BETA)[-1].status is OrderStatus.FILLED

    play(act)


def test_more_than_the_largest_unhedged_notional_gives_the_full_slippage_at_once() -> None:
    """The first attempt is as generous as the fourth."""

    async def act(world: World) -> None:
        way = world.execute()
        world.quote(BETA, 59_800.0)
        await way
        price = repairs(world, ALPHA)[0].price
        assert price is not None
        assert round(1 - price / Decimal("59969.5"), 5) == Decimal("0.001")

    play(act, set_=("execution.max_unhedged_notional=500",))


def test_each_order_has_a_client_id_of_its_own_made_of_pair_leg_and_attempt() -> None:
    """Deterministic from the journaled intent; a repair says which order it replaces."""

    async def act(world: World) -> None:
        world.arm(BETA, REFUSED)
        await world.execute()
        assert [order.client_order_id for order in world.orders()] == ["t-1-b1", "t-1-s1", "t-1-s2"]
        assert world.orders()[2].request.replaces == "t-1-s1"

    play(act)
