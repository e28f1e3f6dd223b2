"""What the bot does until it dies: each of these is one thing that happens to a trader, and leaves all flat."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.orders import Side, TimeInForce
from perpbot.core.results import ExecutionResult
from perpbot.strategy.intents import ClosePosition
from tests.crash.world import SETTLEMENT, STRATEGY, CrashWorld
from tests.world import ALPHA, BETA, BTC, REFUSED, SECOND


async def whole(world: CrashWorld) -> None:
    """A clean pair, a completed and an unwound one, exits with and without repair, a miss, single orders, funding."""
    for act in (clean, completed, unwound, missed, single, funded):
        await act(world)


async def clean(world: CrashWorld) -> None:
    """Both legs fill, and both close."""
    assert (await opened(world)).success
    await world.clock.sleep(0.3)
    await closed(world)
    await calm(world)


async def completed(world: CrashWorld) -> None:
    """Beta refuses the entry and takes the completing order; at the exit alpha refuses once."""
    world.arm(BETA, REFUSED)
    assert (await opened(world)).success
    assert world.pair.repaired
    world.arm(ALPHA, REFUSED)
    await closed(world)
    await calm(world)


async def unwound(world: CrashWorld) -> None:
    """The gap is gone before beta is reached: what alpha filled goes back."""
    world.edge()
    way = world.execute()
    world.quote(BETA, 59_800.0)
    assert (await way).reason == "unwound"
    await calm(world, 1.5)


async def missed(world: CrashWorld) -> None:
    """Both exchanges have moved away."""
    world.edge()
    way = world.execute()
    world.quote(ALPHA, 60_100.0, at_bot=False)
    world.quote(BETA, 59_900.0, at_bot=False)
    assert (await way).reason == "missed"
    await calm(world)


async def single(world: CrashWorld) -> None:
    """A strategy buys, rests an order and cancels it, and closes what it holds."""
    place = world.service.exchanges[ALPHA].place_order
    await place(BTC, Side.BUY, Decimal("0.002"), Decimal(60_010), strategy=STRATEGY)
    await world.clock.sleep(0.2)
    low = place(BTC, Side.BUY, Decimal("0.003"), Decimal(59_000), strategy=STRATEGY, time_in_force=TimeInForce.GTC)
    resting = world.supervisor(low, name="a resting order")
    await world.clock.sleep(0.3)
    await world.tracker.cancel(world.orders(ALPHA)[-1].client_order_id)
    await resting
    _ = await world.service.desk.submit(ClosePosition(ALPHA, BTC, STRATEGY))
    await calm(world, 0.3)


async def funded(world: CrashWorld) -> None:
    """Over the settlement with a pair open."""
    await world.clock.sleep_until(SETTLEMENT - SECOND // 2)
    assert (await opened(world)).success
    await world.clock.sleep(1.0)
    await closed(world)
    await calm(world)


async def opened(world: CrashWorld) -> ExecutionResult:
    """A pair on the edge."""
    world.edge()
    return await world.execute()


async def closed(world: CrashWorld) -> None:
    """Every pair's exit, where the gap is gone."""
    for name in world.exchanges:
        world.quote(name, 60_000.0)
    for pair in world.parts.pairs.live():
        _ = await world.close(pair)


async def calm(world: CrashWorld, seconds: float = 1.0) -> None:
    """The exchanges agree for a while."""
    for name in world.exchanges:
        world.quote(name, 60_000.0)
    await world.clock.sleep(seconds)
