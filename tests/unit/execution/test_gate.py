"""The send gate: everything is looked at again in the turn of the send; a refusal means that nothing was written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.commands import TradingState
from perpbot.core.errors import OrderInvalid
from perpbot.core.events import Event, OrderChanged, OrderIntended, PairMoved
from perpbot.core.orders import OrderRequest, OrderType, Side, TimeInForce
from perpbot.core.pairs import PairState
from perpbot.core.ports import Approval, OrderOutcome, PreparedOrder
from perpbot.core.verdicts import Verdict
from perpbot.execution.gate import BookState
from perpbot.simulation.paper.exchange import PaperExchange
from tests.world import ALPHA, BETA, BTC, DEPOSIT, SECOND, MemoryJournal, World, play

GTC = TimeInForce.GTC


def order(world: World, side: Side = Side.BUY, size: str = "0.010", **changes: Any) -> OrderRequest:
    """An order of nobody's, priced at the touch."""
    touch = world.parts.market.touch(ALPHA, BTC)
    price = touch[side is Side.BUY] if touch else Decimal(1)
    made = world.parts.singles.request(
        ALPHA, BTC, side, Decimal(size), price, strategy="mine", reduce_only=changes.pop("reduce_only", False)
    )
    return replace(made, **changes)


def send(world: World, *requests: OrderRequest) -> Verdict:
    """Past the adapter's own checks, so that the gate alone answers."""
    return world.parts.gate.send([PreparedOrder(request) for request in requests])


def refused(world: World, *requests: OrderRequest) -> str:
    """The reason of a refusal that wrote and changed nothing."""
    sends, known, journaled = world.parts.gate.sends, len(list(world.tracker.orders())), len(world.journal.order)
    verdict = send(world, *requests)
    assert not verdict.approved
    after = world.parts.gate.sends, len(list(world.tracker.orders())), len(world.journal.order)
    assert after == (sends, known, journaled)
    assert world.violated == {}
    return verdict.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"size": Decimal("NaN")},
        {"size": Decimal("Infinity")},
        {"size": Decimal(0)},
        {"size": Decimal("-0.010")},
        {"size": Decimal("0.0105")},
        {"price": Decimal("NaN")},
        {"price": Decimal("Infinity")},
        {"price": Decimal("59970.55")},
        {"price": None},
        {"size": Decimal("0.000")},
        {"symbol": "ETH-USD-PERP"},
        {"exchange": "nowhere"},
    ],
)
def test_an_order_that_breaks_the_rules_is_refused_and_breaks_no_invariant(changes: dict[str, Any]) -> None:
    """Not finite, not positive, off the grids, no such market: whoever asked, it is not the bot that is broken."""

    async def act(world: World) -> None:
        assert refused(world, order(world, **changes)) == "order_invalid"
        assert world.status.state is TradingState.ACTIVE

    play(act)


@pytest.mark.parametrize(("age", "ready", "streaming"), [(1.001, True, True), (0.0, False, True), (0.0, True, False)])
def test_an_opening_needs_a_fresh_unbroken_streaming_book(age: float, ready: bool, streaming: bool) -> None:
    """Older than ``max_book_age_seconds``, not built from a snapshot, or polled by REST: refused."""

    async def act(world: World) -> None:
        world.parts.gate._book_state = lambda *_: BookState(ready, streaming, age)
        assert refused(world, order(world)) == ("book_age" if age else "book_not_ready")

    play(act)


@pytest.mark.parametrize("age", [float("nan"), float("inf")])
def test_an_age_nobody_knows_is_too_old(age: float) -> None:
    """A comparison with NaN must not let it pass."""

    async def act(world: World) -> None:
        world.parts.gate._book_state = lambda *_: BookState(True, True, age)
        assert refused(world, order(world)) == "book_age"

    play(act)


def test_two_openings_need_books_of_one_age() -> None:
    """More than ``max_skew_seconds`` between them: refused."""

    async def act(world: World) -> None:
        await world.clock.sleep(0.6)
        world.publish(ALPHA)
        found = world.opportunity()
        verdict = (await world.executor.execute(found)).reason
        assert verdict == "book_skew"
        ages = {ALPHA: 0.0, BETA: 0.501}
        world.parts.gate._book_state = lambda exchange, _: BookState(True, True, ages[exchange])
        other = order(world, Side.SELL, exchange=BETA, price=Decimal("60029.5"))
        assert refused(world, order(world), other) == "book_skew"

    play(act)


@pytest.mark.parametrize("ask", [59_969.5, 59_960.0])
def test_a_locked_or_crossed_book_is_refused(ask: float) -> None:
    """It is no market, and no opening rests on it."""

    async def act(world: World) -> None:
        request = order(world)
        world.books[ALPHA] = (world.books[ALPHA][0], [(ask, 1.0)])
        world.publish(ALPHA)
        assert refused(world, request) == "book_not_ready"

    play(act)


def test_a_one_sided_book_is_refused() -> None:
    """Without an ask there is nothing to compare a price with."""

    async def act(world: World) -> None:
        request = order(world)
        world.quote(ALPHA, 59_970.0, ask_coins=0.0)
        assert refused(world, request) == "book_not_ready"

    play(act)


def test_a_price_far_from_the_touch_is_refused() -> None:
    """2 % off the price it would meet, to either side."""

    async def act(world: World) -> None:
        for price in ("61200.0", "58700.0"):
            assert refused(world, order(world, price=Decimal(price))) == "price_sanity"

    play(act)


def test_safe_mode_refuses_arbitrage() -> None:
    """On that exchange, as the pools' rule says; a strategy of another pool goes its own way."""

    async def act(world: World) -> None:
        found = world.opportunity()
        request = replace(order(world), strategy="arbitrage")
        world.parts.capital.update_drawdown(ALPHA, Decimal("0.06"))
        assert refused(world, request) == "safe_mode"
        assert (await world.executor.execute(found)).reason == "safe_mode"
        assert send(world, replace(order(world), strategy="wash_trade")).approved

    play(act)


def test_the_same_order_within_a_second_is_refused() -> None:
    """Unless it says which one it replaces; the same client id never passes."""

    async def act(world: World) -> None:
        first = order(world, size="0.005")
        assert send(world, first).approved
        again = order(world, size="0.005")
        assert refused(world, again) == "duplicate_order"
        assert refused(world, first) == "duplicate_order"
        assert send(world, replace(again, replaces=first.client_order_id)).approved
        await world.keep_quoting(1.0)
        assert send(world, order(world)).approved
        assert refused(world, first) == "duplicate_order"

    play(act)


def test_an_order_that_could_match_our_own_is_refused() -> None:
    """Whatever strategy placed the other one; acknowledged or not."""

    async def act(world: World) -> None:
        resting = order(world, time_in_force=GTC, expires_ns=None)
        assert send(world, resting).approved
        crossing = order(world, Side.SELL, price=resting.price)
        assert refused(world, crossing) == "self_trade"
        market = order(world, Side.SELL, price=None, order_type=OrderType.MARKET)
        assert refused(world, market) == "self_trade"
        beyond = order(world, Side.SELL, price=Decimal("59980.0"))
        assert send(world, beyond).approved

    play(act)


def test_reduce_only_orders_never_exceed_the_position() -> None:
    """All live ones together, in the direction that reduces."""

    async def act(world: World) -> None:
        assert refused(world, order(world, Side.SELL, reduce_only=True)) == "order_invalid"
        assert send(world, order(world)).approved
        await world.clock.sleep(0.02)
        assert world.tracker.position(ALPHA, BTC) == Decimal("0.010")
        assert refused(world, order(world, Side.SELL, "0.011", reduce_only=True)) == "order_invalid"
        assert refused(world, order(world, Side.BUY, reduce_only=True)) == "order_invalid"
        assert send(world, order(world, Side.SELL, "0.006", reduce_only=True)).approved
        assert refused(world, order(world, Side.SELL, "0.005", reduce_only=True)) == "order_invalid"
        assert send(world, order(world, Side.SELL, "0.004", reduce_only=True)).approved
        await world.clock.sleep(0.02)
        assert world.truth(ALPHA) == 0
        assert world.violated == {}

    play(act)


def test_orders_in_flight_count_towards_the_largest_order() -> None:
    """1000 USD is the cap: 600 under way leave no room for another 600."""

    async def act(world: World) -> None:
        assert send(world, order(world)).approved
        later = order(world, price=Decimal("59970.4"))
        assert refused(world, later) == "limit_breached"
        assert send(world, order(world, size="0.006")).approved

    play(act)


def test_a_refused_second_order_holds_the_first_back() -> None:
    """All orders of a decision are checked before the first is written."""

    async def act(world: World) -> None:
        good, bad = order(world), order(world, Side.SELL, exchange=BETA, price=Decimal("50000.0"))
        assert refused(world, good, bad) == "price_sanity"

    play(act)


def test_the_latch_is_looked_at_on_every_send() -> None:
    """Anyone may set it; the next order finds it, and the state follows."""

    async def act(world: World) -> None:
        request = order(world)
        world.latch.reason = "the file is there"
        assert refused(world, request) == "latched"
        assert world.status.state is TradingState.HALTED

    play(act)


def test_an_adapter_that_changes_an_order_while_preparing_it_is_refused() -> None:
    """What is sent is what was decided, checked and journaled."""

    class Rounding(PaperExchange):
        def prepare(self, request: OrderRequest) -> PreparedOrder:
            return PreparedOrder(replace(request, size=request.size * 2))

    async def act(world: World) -> None:
        with pytest.raises(OrderInvalid, match="changed order"):
            world.parts.gate.prepare([order(world)])
        assert (await world.execute()).reason == "order_invalid"
        assert world.reserved() == 0

    play(act, paper=Rounding)


def test_every_send_has_its_approval_and_its_intent() -> None:
    """The invariants of the gate are counted for each order that leaves."""

    async def act(world: World) -> None:
        await world.hedged()
        await world.close(world.pair)
        checked = world.parts.invariants.checked
        assert checked["I5"] == checked["I6"] == checked["I2"] == checked["I17"] == checked["I13"] == 4
        assert checked["I15"] == checked["I18"] == 2
        assert world.parts.gate.approvals == world.parts.gate.sends == 4
        assert world.violated == {}

    play(act)


def test_an_exchange_without_the_needed_capabilities_gets_no_order() -> None:
    """It is reference only."""

    class Blind(PaperExchange):
        declares = frozenset({"client_ids", "ioc"})

    async def act(world: World) -> None:
        assert refused(world, order(world)) == "not_supported"

    play(act, paper=Blind)


def test_a_limit_holds_at_its_edge() -> None:
    """Exactly one second old is fresh, exactly the cap is allowed."""

    async def act(world: World) -> None:
        request = order(world, size="0.016", price=Decimal("59970.5"))
        world.parts.gate._limits = replace(
            world.parts.gate._limits, max_order_notional=Decimal("0.016") * Decimal("59970.5")
        )
        world.parts.gate._book_state = lambda *_: BookState(True, True, 1.0)
        assert send(world, request).approved
        assert world.clock.now_ns() % SECOND == 0

    play(act)


class LateJournal(MemoryJournal):
    """A journal whose disk takes two seconds for one record."""

    late_ns = 0

    def append(self, event: Event) -> int:
        if isinstance(event, OrderIntended):
            self.late_ns = 2 * SECOND
        return super().append(event)


class LateClock:
    """The world's clock, behind by what the journal took."""

    def __init__(self, world: World, journal: LateJournal) -> None:
        self._clock, self._journal = world.clock, journal

    def now_ns(self) -> int:
        return self._clock.now_ns() + self._journal.late_ns


@pytest.fixture
def late() -> Callable[[World], LateJournal]:
    """Makes a world's gate wait for its journal."""

    def make(world: World) -> LateJournal:
        gate, journal = world.parts.gate, LateJournal()
        clock = LateClock(world, journal)
        gate._journal, gate._clock = journal, clock
        gate._book_state = lambda *_: BookState(True, True, journal.late_ns / SECOND)
        return journal

    return make


def test_what_has_become_stale_while_it_was_journaled_is_not_sent(late: Callable[[World], LateJournal]) -> None:
    """A slow disk or a machine that slept: nothing is written, nothing is violated, and the journal says so."""

    async def act(world: World) -> None:
        world.edge()
        journal = late(world)
        result = await world.execute()
        assert not result.success
        assert world.parts.gate.sends == 0
        assert world.violated == {}
        assert [each.order.reason for each in journal.of(OrderChanged)] == ["not_sent", "not_sent"]
        moved = journal.of(PairMoved)
        assert [(each.before, each.pair.state) for each in moved] == [(PairState.RESERVED, PairState.REFUSED)]
        assert moved[0].pair.reason == "book_age"
        assert world.parts.pairs.live() == []
        world.build(world.parts.outside.supervisor, "next")
        for name in world.exchanges:
            world.parts.capital.set_equity(name, DEPOSIT)
        memory = world.service.recall([(world.clock.now_ns(), event) for event in journal.events])
        assert memory.unsent == {}
        assert world.reserved() == 0
        assert [*world.parts.pairs.live(), *world.tracker.unsettled()] == []

    play(act)


def test_a_close_is_sent_however_long_its_journaling_took(late: Callable[[World], LateJournal]) -> None:
    """What reduces risk does not wait for fresh prices."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        late(world)
        assert world.service.close_pair(pair.pair_id) is None
        assert world.parts.gate.sends == 4

    play(act)


def test_a_leg_that_became_stale_while_the_other_was_written_stays_here() -> None:
    """The machine slept between the two writes: the second is not sent, and what the first filled is repaired."""

    async def act(world: World) -> None:
        world.edge()
        gate, journal = world.parts.gate, LateJournal()
        gate._clock = LateClock(world, journal)
        gate._book_state = lambda *_: BookState(True, True, journal.late_ns / SECOND)
        alpha = world.exchanges[ALPHA]
        send_there = alpha.send

        def sleep_after(order: PreparedOrder, approval: Approval) -> Awaitable[OrderOutcome]:
            answer = send_there(order, approval)
            journal.late_ns = 2 * SECOND
            return answer

        alpha.send = sleep_after  # type: ignore[assignment, method-assign] # a machine that sleeps there
        entering = world.execute()
        journal.late_ns = 0
        await entering
        await world.settle()
        reasons = [each.order.reason for each in world.journal.of(OrderChanged) if each.order.request.exchange == BETA]
        assert reasons[0] == "stale"
        assert world.violated == {}
        assert world.parts.pairs.live() == [] or world.pair.state is PairState.HEDGED

    play(act)
