"""Every runtime invariant is evaluated: break what it says, and it is counted, journaled, and sets the latch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.commands import Start, TradingState
from perpbot.core.events import InvariantBroken
from perpbot.core.names import ClientOrderId, TradeId
from perpbot.core.orders import Fill, OrderReport, OrderStatus, Side, TimeInForce
from perpbot.core.pairs import ExitReason
from perpbot.core.ports import Approval, OrderOutcome, PreparedOrder
from perpbot.core.verdicts import Level, approve
from perpbot.execution.invariants import INVARIANTS
from tests.unit.service.test_trading import standing
from tests.world import ACCOUNT, ALPHA, BETA, BTC, World, play

QUIET = ("arbitrage.enabled=false", "exits.time_limit_seconds=100000", "exits.target_profit_pct=0.5")
Break = Callable[[World], Awaitable[None]]


async def as_the_bytes_leave(world: World, change: Callable[[], object]) -> None:
    """Open a pair; ``change`` happens between the last check and the first byte."""
    world.edge()
    gate = world.parts.gate
    intend = gate._intend

    def intend_and_change(*arguments: Any) -> Any:
        verdict = intend(*arguments)
        change()
        return verdict

    vars(gate)["_intend"] = intend_and_change
    await world.execute()


async def allocate_what_nobody_reserved(world: World) -> None:
    world.parts.capital._accounts[ALPHA].pools["arb"].allocated += 5
    await world.keep_quoting(1.1)


async def send_off_the_grid(world: World) -> None:
    listed = replace(world.instrument(ALPHA), tick=Decimal(7))
    await as_the_bytes_leave(world, lambda: setattr(world.exchanges[ALPHA], "instrument", lambda _: listed))


async def release_the_capital_of_a_standing_pair(world: World) -> None:
    pair = await standing(world)
    world.parts.capital.release(world.parts.capital.live[0])
    await world.close(pair)


async def hold_one_exchange_of_a_pair(world: World) -> None:
    await standing(world)
    reservation = world.parts.capital.live[0]
    del reservation.allocations[BETA]
    world.parts.capital._accounts[BETA].pools["arb"].allocated -= reservation.amount
    await world.keep_quoting(1.1)


async def forget_to_journal_a_leg(world: World) -> None:
    gate = world.parts.gate
    journal = gate._journal_intent
    vars(gate)["_journal_intent"] = lambda request: journal(request) if request.exchange == ALPHA else None
    world.edge()
    await world.execute()


async def send_twice(world: World) -> None:
    alpha, send = world.exchanges[ALPHA], world.exchanges[ALPHA].send

    def twice(prepared: PreparedOrder, approval: Approval) -> Awaitable[OrderOutcome]:
        _ = send(prepared, approval)
        return send(prepared, approval)

    vars(alpha)["send"] = twice
    world.edge()
    await world.execute()


async def trade_beside_the_bot(world: World) -> None:
    await standing(world)
    stranger = replace(world.orders(ALPHA)[0].request, client_order_id=ClientOrderId("stranger"), expires_ns=None)
    world.exchanges[ALPHA].engine.submit(ACCOUNT, stranger, world.clock.now_ns())
    await world.keep_quoting(16.0)


async def report_more_than_ordered(world: World) -> None:
    await standing(world)
    order = world.orders(ALPHA)[0]
    said = OrderReport(order.client_order_id, order.order_id, OrderStatus.FILLED, order.size * 2, Decimal(60_000), 0)
    world.tracker._listen(said)


async def book_what_never_filled(world: World) -> None:
    pair = await standing(world)
    first = world.orders(ALPHA)[0]
    fill = next(iter(world.tracker._orders[first.client_order_id].trades.values()))
    world.parts.ledger.book_fill(replace(fill, trade_id=TradeId("phantom")), pair.pair_id)
    await world.keep_quoting(16.0)


async def lose_half_a_leg(world: World) -> None:
    pair = await standing(world)
    half = replace(pair.buy, exited=pair.buy.entered / 2, exit_value=pair.buy.entry_value / 2)
    world.parts.pairs.amend(pair.pair_id, buy=half)
    await world.keep_quoting(1.1)


async def open_while_reducing(world: World) -> None:
    await as_the_bytes_leave(world, lambda: world.status.move(TradingState.REDUCING, "a test", "too late"))


async def open_in_safe_mode(world: World) -> None:
    await as_the_bytes_leave(world, lambda: world.parts.capital.update_drawdown(ALPHA, "0.06"))


async def close_more_than_is_held(world: World) -> None:
    pair = await standing(world)
    world.tracker._positions[ALPHA, BTC] = Decimal("0.004")
    vars(world.parts.gate)["_reduces"] = lambda _: approve(Level.GATE, "blind")
    await world.close(pair)


async def send_beyond_a_limit(world: World) -> None:
    gate = world.parts.gate
    tight = replace(gate._limits, max_order_notional=Decimal(1))
    await as_the_bytes_leave(world, lambda: setattr(gate, "_limits", tight))


async def meet_our_own_order(world: World) -> None:
    resting = world.parts.singles.request(
        ALPHA, BTC, Side.SELL, Decimal("0.01"), Decimal(59_000), strategy="mine", reduce_only=False
    )
    resting = replace(resting, time_in_force=TimeInForce.GTC)
    await as_the_bytes_leave(world, lambda: world.tracker.register(resting))


async def send_on_a_dropped_book(world: World) -> None:
    await as_the_bytes_leave(world, lambda: world.parts.market.reset(ALPHA, BTC))


async def book_to_an_owner_alone(world: World) -> None:
    pair = await standing(world)
    ledger = world.parts.ledger
    ledger._owners[pair.pair_id] = replace(ledger.accounts(pair.pair_id), price=Decimal(5))
    await world.keep_quoting(1.1)


async def fill_after_the_end(world: World) -> None:
    pair = await standing(world)
    order = world.orders(ALPHA)[0]
    await world.close(pair, ExitReason.OPERATOR)
    tracked = world.tracker._orders[order.client_order_id]
    late = next(iter(tracked.trades.values()))
    tracked.traded -= late.size
    fill: Fill = replace(late, trade_id=TradeId("late"))
    world.tracker._listen(fill)


@pytest.mark.parametrize(
    ("invariant", "break_it"),
    [
        ("I1", allocate_what_nobody_reserved),
        ("I2", send_off_the_grid),
        ("I3", release_the_capital_of_a_standing_pair),
        ("I3", fill_after_the_end),
        ("I4", hold_one_exchange_of_a_pair),
        ("I5", forget_to_journal_a_leg),
        ("I6", send_twice),
        ("I7", trade_beside_the_bot),
        ("I8", report_more_than_ordered),
        ("I8", book_what_never_filled),
        ("I10", lose_half_a_leg),
        ("I13", open_while_reducing),
        ("I13", open_in_safe_mode),
        ("I14", close_more_than_is_held),
        ("I15", send_beyond_a_limit),
        ("I17", meet_our_own_order),
        ("I18", send_on_a_dropped_book),
        ("I19", book_to_an_owner_alone),
    ],
)
def test_what_breaks_an_invariant_is_counted_journaled_and_latched(invariant: str, break_it: Break) -> None:
    """Openings stop for good; the record says what was found."""

    async def act(world: World) -> None:
        await break_it(world)
        assert world.violated.get(invariant, 0) >= 1
        told = [event.detail for event in world.journal.of(InvariantBroken) if event.invariant == invariant]
        assert len(told) == world.violated[invariant]
        assert all(told)
        assert world.latch.is_set()
        assert world.status.state is TradingState.HALTED
        assert not (await world.control.apply(Start(), "operator")).done

    play(act, running=True, set_=QUIET)


def test_every_invariant_of_the_list_can_be_broken() -> None:
    """One that no test can break would be a constant."""
    (cases,) = test_what_breaks_an_invariant_is_counted_journaled_and_latched.pytestmark  # type: ignore[attr-defined]
    assert {invariant for invariant, _ in cases.args[1]} == set(INVARIANTS)
