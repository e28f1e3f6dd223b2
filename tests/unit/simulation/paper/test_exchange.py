"""The paper exchange: latency both ways, outcomes that are never assumed, and faults on purpose."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.errors import InvariantViolated, NotSupported, OrderInvalid, ReadFailed, Refused
from perpbot.core.events import AccountEvent, FundingPaid
from perpbot.core.market_data import MarketEvent
from perpbot.core.names import ClientOrderId
from perpbot.core.orders import Fill, OrderReport, OrderRequest, OrderStatus, OrderType, Side, TimeInForce
from perpbot.core.ports import Approval, Exchange, OrderOutcome, SendStatus
from perpbot.simulation.clock import VirtualClock, run
from perpbot.simulation.paper.exchange import PaperExchange
from perpbot.simulation.paper.faults import Fault, FaultPlan
from tests.unit.simulation.venue.scene import LINEAR, SECOND, START, SYMBOL, VENUE, Scene

MS = 1_000_000
IOC, GTC = TimeInForce.IOC, TimeInForce.GTC


class Stage:
    """A paper exchange 5 ms away from a scene, and what its account stream said, with the time of arrival."""

    def __init__(self, clock: VirtualClock, faults: FaultPlan | None = None, *, funding_rate: str = "0") -> None:
        self.clock = clock
        self.scene = Scene(funding_rate=funding_rate)
        self.scene.snapshot([(100.0, 5.0)], [(101.0, 5.0)])
        self.exchange = PaperExchange(
            self.scene.engine, clock, account="us", latency_seconds=0.005, answer_timeout_seconds=1.0, faults=faults
        )
        self.heard: list[tuple[int, AccountEvent]] = []
        self.exchange.subscribe_account(lambda event: self.heard.append((clock.now_ns() - START, event)))
        self.approvals = 0

    def request(self, side: Side, size: str, price: str | None, tif: TimeInForce = IOC, **named: Any) -> OrderRequest:
        self.scene.now_ns = self.clock.now_ns()
        return self.scene.request(side, size, price, tif, **named)

    def send(self, request: OrderRequest) -> Awaitable[OrderOutcome]:
        self.approvals += 1
        prepared = self.exchange.prepare(request)
        return self.exchange.send(prepared, Approval(request.client_order_id, self.approvals, 0))

    def market(self, change: Callable[[Scene], None]) -> None:
        self.scene.now_ns = self.clock.now_ns()
        change(self.scene)

    def elapsed_ms(self) -> float:
        return (self.clock.now_ns() - START) / MS


def play(act: Callable[[Stage], Coroutine[Any, Any, None]], faults: FaultPlan | None = None, rate: str = "0") -> None:
    """Run ``act`` on a connected stage in virtual time."""

    async def main(clock: VirtualClock) -> None:
        stage = Stage(clock, faults, funding_rate=rate)
        await stage.exchange.start()
        await act(stage)

    run(main, START)


def test_it_is_a_trading_exchange_with_every_capability() -> None:
    """Nothing needed for trading is missing, and its send is synchronous."""

    async def act(stage: Stage) -> None:
        port: Exchange = stage.exchange
        assert port.capabilities.trading
        assert port.capabilities.synchronous_send
        assert port.capabilities.account_stream
        assert (port.name, port.instrument(SYMBOL)) == (VENUE, LINEAR)

    play(act)


def test_an_order_takes_the_latency_there_and_its_answer_the_same_back() -> None:
    """It meets the book of its arrival 5 ms later and is answered after 10 ms."""

    async def act(stage: Stage) -> None:
        outcome = await stage.send(stage.request(Side.BUY, "1", "101"))
        assert stage.elapsed_ms() == 10
        assert outcome.status is SendStatus.ACCEPTED
        assert outcome.report is not None
        assert (outcome.report.status, outcome.report.timestamp_ns) == (OrderStatus.FILLED, START + 5 * MS)

    play(act)


def test_a_quote_that_goes_while_the_order_travels_is_missed() -> None:
    """What the bot saw is not what stands there 5 ms later."""

    async def act(stage: Stage) -> None:
        answer = stage.send(stage.request(Side.BUY, "1", "101"))
        await stage.clock.sleep(0.004)
        stage.market(lambda scene: scene.delta(asks=[(101.0, 0.0)]))
        outcome = await answer
        assert outcome.report is not None
        assert (outcome.report.status, outcome.report.filled_size) == (OrderStatus.CANCELLED, Decimal(0))

    play(act)


def test_the_account_stream_speaks_with_the_answer_and_before_it() -> None:
    """Fills and order arrive at 10 ms, in the venue's order, once."""

    async def act(stage: Stage) -> None:
        answer = stage.send(stage.request(Side.BUY, "1", "101"))
        await stage.clock.sleep(0.009)
        assert stage.heard == []
        await answer
        assert [(at // MS, type(event)) for at, event in stage.heard] == [(10, Fill), (10, OrderReport)]

    play(act)


def test_two_orders_sent_in_one_turn_arrive_in_that_order() -> None:
    """The first takes the level, the second finds what is left."""

    async def act(stage: Stage) -> None:
        first, second = (stage.send(stage.request(Side.BUY, "3", "101")) for _ in range(2))
        filled = [(await each).report for each in (first, second)]
        assert [report.filled_size for report in filled if report] == [3, 2]

    play(act)


def test_a_refusal_is_the_venues_word() -> None:
    """REJECTED with its reason, and nothing on the account stream."""

    async def act(stage: Stage) -> None:
        outcome = await stage.send(stage.request(Side.BUY, "1", "101", reduce_only=True))
        assert (outcome.status, outcome.reason) == (SendStatus.REJECTED, "reduce_only")
        assert stage.heard == []

    play(act)


def test_a_repeated_client_id_is_refused_without_a_word_on_the_first_order() -> None:
    """The answer carries no report: it would be about an order that lives."""

    async def act(stage: Stage) -> None:
        await stage.send(stage.request(Side.BUY, "1", "90", GTC, client_id="same"))
        outcome = await stage.send(stage.request(Side.BUY, "1", "90", GTC, client_id="same"))
        assert (outcome.status, outcome.report) == (SendStatus.REJECTED, None)

    play(act)


def test_not_connected_means_not_sent() -> None:
    """Nothing leaves, at once and later."""

    async def act(stage: Stage) -> None:
        await stage.exchange.stop()
        outcome = await stage.send(stage.request(Side.BUY, "1", "101"))
        assert (outcome.status, stage.elapsed_ms()) == (SendStatus.NOT_SENT, 0.0)
        await stage.clock.sleep(1)
        assert stage.scene.engine.orders("us") == []

    play(act)


def test_an_approval_is_for_its_order_and_for_one_send() -> None:
    """Another order's approval and a used one are broken invariants, and nothing leaves."""

    async def act(stage: Stage) -> None:
        one, two = (stage.exchange.prepare(stage.request(Side.BUY, "1", "101")) for _ in range(2))
        with pytest.raises(InvariantViolated, match="I6"):
            _ = stage.exchange.send(one, Approval(two.request.client_order_id, 1, 0))
        await stage.exchange.send(one, Approval(one.request.client_order_id, 1, 0))
        with pytest.raises(InvariantViolated, match="I6"):
            _ = stage.exchange.send(one, Approval(one.request.client_order_id, 1, 0))
        await stage.clock.sleep(1)
        assert len(stage.scene.engine.orders("us")) == 1

    play(act)


def test_prepare_refuses_what_the_instrument_cannot_take() -> None:
    """Before anything is sent."""

    async def act(stage: Stage) -> None:
        with pytest.raises(OrderInvalid, match="tick"):
            stage.exchange.prepare(stage.request(Side.BUY, "1", "101.05"))

    play(act)


def test_a_lost_answer_is_unknown_and_the_order_stands() -> None:
    """A timeout after sending is no failure: reading finds the order."""

    async def act(stage: Stage) -> None:
        request = stage.request(Side.BUY, "1", "101")
        outcome = await stage.send(request)
        assert (outcome.status, outcome.report, stage.elapsed_ms()) == (SendStatus.UNKNOWN, None, 1000.0)
        report = await stage.exchange.get_order(SYMBOL, request.client_order_id)
        assert report is not None
        assert report.status is OrderStatus.FILLED

    play(act, FaultPlan(sends=[Fault(lose_answer=True)]))


def test_a_lost_request_is_unknown_and_the_order_never_was() -> None:
    """The two cannot be told apart by the answer, only by reading."""

    async def act(stage: Stage) -> None:
        request = stage.request(Side.BUY, "1", "101")
        assert (await stage.send(request)).status is SendStatus.UNKNOWN
        assert await stage.exchange.get_order(SYMBOL, request.client_order_id) is None
        assert await stage.exchange.get_position(SYMBOL) is None

    play(act, FaultPlan(sends=[Fault(lose_request=True)]))


def test_a_rejection_on_purpose_never_reaches_the_venue() -> None:
    """It looks like the venue's own."""

    async def act(stage: Stage) -> None:
        request = stage.request(Side.BUY, "1", "101")
        outcome = await stage.send(request)
        assert (outcome.status, outcome.reason) == (SendStatus.REJECTED, "rate_limit")
        assert outcome.report is not None
        assert outcome.report.status is OrderStatus.REJECTED
        assert stage.scene.engine.report("us", request.client_order_id) is None

    play(act, FaultPlan(sends=[Fault(reject="rate_limit")]))


def test_a_late_request_meets_the_later_book_or_its_expiry() -> None:
    """An order told to expire is refused when it arrives too late."""

    async def act(stage: Stage) -> None:
        request = stage.request(Side.BUY, "1", "101", expires_ns=START + 100 * MS)
        outcome = await stage.send(request)
        assert (outcome.status, outcome.reason) == (SendStatus.REJECTED, "expired")

    play(act, FaultPlan(sends=[Fault(request_delay_seconds=0.2)]))


def test_a_late_answer_comes_after_the_stream_has_spoken() -> None:
    """Fills may be known before the order is acknowledged."""

    async def act(stage: Stage) -> None:
        await stage.send(stage.request(Side.BUY, "1", "101"))
        assert stage.elapsed_ms() == 210
        assert [at // MS for at, _ in stage.heard] == [10, 10]

    play(act, FaultPlan(sends=[Fault(answer_delay_seconds=0.2)]))


def test_a_silent_stream_leaves_the_truth_to_reads() -> None:
    """The fill was never pushed; asking finds it."""

    async def act(stage: Stage) -> None:
        request = stage.request(Side.BUY, "1", "101")
        await stage.send(request)
        assert stage.heard == []
        assert len(await stage.exchange.get_fills(SYMBOL, request.client_order_id)) == 1

    play(act, FaultPlan(sends=[Fault(lose_events=True)]))


def test_a_broken_connection_makes_what_waits_unknown_at_once() -> None:
    """What was sent still arrives; until it is connected again nothing is sent or heard."""

    async def act(stage: Stage) -> None:
        request = stage.request(Side.BUY, "1", "101")
        outcome = await stage.send(request)
        assert (outcome.status, stage.elapsed_ms(), stage.exchange.connected) == (SendStatus.UNKNOWN, 0.0, False)
        with pytest.raises(ReadFailed, match="not connected"):
            await stage.exchange.get_order(SYMBOL, request.client_order_id)
        await stage.clock.sleep(0.1)
        assert stage.heard == []
        await stage.exchange.connect()
        report = await stage.exchange.get_order(SYMBOL, request.client_order_id)
        assert report is not None
        assert report.filled_size == 1

    play(act, FaultPlan(sends=[Fault(disconnect=True)]))


def test_reads_take_both_latencies_and_say_how_it_stood_at_their_arrival() -> None:
    """An order that fills while the answer travels is still open in it."""

    async def act(stage: Stage) -> None:
        request = stage.request(Side.BUY, "1", "100", GTC)
        await stage.send(request)
        reading = stage.exchange.get_order(SYMBOL, request.client_order_id)
        stage.clock.call_at(START + 16 * MS, lambda: stage.market(lambda scene: scene.trade(99, 5, taker=Side.SELL)))
        report = await reading
        assert stage.elapsed_ms() == 20
        assert report is not None
        assert report.status is OrderStatus.OPEN

    play(act)


@pytest.mark.parametrize("fault", [Fault(lose_request=True), Fault(lose_answer=True), Fault(reject="busy")])
def test_a_read_that_fails_concludes_nothing(fault: Fault) -> None:
    """ReadFailed, never a flat position or an empty account; the next read works."""

    async def act(stage: Stage) -> None:
        await stage.send(stage.request(Side.BUY, "1", "101"))
        with pytest.raises(ReadFailed, match="position"):
            await stage.exchange.get_position(SYMBOL)
        position = await stage.exchange.get_position(SYMBOL)
        assert position is not None
        assert position.size == 1

    play(act, FaultPlan(reads=[fault]))


def test_the_balance_and_the_positions_are_the_venues() -> None:
    """As the engine has them."""

    async def act(stage: Stage) -> None:
        await stage.send(stage.request(Side.BUY, "1", "101"))
        assert await stage.exchange.get_balance() == stage.scene.engine.balance("us")
        assert await stage.exchange.get_positions() == stage.scene.engine.positions("us")

    play(act)


def test_a_cancel_answers_with_the_order_as_it_then_stands() -> None:
    """Fills that came first count."""

    async def act(stage: Stage) -> None:
        request = stage.request(Side.BUY, "7", "101", GTC)
        await stage.send(request)
        assert len(await stage.exchange.get_open_orders()) == 1
        report = await stage.exchange.cancel_order(SYMBOL, request.client_order_id)
        assert report is not None
        assert (report.status, report.filled_size) == (OrderStatus.CANCELLED, Decimal(5))
        assert await stage.exchange.cancel_order(SYMBOL, ClientOrderId("nobody")) is None

    play(act)


def test_a_cancel_whose_answer_is_lost_has_still_cancelled() -> None:
    """No answer is neither yes nor no."""

    async def act(stage: Stage) -> None:
        request = stage.request(Side.BUY, "1", "90", GTC)
        await stage.send(request)
        with pytest.raises(ReadFailed, match="cancel"):
            await stage.exchange.cancel_order(SYMBOL, request.client_order_id)
        report = await stage.exchange.get_order(SYMBOL, request.client_order_id)
        assert report is not None
        assert report.status is OrderStatus.CANCELLED

    play(act, FaultPlan(cancels=[Fault(lose_answer=True)]))


def test_cancel_all_leaves_nothing_open() -> None:
    """Every resting order ends."""

    async def act(stage: Stage) -> None:
        for price in ("90", "91"):
            await stage.send(stage.request(Side.BUY, "1", price, GTC))
        await stage.exchange.cancel_all()
        assert await stage.exchange.get_open_orders() == []

    play(act)


def test_resting_orders_fill_without_anybody_asking() -> None:
    """The venue is looked at while they rest; the fill says when it happened."""

    async def act(stage: Stage) -> None:
        await stage.send(stage.request(Side.BUY, "1", "100", GTC))
        await stage.clock.sleep(0.1)
        traded_ns = stage.clock.now_ns()
        stage.market(lambda scene: scene.trade(99.0, 5.0, taker=Side.SELL))
        await stage.clock.sleep(0.02)
        fills = [event for _, event in stage.heard if isinstance(event, Fill)]
        assert [fill.timestamp_ns for fill in fills] == [traded_ns]

    play(act)


def test_an_order_expires_without_anybody_asking() -> None:
    """The stream says so a latency after the time."""

    async def act(stage: Stage) -> None:
        await stage.send(stage.request(Side.BUY, "1", "100", GTC, expires_ns=START + 333 * MS))
        await stage.clock.sleep(1)
        at, last = stage.heard[-1]
        assert isinstance(last, OrderReport)
        assert (at // MS, last.status) == (338, OrderStatus.EXPIRED)

    play(act)


def test_funding_is_paid_without_anybody_asking() -> None:
    """At the settlement, while a position is held."""

    async def act(stage: Stage) -> None:
        await stage.send(stage.request(Side.BUY, "1", "101"))
        await stage.clock.sleep(28_800)
        paid = [(at, event) for at, event in stage.heard if isinstance(event, FundingPaid)]
        assert [event.amount_usd for _, event in paid] == [Decimal("-0.1005")]
        assert paid[0][0] == 28_799 * SECOND + 5 * MS

    play(act, rate="0.001")


def test_an_account_is_liquidated_without_anybody_asking() -> None:
    """Margins are looked at every second while there is a position."""

    async def act(stage: Stage) -> None:
        stage.scene.engine.transfer("us", Decimal(-9945))
        await stage.send(stage.request(Side.BUY, "5", "101"))
        stage.market(lambda scene: scene.ticker((90.0, 9.0), (91.0, 9.0)))
        await stage.clock.sleep(1.5)
        assert stage.scene.engine.liquidations == 1
        assert [event.side for _, event in stage.heard if isinstance(event, Fill)] == [Side.BUY, Side.SELL]

    play(act)


def test_place_order_is_one_order_with_its_answer() -> None:
    """What the port asks of every exchange works here too."""

    async def act(stage: Stage) -> None:
        place = stage.exchange.place_order
        order = await place(
            SYMBOL,
            Side.BUY,
            Decimal(1),
            Decimal(101),
            OrderType.LIMIT,
            client_order_id=ClientOrderId("mine"),
            time_in_force=IOC,
            reduce_only=False,
        )
        assert (order.status, order.filled_size, order.average_price) == (OrderStatus.FILLED, Decimal(1), Decimal(101))
        await stage.exchange.stop()
        with pytest.raises(Refused, match="not connected"):
            await place(
                SYMBOL,
                Side.BUY,
                Decimal(1),
                None,
                OrderType.MARKET,
                client_order_id=ClientOrderId("other"),
                time_in_force=IOC,
                reduce_only=False,
            )

    play(act)


def test_published_market_events_reach_their_listeners() -> None:
    """Books to book listeners, trades to trade listeners, with the time of receipt."""

    async def act(stage: Stage) -> None:
        books: list[tuple[MarketEvent, int]] = []
        trades: list[tuple[MarketEvent, int]] = []
        await stage.exchange.subscribe_orderbook(SYMBOL, lambda event, at: books.append((event, at)))
        await stage.exchange.subscribe_trades(SYMBOL, lambda event, at: trades.append((event, at)))
        stage.market(lambda scene: scene.trade(101.0, 1.0, taker=Side.BUY))
        stage.market(lambda scene: scene.delta(asks=[(101.0, 1.0)]))
        events = list(stage.scene.feed.advance(stage.clock.now_ns()))
        for event in events:
            stage.exchange.publish(event, 7)
        assert books == [(events[0], 7), (events[2], 7)]
        assert trades == [(events[1], 7)]

    play(act)


def test_what_it_does_not_offer_it_says() -> None:
    """Leverage cannot be set; funding of what is not listed has no rate."""

    async def act(stage: Stage) -> None:
        assert await stage.exchange.get_funding(SYMBOL) == 0
        with pytest.raises(NotSupported):
            await stage.exchange.get_funding("XRP-USD-PERP")
        with pytest.raises(NotSupported, match="set_leverage"):
            await stage.exchange.set_leverage(SYMBOL, Decimal(2))

    play(act)


def test_a_caller_that_gives_up_waiting_harms_nobody() -> None:
    """A cancelled read leaves no error behind when its answer or deadline comes."""

    async def act(stage: Stage) -> None:
        answer = stage.send(stage.request(Side.BUY, "1", "101"))
        assert isinstance(answer, asyncio.Future)
        answer.cancel()
        await stage.clock.sleep(2)
        assert await stage.exchange.get_position(SYMBOL) is not None

    play(act)
