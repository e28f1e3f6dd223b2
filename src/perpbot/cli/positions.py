"""``perpbot positions``."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from perpbot.cli.home import BOTS_FIRST, reading
from perpbot.cli.options import reading_options
from perpbot.cli.output import console, moment, print_json, say, table, text, told, usd
from perpbot.core.money import ZERO
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.records.holdings import holdings

_COLUMNS = (
    *("exchange", "symbol", "side", "size", "contracts", "entry_price", "mark_price", "notional", "unrealized_pnl"),
    *("liquidation_price", "pair_id", "pair_state", "strategy"),
)
_ALWAYS = ("exchange", "symbol", "side", "size", "contracts", "entry_price")
_WORDS = frozenset({"exchange", "symbol", "side", "pair_id", "pair_state", "strategy"})
_USD = frozenset({"notional", "unrealized_pnl"})


@dataclass(frozen=True, slots=True)
class Held:
    """Open positions as of a moment (``None``: nothing was ever filled); ``marked`` if valued at the books of then."""

    rows: list[dict[str, Any]]
    as_of_ns: int | None
    marked: bool


@click.command
@reading_options
def positions(db: Path | None, config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """List the open positions, and the pair that each belongs to.

    One row by exchange, symbol and pair (or strategy). Size is in coins; the mark is the price at which the position
    could be closed. Without what the bot saved last, or where fills came after it, positions are what the recorded
    fills add up to, and no mark is known.
    """
    with reading(db, config, overrides, *BOTS_FIRST) as (database, display):
        held = read_held(database)
        if as_json:
            facts = {"as_of_ns": held.as_of_ns, "marked": held.marked, "positions": held.rows}
            print_json({"database": str(database.path), "mode": database.mode, **facts})
        else:
            _show(held, display.timezone)


def read_held(database: Database) -> Held:
    """What is held by the newest account of it: the bot's own, unless fills were recorded after that."""
    saved_ns, filled_ns = queries.document_saved_ns(database, "positions"), queries.last_fill_ns(database)
    if saved_ns is not None and (filled_ns is None or filled_ns <= saved_ns):
        return Held(queries.document(database, "positions"), saved_ns, marked=True)
    return Held(holdings(database), filled_ns, marked=False)


def _show(held: Held, timezone: str) -> None:
    as_of = "" if held.as_of_ns is None else f" as of {moment(held.as_of_ns, timezone)} {timezone}"
    if not held.rows:
        console().print(f"no open positions{as_of}")
        return
    console().print(_table(f"Positions{as_of}, USD", held.rows))
    if not held.marked:
        say("added up from the recorded fills: at which prices they could be closed is not known without a running bot")


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    shown = told(_COLUMNS, rows, always=_ALWAYS)
    headings = {column: column.replace("_", " ") for column in shown}
    made = table(title, *headings.values(), numbers=[headings[each] for each in shown if each not in _WORDS])
    for row in rows:
        made.add_row(*(_cell(column, row[column]) for column in shown))
    if len(rows) > 1 and "unrealized_pnl" in shown:
        total = sum((Decimal(row["unrealized_pnl"]) for row in rows if row["unrealized_pnl"] is not None), ZERO)
        cells = {"exchange": "all", "unrealized_pnl": usd(total)}
        made.add_row(*(cells.get(column, "") for column in shown), style="bold")
    return made


def _cell(column: str, value: Any) -> str:
    if value is None:
        return "–"
    if column in _USD:
        return usd(value)
    return escape(text(value if column in _WORDS else Decimal(value)))
