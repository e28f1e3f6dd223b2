"""An exchange of earlier runs is no longer configured: what is open there refuses the start, and nothing else does."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from perpbot.core.errors import InputError
from perpbot.core.events import InstrumentListed, OrderIntended
from perpbot.core.orders import Side, TimeInForce
from perpbot.core.pairs import PairState
from perpbot.records.journal import MemoryJournal
from perpbot.service.checks import check_turn, reconcile
from perpbot.service.standing import status
from perpbot.simulation.clock import VirtualClock, run
from tests.crash.scripts import calm, closed, opened
from tests.crash.truth import assert_recall_is_exact
from tests.crash.world import BEGIN, STRATEGY, CrashWorld, history, quiet_loop
from tests.world import ALPHA, BETA, BTC, GAMMA, REFUSED


async def hedged(world: CrashWorld) -> str:
    """A pair with a leg on gamma."""
    world.edge()
    assert (await world.execute(sell=GAMMA)).success
    return world.pair.pair_id


async def quarantined(world: CrashWorld) -> str:
    """The operator has not looked at it yet."""
    pair_id = await hedged(world)
    world.executor.quarantine(world.pair.pair_id, "position_mismatch")
    return pair_id


async def resting(world: CrashWorld) -> str:
    """A strategy's order that may fill at any time."""
    place = world.service.exchanges[GAMMA].place_order
    order = place(BTC, Side.BUY, Decimal(60), Decimal(59_000), strategy=STRATEGY, time_in_force=TimeInForce.GTC)
    _ = world.supervisor(order, name="a resting order")
    await world.clock.sleep(0.3)
    return f"order {world.orders(GAMMA)[-1].client_order_id}"


async def held(world: CrashWorld) -> str:
    """What a strategy bought."""
    await world.service.exchanges[GAMMA].place_order(BTC, Side.BUY, Decimal(60), Decimal(60_050), strategy=STRATEGY)
    return f"a position of {STRATEGY} (60 contracts of {BTC})"


async def planned(world: CrashWorld) -> str:
    """The plan is the last record that survived: its orders may have left."""
    pair_id = await hedged(world)
    kept = MemoryJournal(world.clock)
    for _, event in history(world.mortal.survives()):
        if isinstance(event, OrderIntended):
            break
        _ = kept.append(event)
    assert isinstance(event, OrderIntended)
    world.mortal._inner._content = kept._content
    return pair_id


async def begin(clock: VirtualClock) -> CrashWorld:
    """A bot on three exchanges, whose journal says what is traded there."""
    quiet_loop()
    world = CrashWorld(clock, None, (ALPHA, BETA, GAMMA))
    _ = asyncio.get_running_loop().create_task(world.market())
    for listed in world.parts.outside.instruments.values():
        world.journal.append(InstrumentListed(listed))
    await world.first_life()
    await calm(world)
    return world


@pytest.mark.parametrize("leave", [hedged, quarantined, resting, held, planned], ids=lambda each: each.__name__)
def test_what_is_open_on_an_exchange_that_is_gone_refuses_the_start_and_is_named(leave: object) -> None:
    """Nobody could close it there: one line says where, what, and what to do."""

    async def main(clock: VirtualClock) -> None:
        world = await begin(clock)
        what = await leave(world)  # type: ignore[operator]
        await world.kill()
        world.remove(GAMMA)
        with pytest.raises(InputError) as refused:
            await world.next_life()
        assert str(refused.value) == (
            f"exchange gamma is not in the configuration, and {what} of an earlier run is open there: bring it back "
            "under `exchanges`, or begin anew (perpbot paper reset, or another --db)"
        )
        await world.kill()

    run(main, BEGIN)


def test_an_exchange_that_is_gone_and_holds_nothing_is_missed_by_nobody() -> None:
    """Trading goes on with the others; it comes back as it was left."""

    async def main(clock: VirtualClock) -> None:
        world = await begin(clock)
        await hedged(world)
        await closed(world)
        world.arm(GAMMA, REFUSED)
        await calm(world)
        await world.kill()
        world.remove(GAMMA)
        await world.next_life()
        assert (await opened(world)).success
        await closed(world)
        await calm(world, 20.0)
        await reconcile(world.parts)
        check_turn(world.parts)
        told = status(world.parts, started_ns=0, pid=1)
        assert sorted(told["exchanges"]) == [ALPHA, BETA]
        assert world.status.blocks(GAMMA) == {}
        assert [pair.state for pair in world.parts.pairs.pairs()] == [PairState.CLOSED] * 2
        assert world.violated == {}
        assert_recall_is_exact(world)
        await world.kill()

    run(main, BEGIN)
