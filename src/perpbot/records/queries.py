"""What commands and reports read from the database: plain rows, keyed as the tables (and exports) name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, RowMapping, func, select
from sqlalchemy.dialects.sqlite import insert

from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName, PairId, Symbol
from perpbot.ledger.accounts import Accounts
from perpbot.records import tables
from perpbot.records.database import Database
from perpbot.records.decimals import total
from perpbot.records.encoding import to_plain
from perpbot.records.rows import Row


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """How often ``reason`` ended a candidate of ``symbol``, and the figures of its nearest miss."""

    symbol: Symbol
    level: str
    reason: str
    rule: str
    count: int
    last_ns: int
    measured: Decimal | None = None
    limit: Decimal | None = None
    distance: Decimal | None = None
    detail: str = ""


class EquityMark(NamedTuple):
    """What one exchange held at one moment, in USD."""

    time_ns: int
    exchange: ExchangeName
    equity: Decimal
    unrealized: Decimal


@dataclass(frozen=True, slots=True)
class ExchangeTrades:
    """What was traded on one exchange: amounts in USD, fees and gas positive when paid."""

    exchange: ExchangeName
    fills: int
    volume: Decimal
    accounts: Accounts


def pairs(database: Database, state: str | None = None) -> list[Row]:
    """Pairs in the order they were planned, with ``price_pnl, fees, funding, gas, total`` in USD as realised so far."""
    statement = select(tables.pairs).order_by(tables.pairs.c.planned_ns, tables.pairs.c.pair_id)
    if state is not None:
        statement = statement.where(tables.pairs.c.state == state)
    with database.reading() as connection:
        booked = _accounts_by_pair(connection)
        return [_with_accounts(_row(row), booked) for row in connection.execute(statement).mappings()]


def orders(database: Database, pair_id: PairId | None = None) -> list[Row]:
    """Orders in the order they were made; of one pair, if named."""
    statement = select(tables.orders).order_by(tables.orders.c.created_ns, tables.orders.c.client_order_id)
    if pair_id is not None:
        statement = statement.where(tables.orders.c.pair_id == pair_id)
    return _read(database, statement)


def fills(database: Database) -> list[Row]:
    """Fills in the order they were booked."""
    return _read(database, select(tables.fills).order_by(tables.fills.c.id))


def last_fill_ns(database: Database) -> int | None:
    """When the newest fill happened, by its exchange's clock; ``None`` without any."""
    with database.reading() as connection:
        newest: int | None = connection.scalar(select(func.max(tables.fills.c.time_ns)))
        return newest


def trades(database: Database, limit: int | None = None) -> list[Row]:
    """Trades in the order they were booked; with ``limit`` the newest of them."""
    newest = select(tables.trades).order_by(tables.trades.c.id.desc()).limit(limit)
    return _read(database, newest)[::-1]


def equity(database: Database) -> list[Row]:
    """Equity marks in order."""
    return _read(database, select(tables.equity).order_by(tables.equity.c.id))


def equity_marks(database: Database) -> Iterator[EquityMark]:
    """Equity marks in order, read as they are asked for: there may be millions."""
    table = tables.equity
    statement = select(table.c.time_ns, table.c.exchange, table.c.equity, table.c.unrealized).order_by(table.c.id)
    with database.reading() as connection:
        for row in connection.execution_options(yield_per=10_000).execute(statement):
            yield EquityMark(*row)


def equity_period(database: Database) -> tuple[int, int] | None:
    """Times of the first and the last equity mark, ``None`` without any."""
    column = tables.equity.c.time_ns
    with database.reading() as connection:
        first, last = connection.execute(select(func.min(column), func.max(column))).one()
    return None if first is None else (first, last)


def equity_moments(database: Database) -> int:
    """At how many moments equity was marked, on however many exchanges at once."""
    with database.reading() as connection:
        return connection.execute(select(func.count(func.distinct(tables.equity.c.time_ns)))).scalar_one()


def last_equity(database: Database) -> dict[ExchangeName, Decimal]:
    """What each exchange held at its last mark, in USD."""
    table = tables.equity
    newest = select(func.max(table.c.id)).group_by(table.c.exchange)
    with database.reading() as connection:
        found = connection.execute(select(table.c.exchange, table.c.equity).where(table.c.id.in_(newest)))
        return {row.exchange: row.equity for row in found}


def trades_by_exchange(database: Database) -> list[ExchangeTrades]:
    """What each exchange's trades, funding and gas came to, in order of names; all that listed something are there."""
    table = tables.trades
    statement = select(table.c.exchange, func.count(), total(table.c.notional)).group_by(table.c.exchange)
    with database.reading() as connection:
        traded = {row[0]: (row[1], row[2]) for row in connection.execute(statement)}
        booked = _accounts_by(connection, tables.fills.c.exchange, "exchange", "exchange")
    names = sorted({*exchanges(database), *traded, *booked})
    return [ExchangeTrades(name, *traded.get(name, (0, ZERO)), booked.get(name, Accounts())) for name in names]


def runs(database: Database) -> list[Row]:
    """Every start of the bot on this database, in order."""
    return _read(database, select(tables.runs).order_by(tables.runs.c.started_ns))


def events(database: Database, *kinds: str) -> list[Row]:
    """Events without a table of their own, in order; of some kinds, if named."""
    statement = select(tables.events).order_by(tables.events.c.id)
    return _read(database, statement.where(tables.events.c.kind.in_(kinds)) if kinds else statement)


def pnl(database: Database) -> Accounts:
    """What was realised over all pairs and strategies, in USD."""
    with database.reading() as connection:
        return sum(_accounts_by_pair(connection).values(), Accounts())


def transferred(database: Database) -> Decimal:
    """Net USD deposited and withdrawn."""
    with database.reading() as connection:
        return connection.scalar(select(total(tables.transfers.c.amount))) or ZERO


def transfers(database: Database) -> list[Row]:
    """Deposits and withdrawals in order."""
    return _read(database, select(tables.transfers).order_by(tables.transfers.c.id))


def symbols(database: Database) -> list[Symbol]:
    """All symbols an exchange listed, in order."""
    with database.reading() as connection:
        return list(connection.scalars(select(tables.instruments.c.symbol).distinct().order_by("symbol")))


def exchanges(database: Database) -> list[ExchangeName]:
    """All exchanges that listed something, in order."""
    with database.reading() as connection:
        return list(connection.scalars(select(tables.instruments.c.exchange).distinct().order_by("exchange")))


def verdicts(database: Database, symbol: Symbol | None = None) -> list[VerdictCount]:
    """The funnel, the most frequent reason first; of one symbol, if named."""
    table = tables.verdicts
    statement = select(table).order_by(table.c.count.desc(), table.c.symbol, table.c.reason)
    if symbol is not None:
        statement = statement.where(table.c.symbol == symbol)
    return [VerdictCount(**row) for row in _read(database, statement)]


def save_verdicts(database: Database, counts: Iterable[VerdictCount]) -> None:
    """Replace the funnel by ``counts``."""
    values = [{column.name: getattr(count, column.name) for column in tables.verdicts.columns} for count in counts]
    with database.writing() as connection:
        connection.execute(tables.verdicts.delete())
        if values:
            connection.execute(insert(tables.verdicts), values)


def document(database: Database, name: str) -> Any:
    """The newest document of that name as JSON has it, ``None`` if there is none."""
    with database.reading() as connection:
        return connection.scalar(select(tables.documents.c.body).where(tables.documents.c.name == name))


def document_saved_ns(database: Database, name: str) -> int | None:
    """When the document of that name was saved (nanoseconds since 1970), ``None`` if there is none."""
    with database.reading() as connection:
        return connection.scalar(select(tables.documents.c.time_ns).where(tables.documents.c.name == name))


def save_document(database: Database, name: str, time_ns: int, body: Any) -> None:
    """Keep ``body`` (any fact; decimals become plain strings) in place of the document of that name."""
    statement = insert(tables.documents).values(name=name, time_ns=time_ns, body=to_plain(body))
    new = statement.excluded
    with database.writing() as connection:
        connection.execute(statement.on_conflict_do_update(["name"], set_={"time_ns": new.time_ns, "body": new.body}))


def instruments(connection: Connection) -> dict[tuple[ExchangeName, Symbol], Instrument]:
    """All instruments the journal listed."""
    found = connection.execute(select(tables.instruments)).mappings()
    return {(row["exchange"], row["symbol"]): msgspec.convert(_row(row), Instrument) for row in found}


def strategies(connection: Connection) -> dict[str, str]:
    """The strategy of each pair."""
    found = connection.execute(select(tables.pairs.c.pair_id, tables.pairs.c.strategy))
    return {row.pair_id: row.strategy for row in found}


def _read(database: Database, statement: Any) -> list[Row]:
    with database.reading() as connection:
        return [_row(row) for row in connection.execute(statement).mappings()]


def _row(found: RowMapping) -> Row:
    return {str(name): value for name, value in found.items()}


def _accounts_by_pair(connection: Connection) -> dict[str, Accounts]:
    """Realised accounts by pair id; what is no pair's stands under the empty name, or its owner's."""
    return _accounts_by(connection, func.coalesce(tables.fills.c.pair_id, ""), "pair_id", "owner")


def _accounts_by(connection: Connection, owner: Any, funding_of: str, gas_of: str) -> dict[str, Accounts]:
    """Realised accounts by a column of the fills and the columns of the same meaning of funding and gas."""
    booked: dict[str, Accounts] = {}
    realized, fees = total(tables.fills.c.realized_usd), total(tables.fills.c.fee_usd)
    for pair_id, price, fee in connection.execute(select(owner, realized, fees).group_by(owner)):
        booked[pair_id] = Accounts(price=price, fees=fee)
    for table, owner_column, account in ((tables.funding, funding_of, "funding"), (tables.gas, gas_of, "gas")):
        column = table.c[owner_column]
        for pair_id, amount in connection.execute(select(column, total(table.c.amount)).group_by(column)):
            booked[pair_id] = booked.get(pair_id, Accounts()) + Accounts(**{account: amount})
    return booked


def _with_accounts(row: Row, booked: dict[str, Accounts]) -> Row:
    accounts = booked.get(row["pair_id"], Accounts())
    figures = {"price_pnl": accounts.price, "fees": accounts.fees, "funding": accounts.funding, "gas": accounts.gas}
    return row | figures | {"total": accounts.total}
