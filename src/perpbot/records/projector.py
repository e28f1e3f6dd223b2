"""Fills the database from journal records: in batches of one transaction each, every record once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.dialects.sqlite import insert

from perpbot.core.errors import InputError
from perpbot.core.events import (
    CapitalTransferred,
    CommandRefused,
    CommandTaken,
    EquityMarked,
    Event,
    FundingPaid,
    GasPaid,
    InstrumentListed,
    OrderChanged,
    OrderFilled,
    OrderIntended,
    PairMoved,
    PairPlanned,
    RunStarted,
    RunStopped,
)
from perpbot.core.instruments import Instrument
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.orders import Order
from perpbot.records import queries, rows, tables
from perpbot.records.chain import Record
from perpbot.records.database import Database
from perpbot.records.encoding import encode
from perpbot.records.rows import Row

_BATCH = 1000


@dataclass(slots=True)
class _Known:
    """What later rows need of earlier records."""

    instruments: dict[tuple[ExchangeName, Symbol], Instrument]
    strategies: dict[str, str]
    run: Row | None


class Projector:
    """Takes records as they are written (:meth:`add` is a journal's listener) and keeps them until :meth:`flush`.

    ``journal`` names the journal they come from (its ``identity``). Records the database already has are skipped, so
    that a journal may be fed again from its beginning.
    """

    def __init__(self, database: Database, journal: str) -> None:
        self._database = database
        self._journal = journal
        self._waiting: list[tuple[int, int, Event]] = []
        with database.reading() as connection:
            last = select(tables.journals.c.last_record).where(tables.journals.c.journal == journal)
            self._last: int = connection.scalar(last) or 0
            self._known = _Known(queries.instruments(connection), queries.strategies(connection), None)
            newest = select(tables.runs).order_by(tables.runs.c.started_ns.desc()).limit(1)
            for run in connection.execute(newest).mappings():
                self._known.run = dict(run)

    @property
    def last(self) -> int:
        """Number of the newest record that is in the database or waits for it."""
        return self._last

    @property
    def waiting(self) -> int:
        """Records not yet in the database."""
        return len(self._waiting)

    def add(self, number: int, time_ns: int, event: Event) -> None:
        """Take one record; cheap enough for the hot path."""
        if number > self._last:
            self._last = number
            self._waiting.append((number, time_ns, event))

    def flush(self) -> int:
        """Write what waits in one transaction and return how many records that were; on an error they keep waiting."""
        if not self._waiting:
            return 0
        batch = _Batch(self._known)
        for _, time_ns, event in self._waiting:
            batch.take(time_ns, event)
        with self._database.writing() as connection:
            batch.write(connection)
            _upsert(connection, tables.journals, [{"journal": self._journal, "last_record": self._waiting[-1][0]}])
        written = len(self._waiting)
        self._waiting.clear()
        return written


def rebuild(journal: Iterable[Record], database: Database) -> int:
    """Fill ``database`` from a whole journal; returns how many records it had not yet."""
    records = iter(journal)
    header = next(records, None)
    if header is None:
        raise InputError("the journal is empty: there is nothing to rebuild from")
    projector, written = Projector(database, header.journal), 0
    for record in records:
        projector.add(record.number, record.time_ns, record.event)
        if projector.waiting >= _BATCH:
            written += projector.flush()
    return written + projector.flush()


class _Batch:
    """Rows of many events: of what changes only the last state, of what happens every row."""

    def __init__(self, known: _Known) -> None:
        self._known = known
        self._states: dict[Table, dict[Any, Row]] = {}
        self._facts: dict[Table, list[Row]] = {}

    def take(self, time_ns: int, event: Event) -> None:
        match event:
            case PairPlanned(pair=pair, worst_case_loss=worst):
                self._known.strategies[pair.pair_id] = pair.strategy
                self._state(tables.pairs, pair.pair_id, rows.pair_row(pair, worst))
            case PairMoved(pair=pair):
                self._known.strategies[pair.pair_id] = pair.strategy
                self._state(tables.pairs, pair.pair_id, rows.pair_row(pair))
            case OrderIntended(request=request):
                self._state(tables.orders, request.client_order_id, rows.order_row(Order(request)))
            case OrderChanged(order=order):
                self._state(tables.orders, order.client_order_id, rows.order_row(order))
            case OrderFilled():
                self._fill(event)
            case InstrumentListed(instrument=instrument):
                key = (instrument.exchange, instrument.symbol)
                self._known.instruments[key] = instrument
                self._state(tables.instruments, key, rows.instrument_row(instrument))
            case FundingPaid():
                self._fact(tables.funding, rows.funding_row(event))
            case GasPaid():
                self._fact(tables.gas, rows.gas_row(event))
            case CapitalTransferred():
                self._fact(tables.transfers, rows.transfer_row(event))
            case EquityMarked():
                self._fact(tables.equity, rows.equity_row(event))
            case _:
                self._other(time_ns, event)

    def write(self, connection: Connection) -> None:
        for table, states in self._states.items():
            _upsert(connection, table, list(states.values()))
        for table, facts in self._facts.items():
            connection.execute(insert(table).on_conflict_do_nothing(), facts)

    def _state(self, table: Table, key: Any, row: Row) -> None:
        states = self._states.setdefault(table, {})
        before = states.get(key, {})
        kept = {name: before[name] for name in _KEPT & before.keys() if row[name] is None}
        states[key] = row | kept

    def _fact(self, table: Table, row: Row) -> None:
        self._facts.setdefault(table, []).append(row)

    def _fill(self, event: OrderFilled) -> None:
        fill = event.fill
        instrument = self._known.instruments.get((fill.exchange, fill.symbol))
        if instrument is None:
            raise InputError(f"trade {fill.trade_id}: the journal never listed {fill.symbol} on {fill.exchange}")
        strategy = event.request.strategy or self._known.strategies.get(event.request.pair_id or "", "")
        self._fact(tables.fills, rows.fill_row(event, instrument))
        self._fact(tables.trades, rows.trade_row(event, instrument, strategy))

    def _other(self, time_ns: int, event: Event) -> None:
        self._fact(tables.events, {"time_ns": time_ns, "kind": event.kind, "data": encode(event)})
        if isinstance(event, CommandTaken | CommandRefused):
            self._fact(tables.commands, rows.command_row(event, time_ns))
        if isinstance(event, RunStarted):
            self._known.run = rows.run_row(event, time_ns)
        elif isinstance(event, RunStopped) and self._known.run:
            self._known.run |= {"stopped_ns": time_ns, "reason": event.reason}
        else:
            return
        self._state(tables.runs, self._known.run["epoch"], self._known.run)


_KEPT = frozenset({"worst_case_loss"})
"""Columns that only the first event of a row knows."""


def _upsert(connection: Connection, table: Table, values: list[Row]) -> None:
    statement = insert(table)
    new = statement.excluded
    changed = {
        column.name: func.coalesce(new[column.name], column) if column.name in _KEPT else new[column.name]
        for column in table.columns
        if not column.primary_key
    }
    connection.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed), values)
