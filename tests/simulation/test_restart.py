"""Starts on what does not fit: an old copy of the journal, positions of nobody, exchanges that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from perpbot.core.commands import TradingState
from perpbot.core.events import CapitalTransferred, Event, OrderFound, PairMoved, PairPlanned, Recovered
from perpbot.core.orders import Side
from perpbot.core.pairs import PairState
from perpbot.simulation.paper.faults import Fault, FaultPlan
from tests.crash.runs import Script, Tally, aftermath, close_all, crash_once
from tests.crash.scripts import calm, closed, opened
from tests.crash.truth import assert_recall_is_exact, assert_sent_once
from tests.crash.world import CrashWorld, Point
from tests.world import ACCOUNT, ALPHA, BETA, BTC, SECOND

SILENT = Fault(reject="maintenance")
COPIED = Point(10**6)
"""No record has this number: the bot of these scripts is killed when they end."""


async def one_pair_open(world: CrashWorld) -> None:
    assert (await opened(world)).success
    await world.clock.sleep(0.5)


def test_an_old_copy_trades_nothing_that_has_moved_on() -> None:
    """The journal ends while a pair was open; it was closed since, and another one is held, the other way round. The
    first is quarantined, what is held is shown and not touched, and nothing opens there."""
    copies: list[bytes] = []

    async def script(world: CrashWorld) -> None:
        await one_pair_open(world)
        copies.append(bytes(world.mortal._inner._content))
        await world.clock.sleep(100.0)
        await closed(world)
        world.quote(ALPHA, 60_030.0)
        world.quote(BETA, 59_970.0)
        assert (await world.execute(buy=BETA, sell=ALPHA)).success

    def put_back(world: CrashWorld) -> None:
        world.content = copies[0]

    async def after(world: CrashWorld, _: Tally) -> None:
        held = {name: world.truth(name) for name in world.exchanges}
        sent = len(world.sent())
        (pair,) = world.parts.pairs.live()
        assert (pair.state, pair.reason) == (PairState.QUARANTINED, "position_mismatch")
        assert world.parts.foreign.all() == {(ALPHA, BTC): Decimal("-0.020"), (BETA, BTC): Decimal("0.020")}
        for name in world.exchanges:
            assert set(world.status.blocks(name).values()) == {"foreign_position", "quarantined"}
        assert not (await opened(world)).success
        await calm(world, 40.0)
        assert {name: world.truth(name) for name in world.exchanges} == held
        assert len(world.sent()) == sent
        assert not world.latch.is_set(), world.latch.reason
        assert world.violated == {}

    _ = crash_once(script, COPIED, 5.0, Tally(), after=after, meanwhile=put_back)


def test_an_old_copy_of_a_pair_that_is_gone_is_quarantined() -> None:
    """The exchanges are flat: the pair is named, its capital stays, the operator resolves it; what its end brought is
    what the balances say."""
    copies: list[bytes] = []

    async def script(world: CrashWorld) -> None:
        await one_pair_open(world)
        copies.append(bytes(world.mortal._inner._content))
        await world.clock.sleep(100.0)
        await closed(world)
        await calm(world, 200.0)
        assert (await opened(world)).success
        await closed(world)
        await world.clock.sleep(300.0)

    def put_back(world: CrashWorld) -> None:
        world.content = copies[0]

    async def after(world: CrashWorld, _: Tally) -> None:
        (pair,) = world.parts.pairs.live()
        sent = len(world.sent())
        assert (pair.state, pair.reason) == (PairState.QUARANTINED, "position_mismatch")
        assert world.reserved() == 2 * pair.notional
        assert {name: world.parts.foreign.amount(name, BTC) for name in world.exchanges} == {
            ALPHA: Decimal("-0.010"),
            BETA: Decimal("0.010"),
        }
        assert not (await opened(world)).success
        await calm(world, 40.0)
        assert len(world.sent()) == sent
        assert world.violated == {}
        assert not world.latch.is_set()
        assert_recall_is_exact(world)

    _ = crash_once(script, COPIED, 5.0, Tally(), after=after, meanwhile=put_back)


def test_a_position_of_nobody_is_shown_and_never_traded() -> None:
    """Somebody bought by hand while the bot was down: openings there stop, exits of our own pairs elsewhere go on."""

    def buy(world: CrashWorld) -> None:
        world.by_hand(ALPHA, Side.BUY, Decimal("0.020"))

    async def after(world: CrashWorld, _: Tally) -> None:
        assert world.parts.foreign.all() == {(ALPHA, BTC): Decimal("0.020")}
        assert "foreign_position" in world.status.blocks(ALPHA).values()
        assert (await opened(world)).reason == "foreign_position"
        await calm(world, 40.0)
        assert world.truth(ALPHA) == Decimal("0.020")
        assert world.sent_by_us() == []
        world.by_hand(ALPHA, Side.SELL, Decimal("0.020"))
        await world.clock.sleep(31.0)
        assert world.parts.foreign.all() == {}
        assert (await opened(world)).success
        assert world.violated == {}

    _ = crash_once(calm, COPIED, 5.0, Tally(), after=after, meanwhile=buy)


def test_an_order_of_a_run_that_the_journal_does_not_know_is_not_taken_up() -> None:
    """Its id is of our making and its time fits; another bot on this account made it."""

    def trade(world: CrashWorld) -> None:
        world.by_hand(ALPHA, Side.BUY, Decimal("0.010"), "other-1-b1")
        world.by_hand(BETA, Side.SELL, Decimal("0.010"), "other-1-s1")

    async def after(world: CrashWorld, _: Tally) -> None:
        assert list(world.parts.pairs.pairs()) == []
        assert world.journal.of(OrderFound) == []
        assert world.parts.foreign.all() == {(ALPHA, BTC): Decimal("0.010"), (BETA, BTC): Decimal("-0.010")}

    _ = crash_once(calm, COPIED, 0.0, Tally(), after=after, meanwhile=trade)


def test_what_one_run_lost_is_asked_for_until_a_start_has_asked() -> None:
    """The first run loses its last moments, the second one dies before it has asked, the third one asks from there."""

    async def after(world: CrashWorld, _: Tally) -> None:
        assert {found.request.pair_id for found in world.journal.of(OrderFound)} == {"t-1"}
        assert world.parts.foreign.all() == {}
        await close_all(world)
        assert world.flat()
        assert world.violated == {}

    lost = Point(_place_of(one_pair_open, PairState.HEDGED), tail=False)
    _ = crash_once(one_pair_open, lost, 60.0, Tally(), nested=(Point(1),), after=after)


def test_a_pair_of_which_only_the_plan_was_written_was_never_tried() -> None:
    """It is refused, once: neither an attempt nor a miss, and the start after this one hears nothing of it."""

    async def after(world: CrashWorld, _: Tally) -> None:
        (found,) = world.journal.of(Recovered)
        assert (found.resumed, found.refused) == ((), ("t-1",))
        (moved,) = world.journal.of(PairMoved)
        assert moved.pair.state is PairState.REFUSED
        assert list(world.parts.pairs.pairs()) == []
        assert world.reserved() == 0
        await world.kill()
        await world.next_life()
        (found,) = world.journal.of(Recovered)
        assert (found.resumed, found.refused) == ((), ())

    plan = _record_of(one_pair_open, lambda event: isinstance(event, PairPlanned))
    _ = crash_once(one_pair_open, Point(plan), 1.0, Tally(), after=after)


def test_money_that_moved_while_nobody_looked_is_a_transfer() -> None:
    """Never PnL: neither drawdown nor the day's loss sees it."""

    def withdraw(world: CrashWorld) -> None:
        world.engines[ALPHA].transfer(ACCOUNT, Decimal(-3_000))

    async def after(world: CrashWorld, _: Tally) -> None:
        (moved,) = world.journal.of(CapitalTransferred)
        assert (moved.exchange, moved.amount_usd) == (ALPHA, Decimal(-3_000))
        assert world.parts.ledger.transfers(ALPHA) == Decimal(-3_000)
        await close_all(world)
        await world.clock.sleep(20.0)
        assert world.parts.account.drawdown_pct() < Decimal("0.001")
        assert world.parts.account.daily_loss_usd() < 5
        assert world.parts.ledger.balance(ALPHA) == world.engines[ALPHA].balance(ACCOUNT).balance
        assert world.violated == {}
        assert_recall_is_exact(world)

    _ = crash_once(one_pair_open, COPIED, 5.0, Tally(), after=after, meanwhile=withdraw)


@pytest.mark.parametrize("seconds", [20.0, 90.0])
def test_an_exchange_that_cannot_be_read_is_not_concluded_about(seconds: float) -> None:
    """A hedged pair stays hedged, nothing opens there, nothing is halted; once it answers it is looked at, and what
    was lost meanwhile is known."""
    silent_until: list[int] = []

    def fall_silent(world: CrashWorld) -> None:
        world.silent = {ALPHA: FaultPlan(reads=[SILENT] * 10_000, cancels=[SILENT] * 10_000)}
        silent_until.append(world.clock.now_ns() + round(seconds * SECOND))

    async def after(world: CrashWorld, tally: Tally) -> None:
        (pair,) = world.parts.pairs.live()
        (found,) = world.journal.of(Recovered)
        assert (pair.state, found.unread) == (PairState.HEDGED, (ALPHA,))
        assert world.status.state is TradingState.ACTIVE
        while world.clock.now_ns() < silent_until[0]:
            assert world.status.opening_refusal(BTC, [ALPHA]) == ("reads_failing", "alpha: recovery")
            await world.clock.sleep(1.0)
        assert world.violated == {}
        assert world.parts.pairs.live() == [pair]
        world.exchanges[ALPHA].faults = FaultPlan()
        await world.clock.sleep(31.0)
        assert world.journal.of(Recovered)[-1].unread == ()
        assert world.status.blocks(ALPHA) == {}
        await aftermath(world, tally)

    _ = crash_once(one_pair_open, COPIED, 1.0, Tally(), after=after, meanwhile=fall_silent)


def test_a_leg_on_a_silent_exchange_is_quarantined_in_time() -> None:
    """What beta filled is known, what alpha did is not: the pair is named within the bound, and repaired by nobody."""

    def fall_silent(world: CrashWorld) -> None:
        world.silent = {ALPHA: FaultPlan(reads=[SILENT] * 10_000, cancels=[SILENT] * 10_000)}

    async def after(world: CrashWorld, _: Tally) -> None:
        (pair,) = world.parts.pairs.live()
        assert (pair.state, pair.reason) == (PairState.QUARANTINED, "outcome_unknown")
        assert world.clock.now_ns() - world.begun_ns < 8 * SECOND
        world.exchanges[ALPHA].faults = FaultPlan()
        await world.clock.sleep(31.0)
        assert world.parts.tracker.pair_settled(pair.pair_id)
        await close_all(world)
        assert world.parts.pairs.live() == []
        assert world.flat()
        assert world.violated == {}
        assert_sent_once(world)
        assert_recall_is_exact(world)

    number = _place_of(one_pair_open, PairState.SENT)
    _ = crash_once(one_pair_open, Point(number), 1.0, Tally(), after=after, meanwhile=fall_silent)


def _place_of(script: Script, state: PairState) -> int:
    """The record of ``script`` that says that its pair came to ``state``."""
    return _record_of(script, lambda event: isinstance(event, PairMoved) and event.pair.state is state)


def _record_of(script: Script, wanted: Callable[[Event], bool]) -> int:
    """The first record of ``script`` that is ``wanted``."""
    places: list[int] = []

    async def look(world: CrashWorld, _: Tally) -> None:
        places.extend(place for place, event in enumerate(world.first_events) if wanted(event))

    _ = crash_once(script, COPIED, 0.0, Tally(), after=look)
    return places[0]
