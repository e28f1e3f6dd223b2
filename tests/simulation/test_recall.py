"""What a bot was told, and what it owes to nobody's order, outlives it: each told as one story."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.commands import (
    ClosePair,
    Command,
    EndSafeMode,
    Freeze,
    Halt,
    Override,
    Pause,
    Reduce,
    ResetPeak,
    ResolvePair,
    Start,
    TradingState,
)
from perpbot.core.events import (
    CommandTaken,
    EquityMarked,
    Event,
    GasPaid,
    OrderChanged,
    OrderFilled,
    OrderIntended,
    PairMoved,
    PairResolved,
)
from perpbot.core.names import OrderId, PairId, TradeId
from perpbot.core.orders import Fill, Liquidity, Side, TimeInForce
from perpbot.core.pairs import PairState
from perpbot.simulation.clock import VirtualClock, run
from perpbot.strategy.intents import ClosePosition
from tests.crash.scripts import calm, closed, missed, opened, unwound
from tests.crash.truth import assert_recall_is_exact, recalled
from tests.crash.world import BEGIN, SETTINGS, STRATEGY, CrashWorld, history, quiet_loop
from tests.world import ALPHA, BETA, BTC, REFUSED

GTC = TimeInForce.GTC
Act = Callable[[CrashWorld], Coroutine[Any, Any, None]]


def lived(act: Act, *set_: str) -> None:
    """``act`` in a world whose bot was opened; at its end the journal says what the bot knows."""

    async def main(clock: VirtualClock) -> None:
        quiet_loop()
        world = CrashWorld(clock, None, settings=(*SETTINGS, *set_))
        market = asyncio.get_running_loop().create_task(world.market())
        await world.first_life()
        await world.clock.sleep(1.0)
        await act(world)
        assert_recall_is_exact(world)
        market.cancel()
        await world.kill()

    run(main, BEGIN)


async def say(world: CrashWorld, command: Command, reason: str = "a test", key: str = "") -> str:
    """Apply it for alice: what was done, or why it was refused."""
    result = await world.control.apply(command, "alice", reason, key)
    return result.detail if result.done else f"refused: {result.reason}"


async def die(world: CrashWorld) -> None:
    """The bot dies, and the next one has recovered."""
    await world.kill()
    await world.next_life()


async def looking_around(world: CrashWorld) -> asyncio.Task[None]:
    """The next bot has begun and has not recovered."""
    began = _task(world.next_life())
    while not world.alive or not world.service._running:
        await world.clock.sleep(0.0001)
    assert not world.service.recovered
    return began


# what somebody said


def test_the_key_of_a_command_that_could_not_be_carried_out_is_free_after_a_restart() -> None:
    """Said again it acts, and is not taken for done."""

    async def act(world: CrashWorld) -> None:
        wrong = Freeze(("ETH-USD-PERP",))
        assert (await say(world, wrong, key="k")).startswith("refused: ETH-USD-PERP is not a symbol here")
        assert "nothing opens" in await say(world, Pause(), key="p")
        await die(world)
        assert (await say(world, wrong, key="k")).startswith("refused: ETH-USD-PERP is not a symbol here")
        assert (await say(world, Pause(), key="p")).endswith(
            "taken before the restart, the journal says what came of it"
        )

    lived(act)


def test_a_flattening_halt_goes_on_after_a_crash() -> None:
    """What is hedged only later gets its exit too; a plain halt leaves it open."""

    async def act(world: CrashWorld) -> None:
        world.edge()
        way = world.execute()
        await say(world, Halt(flatten=True))
        _ = await way
        assert world.pair.state is PairState.HEDGED
        await die(world)
        assert world.service.closing_all
        await world.clock.sleep(3.0)
        assert world.parts.pairs.live() == []
        await say(world, Halt())
        await die(world)
        assert not world.service.closing_all

    lived(act)


@pytest.mark.parametrize("first", [True, False], ids=["the first start", "a later one"])
def test_a_pause_that_comes_while_a_start_is_looking_around_holds(first: bool) -> None:
    """The start ends as it was told to, not as it is configured, and so does the one after a crash."""

    async def act(world: CrashWorld) -> None:
        await world.kill()
        world.content = b"" if first else world.content
        began = await looking_around(world)
        await say(world, Pause(), "lunch")
        await began
        assert (world.status.state, world.status.reason) == (TradingState.REDUCING, "lunch")
        await die(world)
        assert (world.status.state, world.status.reason) == (TradingState.REDUCING, "as before the crash: alice: lunch")

    lived(act)


def test_a_stop_in_order_ends_what_somebody_wanted() -> None:
    """The next run begins as it is configured, and so does the one after its crash; nothing is closed any more."""

    async def act(world: CrashWorld) -> None:
        assert (await opened(world)).success
        await say(world, Reduce())
        await world.clock.sleep(1.0)
        await world.service.stop()
        await die(world)
        assert not world.service.closing_all
        assert (await opened(world)).success
        await die(world)
        assert world.status.state is TradingState.ACTIVE
        await world.clock.sleep(2.0)
        assert [pair.state for pair in world.parts.pairs.live()] == [PairState.HEDGED]

    lived(act)


def test_a_freeze_lasts_over_a_crash_until_its_end_or_a_start() -> None:
    """It is not shortened by a death."""

    async def act(world: CrashWorld) -> None:
        await say(world, Freeze((BTC,)))
        await die(world)
        assert world.status.frozen() == [BTC]
        assert (await opened(world)).reason == "frozen"
        assert_recall_is_exact(world)
        await say(world, Start())
        await die(world)
        assert (await opened(world)).success
        await closed(world)
        await say(world, Freeze())
        await world.clock.sleep(61.0)
        await die(world)
        assert world.status.frozen() == []

    lived(act)


def test_a_start_that_has_to_wait_ends_no_freeze() -> None:
    """It was refused: nothing of it is done, now or after a restart."""

    async def act(world: CrashWorld) -> None:
        await say(world, Freeze((BTC,)))
        await world.kill()
        began = await looking_around(world)
        assert "start has to wait" in await say(world, Start())
        await began
        assert world.journal.of(CommandTaken) == []
        assert world.status.frozen() == [BTC]

    lived(act)


# limits


def test_a_pair_that_fails_twice_counts_once_after_a_restart_too() -> None:
    """Quarantined, closed by the operator, quarantined again: one failure, one cooldown."""

    async def act(world: CrashWorld) -> None:
        world.arm(BETA, *[REFUSED] * 60)
        world.arm(ALPHA, None, *[REFUSED] * 200)
        assert (await opened(world)).reason == "naked_leg"
        assert (world.pair.state, world.pair.ever_hedged) == (PairState.QUARANTINED, False)
        assert_recall_is_exact(world)
        await say(world, ClosePair(world.pair.pair_id))
        await world.clock.sleep(5.0)
        assert world.pair.state is PairState.QUARANTINED
        assert [each.before for each in world.journal.of(PairMoved)][-1] is PairState.CLOSING
        assert world.parts.manager.failures.count == 1
        await die(world)
        assert world.parts.manager.failures.count == 1

    lived(act)


def test_a_trade_that_the_gate_refused_is_none_of_those_an_override_allows() -> None:
    """Nothing was sent."""

    async def act(world: CrashWorld) -> None:
        await unwound(world)
        await say(world, Override(trades=2))
        await world.exchanges[BETA].disconnect()
        assert (await opened(world)).reason == "not_connected"
        await world.exchanges[BETA].connect()
        assert world.parts.manager.failures._lifted_trades == 2
        assert (await opened(world)).success
        await closed(world)

    lived(act, "risk.max_consecutive_failures=1")


def test_a_strategys_order_is_one_of_the_trades_that_an_override_allows() -> None:
    """One that opens; what it closes is none."""

    async def act(world: CrashWorld) -> None:
        await unwound(world)
        await say(world, Override(trades=2))
        await world.clock.sleep(1.5)
        place = world.service.exchanges[ALPHA].place_order
        await place(BTC, Side.BUY, Decimal("0.002"), Decimal(60_050), strategy=STRATEGY)
        assert world.parts.manager.failures._lifted_trades == 1
        assert (await world.service.desk.submit(ClosePosition(ALPHA, BTC, STRATEGY))).success
        assert world.parts.manager.failures._lifted_trades == 1

    lived(act, "risk.max_consecutive_failures=1")


def test_safe_mode_that_an_operator_ended_begins_anew_once_the_drawdown_was_gone() -> None:
    """What was accepted is forgotten when the exchange has recovered; the next bot must not accept it still."""

    async def act(world: CrashWorld) -> None:
        assert (await opened(world)).success
        for name, mid in ((ALPHA, 59_000.0), (BETA, 60_030.0)):
            world.quote(name, mid)
        await world.clock.sleep(1.1)
        assert world.parts.capital.in_safe_mode(ALPHA)
        await say(world, EndSafeMode(ALPHA))
        assert_recall_is_exact(world)
        world.edge()
        await world.clock.sleep(1.1)
        world.quote(ALPHA, 59_900.0)
        await world.clock.sleep(1.1)
        assert_recall_is_exact(world)
        await world.clock.sleep(1.1)

    lived(act, "capital.drawdown_limit_pct=0.0003")


def test_the_peak_is_what_it_was_reset_to_although_something_was_booked_since_the_last_mark() -> None:
    """The journal knows the equity that became the peak."""

    async def act(world: CrashWorld) -> None:
        assert (await opened(world)).success
        await say(world, ResetPeak())

    lived(act)


def test_a_peak_between_two_marks_is_a_peak_after_a_restart() -> None:
    """A booking has everything valued anew, at the prices of that moment."""

    async def act(world: CrashWorld) -> None:
        await world.clock.sleep_until((world.clock.now_ns() // 10**9 + 1) * 10**9 + 10**6)
        assert (await opened(world)).success
        world.quote(ALPHA, 60_500.0)
        _ = world.parts.account.total_equity()
        world.quote(ALPHA, 59_500.0)

    lived(act)


def test_a_stop_that_an_operator_ended_stays_ended() -> None:
    """The peak is today's equity since then."""

    async def act(world: CrashWorld) -> None:
        assert (await opened(world)).success
        world.quote(ALPHA, 59_000.0)
        await world.clock.sleep(1.1)
        assert [stop.rule for stop in world.parts.manager.stops] == ["drawdown"]
        assert_recall_is_exact(world)
        await say(world, ResetPeak())
        assert world.parts.manager.stops == ()
        assert_recall_is_exact(world)
        await die(world)
        assert world.parts.manager.stops == ()

    lived(act, "risk.max_drawdown_pct=0.0003")


def test_a_pair_that_is_hedged_again_after_a_repair_ends_no_row_of_failures() -> None:
    """Only an entry does: what failed since is a row still."""

    async def act(world: CrashWorld) -> None:
        assert (await opened(world)).success
        first = world.pair
        await closed(world)
        await calm(world)
        await unwound(world)
        assert world.parts.manager.failures.count == 1
        told = history(world.mortal.survives())
        end = next(place for place, (_, event) in enumerate(told) if _moved(event, first.pair_id, PairState.CLOSING))
        now_ns, hedged = told[-1][0], replace(first, state=PairState.HEDGED, ever_hedged=True)
        apart = replace(hedged, state=PairState.BALANCING)
        since = [each for each in told[end:] if not _of_pair(each[1], first.pair_id)]
        again = [(now_ns, PairMoved(apart, PairState.HEDGED)), (now_ns, PairMoved(hedged, PairState.BALANCING))]
        parts, _ = recalled(world, [*told[:end], *since, *again])
        assert parts.manager.failures.count == 1

    lived(act)


def _moved(event: Event, pair_id: PairId, state: PairState) -> bool:
    return isinstance(event, PairMoved) and (event.pair.pair_id, event.pair.state) == (pair_id, state)


def _of_pair(event: Event, pair_id: PairId) -> bool:
    match event:
        case PairMoved(pair=pair):
            return pair.pair_id == pair_id
        case OrderIntended(request=request) | OrderFilled(request=request):
            return request.pair_id == pair_id
        case OrderChanged(order=order):
            return order.request.pair_id == pair_id
    return False


# fills


def test_a_fill_that_was_booked_before_the_crash_is_not_counted_again() -> None:
    """The exchange tells all fills of an order that is not over; those of before are known."""

    async def act(world: CrashWorld) -> None:
        world.quote(ALPHA, 60_000.0, coins=0.002)
        place = world.service.exchanges[ALPHA].place_order
        order = place(BTC, Side.BUY, Decimal("0.005"), Decimal("60000.5"), strategy=STRATEGY, time_in_force=GTC)
        _ = world.supervisor(order, name="a resting order")
        await world.clock.sleep(0.1)
        (resting,) = world.tracker.live_orders()
        assert resting.filled_size == Decimal("0.002")
        await world.kill()
        world.quote(ALPHA, 60_000.0, coins=0.001)
        await world.next_life()
        assert world.tracker.unsettled() == []
        held = world.truth(ALPHA)
        assert held > Decimal("0.002")
        assert world.tracker.position(ALPHA, BTC) == held
        assert [fill.fill.size for fill in world.journal.of(OrderFilled)] == [held - Decimal("0.002")]
        assert world.violated == {}

    lived(act)


def test_a_fill_after_the_end_of_its_pair_is_a_position_after_a_restart_too() -> None:
    """It breaks an invariant, and it is held all the same."""

    async def act(world: CrashWorld) -> None:
        await missed(world)
        (bought,) = world.orders(ALPHA)
        late = Fill(
            exchange=ALPHA,
            symbol=BTC,
            order_id=OrderId("1"),
            client_order_id=bought.client_order_id,
            trade_id=TradeId("late"),
            side=Side.BUY,
            price=bought.request.price or Decimal(0),
            size=Decimal("0.001"),
            fee=Decimal("0.01"),
            fee_currency="USD",
            liquidity=Liquidity.TAKER,
            timestamp_ns=world.clock.now_ns(),
        )
        world.tracker.on_fill(late)
        assert world.tracker.position(ALPHA, BTC) == world.parts.ledger.position(ALPHA, BTC) == Decimal("0.001")
        assert set(world.violated) == {"I3"}

    lived(act)


# records that were cut off


def test_half_of_a_moments_marks_is_no_loss_of_an_account() -> None:
    """The power went between two records of one moment: the other exchange stands as it did before."""

    async def act(world: CrashWorld) -> None:
        assert (await opened(world)).success
        world.service.mark()
        whole = history(world.mortal.survives())
        marks = [place for place, (_, event) in enumerate(whole) if isinstance(event, EquityMarked)]
        parts, _ = recalled(world, whole[: marks[2] + 1])
        assert parts.account._total.value > Decimal(19_000)
        assert parts.account._total.drawdown_pct < Decimal("0.01")

    lived(act)


def test_a_repair_under_way_makes_its_pair_a_repaired_one() -> None:
    """Also when the bot dies before the pair has moved on."""

    async def act(world: CrashWorld) -> None:
        world.arm(BETA, REFUSED)
        way = _task(opened(world))
        while not world.parts.pairs.live() or not world.pair.repaired:
            await world.clock.sleep(0.001)
        assert_recall_is_exact(world)
        await way

    lived(act)


def _task(act: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(act)


# resolving


def test_gas_is_paid_after_a_restart_too() -> None:
    """Once, whoever it was paid for."""

    async def act(world: CrashWorld) -> None:
        gas = GasPaid(ALPHA, Decimal("0.5"), "0x1", STRATEGY, world.clock.now_ns())
        assert world.parts.ledger.book_gas(gas.exchange, gas.amount_usd, gas.transaction_id, gas.owner)
        world.journal.append(gas)

    lived(act)


def test_a_pair_that_changes_while_its_exchanges_are_asked_is_not_resolved() -> None:
    """What it was is not what would be written off."""

    async def act(world: CrashWorld) -> None:
        assert (await opened(world)).success
        pair_id = world.pair.pair_id
        world.executor.quarantine(pair_id, "naked_leg")
        world.by_hand(ALPHA, Side.SELL, world.truth(ALPHA))
        world.by_hand(BETA, Side.BUY, -world.truth(BETA))
        resolving = _task(say(world, ResolvePair(pair_id), "by hand"))
        await world.clock.sleep(0.001)
        await say(world, ClosePair(pair_id))
        assert "changed while its exchanges were asked" in await resolving
        assert world.journal.of(PairResolved) == []
        await world.clock.sleep(5.0)

    lived(act)


@pytest.mark.parametrize("key", ["", "k"])
def test_two_resolves_at_once_act_once(key: str) -> None:
    """A double click, or a client that asks again while it waits: what is gone is written off once."""

    async def act(world: CrashWorld) -> None:
        assert (await opened(world)).success
        pair_id = world.pair.pair_id
        world.executor.quarantine(pair_id, "naked_leg")
        world.by_hand(ALPHA, Side.SELL, world.truth(ALPHA))
        world.by_hand(BETA, Side.BUY, -world.truth(BETA))
        said = [_task(say(world, ResolvePair(pair_id), "by hand", key)) for _ in range(3)]
        answers = [await each for each in said]
        assert len(world.journal.of(PairResolved)) == 1
        assert sum(f"pair {pair_id} resolved" in answer for answer in answers) == (3 if key else 1)
        assert len(world.journal.of(CommandTaken)) == (1 if key else 3)
        for name in (ALPHA, BETA):
            assert world.parts.tracker.position(name, BTC) == 0
            assert world.parts.ledger.balance(name) == world.engines[name].balance("main").balance
        assert world.violated == {}

    lived(act)
