"""Following orders: what is known, what is asked for, and what is never assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.errors import ReadFailed
from perpbot.core.events import FundingPaid, OrderChanged, OrderFilled
from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId, OrderId, TradeId
from perpbot.core.orders import Fill, Liquidity, Order, OrderReport, OrderRequest, OrderStatus, Side, TimeInForce
from perpbot.core.positions import Position, PositionSide
from perpbot.exchanges.base import ExchangeBase
from perpbot.simulation.paper.exchange import PaperExchange
from perpbot.simulation.paper.faults import Fault
from tests.world import ALPHA, BTC, GAMMA, LOST_ANSWER, LOST_REQUEST, SECOND, START, World, play

S = OrderStatus
SIZE = Decimal("0.010")
DOWN = Fault(reject="maintenance")


def request(world: World, **changes: Any) -> OrderRequest:
    touch = world.parts.market.touch(ALPHA, BTC)
    assert touch is not None
    made = world.parts.singles.request(ALPHA, BTC, Side.BUY, SIZE, touch[1], strategy="mine", reduce_only=False)
    return replace(made, **changes)


def send(world: World, **changes: Any) -> ClientOrderId:
    made = request(world, **changes)
    verdict = world.parts.gate.send(world.parts.gate.prepare([made]))
    assert verdict.approved, verdict
    return made.client_order_id


def fill(cid: ClientOrderId, number: int, size: str = "0.004", **changes: Any) -> Fill:
    made = Fill(
        ALPHA,
        BTC,
        OrderId("o"),
        cid,
        TradeId(f"x{number}"),
        Side.BUY,
        Decimal("59970.5"),
        Decimal(size),
        ZERO,
        "USD",
        Liquidity.TAKER,
        START,
    )
    return replace(made, **changes)


def report(cid: ClientOrderId, status: OrderStatus, filled: str = "0") -> OrderReport:
    return OrderReport(cid, None, status, Decimal(filled), Decimal("59970.5") if Decimal(filled) else None, START)


def silent(world: World) -> ClientOrderId:
    """An order that leaves and of which nothing is heard by itself."""
    world.arm(ALPHA, LOST_REQUEST)
    return send(world)


def booked(world: World) -> list[str]:
    return [event.fill.trade_id for event in world.journal.of(OrderFilled)]


def test_an_order_is_pending_until_the_exchange_has_spoken() -> None:
    """Journaled, not confirmed: nothing is concluded from having sent it."""

    async def act(world: World) -> None:
        cid = send(world)
        assert world.tracker.order(cid).status is S.PENDING
        assert world.tracker.position(ALPHA, BTC) == 0
        await world.clock.sleep(0.02)
        assert world.tracker.order(cid).status is S.FILLED
        assert world.tracker.position(ALPHA, BTC) == SIZE

    play(act)


def test_a_trade_counts_once_whichever_way_and_however_often_it_comes() -> None:
    """By the stream, by the history, and again after a reconnect."""

    async def act(world: World) -> None:
        cid = silent(world)
        for event in (fill(cid, 1), fill(cid, 1), report(cid, S.PARTIALLY_FILLED, "0.004"), fill(cid, 1)):
            world.tracker._listen(event)
        assert world.tracker.order(cid).filled_size == Decimal("0.004") == world.tracker.position(ALPHA, BTC)
        assert world.parts.ledger.position(ALPHA, BTC) == Decimal("0.004")
        assert booked(world) == ["x1"]
        world.tracker._listen(fill(cid, 2, "0.006"))
        assert world.tracker.settled(cid)
        assert world.violated == {}

    play(act)


@pytest.mark.parametrize("first", ["report", "fills"])
def test_answer_and_fills_may_come_in_either_order(first: str) -> None:
    """The position counts at the first word, the order is settled at the last."""

    async def act(world: World) -> None:
        cid = silent(world)
        said = [report(cid, S.FILLED, "0.010")]
        fills = [fill(cid, 2, "0.006"), fill(cid, 1)]
        events: list[Any] = [*said, *fills] if first == "report" else [*fills, *said]
        for event in events[:-1]:
            world.tracker._listen(event)
            assert world.tracker.settled(cid) is (first == "fills" and event is fills[-1])
        world.tracker._listen(events[-1])
        assert world.tracker.settled(cid)
        assert world.tracker.position(ALPHA, BTC) == SIZE == world.parts.ledger.position(ALPHA, BTC)

    play(act)


def test_two_fills_that_arrive_together_both_count() -> None:
    """REGRESSIONS 10."""

    async def act(world: World) -> None:
        cid = silent(world)
        world.tracker._listen(fill(cid, 1))
        world.tracker._listen(fill(cid, 2))
        assert world.tracker.position(ALPHA, BTC) == Decimal("0.008")

    play(act)


def test_a_fill_during_a_cancel_counts() -> None:
    """The cancel was acknowledged with nothing filled; then the fill comes after all."""

    async def act(world: World) -> None:
        cid = silent(world)
        world.tracker._listen(report(cid, S.CANCELLED))
        world.tracker._listen(fill(cid, 1))
        assert (world.tracker.order(cid).status, world.tracker.order(cid).filled_size) == (
            S.CANCELLED,
            Decimal("0.004"),
        )
        assert world.tracker.position(ALPHA, BTC) == Decimal("0.004")

    play(act)


@pytest.mark.parametrize(
    "changes",
    [{"size": Decimal("0.011")}, {"size": ZERO}, {"side": Side.SELL}, {"symbol": "ETH-USD-PERP"}, {"price": ZERO}],
)
def test_a_fill_that_cannot_be_true_is_not_booked_and_sets_the_latch(changes: dict[str, Any]) -> None:
    """Overfilled, empty, wrong side or market: FAULTS V13."""

    async def act(world: World) -> None:
        cid = silent(world)
        world.tracker._listen(replace(fill(cid, 1), **changes))
        assert world.violated == {"I8": 1}
        assert world.latch.is_set()
        assert world.tracker.position(ALPHA, BTC) == 0 == world.parts.ledger.position(ALPHA, BTC)

    play(act)


def test_a_report_that_cannot_be_true_sets_the_latch() -> None:
    """More filled than ordered."""

    async def act(world: World) -> None:
        cid = silent(world)
        world.tracker._listen(report(cid, S.FILLED, "0.011"))
        assert world.violated == {"I8": 1}
        assert world.tracker.order(cid).filled_size == 0

    play(act)


def test_an_account_event_that_cannot_be_booked_is_loud() -> None:
    """An error while booking must not vanish in the adapter's reader."""

    async def act(world: World) -> None:
        def broken(payment: FundingPaid) -> None:
            raise KeyError("no such owner")

        world.tracker._on_funding = broken
        world.tracker._listen(FundingPaid(ALPHA, BTC, Decimal(1), "f1", START))
        assert world.violated == {"I8": 1}
        assert world.latch.is_set()

    play(act)


def test_someone_else_s_orders_are_counted_not_booked() -> None:
    """A client id that is not ours."""

    async def act(world: World) -> None:
        world.tracker._listen(fill(ClientOrderId("stranger"), 1))
        assert world.tracker.foreign_events == 1
        assert world.tracker.position(ALPHA, BTC) == 0

    play(act)


def test_silence_makes_an_order_unknown_and_blocks_openings_there() -> None:
    """After one poll without any word, until it is settled."""

    async def act(world: World) -> None:
        cid = silent(world)
        follow = world.service.parts.outside.supervisor(
            world.tracker.finish(cid, START + 3 * SECOND, START + 9 * SECOND), name="test"
        )
        await world.clock.sleep(0.9)
        assert world.tracker.order(cid).status is S.PENDING
        assert world.status.blocks(ALPHA) == {}
        await world.clock.sleep(0.2)
        assert world.tracker.order(cid).status is S.UNKNOWN
        assert world.status.blocks(ALPHA) == {cid: "unknown_order"}
        await follow
        assert world.tracker.order(cid).reason == "never_accepted"
        assert world.status.blocks(ALPHA) == {}

    play(act)


def test_never_accepted_is_not_concluded_before_expiry_and_skew() -> None:
    """2 s and 0.5 s: a read begun before them proves nothing, even if its answer comes after them."""

    async def act(world: World) -> None:
        cid = silent(world)
        await world.clock.sleep(2.49)
        slow = Fault(answer_delay_seconds=0.1)
        world.arm(ALPHA, reads=[slow, slow, slow])
        await world.tracker.refresh(cid)
        assert world.clock.now_ns() > START + round(2.6 * SECOND)
        assert world.tracker.order(cid).status is S.UNKNOWN
        await world.tracker.refresh(cid)
        assert world.tracker.order(cid).status is S.REJECTED

    play(act)


def test_never_accepted_needs_the_position_to_agree() -> None:
    """The exchange knows neither order nor fill, but holds what the order would have brought."""

    class Forgetful(PaperExchange):
        async def cancel_order(self, symbol: str, client_order_id: ClientOrderId) -> OrderReport | None:
            return None

        async def get_order(self, symbol: str, client_order_id: ClientOrderId) -> OrderReport | None:
            return None

        async def get_fills(self, symbol: str, client_order_id: ClientOrderId) -> Sequence[Fill]:
            return ()

    async def act(world: World) -> None:
        world.arm(ALPHA, LOST_ANSWER)
        cid = send(world)
        order = await world.tracker.finish(cid, START + 3 * SECOND, START + 6 * SECOND)
        assert order.status is S.UNKNOWN
        assert world.truth(ALPHA) == SIZE
        assert "unknown_order" in world.status.blocks(ALPHA).values()

    play(act, paper=Forgetful)


def test_an_order_with_a_fill_was_accepted_whatever_the_exchange_forgets() -> None:
    """Its record and history are empty, but the stream has told of a fill: nothing is concluded, nothing is broken."""

    async def act(world: World) -> None:
        cid = silent(world)
        world.tracker._listen(fill(cid, 1))
        world.tracker._positions[ALPHA, BTC] = ZERO  # as the exchange, too, holds nothing
        await world.clock.sleep(3.0)
        await world.tracker.refresh(cid)
        assert world.tracker.order(cid).status is S.PARTIALLY_FILLED
        assert world.violated == {}

    play(act)


def test_after_a_standstill_an_order_is_still_asked_for_before_it_is_given_up() -> None:
    """The machine stood still beyond the time at which it would have been: asking gets as long as ever."""

    async def act(world: World) -> None:
        cid = silent(world)
        await world.clock.sleep(60.0)
        order = await world.tracker.finish(cid, START + 3 * SECOND, START + 9 * SECOND)
        assert (order.status, order.reason) == (S.REJECTED, "never_accepted")

    play(act)


def test_never_accepted_is_not_concluded_where_expiries_are_not_enforced() -> None:
    """Such an order might still arrive; it stays unknown."""

    class Patient(PaperExchange):
        declares = frozenset({"client_ids", "ioc", "reduce_only"})

    async def act(world: World) -> None:
        cid = silent(world)
        assert (await world.tracker.finish(cid, START + 3 * SECOND, START + 6 * SECOND)).status is S.UNKNOWN

    play(act, paper=Patient)


def test_a_failed_read_is_never_read_as_zero() -> None:
    """Order, fills or position: nothing is concluded, openings stop, and the next good read ends that."""

    async def act(world: World) -> None:
        cid = silent(world)
        await world.clock.sleep(3.0)
        for plan in ([DOWN], [None, DOWN], [None, None, DOWN]):
            world.arm(ALPHA, reads=plan)
            await world.tracker.refresh(cid)
            assert world.tracker.order(cid).status is S.UNKNOWN
            assert "reads_failing" in world.status.blocks(ALPHA).values()
        await world.tracker.refresh(cid)
        assert world.tracker.order(cid).status is S.REJECTED
        assert world.status.blocks(ALPHA) == {}

    play(act)


def test_a_failed_read_no_longer_matters_once_the_stream_has_told() -> None:
    """The block ends with the doubt, on an exchange that has never traded too."""

    async def act(world: World) -> None:
        cid = silent(world)
        world.arm(ALPHA, reads=[DOWN])
        await world.tracker.refresh(cid)
        assert world.status.blocks(ALPHA) != {}
        world.tracker._listen(report(cid, S.CANCELLED))
        assert world.status.blocks(ALPHA) == {}

    play(act)


@pytest.mark.parametrize("error", [ReadFailed("429"), KeyError("status"), ValueError("not a number")])
def test_whatever_an_adapter_raises_is_a_failed_read(error: Exception) -> None:
    """A bug in an adapter must not leave a pair to nobody."""

    class Broken(PaperExchange):
        async def get_order(self, symbol: str, client_order_id: ClientOrderId) -> OrderReport | None:
            raise error

        async def cancel_order(self, symbol: str, client_order_id: ClientOrderId) -> OrderReport | None:
            raise error

    async def act(world: World) -> None:
        cid = silent(world)
        order = await world.tracker.finish(cid, START + 3 * SECOND, START + 5 * SECOND)
        assert order.status is S.UNKNOWN
        assert "reads_failing" in world.status.blocks(ALPHA).values()

    play(act, paper=Broken)


def test_a_read_that_hangs_does_not_hide_what_the_stream_says() -> None:
    """The answer to a poll takes five seconds; the stream speaks after two."""

    async def act(world: World) -> None:
        world.arm(ALPHA, LOST_REQUEST, reads=[Fault(lose_answer=True)] * 5)
        cid = send(world)

        def speak() -> None:
            world.tracker._listen(report(cid, S.CANCELLED))

        world.clock.call_at(START + 2 * SECOND, speak)
        await world.tracker.finish(cid, START + 3 * SECOND, START + 9 * SECOND)
        assert world.clock.now_ns() == START + 2 * SECOND

    play(act)


def test_an_answer_that_stays_away_does_not_make_a_known_order_unknown() -> None:
    """The stream has called it open; the answer to the send times out."""

    async def act(world: World) -> None:
        world.arm(ALPHA, LOST_ANSWER)
        cid = send(world, time_in_force=TimeInForce.GTC, expires_ns=None, price=Decimal("59900.0"))
        await world.clock.sleep(0.1)
        world.tracker._listen(report(cid, S.OPEN))
        await world.clock.sleep(10)
        assert world.tracker.order(cid).status is S.OPEN
        assert world.status.blocks(ALPHA) == {}

    play(act)


def test_a_resting_order_is_cancelled_at_its_deadline_and_then_read() -> None:
    """Its final filled size is what counts."""

    async def act(world: World) -> None:
        cid = send(world, time_in_force=TimeInForce.GTC, expires_ns=None, price=Decimal("59960.0"))
        await world.clock.sleep(0.5)
        world.quote(ALPHA, 59_959.0, coins=0.0, ask_coins=0.002)
        world.books[ALPHA] = ([(59_950.0, 1.0)], [(59_959.5, 0.003)])
        world.publish(ALPHA)
        order = await world.tracker.finish(cid, START + 3 * SECOND, START + 5 * SECOND)
        assert order.status is S.CANCELLED
        assert order.filled_size == world.truth(ALPHA) > 0
        assert world.tracker.overdue(cid)

    play(act)


def test_a_live_order_is_polled_once_a_second_while_its_stream_is_silent() -> None:
    """And its fills only when it shows more than is known of them."""
    reads: list[str] = []

    class Counting(PaperExchange):
        async def get_order(self, symbol: str, client_order_id: ClientOrderId) -> OrderReport | None:
            reads.append("order")
            return await super().get_order(symbol, client_order_id)

        async def get_fills(self, symbol: str, client_order_id: ClientOrderId) -> Sequence[Fill]:
            reads.append("fills")
            return await super().get_fills(symbol, client_order_id)

    async def act(world: World) -> None:
        cid = send(world, time_in_force=TimeInForce.GTC, expires_ns=None, price=Decimal("59900.0"))
        await world.tracker.follow(cid, START + 10 * SECOND)
        assert reads.count("order") in (9, 10)
        assert reads.count("fills") == 0

    play(act, paper=Counting)


@pytest.mark.parametrize("name", [ALPHA, GAMMA])
def test_an_exchange_that_tells_no_fills_is_booked_from_its_reports(name: str) -> None:
    """A user's own exchange needs only ``get_order``: what it reports is booked once, at the taker's fee."""

    class Plain(PaperExchange):
        get_fills = ExchangeBase.get_fills
        subscribe_account = ExchangeBase.subscribe_account

    async def act(world: World) -> None:
        capabilities = world.exchanges[name].capabilities
        assert capabilities.trading
        assert (capabilities.fill_history, capabilities.account_stream) == (False, False)
        other = GAMMA if name == ALPHA else ALPHA
        pair = await world.hedged(buy=name, sell=other)
        assert (await world.close(pair)).success
        assert world.flat()
        for exchange in (name, other):
            ours, venue = world.parts.ledger.balance(exchange), world.exchanges[exchange].engine.balance("main").balance
            assert abs(ours - venue) < Decimal("0.00001")

    play(act, ALPHA, GAMMA, paper=Plain)


def test_orders_of_a_pair_are_found_by_the_pair() -> None:
    """Oldest first, and settled when all of them are."""

    async def act(world: World) -> None:
        way = world.execute()
        pair = world.pair
        assert not world.tracker.pair_settled(pair.pair_id)
        await way
        found = world.tracker.orders_of(pair.pair_id)
        assert [order.client_order_id for order in found] == ["t-1-b1", "t-1-s1"]
        assert world.tracker.pair_settled(pair.pair_id)

    play(act)


def test_every_change_of_an_order_is_journaled_once() -> None:
    """As the exchange said it."""

    async def act(world: World) -> None:
        cid = send(world)
        await world.clock.sleep(0.02)
        changes: list[Order] = [event.order for event in world.journal.of(OrderChanged)]
        assert changes[-1] == world.tracker.order(cid)
        assert len(changes) == len(set(changes))
        await world.tracker.refresh(cid)
        assert len(world.journal.of(OrderChanged)) == len(changes)

    play(act)


def test_a_reduce_only_fill_that_turns_the_position_is_loud() -> None:
    """An exchange that does not honour the flag (I14)."""

    async def act(world: World) -> None:
        send(world)
        await world.clock.sleep(0.02)
        world.arm(ALPHA, LOST_REQUEST)
        cid = send(world, side=Side.SELL, reduce_only=True)
        world.tracker._positions[ALPHA, BTC] = Decimal("0.002")
        world.tracker._listen(fill(cid, 9, side=Side.SELL))
        assert "I14" in world.violated

    play(act)


def test_a_position_of_the_venue_is_never_ours_by_itself() -> None:
    """What the exchange holds beyond our fills is reported by the comparison, not booked."""

    async def act(world: World) -> None:
        await world.hedged()
        exchange = world.exchanges[ALPHA]

        async def other(symbol: str) -> Position:
            return Position(ALPHA, BTC, PositionSide.LONG, Decimal(5), Decimal(1), Decimal(1), ZERO)

        exchange.get_position = other  # type: ignore[method-assign]
        await world.settle()
        assert world.violated == {"I7": 1}
        assert world.tracker.position(ALPHA, BTC) == SIZE

    play(act)
