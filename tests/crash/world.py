"""The exchanges of the world live on while the bot dies at a chosen record of its journal and a new one takes over.

A bot that has died does nothing more: what it had written to the line still arrives at the exchange, the answers and
account events reach nobody. The next one gets the bytes that survived, through the same reader as a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from io import BytesIO
from typing import Any

from perpbot.core.events import Event, TaskDied
from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId, ExchangeName, epoch_of
from perpbot.core.orders import OrderRequest, OrderType, Side, TimeInForce
from perpbot.core.pairs import PairState
from perpbot.records import journal as disk
from perpbot.records.chain import Chain, records, verify_lines
from perpbot.service.changes import with_changes
from perpbot.service.configuration import Settings
from perpbot.service.control import Control
from perpbot.service.past import look_back
from perpbot.service.supervisor import Supervisor
from perpbot.simulation.clock import VirtualClock
from perpbot.simulation.paper.exchange import PaperExchange
from perpbot.simulation.paper.faults import FaultPlan
from perpbot.simulation.venue.feeds import QueueFeed
from perpbot.simulation.venue.market import Listing
from tests.world import (
    ACCOUNT,
    ALPHA,
    BETA,
    BTC,
    DEPOSIT,
    GAMMA,
    INVERSE,
    LATENCY_SECONDS,
    LINEAR,
    SECOND,
    MemoryJournal,
    WatchedEngine,
    World,
)

FUNDING_RATE = Decimal("0.0001")
STRATEGY = "mid_freq"
SETTLEMENT = 1_723_161_600 * SECOND + 8 * 3600 * SECOND
BEGIN = SETTLEMENT - 20 * SECOND
SETTINGS = (
    "arbitrage.enabled=false",
    "arbitrage.basis_warmup_seconds=300",
    "exits.time_limit_seconds=100000",
    "exits.target_profit_pct=0.5",
    "position.cooldown_seconds=1",
    "risk.max_consecutive_failures=20",
    "execution.miss_backoff_seconds=0.2",
)


class Killed(BaseException):
    """The process is gone: nobody catches this."""


@dataclass(frozen=True)
class Point:
    """Where the bot dies: before or after record ``number`` of its life; ``tail`` says whether what the disk had not
    yet been told to keep survives."""

    number: int
    after: bool = True
    tail: bool = True


class MortalJournal(MemoryJournal):
    """A journal in memory, in the format of the file, that goes on from what survived of another."""

    def __init__(
        self, clock: VirtualClock, order: list[tuple[str, ClientOrderId]], content: bytes, point: Point | None
    ) -> None:
        super().__init__()
        self.order = order
        self.on_death: Callable[[], None] = lambda: None
        self.killed = False
        self._point = point
        self._inner = disk.MemoryJournal(clock)
        if content:
            found = verify_lines(BytesIO(content))
            assert found.ok, found
            self._inner._content = bytearray(content)
            self._inner._chain = Chain(found.records, found.seal.encode())
        self._synced = len(self._inner._content)

    def append(self, event: Event) -> int:
        self._live_on(after=False)
        written = self._inner.append(event)
        super().append(event)
        self._live_on(after=True)
        return written

    def flush(self) -> None:
        if self.killed:
            raise Killed
        self._synced = len(self._inner._content)

    def spare(self) -> None:
        """The bot lives: it is not killed any more."""
        self._point = None

    def survives(self) -> bytes:
        """What the next bot finds."""
        content = bytes(self._inner._content)
        return content if self._point is None or self._point.tail else content[: self._synced]

    def tear(self) -> None:
        """The power is cut: what the disk had not yet been told to keep is lost."""
        self._point = Point(-1, tail=False)

    def _live_on(self, *, after: bool) -> None:
        point, number = self._point, len(self.events) - after
        if not self.killed and point is not None and (point.number, point.after) == (number, after):
            self.killed = True
            self.on_death()
        if self.killed:
            raise Killed


def history(content: bytes) -> list[tuple[int, Event]]:
    """What a journal's bytes say."""
    return [(each.time_ns, each.event) for each in records(BytesIO(content), "journal") if each.number]


class CrashWorld(World):
    """A world whose bot may die; ``point`` is where this life of it ends."""

    def __init__(
        self,
        clock: VirtualClock,
        point: Point | None,
        names: tuple[ExchangeName, ...] = (ALPHA, BETA),
        settings: tuple[str, ...] = SETTINGS,
    ) -> None:
        self.point = point
        self.lives = 0
        self.silent: dict[ExchangeName, FaultPlan] = {}
        """What the next bot's exchanges do not answer."""
        self.content = b""
        self.first_events: list[Event] = []
        """What the first bot had journaled when it died."""
        self.seen: list[tuple[str, ClientOrderId]] = []
        self.engines: dict[ExchangeName, WatchedEngine] = {}
        self.dead: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.awake = asyncio.Event()
        self.found_naked_seconds = 0.0
        self.begun_ns = 0
        self._instruments = instruments = {name: _listed(name) for name in names}
        self.supervisor = Supervisor(clock, self._note_death)
        self.all_deaths: list[TaskDied] = []
        super().__init__(clock, self.supervisor, instruments=instruments, overrides=settings, running=True)

    def _note_death(self, died: TaskDied) -> None:
        if self.alive:
            self.all_deaths.append(died)

    # one life after the other

    def _exchange(self, listed: Instrument) -> PaperExchange:
        name = listed.exchange
        if name not in self.engines:
            feed: QueueFeed = self.feeds[name]
            engine = WatchedEngine(name, [Listing(listed, feed)], funding_rate=FUNDING_RATE, prefix=name)
            engine.seen = self.seen
            engine.open_account(ACCOUNT, DEPOSIT)
            self.engines[name] = engine
        return PaperExchange(
            self.engines[name],
            self.clock,
            account=ACCOUNT,
            latency_seconds=LATENCY_SECONDS,
            faults=self.silent.get(name),
        )

    def build(self, supervisor: Supervisor, epoch: str) -> None:
        journal = MortalJournal(self.clock, self.seen, self.content, self.point)
        journal.on_death = self._die
        self.journal = journal
        super().build(supervisor, epoch)

    @property
    def settings(self) -> Settings:
        return self.settings_after(self.content)

    def settings_after(self, content: bytes) -> Settings:
        """The settings of a bot that begins on the journal ``content``: what was changed while running stays so."""
        configured = super().settings
        if not content or configured.loaded is None:
            return configured
        changes = look_back(records(BytesIO(content), "journal")).changes
        return with_changes(configured, configured.loaded, changes).settings

    @property
    def mortal(self) -> MortalJournal:
        assert isinstance(self.journal, MortalJournal)
        return self.journal

    @property
    def alive(self) -> bool:
        return self.awake.is_set()

    def _die(self) -> None:
        self.awake.clear()
        for exchange in self.exchanges.values():
            _cut(exchange)
        for task in list(self.supervisor._tasks):
            task.cancel()
        if not self.dead.done():
            self.dead.set_result(None)

    async def kill(self) -> None:
        """The bot dies now."""
        self.mortal.killed = True
        self._die()
        await self.bury()

    async def bury(self) -> None:
        """Wait until nothing of the dead bot runs."""
        await self.supervisor.__aexit__()
        self.first_events = self.first_events or self.journal.events
        self.dead = asyncio.get_running_loop().create_future()
        self.content = self.mortal.survives()

    def remove(self, name: ExchangeName) -> None:
        """The next bot's configuration has no such exchange any more."""
        del self._instruments[name], self.books[name], self.feeds[name]

    async def down(self, seconds: float) -> None:
        """Nobody trades for a while; in a longer one the market moves and comes back."""
        if seconds >= 60.0:
            await self.clock.sleep(seconds / 2)
            for name in self.exchanges:
                self.quote(name, 61_000.0)
            await self.clock.sleep(seconds / 2)
            for name in self.exchanges:
                self.quote(name, 60_050.0)
        else:
            await self.clock.sleep(seconds)

    async def first_life(self) -> None:
        """Connect and open."""
        self.awake.set()
        for exchange in self.exchanges.values():
            await exchange.start()
        for name in self.exchanges:
            self.quote(name, 60_000.0)
        await self.service.open()

    async def next_life(self, point: Point | None = None) -> None:
        """A new bot on what survived; returns when it has recovered (or died)."""
        self.lives += 1
        self.point = point
        self.supervisor = Supervisor(self.clock, self._note_death)
        self.exchanges = {name: self._exchange(listed) for name, listed in self._instruments.items()}
        self.build(self.supervisor, f"u{self.lives}")
        self.awake.set()
        self.begun_ns = self.clock.now_ns()
        memory = self.service.recall(history(self.content))
        self.control = Control(self.service, self.stops.append, memory.keys)
        for exchange in self.exchanges.values():
            await exchange.start()
        await self.service.open()

    # the market

    async def market(self) -> None:
        """Books that stay fresh, for ever; and the time that a leg stands alone after a start is measured."""
        while True:
            await self.awake.wait()
            for name in self.books:
                self.publish(name)
            if self.alive and self.lives and self.naked():
                stood = (self.clock.now_ns() - self.begun_ns) / SECOND
                self.found_naked_seconds = max(self.found_naked_seconds, stood)
            await self.clock.sleep(0.25)

    def publish(self, exchange: ExchangeName, *, at_venue: bool = True, at_bot: bool = True) -> None:
        with suppress(Killed):
            super().publish(exchange, at_venue=at_venue, at_bot=at_bot and self.alive)

    def naked(self) -> bool:
        """Whether the exchanges hold a leg of pairs that nothing matches, and no quarantine says so."""
        pairs = sum((self.truth(name) for name in self.exchanges), ZERO) - self.singles_held()
        quarantined = any(pair.state is PairState.QUARANTINED for pair in self.parts.pairs.live())
        return bool(pairs) and not quarantined

    def singles_held(self) -> Decimal:
        """What orders of no pair hold, by the exchanges' word."""
        return sum(
            (
                report.filled_size * request.side.sign
                for engine in self.engines.values()
                for request, report in engine.orders(ACCOUNT)
                if request.pair_id is None
            ),
            ZERO,
        )

    def by_hand(self, exchange: ExchangeName, side: Side, contracts: Decimal, name: str = "") -> None:
        """Somebody trades on the same account, under the client id ``name``."""
        now, kind, ioc = self.clock.now_ns(), OrderType.MARKET, TimeInForce.IOC
        client_id = ClientOrderId(name or f"hand{now}{exchange}")
        request = OrderRequest(client_id, exchange, BTC, side, contracts, None, kind, ioc, False, now)
        report = self.engines[exchange].submit(ACCOUNT, request, now)
        assert report.filled_size == contracts, report

    def sent_by_us(self) -> list[OrderRequest]:
        """Of those, the orders with an id of our making."""
        return [request for request in self.sent() if epoch_of(request.client_order_id)]

    def sent(self) -> list[OrderRequest]:
        """Every order the exchanges took, by their word."""
        return [request for engine in self.engines.values() for request, _ in engine.orders(ACCOUNT)]


def _listed(name: ExchangeName) -> Instrument:
    return replace(INVERSE if name == GAMMA else LINEAR, exchange=name)


def _cut(exchange: PaperExchange) -> None:
    """The process behind the line is gone: what it had written arrives, nothing comes back."""
    exchange._line.up = False
    exchange._line._connection += 1
    exchange._wakeups.cancel()
    exchange._wakeups.arrange = lambda: None  # type: ignore[method-assign]
    exchange._account_listeners.clear()


async def live(world: CrashWorld, act: Coroutine[Any, Any, None]) -> bool:
    """Let ``act`` go on until it is done or the bot has died; whether it died."""
    task = asyncio.get_running_loop().create_task(act)  # no supervisor: what it comes to is looked at here
    _ = await asyncio.wait({task, world.dead}, return_when=asyncio.FIRST_COMPLETED)
    if not world.dead.done():
        task.result()
        return False
    task.cancel()
    _ = await asyncio.wait({task})
    if not task.cancelled():
        error = task.exception()
        assert error is None or isinstance(error, Killed), error
    await world.bury()
    return True


def quiet_loop() -> None:
    """A timer of the dead bot that meets the dead journal is no news."""

    def ignore(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), Killed):
            loop.default_exception_handler(context)

    asyncio.get_running_loop().set_exception_handler(ignore)
