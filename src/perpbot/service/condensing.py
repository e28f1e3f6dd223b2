"""Keeps a journal's finished files small, as a process of its own: the one that trades spends no time on it.

They are compressed; once enough of them are old, a condensed file is made that a restart reads in their place; and the
oldest that it stands for go when all of them take more than they may::

    python -m perpbot.service.condensing JOURNAL BYTES
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path

from perpbot.capital.pools import pool_of
from perpbot.core.events import (
    CarriedAccounts,
    CarriedResults,
    Event,
    FundingPaid,
    GasPaid,
    HistoryCondensed,
    InstrumentListed,
    OrderFilled,
    PairMoved,
    PairPlanned,
    PairResolved,
)
from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO, realised
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.pairs import Pair, count_endings
from perpbot.core.positions import TradeResult
from perpbot.ledger.accounts import Accounts
from perpbot.ledger.ledger import EARLIER, UNOWNED, Ledger
from perpbot.records import packing, segments
from perpbot.records.chain import HEADER, Record
from perpbot.service.survey import Survey

KEEP_NS = 25 * 3_600_000_000_000
"""What is younger stays word for word: exchanges are asked for the payments of a whole day, and cooldowns end."""
FILES = 4
"""So many finished files of which nothing is condensed yet, and the next condensed file is made."""
_NICENESS = 15


class Carried:
    """What records that are left out came to, booked by the code that booked them once."""

    def __init__(self) -> None:
        self._instruments: dict[tuple[ExchangeName, Symbol], Instrument] = {}
        self._pairs: dict[str, tuple[tuple[ExchangeName, ExchangeName], str]] = {}
        self._open: dict[str, Ledger] = {}
        self._strategies = {UNOWNED}
        self._results: dict[tuple[ExchangeName, str], TradeResult] = {}
        self._accounts: dict[tuple[ExchangeName, str], tuple[Accounts, Decimal]] = {}
        self._endings: dict[Symbol, dict[str, int]] = {}

    def note(self, event: Event) -> None:
        """Take one record of any kind, before :meth:`book` may be called with it."""
        match event:
            case InstrumentListed(instrument=listed):
                self._instruments.setdefault((listed.exchange, listed.symbol), listed)
            case PairPlanned(pair=pair):
                self._pairs[pair.pair_id] = (pair.exchanges, pair.strategy)
            case OrderFilled(request=request) if request.pair_id is None:
                self._strategies.add(request.owner)

    def book(self, event: Event) -> None:
        """Take one record that is left out."""
        match event:
            case HistoryCondensed():
                self._take_over(event)
            case PairMoved(pair=pair) if pair.state.final:
                self._count(pair)
            case OrderFilled():
                self._book_fill(event)
            case FundingPaid(pair_id=owner) if owner is not None:
                self._ledger(owner).book_funding(event)
                self._fold(owner)
            case GasPaid(owner=owner):
                self._ledger(owner).book_gas(event.exchange, event.amount_usd, event.transaction_id, owner)
                self._fold(owner)
            case PairResolved(pair_id=pair_id):
                for gone in event.written_off:
                    self._ledger(pair_id).write_off(gone.exchange, event.symbol, pair_id, gone.realized_usd)
                self._fold(pair_id)

    def told(self) -> HistoryCondensed:
        """All of it."""
        for owner in list(self._open):
            self._close(owner)
        accounts = tuple(
            CarriedAccounts(exchange, owner, sums.price, sums.fees, sums.funding, sums.gas, sums.slippage, hedged)
            for (exchange, owner), (sums, hedged) in sorted(self._accounts.items())
        )
        results = tuple(
            CarriedResults(exchange, pool, brought.realized_pnl, brought.volume, brought.fees)
            for (exchange, pool), brought in sorted(self._results.items())
        )
        return HistoryCondensed(accounts, results, self._endings)

    def _take_over(self, event: HistoryCondensed) -> None:
        for each in event.accounts:
            self._strategies |= {each.owner} - {EARLIER}
            sums = Accounts(each.price, each.fees, each.funding, each.gas, each.slippage)
            self._add(each.exchange, each.owner, sums, each.hedged)
        for brought in event.results:
            result = TradeResult(brought.exchange, brought.realized_pnl, brought.volume, brought.fees)
            self._add_result(brought.pool, result)
        for symbol, counts in event.pairs.items():
            self._add_endings(symbol, counts)

    def _book_fill(self, event: OrderFilled) -> None:
        fill, request = event.fill, event.request
        ledger = self._ledger(request.owner)
        booking = ledger.book_fill(fill, request.owner, request.leg, request.purpose, request.decision_price)
        self._fold(request.owner)
        if request.pair_id in self._pairs:
            volume = self._instruments[fill.exchange, fill.symbol].notional(fill.size, fill.price)
            pool = pool_of(self._pairs[request.pair_id][1])
            self._add_result(pool, TradeResult(fill.exchange, booking.realized_usd, realised(volume), booking.fee_usd))

    def _add_result(self, pool: str, brought: TradeResult) -> None:
        key = (brought.exchange, pool)
        known = self._results.get(key) or TradeResult(brought.exchange, ZERO, ZERO, ZERO)
        self._results[key] = TradeResult(
            brought.exchange,
            known.realized_pnl + brought.realized_pnl,
            known.volume + brought.volume,
            known.fees + brought.fees,
        )

    def _count(self, pair: Pair) -> None:
        self._add_endings(pair.symbol, count_endings([(pair.state, pair.ever_hedged, pair.repaired)]))

    def _add_endings(self, symbol: Symbol, counts: dict[str, int]) -> None:
        known = self._endings.setdefault(symbol, {})
        for ending, count in counts.items():
            known[ending] = known.get(ending, 0) + count

    def _ledger(self, owner: str) -> Ledger:
        """A ledger for each owner while it holds something, so that a long journal takes little memory."""
        if owner not in self._open:
            self._open[owner] = Ledger(self._instruments)
            if owner in self._pairs:
                self._open[owner].open_pair(owner, *self._pairs[owner][0])
        return self._open[owner]

    def _fold(self, owner: str) -> None:
        if not any(self._open[owner].lots()):
            self._close(owner)

    def _close(self, owner: str) -> None:
        ledger, name = self._open.pop(owner), owner if owner in self._strategies else EARLIER
        for exchange in ledger.exchanges:
            self._add(exchange, name, ledger.exchange_accounts(exchange), ledger.carried_by(exchange))

    def _add(self, exchange: ExchangeName, owner: str, sums: Accounts, hedged: Decimal) -> None:
        before, carried = self._accounts.get((exchange, owner), (Accounts(), ZERO))
        self._accounts[exchange, owner] = (before + sums, carried + hedged)


def condense(path: Path, until: int, keep_ns: int = KEEP_NS) -> None:
    """Make the condensed file that stands for all finished files up to number ``until``.

    Raises :class:`InputError` if one of them is missing or not sound.
    """
    follows = segments.header(path, until + 1)
    told, count, kept = shorten(lambda: segments.read(path, whole=False, until=until), follows.time_ns - keep_ns)
    packing.write_condensed(path, follows, told, count, kept)


def shorten(read: Callable[[], Iterable[Record]], horizon_ns: int) -> tuple[HistoryCondensed, int, Iterator[Record]]:
    """What of the records that ``read`` tells again and again a restart needs: how many they are and which, and what
    the others came to. What is younger than ``horizon_ns`` is needed."""
    survey = Survey(horizon_ns).read(read())
    carried, needed = Carried(), 0
    for record, event in _events(read()):
        carried.note(event)
        if survey.needs(record, event):
            needed += 1
        else:
            carried.book(event)
    return carried.told(), needed, (record for record, event in _events(read()) if survey.needs(record, event))


def due(path: Path, keep_ns: int = KEEP_NS) -> int:
    """Up to which finished file a condensed one should be made now; 0 if none should."""
    short, plain = segments.condensed(path), segments.finished(path)
    waiting = [each.number for each in plain if short is None or each.number > short.number]
    if len(waiting) < FILES:
        return 0
    oldest_ended_ns = segments.header(path, waiting[0] + 1).time_ns
    newest_ended_ns = segments.header(path, waiting[-1] + 1).time_ns
    return waiting[-1] if newest_ended_ns - oldest_ended_ns > keep_ns else 0


def tidy(path: Path, budget_bytes: int, keep_ns: int = KEEP_NS) -> None:
    """Compress, condense and remove, as far as it is due, unless another process is at it: one that was killed may
    have left its own behind. A kill at any moment loses nothing."""
    with packing.alone(path) as first:
        if not first:
            return
        packing.compress(path)
        until = due(path, keep_ns)
        if until:
            condense(path, until, keep_ns)
        packing.remove_oldest(path, budget_bytes)


def _events(records: Iterable[Record]) -> Iterator[tuple[Record, Event]]:
    return ((record, record.event) for record in records if record.kind != HEADER)


if __name__ == "__main__":
    os.nice(_NICENESS)
    tidy(Path(sys.argv[1]), int(sys.argv[2]))
