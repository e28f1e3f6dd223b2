"""Reads a journal back into a service that has not begun: what earlier runs held, owed, lost and were told.

Each record does to the books what it did when it was written, by the same code, and nothing else: nothing is journaled,
sent or told to anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from perpbot.core.commands import ClearHalt, Freeze, Halt, Override, Pause, Reduce, Start, TradingState
from perpbot.core.errors import InputError
from perpbot.core.events import (
    AccountOpened,
    CapitalTransferred,
    CommandRefused,
    CommandTaken,
    EquityMarked,
    Event,
    FundingPaid,
    GasPaid,
    HistoryCondensed,
    InstrumentListed,
    OrderChanged,
    OrderFilled,
    OrderFound,
    OrderIntended,
    PairMoved,
    PairPlanned,
    PairResolved,
    PositionFound,
    Recovered,
    RunStarted,
    RunStopped,
    SafeModeChanged,
    StateChanged,
    TradingStopped,
)
from perpbot.core.names import ExchangeName, PairId, Symbol, attempt_of
from perpbot.core.orders import Leg, OrderRequest
from perpbot.core.pairs import Pair, PairState
from perpbot.core.verdicts import Level, refuse
from perpbot.service.parts import Parts

CLOSING = {Start.name: False, Pause.name: False, Reduce.name: True, Halt.name: False}
"""Commands that say whether every pair gets its exit; a halt only if it flattens."""
WANTED = {
    Start.name: TradingState.ACTIVE,
    Pause.name: TradingState.REDUCING,
    Reduce.name: TradingState.REDUCING,
    Halt.name: TradingState.HALTED,
    ClearHalt.name: TradingState.REDUCING,
}
"""Commands that say which state is wanted from then on."""
OUTSIDERS = frozenset({"service", "recovery"})
"""Actors whose changes of state are the program's own way through a start or a stop, and nobody's will."""


@dataclass(slots=True)
class Memory:
    """What a journal says beside what it did to the books.

    ``standing`` is the state somebody last wanted, with the reason, if they wanted one since the last orderly stop.
    ``failed_starts`` counts the runs in a row that died before they had recovered.
    """

    runs: int = 0
    epochs: set[str] = field(default_factory=set)
    crashed: bool = False
    failed_starts: int = 0
    last_ns: int = 0
    all_asked: bool = True
    """Whether the last run has asked every exchange for what the runs before it may have lost."""
    unasked_ns: int = 0
    """The last record before the first run that has not."""
    opened_ns: dict[ExchangeName, int] = field(default_factory=dict)
    standing: tuple[TradingState, str] | None = None
    closing_all: bool = False
    planned: dict[PairId, tuple[OrderRequest, ...]] = field(default_factory=dict)
    unsent: dict[PairId, Pair] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Idempotency key → command of those that were taken."""

    @property
    def since_ns(self) -> int:
        """The last moment of which everything is known."""
        return self.last_ns if self.all_asked else self.unasked_ns

    def prices(self, pair_id: PairId) -> dict[Leg, Decimal]:
        """The prices that a pair's entry counted on."""
        orders = self.planned.get(pair_id, ())
        return {order.leg: order.decision_price or Decimal(0) for order in orders if order.leg is not None}


class Recall:
    """Takes records in their order; :attr:`memory` is what they come to."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.memory = Memory()
        self._marks: dict[ExchangeName, tuple[Decimal, Decimal]] = {}
        self._told_ns = 0
        self._marked_ns: int | None = None
        self._named: set[ExchangeName] = set()
        self._take: dict[type[Event], Callable[[Any, int], None]] = {
            RunStarted: self._run_started,
            RunStopped: self._run_stopped,
            Recovered: self._recovered,
            AccountOpened: self._account_opened,
            InstrumentListed: self._instrument_listed,
            PairPlanned: self._pair_planned,
            PairMoved: self._pair_moved,
            PairResolved: self._pair_resolved,
            OrderIntended: self._order_intended,
            OrderFound: self._order_intended,
            OrderChanged: self._order_changed,
            OrderFilled: self._order_filled,
            FundingPaid: self._funding_paid,
            GasPaid: self._gas_paid,
            CapitalTransferred: self._transferred,
            EquityMarked: self._equity_marked,
            TradingStopped: self._trading_stopped,
            SafeModeChanged: self._safe_mode_changed,
            StateChanged: self._state_changed,
            CommandTaken: self._command_taken,
            CommandRefused: self._command_refused,
            PositionFound: self._position_found,
            HistoryCondensed: self._history_condensed,
        }

    def read(self, history: Iterable[tuple[int, Event]]) -> Memory:
        """Take all of ``history`` (time and event, oldest first)."""
        for time_ns, event in history:
            self.take(time_ns, event)
        self._mark()
        return self.memory

    def take(self, time_ns: int, event: Event) -> None:
        """Take one record."""
        act = self._take.get(type(event))
        if act is not None:
            act(event, time_ns)
        self.memory.last_ns = time_ns
        if not before_a_run(event):
            self._told_ns = time_ns

    # runs

    def _run_started(self, event: RunStarted, _: int) -> None:
        memory = self.memory
        memory.runs, memory.failed_starts = memory.runs + 1, memory.failed_starts + 1
        memory.epochs.add(event.epoch)
        memory.crashed = True
        if memory.all_asked:
            memory.unasked_ns, memory.all_asked = self._told_ns, False

    def _recovered(self, event: Recovered, _: int) -> None:
        self.memory.failed_starts = 0
        self.memory.all_asked = not event.unread
        if self.memory.all_asked:
            self.memory.unasked_ns = 0

    def _run_stopped(self, _: RunStopped, __: int) -> None:
        memory = self.memory
        memory.crashed, memory.failed_starts, memory.standing, memory.closing_all = False, 0, None, False

    def _state_changed(self, event: StateChanged, _: int) -> None:
        if event.actor not in OUTSIDERS:
            self.memory.standing = (event.after, f"{event.actor}: {event.reason}")

    def _command_taken(self, event: CommandTaken, time_ns: int) -> None:
        memory = self.memory
        if event.key:
            memory.keys[event.key] = event.command
        if event.command in CLOSING:
            memory.closing_all = CLOSING[event.command] or event.arguments.get("flatten") == "true"
        if event.command in WANTED:  # also where the state is that already: then it has another reason
            memory.standing = (WANTED[event.command], f"{event.actor}: {event.reason or event.command}")
        if event.command == Start.name:
            self._parts.status.thaw()
        elif event.command == Freeze.name:
            self._freeze(tuple(event.arguments.get("symbols", "").split()), time_ns)
        elif event.command == Override.name:
            minutes, trades = event.arguments.get("minutes"), event.arguments.get("trades")
            for_minutes, for_trades = float(minutes) if minutes else None, int(trades) if trades else None
            with suppress(InputError):  # it was refused then, too
                self._parts.manager.failures.lift(time_ns, for_minutes, for_trades)
        elif event.command == "reset-peak":
            self._mark()
            self._parts.account.recall_reset()
            self._parts.manager.restore_reset()

    def _history_condensed(self, event: HistoryCondensed, _: int) -> None:
        """What is left out of the journal is over; what it came to counts."""
        for carried in event.accounts:
            self._parts.ledger.carry(carried)
        for brought in event.results:
            self._parts.capital.carry(brought)
        self._parts.pairs.carry(event.pairs)

    def _command_refused(self, event: CommandRefused, _: int) -> None:
        """It was allowed and could not be carried out: said again, it acts."""
        self.memory.keys.pop(event.key, None)

    def _freeze(self, symbols: tuple[Symbol, ...], time_ns: int) -> None:
        """One that names what nobody knows was refused."""
        if set(symbols) <= set(self._parts.outside.symbols):
            lasting_ns = round(self._parts.settings.risk.freeze_seconds * 1_000_000_000)
            self._parts.status.freeze(symbols, time_ns + lasting_ns)

    # accounts

    def _instrument_listed(self, event: InstrumentListed, _: int) -> None:
        """What was traded then is needed to read the records, also where its exchange joins only later."""
        self._parts.outside.know(event.instrument)

    def _account_opened(self, event: AccountOpened, time_ns: int) -> None:
        self._mark()
        self.memory.opened_ns[event.exchange] = time_ns
        self._parts.ledger.open_account(event.exchange, event.balance)
        self._parts.capital.set_equity(event.exchange, event.balance)

    def _funding_paid(self, event: FundingPaid, _: int) -> None:
        self._parts.books.book_funding(event)

    def _gas_paid(self, event: GasPaid, _: int) -> None:
        self._parts.ledger.book_gas(event.exchange, event.amount_usd, event.transaction_id, event.owner)

    def _transferred(self, event: CapitalTransferred, _: int) -> None:
        self._mark()
        self._parts.ledger.book_transfer(event.exchange, event.amount_usd, event.transfer_id)

    def _equity_marked(self, event: EquityMarked, _: int) -> None:
        if event.timestamp_ns != self._marked_ns or event.exchange in self._named:
            self._mark()
            self._marked_ns = event.timestamp_ns
        self._named.add(event.exchange)
        self._marks[event.exchange] = (event.equity, event.hedged)
        self._parts.capital.set_equity(event.exchange, event.equity)

    def _mark(self) -> None:
        """Of an exchange that the newest moment does not name (its record was cut off, or it is gone) the last mark
        stands: the total is never less by a whole account."""
        if self._marked_ns is None:
            return
        drawdowns = self._parts.account.recall(self._marks, self._marked_ns)
        for exchange, drawdown_pct in drawdowns.items():
            self._parts.capital.recall_drawdown(exchange, drawdown_pct)
        self._marked_ns = None
        self._named.clear()

    def _trading_stopped(self, event: TradingStopped, time_ns: int) -> None:
        stop = refuse(Level.ACCOUNT, event.rule, event.rule, event.measured, event.limit, event.detail)
        self._parts.manager.restore_stop(stop, time_ns)

    def _safe_mode_changed(self, event: SafeModeChanged, _: int) -> None:
        self._mark()
        self._parts.capital.restore_safe_mode(event.exchange, event.active, event.drawdown_pct)

    def _position_found(self, event: PositionFound, _: int) -> None:
        self._parts.foreign.recall(event)

    # pairs and orders

    def _pair_planned(self, event: PairPlanned, time_ns: int) -> None:
        self.memory.planned[event.pair.pair_id] = event.orders
        self.memory.unsent[event.pair.pair_id] = event.pair
        self._parts.manager.failures.use_trade(time_ns)

    def _order_intended(self, event: OrderIntended | OrderFound, time_ns: int) -> None:
        request = event.request
        if request.pair_id is None and not request.reduce_only:
            self._parts.manager.failures.use_trade(time_ns)
        if request.pair_id is not None and request.leg is not None:
            self._begin(request.pair_id)
            self._parts.pairs.recall_attempt(request.pair_id, request.leg, attempt_of(request.client_order_id))
            self._parts.executor.recall_cover(request)
        self._parts.tracker.register(request)

    def _begin(self, pair_id: PairId) -> None:
        """Its first order was meant: from here on the pair counts, as if all its orders had left."""
        pair = self.memory.unsent.pop(pair_id, None)
        if pair is not None:
            self._parts.executor.recall(replace(pair, state=PairState.SENT), self.memory.planned[pair_id])

    def _order_changed(self, event: OrderChanged, _: int) -> None:
        self._parts.tracker.recall(event.order)

    def _order_filled(self, event: OrderFilled, _: int) -> None:
        self._parts.tracker.recall_trade(event.fill)
        self._parts.books.book_fill(event.fill, event.request)

    def _pair_moved(self, event: PairMoved, time_ns: int) -> None:
        pair = event.pair
        known = self._parts.pairs.find(pair.pair_id)
        if known is None:
            self.memory.unsent.pop(pair.pair_id, None)
            return
        self._parts.pairs.recall(pair)
        self._count(event, time_ns, first=not known.ever_hedged)
        if pair.state.final:
            self._end(pair.pair_id)

    def _end(self, pair_id: PairId) -> None:
        self._parts.executor.recall_end(self._parts.pairs.get(pair_id))
        self.memory.planned.pop(pair_id, None)

    def _count(self, event: PairMoved, time_ns: int, *, first: bool) -> None:
        """Failures in a row and cooldowns, as the outcome was told then; ``first``: it had never been hedged."""
        pair, manager = event.pair, self._parts.manager
        if pair.state is PairState.HEDGED and first:
            manager.failures.succeed()
        elif pair.state is PairState.MISSED and manager.settings.misses_count_as_failures:
            manager.failures.fail(time_ns)
        elif first_failure(event) and self._parts.outcomes.recall_failure(pair.pair_id):
            manager.failures.fail(time_ns)
            for exchange in pair.exchanges:
                self._parts.guard.record_failure(exchange, pair.symbol, time_ns)

    def _pair_resolved(self, event: PairResolved, _: int) -> None:
        resolve(self._parts, event)


def resolve(parts: Parts, event: PairResolved) -> None:
    """Take out of our books what a resolved pair still held in them: its exchanges show it gone."""
    for gone in event.written_off:
        leg = Leg.BUY if parts.pairs.get(event.pair_id).buy_exchange == gone.exchange else Leg.SELL
        parts.pairs.write_off(event.pair_id, leg)
        parts.tracker.write_off(gone.exchange, event.symbol, gone.contracts)
        parts.ledger.write_off(gone.exchange, event.symbol, event.pair_id, gone.realized_usd)


def before_a_run(event: Event) -> bool:
    """Whether a run may write it before it says that it began: then it is no sign of the run before."""
    if isinstance(event, StateChanged):
        return event.actor in OUTSIDERS
    return isinstance(event, InstrumentListed | HistoryCondensed)


def first_failure(event: PairMoved) -> bool:
    """Whether by this a pair that never was hedged failed, or was given to the operator; it counts once a pair."""
    return not event.pair.ever_hedged and event.pair.state in (PairState.FAILED, PairState.QUARANTINED)
