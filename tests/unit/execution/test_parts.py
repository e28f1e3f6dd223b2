"""The small parts of execution: fills from reports, emergency capital, trading status, invariants, single orders."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.commands import TradingState
from perpbot.core.errors import Refused, SystemStopped
from perpbot.core.events import InvariantBroken
from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId, OrderId, PairId, ReservationId, TradeId
from perpbot.core.orders import Fill, Liquidity, OrderReport, OrderRequest, OrderStatus, OrderType, Side, TimeInForce
from perpbot.core.positions import CapitalReservation
from perpbot.execution.backing import Backing
from perpbot.execution.fills import fill_of_report, report_of_fills
from perpbot.execution.invariants import INVARIANTS, Invariants
from perpbot.execution.status import EVERYTHING, MemoryLatch, TradingStatus
from tests.world import ALPHA, BETA, BTC, INVERSE, LINEAR, SECOND, MemoryJournal, World, play

CID = ClientOrderId("t-1-b1")
REQUEST = OrderRequest(
    CID,
    ALPHA,
    BTC,
    Side.BUY,
    Decimal(100),
    Decimal(60_100),
    OrderType.LIMIT,
    TimeInForce.IOC,
    False,
    0,
    pair_id=PairId("t-1"),
)


class StandingClock:
    def __init__(self) -> None:
        self.time_ns = 0

    def now_ns(self) -> int:
        return self.time_ns


def fill(number: int, size: str, price: str) -> Fill:
    return Fill(
        ALPHA,
        BTC,
        OrderId("o"),
        CID,
        TradeId(str(number)),
        Side.BUY,
        Decimal(price),
        Decimal(size),
        ZERO,
        "USD",
        Liquidity.TAKER,
        0,
    )


# fills and reports


def test_the_average_of_an_inverse_order_is_harmonic() -> None:
    """Contracts are worth fewer coins at a higher price: equal contracts at 50,000 and 75,000 average 60,000."""
    fills = [fill(1, "10", "50000"), fill(2, "10", "75000")]
    assert report_of_fills(REQUEST, None, fills, INVERSE, 0).average_price == Decimal(60_000)
    assert report_of_fills(REQUEST, None, fills, LINEAR, 0).average_price == Decimal(62_500)


@pytest.mark.parametrize("instrument", [LINEAR, INVERSE])
def test_what_a_report_adds_is_booked_at_its_own_price(instrument: Any) -> None:
    """The cumulative average, less what is known already; no fill is booked twice."""
    known = [fill(1, "10", "50000")]
    after = report_of_fills(REQUEST, None, [*known, fill(2, "30", "60000")], instrument, 5)
    made = fill_of_report(REQUEST, after, known, instrument)
    assert made is not None
    assert (made.size, round(made.price, 6)) == (Decimal(30), Decimal(60_000))
    assert made.fee == instrument.fee(made.size, made.price, instrument.taker_fee_pct)
    assert fill_of_report(REQUEST, after, [*known, made], instrument) is None


def test_a_report_without_an_average_is_booked_at_the_limit() -> None:
    """The worst price it may have had."""
    said = OrderReport(CID, None, OrderStatus.FILLED, Decimal(100), None, 5)
    made = fill_of_report(REQUEST, said, (), LINEAR)
    assert made is not None
    assert made.price == REQUEST.price


# capital


def test_backing_covers_only_what_the_pair_does_not_hold_already() -> None:
    """A completing order adds to its leg, a closing one does not; nothing is reserved twice for the same need."""
    asked: list[tuple[str, Decimal]] = []

    def reserve(exchange: str, amount: Decimal) -> CapitalReservation:
        asked.append((exchange, amount))
        held = {exchange: amount}
        return CapitalReservation(ReservationId("e"), True, "approved", "emergency", "reserve", amount, held)

    backing = Backing(reserve, lambda *_: LINEAR)
    pair = PairId("t-1")
    own = {ALPHA: Decimal(600), BETA: Decimal(600)}
    backing.hold(pair, CapitalReservation(ReservationId("r"), True, "approved", "arbitrage", "arb", Decimal(600), own))
    price = Decimal(60_000)
    repair = replace(REQUEST, size=Decimal("0.004"), price=price)
    backing.cover(repair, Decimal("0.006"))
    assert asked == []
    backing.cover(repair, Decimal("0.007"))
    assert asked == [(ALPHA, Decimal(60))]
    backing.cover(repair, Decimal("0.007"))
    assert len(asked) == 1
    backing.cover(replace(repair, reduce_only=True, size=Decimal("0.012")), Decimal("0.012"))
    assert asked[1:] == [(ALPHA, Decimal(60))]
    assert backing.held(pair, ALPHA) == Decimal(720)
    assert [held.reservation_id for held in backing.take(pair)] == ["r", "e", "e"]
    assert backing.held(pair, ALPHA) == 0


# trading status


def status() -> tuple[TradingStatus, StandingClock, MemoryLatch, list[Any]]:
    clock, latch, told = StandingClock(), MemoryLatch(), []
    return TradingStatus(clock, latch, TradingState.ACTIVE, lambda *change: told.append(change)), clock, latch, told


def test_the_latch_alone_halts_whoever_set_it_and_is_told_once() -> None:
    """Found at the next look."""
    trading, _, latch, told = status()
    latch.set("a file")
    assert trading.state is TradingState.HALTED
    assert trading.state is TradingState.HALTED
    assert len(told) == 1
    assert trading.opening_refusal(BTC, [ALPHA]) == ("latched", "the halt latch was found set (a file)")


def test_a_cleared_latch_waits_for_a_start() -> None:
    """It ends in REDUCING, never in ACTIVE."""
    trading, _, latch, _ = status()
    trading.halt("operator", "drill")
    trading.clear_latch("operator", "drill over")
    assert trading.state is TradingState.REDUCING
    assert not latch.is_set()


def test_a_freeze_holds_for_its_symbols_and_its_time() -> None:
    """Without symbols, for all."""
    trading, clock, _, _ = status()
    trading.freeze([BTC], SECOND)
    assert trading.opening_refusal(BTC, []) == ("frozen", BTC)
    assert trading.opening_refusal("ETH-USD-PERP", []) is None
    clock.time_ns = SECOND
    assert trading.opening_refusal(BTC, []) is None
    trading.freeze([], 2 * SECOND)
    assert trading.frozen() == [EVERYTHING]
    assert trading.opening_refusal("ETH-USD-PERP", []) == ("frozen", "ETH-USD-PERP")
    trading.thaw()
    assert trading.opening_refusal(BTC, []) is None


def test_an_exchange_is_blocked_until_the_last_cause_is_gone() -> None:
    """Each cause stands for itself."""
    trading, _, _, _ = status()
    trading.block(ALPHA, "t-1-b1", "unknown_order")
    trading.block(ALPHA, "t-1", "quarantined")
    trading.unblock(ALPHA, "t-1-b1")
    trading.unblock(ALPHA, "never stood")
    assert trading.opening_refusal(BTC, [BETA, ALPHA]) == ("quarantined", "alpha: t-1")
    assert trading.opening_refusal(BTC, [BETA]) is None


def test_a_dead_journal_does_not_keep_the_state_from_changing() -> None:
    """Halting matters more than the record of it."""

    def dead(*_: Any) -> None:
        raise SystemStopped("no space")

    latch = MemoryLatch()
    trading = TradingStatus(StandingClock(), latch, TradingState.ACTIVE, dead)
    trading.halt("gate", "no space")
    assert trading.state is TradingState.HALTED
    assert latch.is_set()


# invariants


def test_a_broken_invariant_is_counted_journaled_and_told() -> None:
    """By its id, with what was found."""
    journal, told = MemoryJournal(), []
    invariants = Invariants(journal, lambda *broken: told.append(broken))
    assert invariants.check("I3", True)
    assert not invariants.check("I3", False, lambda: "released twice")
    assert invariants.snapshot() == {"checked": {"I3": 2}, "violated": {"I3": 1}}
    assert journal.events == [InvariantBroken("I3", "released twice")]
    assert told == [("I3", "released twice")]


def test_a_broken_invariant_is_told_although_the_journal_is_dead() -> None:
    """The latch must be set all the same."""
    journal, told = MemoryJournal(), []
    journal.dead = SystemStopped("no space")
    Invariants(journal, lambda *broken: told.append(broken)).check("I1", False, "leak")
    assert told == [("I1", "leak")]


def test_the_invariants_of_the_design_are_named() -> None:
    """Those that are checked at run time."""
    wanted = [*range(1, 9), 10, 13, 14, 15, 17, 18, 19]
    assert list(INVARIANTS) == [f"I{number}" for number in wanted]


# orders that belong to no pair


def test_an_order_placed_through_a_guarded_exchange_goes_through_the_gate() -> None:
    """And is followed to its end; its fills are its strategy's."""

    async def act(world: World) -> None:
        order = await world.service.exchanges[ALPHA].place_order(BTC, Side.BUY, Decimal("0.01"), Decimal("59980.0"))
        assert order.status is OrderStatus.FILLED
        assert world.parts.gate.sends == 1
        assert world.parts.ledger.lot(ALPHA, BTC, "manual").contracts == Decimal("0.01")
        assert world.violated == {}

    play(act)


@pytest.mark.parametrize("size", ["NaN", "-1", "0", "0.0001"])
def test_a_guarded_exchange_refuses_what_the_gate_refuses_and_nothing_breaks(size: str) -> None:
    """One line that says so; no latch, no order."""

    async def act(world: World) -> None:
        with pytest.raises(Refused, match="nothing was sent"):
            await world.service.exchanges[ALPHA].place_order(BTC, Side.BUY, Decimal(size), Decimal("59980.0"))
        assert world.parts.gate.sends == 0
        assert world.violated == {}
        assert world.status.state is TradingState.ACTIVE

    play(act)


def test_a_halt_stops_orders_placed_by_hand_and_lets_closings_pass() -> None:
    """The latch holds for everybody."""

    async def act(world: World) -> None:
        alpha = world.service.exchanges[ALPHA]
        await alpha.place_order(BTC, Side.BUY, Decimal("0.01"), Decimal("59980.0"))
        world.latch.set("a test")
        with pytest.raises(Refused, match="latched"):
            await alpha.place_order(BTC, Side.BUY, Decimal("0.002"), Decimal("59980.0"))
        await alpha.place_order(BTC, Side.SELL, Decimal("0.01"), Decimal("59960.0"), reduce_only=True)
        assert world.truth(ALPHA) == 0

    play(act)
