"""Opening a pair: both legs at once or nothing, and every way it may end."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.commands import TradingState
from perpbot.core.errors import SystemStopped
from perpbot.core.events import OrderIntended, PairMoved, PairPlanned
from perpbot.core.orders import OrderStatus, TimeInForce
from perpbot.core.pairs import PairState
from perpbot.core.ports import Approval, PreparedOrder
from perpbot.simulation.paper.exchange import PaperExchange
from perpbot.simulation.paper.faults import Fault
from tests.world import ALPHA, BETA, BTC, DEPOSIT, GAMMA, LOST_ANSWER, LOST_REQUEST, REFUSED, SECOND, World, play

S = PairState


def test_both_legs_leave_in_the_turn_of_the_decision() -> None:
    """Before ``execute`` returns, capital is reserved and both orders are journaled and written."""

    async def act(world: World) -> None:
        way = world.execute()
        assert [kind for kind, _ in world.journal.order] == ["intended", "intended"]
        assert world.parts.gate.sends == 2
        assert world.pair.state is S.SENT
        assert world.reserved() > 0
        assert (await way).success

    play(act)


def test_the_intent_of_the_whole_pair_is_journaled_before_the_first_order() -> None:
    """Pair, both client ids, sizes, prices and the bound; then both orders; then they leave."""

    async def act(world: World) -> None:
        await world.hedged()
        kinds = [type(event) for event in world.journal.events if isinstance(event, PairPlanned | OrderIntended)]
        assert kinds == [PairPlanned, OrderIntended, OrderIntended]
        planned = world.journal.of(PairPlanned)[0]
        assert [order.client_order_id for order in planned.orders] == ["t-1-b1", "t-1-s1"]
        assert planned.worst_case_loss > 0
        assert [kind for kind, _ in world.journal.order] == ["intended", "intended", "seen", "seen"]

    play(act)


def test_entry_orders_are_price_protected_and_expire() -> None:
    """IOC limits, at most the slippage limit off the touch, gone at the exchange within seconds."""

    async def act(world: World) -> None:
        touch = world.parts.market.touch(ALPHA, BTC)
        assert touch is not None
        await world.hedged()
        order = world.orders(ALPHA)[0]
        assert order.time_in_force is TimeInForce.IOC
        assert not order.reduce_only
        assert order.price is not None
        assert touch[1] <= order.price <= touch[1] * Decimal("1.001")
        assert order.request.expires_ns == order.request.created_ns + 2 * SECOND

    play(act)


def test_a_pair_that_both_exchanges_fill_is_hedged_and_counts_as_a_success() -> None:
    """A row of failures ends with it; its capital stays reserved while it stands."""

    async def act(world: World) -> None:
        world.parts.manager.record_failure()
        world.parts.manager.record_failure()
        pair = await world.hedged()
        assert (pair.buy.open, pair.sell.open) == (Decimal("0.010"), Decimal("0.010"))
        assert world.parts.outcomes.counts == {"hedged": 1}
        assert world.parts.manager.failures.count == 0
        assert world.reserved() == 2 * pair.notional

    play(act)


@pytest.mark.parametrize("how", ["pause", "halt", "freeze", "disconnect", "stale", "crossed", "block"])
def test_what_the_gate_refuses_sends_nothing_and_changes_nothing(how: str) -> None:
    """Neither capital nor exposure; the pair is refused: neither an attempt nor a failure."""

    async def act(world: World) -> None:
        found = world.opportunity()
        if how == "pause":
            world.pause()
        elif how == "halt":
            world.latch.set("somebody made the file")
        elif how == "freeze":
            world.status.freeze([BTC], world.clock.now_ns() + SECOND)
        elif how == "disconnect":
            await world.exchanges[BETA].disconnect()
        elif how == "stale":
            await world.clock.sleep(1.5)
        elif how == "crossed":
            world.books[BETA] = (world.books[BETA][0], [(59_000.0, 1.0), *world.books[BETA][1]])
            world.publish(BETA)
        else:
            world.status.block(BETA, "t-9-s1", "unknown_order")
        result = await world.executor.execute(found)
        assert not result.success
        assert result.orders == ()
        reasons = {
            "pause": "not_active",
            "halt": "latched",
            "freeze": "frozen",
            "disconnect": "not_connected",
            "stale": "book_age",
            "crossed": "book_not_ready",
            "block": "unknown_order",
        }
        assert result.reason == reasons[how]
        assert world.journal.order == []
        assert world.journal.of(PairMoved) == []
        assert world.reserved() == 0
        assert list(world.parts.pairs.pairs()) == []
        assert world.parts.pairs.occupancy(BTC) is None
        assert world.parts.outcomes.counts == {}
        assert world.violated == {}

    play(act)


def test_a_crossed_book_is_the_market_s_fault_and_sets_no_latch() -> None:
    """It refuses openings; trading goes on."""

    async def act(world: World) -> None:
        found = world.opportunity()
        world.books[ALPHA] = ([(60_100.0, 1.0)], world.books[ALPHA][1])
        world.publish(ALPHA)
        assert not (await world.executor.execute(found)).success
        assert world.status.state is TradingState.ACTIVE
        world.edge()
        assert (await world.execute()).success

    play(act)


def test_both_legs_unfilled_is_missed_not_failed() -> None:
    """No alert, no cooldown, no failure; the symbol rests for the back-off and is then free."""

    async def act(world: World) -> None:
        way = world.execute()
        world.quote(ALPHA, 60_200.0, at_bot=False)
        world.quote(BETA, 59_800.0, at_bot=False)
        result = await way
        assert (world.pair.state, result.reason) == (S.MISSED, "missed")
        assert world.parts.outcomes.counts == {"missed": 1}
        assert world.parts.manager.failures.count == 0
        assert world.reserved() == 0
        assert world.parts.pairs.occupancy(BTC) == "miss_backoff"
        await world.clock.sleep(1.0)
        assert world.parts.pairs.occupancy(BTC) is None
        world.edge()
        assert (await world.execute()).success

    play(act)


def test_a_refused_leg_makes_a_failure_with_its_consequences() -> None:
    """Counted in the row, both exchanges and the symbol cool down for 60 s, capital is free again."""

    async def act(world: World) -> None:
        world.arm(ALPHA, REFUSED)
        world.arm(BETA, REFUSED)
        result = await world.execute()
        assert (world.pair.state, result.reason) == (S.FAILED, "rejected")
        assert world.parts.outcomes.counts == {"failed": 1}
        assert world.parts.manager.failures.count == 1
        assert world.reserved() == 0
        world.edge()
        assert (await world.execute()).reason == "cooldown"
        await world.clock.sleep(60.0)
        world.edge()
        assert (await world.execute()).success

    play(act)


def test_an_order_that_never_arrived_is_proved_and_makes_a_failure() -> None:
    """Not before its expiry and the skew have passed; nothing is sent again."""

    async def act(world: World) -> None:
        world.arm(ALPHA, LOST_REQUEST)
        world.arm(BETA, LOST_REQUEST)
        sent = world.clock.now_ns()
        result = await world.execute()
        assert (world.pair.state, result.reason) == (S.FAILED, "outcome_unknown")
        assert world.clock.now_ns() > sent + round(2.5 * SECOND)
        assert [(order.status, order.reason) for order in result.orders] == 2 * [
            (OrderStatus.REJECTED, "never_accepted")
        ]
        assert world.parts.gate.sends == 2
        assert world.flat()

    play(act)


def test_a_lost_answer_is_found_by_asking_and_never_by_sending_again() -> None:
    """Both orders were filled although nobody said so: the pair is hedged with the two orders it sent."""

    async def act(world: World) -> None:
        world.arm(ALPHA, LOST_ANSWER)
        world.arm(BETA, LOST_ANSWER)
        result = await world.execute()
        assert result.success
        assert world.parts.gate.sends == 2
        assert world.truth(ALPHA) == Decimal("0.010") == world.tracker.position(ALPHA, BTC)

    play(act)


def test_a_fill_that_is_never_pushed_is_asked_for_at_once() -> None:
    """The order is known to be over, so its fills are not waited for until the next poll."""

    async def act(world: World) -> None:
        world.arm(BETA, Fault(lose_events=True))
        sent = world.clock.now_ns()
        assert (await world.execute()).success
        assert world.clock.now_ns() - sent < 0.5 * SECOND

    play(act)


def test_an_outcome_that_cannot_be_read_quarantines_the_pair() -> None:
    """Loudly: openings on both exchanges stop and the capital stays reserved, also while the other leg stands alone."""

    async def act(world: World) -> None:
        world.arm(BETA, LOST_ANSWER, reads=[Fault(reject="maintenance")] * 50, cancels=[Fault(reject="maintenance")])
        held = world.parts.capital.current_snapshot()
        result = await world.execute()
        assert (world.pair.state, result.reason) == (S.QUARANTINED, "outcome_unknown")
        assert not result.success
        assert world.parts.outcomes.counts == {"quarantined": 1}
        assert world.reserved() == 2 * world.pair.notional
        for exchange in (ALPHA, BETA):
            assert "quarantined" in world.status.blocks(exchange).values()
        assert world.parts.capital.current_snapshot()["total"] != held["total"]
        assert world.orders(BETA)[0].status is OrderStatus.UNKNOWN

    play(act)


def test_two_orders_of_which_nothing_can_be_read_are_not_taken_as_missed() -> None:
    """Both were filled, and nobody can tell: quarantined, the capital stays reserved."""

    async def act(world: World) -> None:
        down = Fault(reject="maintenance")
        for exchange in (ALPHA, BETA):
            world.arm(exchange, LOST_ANSWER, reads=[down] * 50, cancels=[down])
        result = await world.execute()
        assert (world.pair.state, result.reason) == (S.QUARANTINED, "outcome_unknown")
        assert world.reserved() == 2 * world.pair.notional
        assert world.truth(ALPHA) == Decimal("0.010")

    play(act)


def test_a_quarantined_pair_learns_what_happened_but_stays_quarantined() -> None:
    """Late reads make the books true; only the operator ends it. Its symbol stays busy until then."""

    async def act(world: World) -> None:
        world.arm(BETA, LOST_ANSWER, reads=[Fault(reject="maintenance")] * 50, cancels=[Fault(reject="maintenance")])
        await world.execute()
        assert world.tracker.position(BETA, BTC) == 0
        world.arm(BETA)
        await world.settle()
        assert world.tracker.position(BETA, BTC) == world.truth(BETA) == Decimal("-0.010")
        assert world.pair.state is S.QUARANTINED
        assert world.pair.sell.open == Decimal("0.010")
        assert set(world.status.blocks(BETA).values()) == {"quarantined"}
        world.edge()
        assert (await world.execute()).reason == "symbol_busy"
        assert world.violated == {}

    play(act)


def test_an_order_that_must_be_cancelled_at_its_deadline_is_a_failure() -> None:
    """An exchange that keeps an IOC order has not behaved; that is no mere miss."""

    class Sleepy(PaperExchange):
        """Keeps what it cannot fill, whatever it was told."""

        def send(self, prepared: PreparedOrder, approval: Approval) -> Any:
            request = replace(prepared.request, time_in_force=TimeInForce.GTC, expires_ns=None)
            return super().send(replace(prepared, request=request), approval)

    async def act(world: World) -> None:
        way = world.execute()
        world.quote(ALPHA, 60_200.0, at_bot=False)
        world.quote(BETA, 59_800.0, at_bot=False)
        result = await way
        assert (world.pair.state, result.reason) == (S.FAILED, "deadline")
        assert {order.status for order in result.orders} == {OrderStatus.CANCELLED}

    play(act, paper=Sleepy)


def test_an_adapter_that_breaks_while_sending_leaves_an_unknown_order_not_a_forgotten_one() -> None:
    """Bytes may have left: the order is followed; the other leg, filled, is unwound once it is proved lost."""

    class Breaking(PaperExchange):
        def send(self, prepared: PreparedOrder, approval: Approval) -> Any:
            if self.name == BETA and approval.number == 2:
                raise ConnectionResetError("broken pipe")
            return super().send(prepared, approval)

    async def act(world: World) -> None:
        result = await world.execute()
        assert (world.pair.state, result.reason) == (S.FAILED, "unwound")
        assert world.orders(BETA)[0].reason == "never_accepted"
        assert world.parts.gate.sends == world.parts.gate.approvals
        await world.settle()
        assert world.violated == {}

    play(act, paper=Breaking)


def test_a_dead_journal_refuses_the_entry_and_sets_the_latch() -> None:
    """What cannot be journaled is not sent; capital is as before."""

    async def act(world: World) -> None:
        world.journal.dead = SystemStopped("no space left on device")
        result = await world.execute()
        assert result.reason == "journal_failed"
        assert world.parts.gate.sends == 0
        assert world.reserved() == 0
        assert world.status.state is TradingState.HALTED
        assert world.latch.reason is not None
        assert "no space left" in world.latch.reason

    play(act)


def test_a_journal_that_dies_between_two_intents_sends_neither() -> None:
    """All intents are written before the first order leaves."""

    async def act(world: World) -> None:
        append = world.journal.append

        def dying(event: Any) -> int:
            if isinstance(event, OrderIntended) and event.request.exchange == BETA:
                raise SystemStopped("disk full")
            return append(event)

        world.journal.append = dying  # type: ignore[method-assign]
        result = await world.execute()
        assert result.reason == "journal_failed"
        assert world.parts.gate.sends == 0
        assert list(world.tracker.orders()) == []
        assert world.reserved() == 0

    play(act)


def test_an_error_before_anything_is_sent_gives_the_capital_back() -> None:
    """REGRESSIONS 23: what is reserved never leaks, whatever breaks."""

    class Broken(PaperExchange):
        def prepare(self, request: Any) -> PreparedOrder:
            raise KeyError("no such market")

    async def act(world: World) -> None:
        with pytest.raises(KeyError):
            _ = world.execute()
        assert world.reserved() == 0
        assert world.parts.pairs.live() == []
        assert world.parts.pairs.occupancy(BTC) is None

    play(act, paper=Broken)


def test_an_error_on_the_way_quarantines_the_pair_and_is_reported() -> None:
    """Nobody would follow it any more: the operator must."""

    async def act(world: World) -> None:
        context = world.executor._context

        def broken(*_: Any) -> Any:
            raise ZeroDivisionError("a bug")

        way = world.execute()
        object.__setattr__(context.pairs, "residual_pct", broken)
        with pytest.raises(ZeroDivisionError):
            await way
        assert (world.pair.state, world.pair.reason) == (S.QUARANTINED, "execution_error")
        assert world.reserved() == 2 * world.pair.notional
        assert world.executor.in_flight() == []
        assert any("ZeroDivisionError" in death.error for death in world.deaths)
        assert "quarantined" in world.status.blocks(ALPHA).values()

    play(act)


def test_a_listener_that_breaks_does_not_quarantine_a_pair_that_stands() -> None:
    """The pair is hedged and its exits go on; the error is reported."""

    async def act(world: World) -> None:
        def listener(kind: str, pair: Any) -> None:
            raise RuntimeError("the screen is gone")

        world.parts.outcomes.listeners.append(listener)
        with pytest.raises(RuntimeError):
            await world.execute()
        world.parts.outcomes.listeners.clear()
        assert world.pair.state is S.HEDGED
        assert world.executor.in_flight() == []
        assert (await world.close(world.pair)).success

    play(act)


def test_one_symbol_has_one_pair_at_a_time() -> None:
    """The second is refused before anything is asked or reserved."""

    async def act(world: World) -> None:
        await world.hedged()
        world.edge()
        assert (await world.execute()).reason == "symbol_busy"
        assert world.parts.gate.sends == 2

    play(act)


def test_an_inverse_leg_counts_its_coins() -> None:
    """60 contracts of 10 USD hedge 0.010 coins at 60,000 within the residual."""

    async def act(world: World) -> None:
        pair = await world.hedged(sell=GAMMA)
        assert (pair.buy.open, pair.sell.open) == (Decimal("0.010"), Decimal(60))
        assert world.parts.pairs.residual_pct(pair) < Decimal("0.001")

    play(act, ALPHA, GAMMA)


def test_the_account_is_what_the_ledger_says() -> None:
    """Two independent bookkeepers, the venue's and ours, agree after the round trip to the last digit."""

    async def act(world: World) -> None:
        await world.hedged(sell=GAMMA)
        world.quote(ALPHA, 60_500.0)
        world.quote(GAMMA, 60_510.0)
        await world.close(world.pair)
        for exchange in (ALPHA, GAMMA):
            balance = world.exchanges[exchange].engine.balance("main").balance
            assert world.parts.ledger.balance(exchange) == balance != DEPOSIT

    play(act, ALPHA, GAMMA)
