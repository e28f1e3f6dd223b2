"""One crash from beginning to end: a life, a death, starts until one lives, and what comes of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from perpbot.core.commands import TradingState
from perpbot.core.events import Recovered
from perpbot.core.names import PairId
from perpbot.core.pairs import PairState
from perpbot.service.checks import check_turn, reconcile
from perpbot.simulation.clock import VirtualClock, run
from perpbot.strategy.intents import ClosePosition
from tests.crash.truth import assert_recall_is_exact, assert_recovered, assert_true
from tests.crash.world import BEGIN, STRATEGY, CrashWorld, Point, live, quiet_loop
from tests.world import BTC, SECOND

BOUND_SECONDS = 7.0
"""The longest that a leg may stand alone after a start: an order's expiry and skew, its grace, and the repair."""

After = Callable[[CrashWorld, "Tally"], Coroutine[Any, Any, None]]
Meanwhile = Callable[[CrashWorld], None]
Script = Callable[[CrashWorld], Coroutine[Any, Any, None]]


@dataclass
class Tally:
    """What the crashes of one enumeration came to. ``ends`` counts how pairs stood after a start and how they ended."""

    records: int = 0
    crashes: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    longest_naked_seconds: float = 0.0

    def __str__(self) -> str:
        ends = ", ".join(f"{what} {count}" for what, count in sorted(self.ends.items()))
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(self.quarantined.items())) or "none"
        naked = f"a leg stood alone for at most {self.longest_naked_seconds:.2f} s after a start"
        return f"{self.records} records, {self.crashes} crashes; {ends}; quarantined: {why}; {naked}"


def crash_once(
    script: Script,
    point: Point | None,
    downtime: float,
    tally: Tally,
    *,
    nested: tuple[Point, ...] = (),
    after: After | None = None,
    meanwhile: Meanwhile | None = None,
) -> CrashWorld:
    """Run ``script`` until the bot dies at ``point``, wait ``downtime`` seconds, start again (dying again at each of
    ``nested``), trade on, and look at it all. Returns the world as it was left.

    ``after`` takes the place of :func:`aftermath`; ``meanwhile`` happens between death and start.
    """
    after = after or aftermath

    async def main(clock: VirtualClock) -> CrashWorld:
        quiet_loop()
        world = CrashWorld(clock, point)
        market = asyncio.get_running_loop().create_task(world.market())
        if not await live(world, _first_life(world, script)):
            tally.records = len(world.journal.events)
            await world.kill()
        tally.crashes += 1
        for again in (*nested, None):
            await world.down(downtime)
            if meanwhile is not None:
                meanwhile(world)
            if not await live(world, world.next_life(again)):
                world.mortal.spare()
                break
            tally.crashes += 1
        await after(world, tally)
        market.cancel()
        await world.kill()
        return world

    return run(main, BEGIN)


async def _first_life(world: CrashWorld, script: Script) -> None:
    await world.first_life()
    await script(world)


async def aftermath(world: CrashWorld, tally: Tally) -> None:
    """Trading goes on after the recovery: all is closed, another pair is opened and closed, and all of it is true."""
    assert_recovered(world)
    assert world.status.state is TradingState.ACTIVE, world.status.reason
    found = _as_found(world)
    await close_all(world)
    tally.ends.update(f"{how} → {world.parts.pairs.get(each).state}" for each, how in found.items())
    tally.quarantined.update(_reason(world, each) for each, how in found.items() if how == PairState.QUARANTINED)
    await _know_all(world, tally)
    world.edge()
    await world.clock.sleep(1.5)  # the cooldown of a failed pair
    result = await world.execute()
    assert result.success, result.reason
    assert_recall_is_exact(world)
    await close_all(world)
    await reconcile(world.parts)
    check_turn(world.parts)
    assert_true(world)
    assert_recall_is_exact(world)
    assert world.found_naked_seconds <= BOUND_SECONDS, world.found_naked_seconds
    tally.longest_naked_seconds = max(tally.longest_naked_seconds, world.found_naked_seconds)


async def _know_all(world: CrashWorld, tally: Tally) -> None:
    """An order without an expiry that was meant and never arrived is known to be so after ten minutes."""
    unknown = world.parts.tracker.unsettled()
    assert all(order.request.expires_ns is None for order in unknown), unknown
    tally.ends["orders unknown for ten minutes"] += len(unknown)
    while world.parts.tracker.unsettled():
        assert world.clock.now_ns() < unknown[0].request.created_ns + 620 * SECOND
        assert not (await world.execute()).success
        await world.clock.sleep(5.0)


def _as_found(world: CrashWorld) -> dict[PairId, str]:
    """How the pairs stand that this start took up."""
    taken = world.journal.of(Recovered)[-1]
    pairs = {*taken.resumed, *taken.quarantined}
    return {each: world.parts.pairs.get(each).state.value for each in sorted(pairs)}


def _reason(world: CrashWorld, pair_id: PairId) -> str:
    return str(world.parts.pairs.get(pair_id).reason)


async def close_all(world: CrashWorld) -> None:
    """Exits for every pair, by the operator for quarantined ones, and for what strategies hold."""
    for name in world.exchanges:
        world.quote(name, 60_000.0)
    for _ in range(60):
        for pair in world.parts.pairs.live():
            if world.executor.closable(pair.pair_id) is None:
                _ = world.close(pair)
        if not world.parts.pairs.live():
            break
        await world.clock.sleep(0.5)
    for name in world.exchanges:
        for owner in (STRATEGY, "unowned"):  # whose an order was that the journal lost, nobody knows
            if world.parts.ledger.lot(name, BTC, owner).contracts:
                result = await world.service.desk.submit(ClosePosition(name, BTC, owner))
                assert result.success, result
