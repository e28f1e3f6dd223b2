"""A journal read back makes the books of the bot that wrote it, whatever the bot lived through."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import event as saw
from hypothesis import given, settings

from perpbot.core.commands import ClearHalt, Command, EndSafeMode, ResolvePair, Start, TradingState
from perpbot.core.events import Event
from perpbot.core.orders import Side, TimeInForce
from perpbot.core.pairs import PairState
from perpbot.service.control import REMEMBERED_KEYS
from perpbot.simulation.clock import VirtualClock, run
from perpbot.simulation.paper.faults import FaultPlan
from perpbot.strategy.intents import ClosePosition
from tests.crash.books import differences
from tests.crash.truth import assert_condensed_alike, recalled
from tests.crash.world import STRATEGY, CrashWorld, history, quiet_loop
from tests.property.service.lives import NAMES, LifeStory, Step, life_stories
from tests.world import ACCOUNT, ALPHA, BETA, BTC, GAMMA, SECOND

MIDNIGHT = 1_723_161_600 * SECOND
"""The day begins and funding is settled here."""
BEGIN = MIDNIGHT - 4 * SECOND
MOST_RECORDS = 5_000
"""A life has some hundreds; a bot that writes more runs in a circle."""
SETTINGS = (
    "arbitrage.enabled=false",
    "arbitrage.basis_warmup_seconds=1",
    "capital.drawdown_limit_pct=0.0001",
    "execution.miss_backoff_seconds=0.2",
    "exits.stop_loss_pct=0.5",
    "exits.target_profit_pct=0.5",
    "exits.time_limit_seconds=15",
    "position.cooldown_seconds=0.5",
    "risk.daily_loss_limit=3",
    "risk.failure_pause_seconds=5",
    "risk.max_consecutive_failures=2",
    "risk.max_drawdown_pct=0.00006",
)


class Life:
    """Lives one story, and reads the journal back at its record ``probe``, where the story says so, and at its end."""

    def __init__(self, world: CrashWorld, story: LifeStory) -> None:
        self.world = world
        self.story = story
        self.looks = 0
        self.records = 0
        self.stopping = False
        self.error: BaseException | None = None
        self._listen()

    async def live(self) -> None:
        for step in self.story.steps:
            await self.pass_time(step.wait)
            await getattr(self, f"_{step.act}")(step)
        await self.pass_time(0.5)
        await self._look()

    async def pass_time(self, seconds: float) -> None:
        """Broken connections come back if there is time for it."""
        await self.world.clock.sleep(seconds)
        if self.error is not None:
            raise self.error
        for exchange in self.world.exchanges.values():
            if not exchange.connected and seconds >= 0.3:
                await exchange.connect()

    # looking

    def _listen(self) -> None:
        """Count records; what was written last of one state is what somebody wants."""
        journal, append = self.world.mortal, self.world.mortal.append

        def listening(event: Event) -> int:
            number = append(event)
            self.records += 1
            assert self.records < MOST_RECORDS, "it never ends"
            if self.records == self.story.probe:
                asyncio.get_running_loop().call_soon(self._probe)
            return number

        journal.append = listening  # type: ignore[method-assign]

    def _probe(self) -> None:
        if not self.world.alive or not self.world.service.recovered or self.stopping:
            return
        try:
            self.compare()
        except BaseException as error:  # noqa: BLE001 - it is raised where the test can see it
            self.error = error

    async def _look(self, _: Step | None = None) -> None:
        self.compare()

    def compare(self) -> None:
        """The books, and what is remembered beside them."""
        world = self.world
        world.service.mark()
        parts, memory = recalled(world, history(world.mortal.survives()))
        self.looks += 1
        assert not (found := differences(parts, world.parts)), found
        keys = list(world.control._results)
        assert list(memory.keys)[-REMEMBERED_KEYS:] == keys, (memory.keys, keys)
        assert memory.closing_all == world.service.closing_all
        assert memory.unsent == {}
        assert memory.crashed
        for pair in world.parts.pairs.live():
            entry = [each.request for each in world.tracker.orders_of(pair.pair_id)][:2]
            assert memory.planned[pair.pair_id] == tuple(entry)
        self.compare_standing(memory.standing)

    def compare_standing(self, standing: tuple[TradingState, str] | None) -> None:
        """What somebody wanted last is wanted still, with the reason."""
        status = self.world.status
        wanted = status.state is not TradingState.ACTIVE and not status.reason.startswith(("recovered", "as before"))
        if wanted:
            assert standing is not None, (standing, status.state, status.reason)
            assert standing[0] is status.state, (standing, status.state, status.reason)
            assert standing[1].endswith(status.reason), (standing, status.reason)
        elif standing is not None and status.state is TradingState.ACTIVE:
            assert standing[0] is TradingState.ACTIVE, (standing, status.state, status.reason)

    # the market

    async def _quote(self, step: Step) -> None:
        name = NAMES[step.exchange]
        self.world.quote(name, 60_000.0 + step.move, coins=float(step.coins) if step.number % 3 == 0 else 1.0)

    async def _open(self, step: Step) -> None:
        self.open_pair(BETA, step)

    async def _open_inverse(self, step: Step) -> None:
        self.open_pair(GAMMA, step)

    def open_pair(self, sell: str, step: Step) -> None:
        """On the edge; at the exchanges the price may have moved on already."""
        world = self.world
        world.edge()
        found = world.opportunity(step.coins, sell=sell)
        bought = world.instrument(ALPHA).base(found.buy_contracts, found.buy_price)
        sold = world.instrument(sell).base(found.sell_contracts, found.sell_price)
        _ = world.executor.execute(replace(found, buy_size=bought, sell_size=sold, size=max(bought, sold)))
        if step.number % 4 == 0:
            world.quote(ALPHA, 59_970.0 + step.move, at_bot=False, coins=0.004)
        if step.number % 4 == 1:
            world.quote(sell, 60_030.0 + step.move, at_bot=False, coins=0.004)
        if step.number % 4 == 2:
            world.quote(ALPHA, 60_100.0, at_bot=False)
            world.quote(sell, 59_900.0, at_bot=False)

    async def _close(self, step: Step) -> None:
        for name in NAMES:
            self.world.quote(name, 60_000.0 + step.move)
        for pair in self.world.parts.pairs.live():
            _ = self.world.close(pair)

    async def _break_sends(self, step: Step) -> None:
        self.world.exchanges[NAMES[step.exchange]].faults = FaultPlan(step.broken)

    async def _break_reads(self, step: Step) -> None:
        self.world.exchanges[NAMES[step.exchange]].faults = FaultPlan((), step.broken, step.broken)

    # a strategy's own orders

    async def _buy(self, step: Step) -> None:
        self.place(step, 60_000.0 + abs(step.move) + 40, TimeInForce.IOC)

    async def _rest(self, step: Step) -> None:
        """A part of it fills at once, or nothing."""
        self.world.quote(NAMES[step.exchange % 2], 60_000.0, coins=0.001)
        self.place(step, 60_000.5 if step.number % 2 else 59_900.0, TimeInForce.GTC)

    def place(self, step: Step, price: float, time_in_force: TimeInForce) -> None:
        place = self.world.service.exchanges[NAMES[step.exchange % 2]].place_order
        order = place(BTC, Side.BUY, Decimal("0.002"), Decimal(price), strategy=STRATEGY, time_in_force=time_in_force)
        _ = self.world.supervisor(_quietly(order), name="a strategy's order")

    async def _sell_own(self, __: Step) -> None:
        for name in NAMES[:2]:
            _ = self.world.service.desk.submit(ClosePosition(name, BTC, STRATEGY))

    # the operator

    async def _command(self, step: Step) -> None:
        await self.say(step.command, step.key and f"{step.key} {step.command}")

    async def _go(self, step: Step) -> None:
        """Whatever was forbidden: trade."""
        if self.world.status.state is TradingState.HALTED:
            await self.say(ClearHalt(), step.key and f"{step.key}{self.records}")
        await self.say(Start(), "")

    async def _end_safe_mode(self, _: Step) -> None:
        for name in NAMES:
            if self.world.parts.capital.in_safe_mode(name):
                await self.say(EndSafeMode(name), "")

    async def _quarantine(self, _: Step) -> None:
        """A pair at rest turns out not to be what it should."""
        flying = self.world.executor.in_flight()
        for pair in self.world.parts.pairs.live():
            if pair.state is PairState.HEDGED and pair not in flying:
                self.world.executor.quarantine(pair.pair_id, "position_mismatch")

    async def _resolve(self, step: Step) -> None:
        """A pair is quarantined, and closed by hand at its exchanges, or not."""
        world = self.world
        await self._quarantine(step)
        for pair in world.parts.pairs.live():
            for name in pair.exchanges:
                if pair.state is PairState.QUARANTINED and step.number % 3 and world.truth(name):
                    world.by_hand(name, Side.SELL if world.truth(name) > 0 else Side.BUY, abs(world.truth(name)))
            await self.say(ResolvePair(pair.pair_id), step.key)

    async def say(self, command: Command, key: str) -> None:
        """Through the door, as anybody does."""
        result = await self.world.control.apply(command, "alice", f"reason {self.records}", key)
        saw(f"{command.name} {'done' if result.done else 'refused'}")

    # the end of a run, and the next one

    async def _stop(self, step: Step) -> None:
        self.stopping = True
        await self.world.service.stop()
        await self.next_run(step)
        self.stopping = False

    async def _die(self, step: Step) -> None:
        await self.next_run(step)

    async def _die_torn(self, step: Step) -> None:
        world = self.world
        world.mortal.tear()
        await self.next_run(step)

    async def _trade_by_hand(self, step: Step) -> None:
        name, world = NAMES[step.exchange % 2], self.world
        side = Side.BUY if step.move > 0 else Side.SELL
        await self.next_run(step, lambda: world.by_hand(name, side, Decimal("0.003")))

    async def _transfer(self, step: Step) -> None:
        engine = self.world.engines[NAMES[step.exchange]]
        await self.next_run(step, lambda: engine.transfer(ACCOUNT, Decimal(step.move)))

    async def next_run(self, step: Step, meanwhile: Any = lambda: None) -> None:
        """The bot is gone; the next one takes up what it left."""
        world = self.world
        await world.kill()
        meanwhile()
        await world.down(float(step.number % 5))
        await world.next_life()
        self._listen()


async def _quietly(order: Any) -> None:
    """Refused or not: the story goes on."""
    try:
        await order
    except Exception as error:  # noqa: BLE001 - what a strategy's order comes to is not what is looked at here
        saw(f"single order: {type(error).__name__}")


def tell(world: CrashWorld) -> None:
    """What this life has come to, for the statistics."""
    for pair in world.parts.pairs.pairs():
        saw(f"pair {pair.state}")
    for stop in world.parts.manager.stops:
        saw(f"stopped: {stop.rule}")
    for name in NAMES:
        if world.parts.capital.in_safe_mode(name):
            saw("safe mode")
    if world.parts.foreign.all():
        saw("foreign position")
    if world.parts.tracker.unsettled():
        saw("unknown order")
    if any(parts.funding for parts in map(world.parts.ledger.accounts, world.parts.ledger.owners)):
        saw("funding")
    if world.violated:
        saw(f"violated {sorted(world.violated)}")


@settings(max_examples=150)
@given(life_stories)
def test_a_journal_read_back_makes_the_books_that_wrote_it(story: LifeStory) -> None:
    """Balances, lots, capital, pairs, orders, limits, stops and what was told: at any record, over any restarts."""

    async def main(clock: VirtualClock) -> None:
        quiet_loop()
        world = CrashWorld(clock, None, NAMES, SETTINGS)
        market = asyncio.get_running_loop().create_task(world.market())
        await world.first_life()
        await world.clock.sleep(1.0)
        life = Life(world, story)
        await life.live()
        tell(world)
        assert life.looks
        assert_condensed_alike(world)
        market.cancel()
        await world.kill()

    run(main, BEGIN)
