"""``perpbot capital`` and ``perpbot risk``."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from perpbot.cli.home import BOTS_FIRST, reading
from perpbot.cli.options import reading_options
from perpbot.cli.output import console, frozen_symbols, print_json, table, text, told, usd
from perpbot.core.errors import InputError
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.service.settings import DisplaySettings

_POOL = ("pool", "allocated", "available", "used_pct", "realized_pnl", "volume", "fees", "borrowed", "lent", "over_use")


@click.command
@reading_options
def capital(db: Path | None, config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show the pools of capital on every exchange, in USD, as they were last saved."""
    with reading(db, config, overrides, *BOTS_FIRST) as (database, _):
        found = _document(database, "capital")
        if as_json:
            print_json({"database": str(database.path), "mode": database.mode, "capital": found})
        else:
            console().print(_capital(found))


@click.command
@reading_options
def risk(db: Path | None, config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show the limits and how much of each is used, as they were last saved."""
    with reading(db, config, overrides, *BOTS_FIRST) as (database, display):
        found = _document(database, "risk")
        if as_json:
            print_json({"database": str(database.path), "mode": database.mode, **found})
        else:
            _show_risk(found, display)


def _document(database: Database, name: str) -> Any:
    found = queries.document(database, name)
    if found is None:
        raise InputError(f"{database.path} holds no {name} yet: the run has not saved any; try again, or name --db")
    return found


def _capital(found: dict[str, Any]) -> Table:
    rows = [pool for account in found.values() for pool in account["pools"].values()]
    columns = told(_POOL, rows, always=("pool", "allocated", "available"))
    headings = ["equity", "drawdown", *(name.removesuffix("_pct").replace("_", " ") for name in columns)]
    made = table("Capital, USD", "exchange", "pool of", *headings, numbers=headings)
    for exchange, account in found.items():
        name = f"{exchange} [yellow](safe mode)[/yellow]" if account["safe_mode"] else exchange
        first = (usd(account["equity"]), f"{Decimal(account['drawdown_pct']):.2%}")
        for pool in account["pools"].values():
            made.add_row(name, pool["name"], *first, *(_pool_figure(column, pool[column]) for column in columns))
            name, first = "", ("", "")
    return made


def _pool_figure(column: str, value: str) -> str:
    return f"{Decimal(value):.1%}" if column == "used_pct" else usd(value)


def _show_risk(found: dict[str, Any], display: DisplaySettings) -> None:
    to = console()
    state = found["state"]
    to.print(f"trading state [bold]{state}[/bold]" + (f": {escape(found['reason'])}" if state != "ACTIVE" else ""))
    for stop in found["stops"]:
        words = stop["chinese"] if display.language == "zh" else stop["english"]
        to.print(f"[red]nothing opens[/red]: {words} ({text(stop['measured'])}, limit {text(stop['limit'])})")
    for name, title in (("frozen", "frozen"), ("fast_market", "frozen by a fast market")):
        if found[name]:
            to.print(f"[yellow]{title}[/yellow]: {frozen_symbols(found[name])}")
    to.print(_limits(found))


def _limits(found: dict[str, Any]) -> Table:
    made = table("Limits", "of", "rule", "measured", "limit", "used", numbers=["measured", "limit", "used"])
    for rule, figures in found["account"].items():
        if isinstance(figures, dict):
            made.add_row("account", rule, *_figures(figures))
        else:
            made.add_row("account", rule, text(figures), "–", "–")
    for name, exchange in found["exchanges"].items():
        made.add_row(name, "drawdown_pct (safe mode)", *_figures(exchange["drawdown_pct"]))
        for cause, reason in exchange["blocked_by"].items():
            made.add_row(name, f"blocked by {escape(cause)}", reason, "–", "–")
    for symbol, figures in found["exposure"].items():
        made.add_row(symbol, "exposure", *_figures(figures))
    for rule, limit in found["per_trade"].items():
        made.add_row("each trade", rule, "–", text(limit), "–")
    return made


def _figures(figures: dict[str, Any]) -> tuple[str, str, str]:
    measured, limit = Decimal(figures["measured"]), Decimal(figures["limit"])
    return text(measured), text(limit), f"{measured / limit:.1%}" if limit else "–"
