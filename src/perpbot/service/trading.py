"""``TradingService``: on a book change, exits and then the scanner; every loop, what depends on time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from decimal import Decimal
from typing import Any

import structlog

from perpbot import __version__
from perpbot.core.commands import TradingState
from perpbot.core.events import Event, Recovered, RunStarted, RunStopped, TaskDied
from perpbot.core.market_data import MarketEvent, TradePrint
from perpbot.core.names import ExchangeName, PairId, Symbol
from perpbot.core.orders import Leg, Order, TimeInForce
from perpbot.core.pairs import ExitReason, Pair, PairState
from perpbot.core.positions import Position
from perpbot.execution.notes import note
from perpbot.pricing.basis import SAMPLE_INTERVAL_NS
from perpbot.records.journal import FLUSH_SECONDS
from perpbot.service.checks import check_turn, reconcile
from perpbot.service.desk import ServiceDesk
from perpbot.service.forgetting import FORGET_SECONDS, forget_old
from perpbot.service.joining import Exchanges
from perpbot.service.marks import EquityMarks
from perpbot.service.parts import Parts
from perpbot.service.recall import Memory, Recall
from perpbot.service.recovery import Recovery, first_state, open_accounts
from perpbot.service.strategies import Strategies
from perpbot.service.supervisor import Restart
from perpbot.strategy.exits import LegTerms, PairWatch

log = structlog.get_logger(__name__)

DISK_FULL = "the journal's disk is full: make room there, then stop the bot and start it again"

STOP_SECONDS = 10.0
"""How long a stop waits for pairs in flight."""
Hook = Callable[[], None]


class TradingService:
    """One running trader.

    ``strategies`` may be appended to, ``exchanges`` put in until it is opened.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._clock = parts.outside.clock
        self._trading = frozenset(parts.outside.trading)
        self._positions: dict[tuple[ExchangeName, Symbol], tuple[int, Position]] = {}
        self._watches: dict[PairId, PairWatch] = {}
        parts.outcomes.listeners.append(self._forget)
        self._running = False
        self.recovered = False
        """Whether what earlier runs left has been looked at."""
        self.closing_all = False
        """Whether every pair gets its exit at once, also one that is hedged only now."""
        self._memory = Memory()
        self._recovery: Recovery | None = None
        self._marks = EquityMarks(parts)
        self._failures: Counter[str] = Counter()
        self.desk = ServiceDesk(parts)
        self.strategies = Strategies(self.desk, parts.outside.supervisor, self._strategy_failed)
        self.exchanges = Exchanges(parts)
        self.hooks: list[Hook] = []
        """Called at the end of every loop: alerts, push, the screen."""
        self.quotes = 0

    @property
    def parts(self) -> Parts:
        return self._parts

    @property
    def stated_positions(self) -> dict[tuple[ExchangeName, Symbol], Position]:
        """The positions that the exchanges last stated, by exchange and symbol."""
        return {key: position for key, (_, position) in self._positions.items()}

    @property
    def state(self) -> TradingState:
        return self._parts.status.state

    # life

    def recall(self, history: Iterable[tuple[int, Event]]) -> Memory:
        """Take up what earlier runs of this store journaled (time and event). To be called before :meth:`open`."""
        self._memory = Recall(self._parts).read(history)
        self.closing_all = self._memory.closing_all
        return self._memory

    async def open(self) -> Recovered:
        """Read the accounts, recover what earlier runs left, then start the loops: nothing opens before.

        Market events may come in while it works. Raises ``ReadFailed`` if a new account cannot be read.
        """
        parts, status = self._parts, self._parts.status
        await self.exchanges.open(self.on_market, self._memory.unsent.values())
        self._trading = frozenset(parts.outside.trading)
        first = status.state
        if self._memory.runs and first is TradingState.ACTIVE:
            status.move(TradingState.REDUCING, "recovery", "looking at what earlier runs left")
        looking = status.state, status.reason
        parts.outside.journal.append(RunStarted(parts.mode, parts.outside.ids.epoch, __version__))
        self._flush()  # the next run must know of this one, whatever it loses
        self._running = True
        self._keep("journal", _ns(FLUSH_SECONDS), self._flush, Restart.FATAL)
        self._keep("basis", SAMPLE_INTERVAL_NS, self._sample, Restart.FATAL)
        await open_accounts(parts)
        self._marks.begin()
        self._recovery = Recovery(parts, self._memory, self.mark)
        found = await self._recovery.run()
        self._flush()  # what it begins with is on the disk before it trades
        self.recovered = True
        # what somebody said meanwhile holds
        if status.state is not TradingState.HALTED and (status.state, status.reason) == looking:
            status.move(*first_state(self._memory, first))
        self._look_at_disk()
        settings = parts.settings.service
        turn, compare = _ns(settings.loop_interval_seconds), _ns(settings.reconcile_seconds)
        self._keep("loop", turn, self._turn, Restart.FATAL)
        self._keep("reconcile", compare, self._reconcile, Restart.ALWAYS)
        self._keep("forgetting", _ns(FORGET_SECONDS), self._forget_old, Restart.ALWAYS)
        return found

    def _keep(self, name: str, interval_ns: int, act: Callable[[], Any], restart: Restart) -> None:
        _ = self._parts.outside.supervisor.keep(lambda: self._every(interval_ns, act), name=name, restart=restart)

    async def stop(self, *, flatten: bool = False, reason: str = "stop") -> list[Pair]:
        """No openings, resting ones are cancelled; what is in flight gets 10 s to become hedged or flat.

        Returns the pairs that stay open.
        """
        parts = self._parts
        if parts.status.state is TradingState.ACTIVE:
            parts.status.move(TradingState.REDUCING, "service", reason)
        if flatten:
            self.close_all(ExitReason.OPERATOR)
        self._cancel_openings()
        deadline = self._clock.now_ns() + _ns(STOP_SECONDS)
        while (parts.executor.in_flight() or self._resting_openings()) and self._clock.now_ns() < deadline:
            await self._clock.sleep(0.01)
        self._running = False
        await self.exchanges.close()
        left = parts.pairs.live()
        note(parts.outside.journal, RunStopped(reason, tuple(pair.pair_id for pair in left)))
        return left

    def _resting_openings(self) -> list[Order]:
        live = self._parts.tracker.live_orders()
        return [order for order in live if not order.reduce_only and order.time_in_force is not TimeInForce.IOC]

    def _cancel_openings(self) -> None:
        """Ask for the cancel of all that could still open something; called again until it is so."""
        parts = self._parts
        for order in self._resting_openings():
            name = f"cancel {order.client_order_id}"
            _ = parts.outside.supervisor(parts.tracker.cancel(order.client_order_id), name=name)

    def close_all(self, reason: ExitReason) -> None:
        """Give every hedged pair its exit now."""
        for pair in self._parts.pairs.live():
            if pair.state is PairState.HEDGED:
                self._close(pair.pair_id, reason)

    def close_pair(self, pair_id: PairId) -> str | None:
        """Give one pair its exit now by the operator's word; why not, if it cannot be."""
        before = self._parts.executor.closable(pair_id)
        if before is None:
            self._close(pair_id, ExitReason.OPERATOR)
        return before

    # market

    def on_market(self, event: MarketEvent, received_ns: int) -> None:
        """Take in one market event: book, fast market, exits, scanner, in this order and in one turn."""
        parts = self._parts
        if not parts.market.apply(event, received_ns) or isinstance(event, TradePrint):
            return
        self.quotes += 1
        exchange, symbol = event.exchange, event.symbol
        book = parts.market.book(exchange, symbol)
        if book is not None and book.bid and book.ask:
            parts.manager.on_price(exchange, symbol, (book.bid + book.ask) / 2, received_ns)
        if exchange not in self._trading or not (self._running and self.recovered):
            return
        for pair in parts.pairs.live_in(symbol):
            if pair.state is PairState.HEDGED and exchange in pair.exchanges and self._exit_due(pair):
                self._judge_exit(pair)
        if parts.settings.arbitrage.enabled:
            self._look(symbol)

    def _look(self, symbol: Symbol) -> None:
        parts = self._parts
        for found in parts.scanner.scan(symbol):
            if found.opportunity is not None:
                _ = parts.executor.execute(found.opportunity)
            else:
                now = self._clock.now_ns()
                parts.verdicts.record(symbol, found.buy_exchange, found.sell_exchange, found.verdict, now)

    def _exit_due(self, pair: Pair) -> bool:
        """Whether the exit rule may have a reason, by a few floats."""
        parts, watch = self._parts, self._watches.get(pair.pair_id)
        if watch is None:
            terms = self._terms(pair, Leg.BUY), self._terms(pair, Leg.SELL)
            watch = self._watches[pair.pair_id] = parts.exits.watch(pair, *terms, costs_usd=self._costs(pair))
        bought, sold = (parts.market.book(exchange, pair.symbol) for exchange in pair.exchanges)
        median = self._usual_gap(pair)
        bid, ask = bought.bid if bought else 0.0, sold.ask if sold else 0.0
        return watch.due(bid, ask, median, self._clock.now_ns())

    def _usual_gap(self, pair: Pair) -> float | None:
        """The median close gap once warm: after a start the first samples are the gap itself, which is not gone."""
        gap = self._parts.basis.gap(pair.symbol, *pair.exchanges)
        return gap.median() if gap is not None and gap.warm else None

    def _costs(self, pair: Pair) -> Decimal:
        accounts = self._parts.ledger.accounts(pair.pair_id)
        return accounts.fees + accounts.gas - accounts.funding

    def _judge_exit(self, pair: Pair) -> None:
        parts = self._parts
        touches = [parts.market.touch(exchange, pair.symbol) for exchange in pair.exchanges]
        reason = parts.exits.judge(
            pair,
            self._terms(pair, Leg.BUY),
            self._terms(pair, Leg.SELL),
            buy_touch=touches[0],
            sell_touch=touches[1],
            costs_usd=self._costs(pair),
            median_close_gap=self._usual_gap(pair),
            now_ns=self._clock.now_ns(),
        )
        if reason is not None:
            self._close(pair.pair_id, reason)

    def _terms(self, pair: Pair, leg: Leg) -> LegTerms:
        exchange = pair.leg(leg).exchange
        instrument = self._parts.outside.instruments[exchange, pair.symbol]
        return LegTerms(instrument, instrument.taker_fee_pct, self._liquidation_price(pair, leg))

    def _liquidation_price(self, pair: Pair, leg: Leg) -> Decimal | None:
        """The leg's liquidation price, if its position was read since the pair is open."""
        asked_ns, position = self._positions.get((pair.leg(leg).exchange, pair.symbol), (0, None))
        if position is None or pair.opened_ns is None or asked_ns < pair.opened_ns:
            return None
        return position.liquidation_price if position.signed_size * leg.entry_side.sign > 0 else None

    def _forget(self, _: str, pair: Pair) -> None:
        self._watches.pop(pair.pair_id, None)

    def _close(self, pair_id: PairId, reason: ExitReason) -> None:
        _ = self._parts.executor.close(pair_id, reason)

    # loops

    async def _every(self, interval_ns: int, act: Callable[[], Coroutine[Any, Any, None] | None]) -> None:
        """Run ``act`` at every whole multiple of the interval; a late turn is not made up for."""
        while self._running:
            now = self._clock.now_ns()
            await self._clock.sleep_until((now // interval_ns + 1) * interval_ns)
            done = act()
            if done is not None:
                await done

    def _sample(self) -> None:
        self._parts.basis.sample(self._clock.now_ns())

    def _flush(self) -> None:
        flush = getattr(self._parts.outside.journal, "flush", None)
        if flush is not None:
            flush()

    def _turn(self) -> None:
        """What depends on time: equity, drawdown, exits, strategies, invariants, hooks."""
        self.mark()
        self._look_at_disk()
        if self.state is TradingState.HALTED:
            self._cancel_openings()
        self._watches.clear()
        if self.closing_all:
            self.close_all(ExitReason.OPERATOR)
        for pair in self._parts.pairs.live():
            if pair.state is PairState.HEDGED:
                self._judge_exit(pair)
        self.strategies.turn(self._parts.market, self._parts.outside.symbols)
        check_turn(self._parts)
        for hook in self.hooks:
            hook()

    @property
    def disk_full(self) -> bool:
        """Whether the journal has only its reserve left."""
        return bool(getattr(self._parts.outside.journal, "crowded", False))

    def _look_at_disk(self) -> None:
        """Once the journal's disk is full, nothing is opened: what space is reserved is for closing."""
        if self.disk_full and self.state is TradingState.ACTIVE:
            log.error("nothing is opened any more", why=DISK_FULL)
            self._parts.status.move(TradingState.REDUCING, "service", DISK_FULL)

    def _strategy_failed(self, name: str, error: Exception) -> None:
        """An event the operator sees; the strategy is asked again at the next turn."""
        told = f"{type(error).__name__}: {error}"
        log.warning("strategy failed", strategy=name, error=told)
        self._failures[name] += 1
        note(self._parts.outside.journal, TaskDied(f"strategy {name}", told, self._failures[name]))

    def mark(self, *, last: bool = False) -> None:
        """Value everything now and hand equity and drawdown to capital and risk; ``last``: the run ends here."""
        self._marks.mark(last=last)

    def _forget_old(self) -> None:
        """Not while an exchange is still to be asked for what may have been lost: what it tells must be known then."""
        if self._recovery is None or not self._recovery.unread:
            forget_old(self._parts)

    async def _reconcile(self) -> None:
        """Compare orders and positions with the exchanges; a failed read concludes nothing."""
        if self._recovery is not None:
            await self._recovery.catch_up()
        asked_ns = self._clock.now_ns()
        for exchange, symbol, position in await reconcile(self._parts):
            if position is None:
                self._positions.pop((exchange, symbol), None)
            else:
                self._positions[exchange, symbol] = (asked_ns, position)


def _ns(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
