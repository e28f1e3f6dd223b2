"""Says which records of a journal a restart still needs, so that a condensed journal may leave out all others.

What is not known to be over is needed: only what is listed here is ever left out. A pair is over with its last record,
all its orders settled and nothing held; a single order when it is settled and what it traded is flat again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from perpbot.core.commands import Override
from perpbot.core.events import (
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
    Recovered,
    RunStarted,
)
from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId, ExchangeName, PairId, Symbol
from perpbot.core.orders import Order, OrderRequest
from perpbot.core.pairs import PairState
from perpbot.records.chain import HEADER, Record
from perpbot.service.recall import before_a_run, first_failure
from perpbot.service.recovery import PAYMENTS_BACK_NS
from perpbot.service.thinning import MarkSurvey

MISSES = 200
"""So many misses in a row are kept: they may count as failures."""
Market: TypeAlias = tuple[ExchangeName, Symbol]
Work: TypeAlias = str
"""A pair's id, or a single order's."""


@dataclass(slots=True)
class _Work:
    """What is known of a pair or of a single order. ``traded`` are the contracts its fills and write-offs add up to."""

    over: bool
    last_ns: int = 0
    unsettled: set[ClientOrderId] = field(default_factory=set)
    traded: dict[Market, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    lot: tuple[str, Market] | None = None
    first_fill: int = 0
    last_fill: int = 0

    @property
    def flat(self) -> bool:
        return not any(self.traded.values())


@dataclass(slots=True)
class _Lot:
    """What an owner without a pair holds. ``flat`` are the fills after which it was flat and no order of it open; of
    them ``cut`` is the last one before anything that stays."""

    held: Decimal = ZERO
    filling: set[ClientOrderId] = field(default_factory=set)
    last_fill: int = 0
    flat: list[int] = field(default_factory=list)
    cut: int = 0


class Survey:
    """Takes all records in their order, once; then :meth:`needs` says of each. What is younger than ``horizon_ns`` is
    needed, whatever it is."""

    def __init__(self, horizon_ns: int) -> None:
        self._horizon_ns = horizon_ns
        self._work: dict[Work, _Work] = {}
        self._lots: dict[tuple[str, Market], _Lot] = defaultdict(_Lot)
        self._filled: dict[ClientOrderId, tuple[Decimal | None, Decimal]] = {}
        self._listed: dict[Market, int] = {}
        self._marks = MarkSurvey(horizon_ns)
        self._streak = _Streak()
        self._pinned: set[Work] = set()
        self._marked_ns: int | None = None
        self._last_ns = 0
        self._unasked_ns: int | None = None

    def read(self, records: Iterable[Record]) -> Survey:
        """Take them all."""
        for record in records:
            if record.kind != HEADER:
                self._take(record.number, record.time_ns, record.event)
        self._marks.end()
        self._pinned |= self._streak.needed()
        if self._unasked_ns is not None:  # exchanges will be asked for all orders since then, and payments before it
            self._horizon_ns = min(self._horizon_ns, self._unasked_ns - PAYMENTS_BACK_NS)
        self._cut_lots()
        return self

    def needs(self, record: Record, event: Event) -> bool:
        """Whether a restart could not do without it."""
        if isinstance(event, HistoryCondensed):
            return False
        if isinstance(event, EquityMarked):
            return self._marks.needs(event.timestamp_ns)
        if record.time_ns > self._horizon_ns:
            return True
        match event:
            case InstrumentListed(instrument=listed):
                return self._listed[listed.exchange, listed.symbol] == record.number
            case FundingPaid() | GasPaid():
                work = work_of(event)
                return work in self._work and not self._over(work)
        work = work_of(event)
        return work is None or not self._over(work)

    def _over(self, work: Work) -> bool:
        known = self._work[work]
        if known.lot is None:
            return self._ended(work) and known.flat
        return known.last_fill <= self._lots[known.lot].cut

    def _ended(self, work: Work) -> bool:
        known = self._work[work]
        return known.over and not known.unsettled and known.last_ns <= self._horizon_ns and work not in self._pinned

    def _cut_lots(self) -> None:
        """Orders of one lot go together, with those that made it flat again, or stay together."""
        staying: dict[tuple[str, Market], int] = {}
        for work, known in self._work.items():
            if known.lot is not None and not self._ended(work):
                staying[known.lot] = min(known.first_fill, staying.get(known.lot, known.first_fill))
        for name, lot in self._lots.items():
            before = bisect_left(lot.flat, staying[name]) if name in staying else len(lot.flat)
            lot.cut = lot.flat[before - 1] if before else 0

    # reading

    def _take(self, number: int, time_ns: int, event: Event) -> None:
        work = work_of(event)
        if work is not None and (work in self._work or not isinstance(event, FundingPaid | GasPaid)):
            known = self._known(work, event)
            known.last_ns = max(known.last_ns, time_ns)  # clocks are set back
        self._marks.take(event)
        self._streak.take(event)
        match event:
            case PairMoved(pair=pair):
                self._known(pair.pair_id, event).over = pair.state.final
            case PairResolved():
                for gone in event.written_off:
                    self._known(event.pair_id, event).traded[gone.exchange, event.symbol] -= gone.contracts
            case OrderIntended(request=request) | OrderFound(request=request):
                self._known(work_of_order(request), event).unsettled.add(request.client_order_id)
                self._filled[request.client_order_id] = (None, ZERO)
            case OrderChanged(order=order):
                self._changed(order)
            case OrderFilled():
                self._fill(number, event)
            case InstrumentListed(instrument=listed):
                self._listed.setdefault((listed.exchange, listed.symbol), number)
        self._note_run(time_ns, event)

    def _note_run(self, time_ns: int, event: Event) -> None:
        """Where a run began, and no start since has asked all exchanges for what was lost."""
        match event:
            case RunStarted():
                if self._unasked_ns is None:
                    self._unasked_ns = self._last_ns
                if self._marked_ns is not None:  # from that moment on they are asked
                    self._marks.keep(self._marked_ns)
            case Recovered(unread=unread) if not unread:
                self._unasked_ns = None
        if not before_a_run(event):
            self._last_ns = time_ns
            self._marked_ns = event.timestamp_ns if isinstance(event, EquityMarked) else None

    def _known(self, work: Work, event: Event) -> _Work:
        single = isinstance(event, OrderIntended | OrderFound | OrderChanged | OrderFilled)
        return self._work.setdefault(work, _Work(over=single and not _request(event).pair_id))

    def _changed(self, order: Order) -> None:
        if order.client_order_id in self._filled:
            _, booked = self._filled[order.client_order_id]
            self._filled[order.client_order_id] = (order.filled_size if order.final else None, booked)
            self._settle(order.request)

    def _fill(self, number: int, event: OrderFilled) -> None:
        fill, request = event.fill, event.request
        market, contracts = (fill.exchange, fill.symbol), fill.size * fill.side.sign
        work = self._known(work_of_order(request), event)
        if market not in self._listed:  # what it came to could not be booked
            self._pinned.add(work_of_order(request))
        work.traded[market] += contracts
        work.first_fill, work.last_fill = work.first_fill or number, number
        if request.pair_id is None:
            work.lot = (request.owner, market)
            lot = self._lots[work.lot]
            lot.held, lot.last_fill = lot.held + contracts, number
            lot.filling.add(request.client_order_id)
        if request.client_order_id in self._filled:
            filled, booked = self._filled[request.client_order_id]
            self._filled[request.client_order_id] = (filled, booked + fill.size)
            self._settle(request)

    def _settle(self, request: OrderRequest) -> None:
        """See whether the order is over with all its fills known, and its lot flat by that."""
        filled, booked = self._filled[request.client_order_id]
        work = self._work[work_of_order(request)]
        if filled == booked:
            del self._filled[request.client_order_id]
            work.unsettled.discard(request.client_order_id)
        if work.lot is not None:
            lot = self._lots[work.lot]
            if filled == booked:
                lot.filling.discard(request.client_order_id)
            if not lot.held and not lot.filling:
                lot.flat.append(lot.last_fill)


class _Streak:
    """What failures in a row, their pause and an override of it still rest on: what came since the last success."""

    def __init__(self) -> None:
        self._hedged: set[PairId] = set()
        self._since: list[Work] = []
        self._missed: deque[Work] = deque(maxlen=MISSES)
        self._overridden = False

    def needed(self) -> set[Work]:
        return {*self._since, *self._missed}

    def take(self, event: Event) -> None:
        match event:
            case PairPlanned(pair=pair) if self._overridden:
                self._since.append(pair.pair_id)
            case OrderIntended(request=request) if self._overridden:
                self._since.append(work_of_order(request))
            case CommandTaken(command=Override.name):
                self._overridden = True
            case PairMoved():
                self._moved(event)

    def _moved(self, event: PairMoved) -> None:
        pair = event.pair
        if pair.state is PairState.HEDGED and pair.pair_id not in self._hedged:
            self._hedged.add(pair.pair_id)
            self._since, self._overridden = [pair.pair_id], False
            self._missed.clear()
        elif pair.state is PairState.MISSED:
            self._missed.append(pair.pair_id)
        elif first_failure(event):
            self._since.append(pair.pair_id)
        if pair.state.final:
            self._hedged.discard(pair.pair_id)


def work_of(event: Event) -> Work | None:
    """Whose record it is: a pair's, or a single order's; ``None`` if nobody's. Of a payment, its owner."""
    match event:
        case PairPlanned(pair=pair) | PairMoved(pair=pair):
            return pair.pair_id
        case PairResolved(pair_id=pair_id):
            return pair_id
        case OrderIntended() | OrderFound() | OrderChanged() | OrderFilled():
            return work_of_order(_request(event))
        case FundingPaid(pair_id=pair_id):
            return pair_id
        case GasPaid(owner=owner):
            return owner
    return None


def work_of_order(request: OrderRequest) -> Work:
    """The pair it works for, else the order itself."""
    return request.pair_id or request.client_order_id


def _request(event: Event) -> OrderRequest:
    assert isinstance(event, OrderIntended | OrderFound | OrderChanged | OrderFilled)
    return event.order.request if isinstance(event, OrderChanged) else event.request
