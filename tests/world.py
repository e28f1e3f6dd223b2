"""A small world in virtual time: paper exchanges with books moved by hand, and the whole service trading on them.

``alpha`` and ``beta`` are linear, ``gamma`` is inverse. Nothing moves by itself: the test quotes, opens, arms faults
and waits. In a ``running`` world the service is opened: its loops run, and quotes reach it as market events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

from perpbot.core.commands import TradingState
from perpbot.core.events import Event, OrderIntended, PairMoved, TaskDied
from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.market_data import BookSnapshot, Level, TradePrint
from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId, ExchangeName
from perpbot.core.opportunities import ArbitrageOpportunity, CostItems
from perpbot.core.orders import Order, OrderReport, OrderRequest
from perpbot.core.pairs import ExitReason, Pair, PairState
from perpbot.core.results import ExecutionResult
from perpbot.execution.status import MemoryLatch
from perpbot.service.bootstrap import build
from perpbot.service.checks import check_turn, reconcile
from perpbot.service.configuration import Settings, load_settings
from perpbot.service.control import Control
from perpbot.service.parts import Outside
from perpbot.service.supervisor import Supervisor
from perpbot.service.system import RunIds
from perpbot.simulation.clock import VirtualClock, run
from perpbot.simulation.paper.exchange import PaperExchange
from perpbot.simulation.paper.faults import Fault, FaultPlan
from perpbot.simulation.venue.engine import VenueEngine
from perpbot.simulation.venue.feeds import QueueFeed
from perpbot.simulation.venue.market import Listing

SECOND = 1_000_000_000
START = 1_723_161_600 * SECOND + SECOND  # one second after a funding settlement (2024-08-09 00:00 UTC)
BTC = "BTC-USD-PERP"
ALPHA, BETA, GAMMA = "alpha", "beta", "gamma"
ACCOUNT = "main"
DEPOSIT = Decimal(10_000)
LATENCY_SECONDS = 0.005
LOST_REQUEST = Fault(lose_request=True)
LOST_ANSWER = Fault(lose_answer=True, lose_events=True)
"""Obeyed, and neither the answer nor the account stream says so."""
REFUSED = Fault(reject="insufficient_margin")

LINEAR = Instrument(
    exchange=ALPHA,
    symbol=BTC,
    native="BTC-PERP",
    tick=Decimal("0.1"),
    step=Decimal("0.001"),
    min_size=Decimal("0.001"),
    min_notional=Decimal(10),
    kind=ContractKind.LINEAR,
    multiplier=Decimal(1),
    quote="USD",
    maker_fee_pct=Decimal("0.0001"),
    taker_fee_pct=Decimal("0.0003"),
)
INVERSE = replace(
    LINEAR,
    kind=ContractKind.INVERSE,
    multiplier=Decimal(10),
    step=Decimal(1),
    min_size=Decimal(1),
)


class MemoryJournal:
    """Keeps what is appended, and between it what the exchanges saw: ``("seen", client id)``."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.order: list[tuple[str, ClientOrderId]] = []
        self.dead: Exception | None = None
        self.crowded = False

    def append(self, event: Event) -> int:
        if self.dead is not None:
            raise self.dead
        self.events.append(event)
        if isinstance(event, OrderIntended):
            self.order.append(("intended", event.request.client_order_id))
        return len(self.events)

    def of(self, kind: type[Any]) -> list[Any]:
        """All events of one kind, oldest first."""
        return [event for event in self.events if isinstance(event, kind)]


class WatchedEngine(VenueEngine):
    """A venue that notes in ``seen`` when an order reaches it."""

    seen: list[tuple[str, ClientOrderId]]

    def submit(self, account: str, request: OrderRequest, now_ns: int) -> OrderReport:
        if account == ACCOUNT:
            self.seen.append(("seen", request.client_order_id))
        return super().submit(account, request, now_ns)


@cache
def settings_of(overrides: tuple[str, ...] = ()) -> Settings:
    settings, _ = load_settings(overrides=overrides, exchanges=(ALPHA, BETA, GAMMA))
    return settings


class World:
    """Everything a test moves and looks at."""

    def __init__(
        self,
        clock: VirtualClock,
        supervisor: Supervisor,
        *,
        instruments: Mapping[ExchangeName, Instrument],
        overrides: tuple[str, ...] = (),
        paper: type[PaperExchange] = PaperExchange,
        running: bool = False,
    ) -> None:
        self.clock = clock
        self.running = running
        self._paper = paper
        self.journal = MemoryJournal()
        self.latch = MemoryLatch()
        self.deaths: list[TaskDied] = []
        self.feeds = {name: QueueFeed() for name in instruments}
        self.exchanges = {name: self._exchange(instrument) for name, instrument in instruments.items()}
        self._sequence = dict.fromkeys(instruments, 0)
        self.books: dict[ExchangeName, tuple[list[Level], list[Level]]] = {}
        self._instruments = instruments
        self._overrides = overrides
        self.turns = 0
        self.build(supervisor, "t")

    def build(self, supervisor: Supervisor, epoch: str) -> None:
        """A new bot on the exchanges and the journal as they are."""
        outside = Outside(
            clock=self.clock,
            supervisor=supervisor,
            ids=RunIds(epoch),
            journal=self.journal,
            latch=self.latch,
            exchanges=self.exchanges,
            instruments={(name, BTC): instrument for name, instrument in self._instruments.items()},
        )
        self.service = build(self.settings, "replay", outside)
        self.stops: list[bool] = []
        self.control = Control(self.service, self.stops.append)
        self.parts = self.service.parts
        self.executor = self.parts.executor
        self.tracker = self.parts.tracker
        self.status = self.parts.status
        self.service.hooks.append(self._count_turn)

    @property
    def settings(self) -> Settings:
        """The settings of a bot that begins now."""
        return settings_of(self._overrides)

    def _count_turn(self) -> None:
        self.turns += 1

    def _exchange(self, listed: Instrument) -> PaperExchange:
        engine = WatchedEngine(listed.exchange, [Listing(listed, self.feeds[listed.exchange])], prefix=listed.exchange)
        engine.seen = self.journal.order
        engine.open_account(ACCOUNT, DEPOSIT)
        return self._paper(engine, self.clock, account=ACCOUNT, latency_seconds=LATENCY_SECONDS)

    async def begin(self) -> None:
        """Connect, open the accounts, quote 60,000 everywhere with an edge from alpha to the others."""
        for name, exchange in self.exchanges.items():
            await exchange.start()
            if not self.running:
                self.parts.ledger.open_account(name, DEPOSIT)
                self.parts.capital.set_equity(name, DEPOSIT)
        if self.running:
            await self.service.open()
        for name in self.exchanges:
            self.quote(name, 60_000.0)
        self.parts.basis.sample(self.clock.now_ns())
        self.edge()

    def pause(self) -> None:
        """No openings; exits and repair go on."""
        self.status.move(TradingState.REDUCING, "operator", "pause")

    def resume(self) -> None:
        """Trade again."""
        self.status.move(TradingState.ACTIVE, "operator", "start")

    # books

    def edge(self) -> None:
        """Alpha sells 60 USD cheaper than the others buy."""
        for name in self.exchanges:
            self.quote(name, 59_970.0 if name == ALPHA else 60_030.0)

    def quote(
        self,
        exchange: ExchangeName,
        mid: float,
        *,
        coins: float = 1.0,
        bid_coins: float | None = None,
        ask_coins: float | None = None,
        at_venue: bool = True,
        at_bot: bool = True,
    ) -> None:
        """A fresh book around ``mid``: ten levels 1 USD apart from 0.5 USD off it, ``coins`` on each of them."""
        bids = [(mid - 0.5 - n, self._contracts(exchange, bid_coins, coins, mid)) for n in range(10)]
        asks = [(mid + 0.5 + n, self._contracts(exchange, ask_coins, coins, mid)) for n in range(10)]
        self.books[exchange] = (bids, asks)
        self.publish(exchange, at_venue=at_venue, at_bot=at_bot)

    def mid(self, exchange: ExchangeName) -> float:
        """The middle of the book last quoted there."""
        bids, asks = self.books[exchange]
        return (bids[0][0] + asks[0][0]) / 2

    def _contracts(self, exchange: ExchangeName, own: float | None, coins: float, price: float) -> float:
        instrument = self.instrument(exchange)
        size = instrument.contracts(Decimal(repr(coins if own is None else own)), Decimal(repr(price)))
        return float(instrument.round_size(size))

    def publish(self, exchange: ExchangeName, *, at_venue: bool = True, at_bot: bool = True) -> None:
        """Say the exchange's book again, now: venue and bot see the same numbers."""
        bids, asks = ([level for level in side if level[1] > 0] for side in self.books[exchange])
        self._sequence[exchange] += 1
        now = self.clock.now_ns()
        book = BookSnapshot(exchange, BTC, bids, asks, self._sequence[exchange], now)
        if at_venue:
            self.feeds[exchange].push(book, now)
        if at_bot and self.running:
            self.service.on_market(book, now)
        elif at_bot:
            self.parts.market.apply(book, now)
        if at_bot:
            mid = (bids[0][0] + asks[0][0]) / 2 if bids and asks else 60_000.0
            self.parts.market.apply(TradePrint(exchange, BTC, mid, 0.001, False, self._sequence[exchange], now), now)

    async def keep_quoting(self, seconds: float, every: float = 0.25) -> None:
        """Let time pass with books that stay fresh."""
        end = self.clock.now_ns() + round(seconds * SECOND)
        while self.clock.now_ns() < end:
            for name in self.exchanges:
                self.publish(name)
            await self.clock.sleep(min(every, (end - self.clock.now_ns()) / SECOND))

    # trading

    def instrument(self, exchange: ExchangeName) -> Instrument:
        found = self.exchanges[exchange].instrument(BTC)
        assert found is not None
        return found

    def opportunity(
        self, size: str = "0.010", buy: ExchangeName = ALPHA, sell: ExchangeName = BETA, **changes: Any
    ) -> ArbitrageOpportunity:
        """What the bot's books offer for ``size`` coins, as the scanner would state it."""
        bought, sold = self.parts.market.touch(buy, BTC), self.parts.market.touch(sell, BTC)
        assert bought is not None
        assert sold is not None
        ask, bid, coins = bought[1], sold[0], Decimal(size)
        gap = bid / ask - 1
        costs = CostItems(gap, ZERO, Decimal("0.0006"), ZERO, ZERO, ZERO)
        found = ArbitrageOpportunity(
            symbol=BTC,
            buy_exchange=buy,
            sell_exchange=sell,
            buy_price=ask,
            sell_price=bid,
            buy_touch=ask,
            sell_touch=bid,
            size=coins,
            buy_contracts=_whole(self.instrument(buy), coins, ask),
            sell_contracts=_whole(self.instrument(sell), coins, bid),
            spread_pct=gap,
            net_profit_pct=Decimal("0.002"),
            costs=costs,
            confidence=1.0,
            score=8.0,
            timestamp_ns=self.clock.now_ns(),
        )
        return replace(found, **changes)

    def execute(self, size: str = "0.010", **changes: Any) -> Awaitable[ExecutionResult]:
        """Open a pair on the books as they stand; everything up to the writing happens before this returns."""
        return self.executor.execute(self.opportunity(size, **changes))

    def close(self, pair: Pair, reason: ExitReason = ExitReason.OPERATOR) -> Awaitable[ExecutionResult]:
        return self.executor.close(pair.pair_id, reason)

    async def hedged(self, size: str = "0.010", **changes: Any) -> Pair:
        """A pair that both exchanges filled."""
        result = await self.execute(size, **changes)
        assert result.success, result.reason
        return self.pair

    def arm(self, exchange: ExchangeName, *sends: Fault | None, **others: Iterable[Fault | None]) -> None:
        """Faults of the next sends, and by name of the next ``reads`` and ``cancels``."""
        self.exchanges[exchange].faults = FaultPlan(sends, **others)

    # looking

    @property
    def pair(self) -> Pair:
        """The newest pair that was planned and not refused."""
        return list(self.parts.pairs.pairs())[-1]

    def orders(self, exchange: ExchangeName | None = None) -> list[Order]:
        return [order for order in self.tracker.orders() if exchange in (None, order.exchange)]

    def states(self, pair: Pair) -> list[PairState]:
        """The states that the journal says the pair went through after it was sent."""
        return [event.pair.state for event in self.journal.of(PairMoved) if event.pair.pair_id == pair.pair_id]

    def truth(self, exchange: ExchangeName) -> Decimal:
        """The venue's own signed position."""
        position = self.exchanges[exchange].engine.position(ACCOUNT, BTC)
        return position.signed_size if position else ZERO

    def flat(self) -> bool:
        return all(self.truth(name) == 0 for name in self.exchanges)

    def reserved(self) -> Decimal:
        """USD reserved on all exchanges together."""
        return sum((sum(each.allocations.values(), ZERO) for each in self.parts.capital.live), ZERO)

    @property
    def violated(self) -> dict[str, int]:
        return dict(self.parts.invariants.violated)

    async def settle(self, seconds: float = 30.0) -> None:
        """Let everything under way come to its end; then compare with the exchanges, as the service does."""
        end = self.clock.now_ns() + round(seconds * SECOND)
        while self.executor.in_flight() and self.clock.now_ns() < end:
            await self.keep_quoting(1.0)
        await reconcile(self.parts)
        check_turn(self.parts)


Act = Callable[[World], Coroutine[Any, Any, None]]


def play(act: Act, *names: ExchangeName, set_: tuple[str, ...] = (), **how: Any) -> None:
    """Run ``act`` in a world with the exchanges of ``names`` (alpha and beta if none), then end it in order.

    ``how`` is ``paper``, the class of the exchanges, ``running``, and ``listed``: exchange → what differs there. After
    ``most_seconds`` of virtual time it is given up as endless.
    """
    listed = how.pop("listed", {})
    kinds = {ALPHA: LINEAR, BETA: LINEAR, GAMMA: INVERSE}
    instruments = {name: replace(kinds[name], exchange=name, **listed.get(name, {})) for name in names or (ALPHA, BETA)}
    run(lambda clock: _play(clock, act, instruments=instruments, overrides=set_, **how), START)


async def _play(clock: VirtualClock, act: Act, *, most_seconds: float = 600.0, **how: Any) -> None:
    deaths: list[TaskDied] = []
    async with Supervisor(clock, deaths.append) as supervisor:
        world = World(clock, supervisor, **how)
        world.deaths = deaths
        await world.begin()
        acting = asyncio.current_task()
        assert acting is not None

        def give_up() -> None:
            acting.cancel("virtual time ran out")

        stop = clock.call_at(START + round(most_seconds * SECOND), give_up)
        await act(world)
        stop()
        for exchange in world.exchanges.values():
            await exchange.stop()


def _whole(instrument: Instrument, coins: Decimal, price: Decimal) -> Decimal:
    """Contracts of ``coins``, to the nearest step."""
    step = instrument.step
    return (instrument.contracts(coins, price) / step).to_integral_value() * step
