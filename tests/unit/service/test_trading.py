"""The service on a small market: it opens, closes, marks, compares and stops as it should."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from decimal import Decimal

import pytest

from perpbot.core.commands import TradingState
from perpbot.core.errors import ReadFailed
from perpbot.core.events import EquityMarked, PairMoved, RunStarted, RunStopped
from perpbot.core.names import ClientOrderId
from perpbot.core.orders import Side, TimeInForce
from perpbot.core.pairs import ExitReason, Pair, PairState
from perpbot.core.results import ExecutionResult
from perpbot.simulation.paper.faults import Fault
from tests.world import ALPHA, BETA, BTC, LOST_ANSWER, LOST_REQUEST, World, play

QUIET = ("arbitrage.enabled=false", "exits.time_limit_seconds=100000", "exits.target_profit_pct=0.5")
TRADING = ("arbitrage.basis_warmup_seconds=1", "arbitrage.min_profit_pct=0.0001")


async def standing(world: World) -> Pair:
    """A pair that no exit rule closes for the next half minute: the gap usually is much smaller than now."""
    for name in (ALPHA, BETA):
        world.quote(name, 60_000.0)
    await world.keep_quoting(40.0)
    world.edge()
    return await world.hedged()


def test_a_gap_is_taken_and_given_back_when_it_vanishes() -> None:
    """From book change to closed pair without anybody's help; PnL is in the ledger, nothing is violated."""

    async def act(world: World) -> None:
        for name in (ALPHA, BETA):
            world.quote(name, 60_000.0)
        await world.keep_quoting(3.0)
        world.quote(ALPHA, 59_900.0)
        world.quote(BETA, 60_100.0)
        await world.keep_quoting(0.5)
        pair = world.pair
        assert pair.state is PairState.HEDGED
        assert (pair.buy_exchange, pair.sell_exchange) == (ALPHA, BETA)
        for name in (ALPHA, BETA):
            world.quote(name, 60_000.0)
        await world.keep_quoting(1.0)
        pair = world.parts.pairs.get(pair.pair_id)
        assert (pair.state, pair.exit_reason) == (PairState.CLOSED, ExitReason.GAP_VANISHED)
        assert world.flat()
        assert world.parts.ledger.accounts(pair.pair_id).total > 0
        assert world.violated == {}
        assert world.deaths == []

    play(act, running=True, set_=TRADING)


def test_opening_reads_the_accounts_and_journals_the_run() -> None:
    """Equity per exchange is what the exchange says."""

    async def act(world: World) -> None:
        assert isinstance(world.journal.events[0], RunStarted)
        assert world.parts.ledger.balance(ALPHA) == Decimal(10_000)
        await world.clock.sleep(1.0)
        assert {mark.exchange for mark in world.journal.of(EquityMarked)} == {ALPHA, BETA}

    play(act, running=True, set_=QUIET)


def test_the_last_mark_of_a_run_is_journaled_also_when_nothing_moved() -> None:
    """Otherwise the report of a quiet run would end with its first second; once is enough."""

    async def act(world: World) -> None:
        await world.clock.sleep(10.0)
        before = len(world.journal.of(EquityMarked))
        for _ in range(2):
            world.service.mark(last=True)
        marks = world.journal.of(EquityMarked)[before:]
        assert [mark.exchange for mark in marks] == [ALPHA, BETA]
        assert {mark.timestamp_ns for mark in marks} == {world.clock.now_ns()}

    play(act, running=True, set_=QUIET)


def test_a_stop_leaves_hedged_pairs_and_lists_them() -> None:
    """Nothing is opened any more; the pair is in the last record."""

    async def act(world: World) -> None:
        world.edge()
        pair = await world.hedged()
        left = await world.service.stop()
        assert [each.pair_id for each in left] == [pair.pair_id]
        assert world.status.state is TradingState.REDUCING
        assert world.journal.of(RunStopped)[0].open_pairs == (pair.pair_id,)
        assert world.truth(ALPHA) != 0

    play(act, running=True, set_=QUIET)


def test_a_flattening_stop_closes_them() -> None:
    """Within its ten seconds."""

    async def act(world: World) -> None:
        world.edge()
        await world.hedged()
        assert await world.service.stop(flatten=True) == []
        assert world.flat()
        assert world.pair.exit_reason is ExitReason.OPERATOR

    play(act, running=True, set_=QUIET)


@pytest.mark.parametrize("fault", [LOST_REQUEST, LOST_ANSWER])
def test_a_stop_brings_a_pair_in_flight_to_hedged_or_flat(fault: Fault) -> None:
    """It waits for what is under way; one-sided, it only unwinds."""

    async def act(world: World) -> None:
        world.edge()
        world.arm(BETA, fault)
        way: Awaitable[ExecutionResult] = world.execute()
        left = await world.service.stop()
        result = await way
        assert world.executor.in_flight() == []
        if fault is LOST_REQUEST:
            assert (left, result.reason) == ([], "unwound")
            assert world.flat()
        else:
            assert [pair.state for pair in left] == [PairState.HEDGED]
        assert world.violated == {}

    play(act, running=True, set_=QUIET)


def test_a_stop_does_not_wait_longer_than_ten_seconds() -> None:
    """An exit without a market is listed as it stands."""

    async def act(world: World) -> None:
        world.edge()
        pair = await world.hedged()
        for name in (ALPHA, BETA):
            world.quote(name, 60_000.0, coins=0.0)
        begun = world.clock.now_ns()
        left = await world.service.stop(flatten=True)
        assert 10 <= (world.clock.now_ns() - begun) / 1e9 < 10.1
        assert [each.state for each in left] == [PairState.CLOSING]
        assert world.journal.of(PairMoved)[-1].pair.pair_id == pair.pair_id

    play(act, running=True, set_=QUIET)


def test_a_loop_of_the_service_checks_the_invariants() -> None:
    """Capital, pairs and the identity, every loop; positions at every comparison."""

    async def act(world: World) -> None:
        await standing(world)
        await world.keep_quoting(16.0)
        checked = world.parts.invariants.checked
        assert all(checked[each] > 0 for each in ("I1", "I2", "I4", "I7", "I10", "I19"))
        assert world.violated == {}

    play(act, running=True, set_=QUIET)


def test_a_position_that_is_not_ours_is_found_at_the_next_comparison() -> None:
    """Somebody trades on the account: the latch is set, nothing of it is booked or closed."""

    async def act(world: World) -> None:
        await standing(world)
        engine = world.exchanges[ALPHA].engine
        stranger = engine._matcher.orders[next(iter(engine._matcher.orders))].request
        stranger = replace(stranger, client_order_id=ClientOrderId("stranger"), expires_ns=None)
        engine.submit("main", stranger, world.clock.now_ns())
        await world.keep_quoting(16.0)
        assert world.violated["I7"] >= 1
        assert world.status.state is TradingState.HALTED
        assert world.tracker.position(ALPHA, BTC) == Decimal("0.010")
        assert world.pair.state is PairState.HEDGED

    play(act, running=True, set_=QUIET)


def test_a_comparison_that_cannot_be_read_concludes_nothing() -> None:
    """Openings stop there until it can; nothing is violated, nothing is closed (REGRESSIONS 19)."""

    async def act(world: World) -> None:
        await standing(world)
        world.arm(ALPHA, reads=[Fault(reject="maintenance")])
        await world.keep_quoting(16.0)
        assert world.status.blocks(ALPHA) == {"reads": "reads_failing"}
        assert world.pair.state is PairState.HEDGED
        await world.keep_quoting(15.0)
        assert world.status.blocks(ALPHA) == {}
        assert world.violated == {}

    play(act, running=True, set_=QUIET)


def test_whatever_an_adapter_raises_when_compared_is_a_failed_read() -> None:
    """The comparison goes on and openings stop there."""

    async def act(world: World) -> None:
        await standing(world)

        async def fail(symbol: str) -> None:
            raise ConnectionError(symbol)

        vars(world.exchanges[ALPHA])["get_position"] = fail
        await world.keep_quoting(16.0)
        assert world.status.blocks(ALPHA) == {"reads": "reads_failing"}
        assert world.deaths == []

    play(act, running=True, set_=QUIET)


def test_an_exchange_is_as_reliable_as_its_answers_of_the_last_hour() -> None:
    """Orders and reads count, from twenty on: what cannot be read makes opportunities there score less."""

    async def act(world: World) -> None:
        def reliability(name: str) -> float:
            return world.parts.reliability.of(name, world.clock.now_ns())

        await standing(world)
        world.arm(BETA, reads=[Fault(reject="busy")] * 5)
        assert reliability(BETA) == reliability(ALPHA) == 0.9
        await world.keep_quoting(22 * 15.0, every=0.5)
        assert reliability(ALPHA) == 1.0
        assert 0.0 < reliability(BETA) < 0.9

    play(act, running=True, set_=QUIET)


def test_an_account_that_cannot_be_read_keeps_the_service_from_opening() -> None:
    """Its equity is not assumed."""

    async def act(world: World) -> None:
        world.arm(ALPHA, reads=[Fault(reject="key expired")])
        world.parts.ledger._deposits.clear()
        with pytest.raises(ReadFailed, match="key expired"):
            await world.service.open()

    play(act, set_=QUIET)


@pytest.mark.parametrize("how", ["halt", "stop"])
def test_resting_openings_are_cancelled_by_a_halt_and_by_a_stop(how: str) -> None:
    """Within two seconds, again if the first cancel fails; a resting close stays."""

    async def act(world: World) -> None:
        world.edge()
        alpha, opened = world.service.exchanges[ALPHA], Decimal("0.010")
        await alpha.place_order(BTC, Side.BUY, opened, Decimal("59980.0"))
        for side, price in ((Side.BUY, "59500.0"), (Side.SELL, "60500.0")):
            request = world.parts.singles.request(
                ALPHA,
                BTC,
                side,
                opened,
                Decimal(price),
                strategy="manual",
                reduce_only=side is Side.SELL,
                time_in_force=TimeInForce.GTC,
            )
            _ = world.parts.singles.place(request)
        await world.keep_quoting(0.5)
        if how == "halt":
            world.arm(ALPHA, cancels=[Fault(reject="busy")])
            world.status.halt("operator", "drill")
            await world.keep_quoting(2.1)
        else:
            await world.service.stop()
        (left,) = world.exchanges[ALPHA].engine.open_orders("main")
        assert world.tracker.order(left.client_order_id).reduce_only

    play(act, running=True, set_=QUIET)


def test_nothing_is_opened_once_the_journals_disk_is_full() -> None:
    """What space is reserved is for closing: exits go on, and a start by the operator does not last."""

    async def act(world: World) -> None:
        pair = await standing(world)
        world.journal.crowded = True
        await world.keep_quoting(1.5)
        assert world.service.state is TradingState.REDUCING
        assert "disk is full" in world.status.reason
        world.status.move(TradingState.ACTIVE, "operator", "go on")
        await world.keep_quoting(1.5)
        assert world.service.state is TradingState.REDUCING
        assert world.service.close_pair(pair.pair_id) is None
        await world.keep_quoting(1.0)
        assert world.parts.pairs.get(pair.pair_id).state is PairState.CLOSED

    play(act, running=True, set_=QUIET)


def test_a_start_on_a_full_disk_opens_nothing() -> None:
    """Not even until the first loop."""

    async def act(world: World) -> None:
        world.journal.crowded = True
        await world.service.open()
        assert world.service.state is TradingState.REDUCING

    play(act)
