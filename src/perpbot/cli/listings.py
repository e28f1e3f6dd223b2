"""``perpbot pairs``, ``orders`` and ``trades``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from perpbot.cli.home import BOTS_FIRST, reading
from perpbot.cli.options import did_you_mean, reading_options
from perpbot.cli.output import console, print_json, say, short_moment, table, text, told, usd
from perpbot.core.errors import InputError
from perpbot.core.names import PairId
from perpbot.core.pairs import PairState
from perpbot.records import queries
from perpbot.records.database import Database

_PAIRS = (
    *("pair_id", "symbol", "buy_exchange", "sell_exchange", "state", "opened_ns", "closed_ns", "notional"),
    *("expected_pnl", "total", "exit_reason", "reason"),
)
_ORDERS = (
    *("created_ns", "pair_id", "leg", "purpose", "exchange", "symbol", "side", "price", "size", "filled_size"),
    *("average_price", "time_in_force", "status", "reason"),
)
_TRADES = ("time_ns", "pair_id", "exchange", "symbol", "side", "price", "size", "notional", "fee", "pnl")
_USD = frozenset({"notional", "expected_pnl", "total", "fee", "pnl"})
_WORDS = frozenset(
    {"pair_id", "symbol", "buy_exchange", "sell_exchange", "state", "exit_reason", "leg", "purpose", "exchange", "side"}
    | {"time_in_force", "status", "reason"}
)
Rows = list[dict[str, Any]]


def limit_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--limit``."""
    return click.option(
        "--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N. [default: 50 in a table, else all]"
    )(command)


@click.command
@click.option("--open", "only_open", is_flag=True, help="Only those that are not over.")
@limit_option
@reading_options
def pairs(only_open: bool, limit: int | None, **options: Any) -> None:
    """List the pairs, one a row with both legs; newest last."""
    _list("pairs", _PAIRS, _open_pairs if only_open else queries.pairs, limit, **options)


def _open_pairs(database: Database) -> Rows:
    return [pair for pair in queries.pairs(database) if not PairState(pair["state"]).final]


@click.command
@click.option("--pair", "pair_id", metavar="PAIR", help="Only those of one pair.")
@limit_option
@reading_options
def orders(pair_id: str | None, limit: int | None, **options: Any) -> None:
    """List the orders, newest last; sizes are contracts."""
    _list("orders", _ORDERS, lambda database: _orders(database, pair_id), limit, **options)


def _orders(database: Database, pair_id: str | None) -> Rows:
    """Of all pairs, or of one. Raises ``InputError`` for a pair that is not there."""
    found = queries.orders(database, None if pair_id is None else PairId(pair_id))
    if pair_id is not None and not found:
        known = [pair["pair_id"] for pair in queries.pairs(database)]
        if pair_id not in known:
            raise InputError(f"{pair_id}: no such pair in {database.path}{did_you_mean(pair_id, known)}")
    return found


@click.command
@limit_option
@reading_options
def trades(limit: int | None, **options: Any) -> None:
    """List the trades, one a fill, newest last; sizes are coins, amounts USD."""
    _list("trades", _TRADES, queries.trades, limit, **options)


def _list(
    name: str,
    columns: tuple[str, ...],
    read: Callable[[Database], Rows],
    limit: int | None,
    *,
    db: Path | None,
    config: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    with reading(db, config, overrides, *BOTS_FIRST) as (database, display):
        rows = read(database)
        if as_json:
            shown = rows[-limit:] if limit else rows
            print_json({"database": str(database.path), "mode": database.mode, name: shown})
            return
        newest = rows[-(limit or 50) :]
        _show(f"{name.capitalize()}: {len(rows):,}", columns, newest, display.timezone)
        if len(newest) < len(rows):
            say(f"the newest {len(newest)} of {len(rows):,}; --limit N shows more, `perpbot export {name}` all")


def _show(title: str, columns: tuple[str, ...], rows: Rows, timezone: str) -> None:
    shown = told(columns, rows) if rows else columns
    headings = {column: _heading(column, timezone) for column in shown}
    numbers = [headings[column] for column in shown if column not in _WORDS]
    made = table(title, *headings.values(), numbers=numbers)
    for row in rows:
        made.add_row(*(_cell(column, row[column], timezone) for column in shown))
    console().print(made)


def _heading(column: str, timezone: str) -> str:
    if column.endswith("_ns"):
        return f"{column.removesuffix('_ns')} ({timezone})"
    return column.replace("_", " ")


def _cell(column: str, value: Any, timezone: str) -> str:
    if column.endswith("_ns"):
        return short_moment(value, timezone)
    return usd(value) if column in _USD else escape(text(value))
