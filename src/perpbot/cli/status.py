"""``perpbot status``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from perpbot.cli.asking import NoAnswer, NoBot, ask
from perpbot.cli.home import BOTS, display_of, load, newest, running
from perpbot.cli.options import reading_options
from perpbot.cli.output import console, frozen_symbols, moment, print_json, say, table, text, told, usd
from perpbot.core.reasons import message
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.records.reports import count_pairs
from perpbot.records.rows import iso
from perpbot.service.address import latch_path
from perpbot.service.settings import DisplaySettings

STOPPED = "STOPPED"
_STYLES = {"ACTIVE": "bold green", "REDUCING": "bold yellow", "HALTED": "bold red", STOPPED: "bold"}
_NEXT = {
    "REDUCING": "`perpbot start` lets it open again",
    "HALTED": "`perpbot clear-halt --reason WHY`, then `perpbot start`",
    STOPPED: "the bot is not running: figures are those of its database",
}
"""What the operator may do about a state."""
_EXCHANGE = ("connected", "data age s", "equity", "reserved", "free", "remarks")


@click.command
@reading_options
def status(db: Path | None, config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Say how the bot stands: state, exchanges, pairs, profit, and what to look at.

    Of each exchange the collateral that nothing reserves is free. Without a running bot the state is STOPPED, and the
    figures are those of the newest database.
    """
    database = db if db is not None else running() or newest((BOTS,))
    found = standing(database)
    settings = load(config, overrides, found["exchanges"])
    if as_json:
        print_json(found)
        return
    saved = Database.read(database)
    try:
        _show(found, display_of(saved, settings))
    finally:
        saved.close()


def standing(database: Path) -> dict[str, Any]:
    """How the bot of ``database`` stands, by its own word or by what it saved; ``source`` says which."""
    try:
        answer = ask(database, "status")
    except NoBot:
        found = _stopped(_saved(database), latched=latch_path(database).exists())
        say(f"database: {database} ({found['mode']}); no bot is running on it, `perpbot demo` starts one")
        return found
    except NoAnswer as error:
        say(f"{error}; this is what it saved last")
        return _saved(database)
    say(f"running bot: {database}")
    return {**answer["document"], "source": "bot", "database": str(database)}


def _saved(path: Path) -> dict[str, Any]:
    """What the bot said of itself when it saved last; pairs are those of the database, which may know more."""
    database = Database.read(path)
    try:
        found = queries.document(database, "status") or _unsaid(database)
        pairs = queries.pairs(database)
        quarantined = [pair["pair_id"] for pair in pairs if pair["state"] == "QUARANTINED"]
        return {
            **found,
            "pairs": count_pairs(pairs),
            "quarantined": quarantined,
            "source": "database",
            "database": str(path),
            "as_of": _iso(queries.document_saved_ns(database, "status")),
        }
    finally:
        database.close()


def _unsaid(database: Database) -> dict[str, Any]:
    """What is known of a bot that ended before it saved anything: what was booked."""
    booked, equity = queries.pnl(database), queries.last_equity(database)
    pnl = {"price": booked.price, "fees": booked.fees, "funding": booked.funding, "gas": booked.gas}
    return {
        "mode": database.mode,
        "state": STOPPED,
        "since": None,
        "exchanges": {},
        "pnl": {**pnl, "total": booked.total},
        "equity": sum(equity.values()) if equity else None,
    }


def _stopped(found: dict[str, Any], *, latched: bool) -> dict[str, Any]:
    """What is so of a bot that is not running, whatever it said last."""
    exchanges = {
        name: {**each, "connected": False, "data_age_seconds": None} for name, each in found["exchanges"].items()
    }
    return {
        **found,
        "state": STOPPED,
        "reason": "no bot is running; the halt latch is set, it will start halted" if latched else "no bot is running",
        "since": found["as_of"],
        "uptime_seconds": 0,
        "pid": None,
        "exchanges": exchanges,
        "frozen": [],
        "stops": [],
        "latched": latched,
    }


def _iso(time_ns: int | None) -> str | None:
    return None if time_ns is None else iso(time_ns)


# for people


def _show(found: dict[str, Any], display: DisplaySettings) -> None:
    to = console()
    to.print(_headline(found, display))
    if not found.get("recovered", True):
        to.print("[yellow]starting[/yellow]: nothing opens until it is known what earlier runs left")
    for line in (*_attention(found, display.language), *_figures(found)):
        to.print(line)
    if found["exchanges"]:
        to.print(_exchanges(found["exchanges"]))


def _headline(found: dict[str, Any], display: DisplaySettings) -> str:
    state = found["state"]
    line = f"[{_STYLES[state]}]{state}[/] ({found['mode']}): {escape(str(found.get('reason', '')))}"
    if found["since"]:
        word = "last saved" if state == STOPPED else "since"
        line += f"; {word} {moment(_ns(found['since']), display.timezone)} {display.timezone}"
    if found.get("pid"):
        line += f"; up {_span(found['uptime_seconds'])}, process {found['pid']}"
    return f"{line}\n[dim]{_NEXT[state]}[/dim]" if state in _NEXT else line


def _attention(found: dict[str, Any], language: str) -> Iterable[str]:
    """What an operator has to look at, each with what to do."""
    for pair in map(escape, found.get("quarantined", ())):
        yield (
            f"[bold red]QUARANTINED[/bold red] {pair}: `perpbot orders --pair {pair}` shows what was sent; then"
            f" `perpbot close {pair}`, or if its exchanges show it flat `perpbot resolve {pair} --note FINDING`"
        )
    for each in found.get("unexplained_positions", ()):
        yield _unexplained(each)
    for reason in found.get("stops", ()):
        yield f"[red]nothing opens[/red]: {message(reason, language)}; `perpbot risk` shows the limits"
    if frozen := found.get("frozen"):
        yield f"[yellow]frozen[/yellow]: {escape(frozen_symbols(frozen))}"


def _unexplained(each: Mapping[str, Any]) -> str:
    """What an exchange holds beyond our books, or lacks of them: only the first may be closed there."""
    found, ours = Decimal(each["contracts"]), Decimal(each.get("ours", "0"))
    where = f"{each['symbol']} on {each['exchange']}"
    if not ours:
        held = escape(f"{text(found)} contracts of {where}")
        return f"[red]position of no pair[/red]: {held}; it is never traded by itself, close it at the exchange"
    both = escape(f"{text(found + ours)} contracts of {where}, our books {text(ours)}")
    return f"[red]not as in our books[/red]: the exchange holds {both}; see the quarantined pair, trade nothing there"


def _figures(found: dict[str, Any]) -> Iterable[str]:
    counts = told(found["pairs"], [found["pairs"]], always=("attempted", "closed", "open"))
    yield "pairs: " + ", ".join(f"{found['pairs'][name]:,} {name}" for name in counts)
    pnl = found["pnl"]
    equity = "–" if found["equity"] is None else usd(found["equity"])
    costs = f"price {usd(pnl['price'])} + funding {usd(pnl['funding'])} − fees {usd(pnl['fees'])}"
    gas = f" − gas {usd(pnl['gas'])}" if usd(pnl["gas"]) != "0" else ""
    yield f"PnL: [bold]{usd(pnl['total'])}[/bold] USD = {costs}{gas}; equity {equity} USD"


def _exchanges(found: dict[str, Any]) -> Table:
    made = table("Exchanges, USD", "exchange", *_EXCHANGE, numbers=_EXCHANGE[1:5])
    for name, each in found.items():
        age = each["data_age_seconds"]
        amounts = [usd(each[key]) if each.get(key) is not None else "–" for key in ("equity", "reserved", "free")]
        connected = "yes" if each["connected"] else "[red]no[/red]"
        made.add_row(escape(name), connected, text(None if age is None else f"{age:.2f}"), *amounts, _remarks(each))
    return made


def _remarks(exchange: dict[str, Any]) -> str:
    said = [] if exchange["trading"] else ["[dim]reference only[/dim]"]
    said += ["[yellow]safe mode[/yellow]"] if exchange["safe_mode"] else []
    said += [
        f"[yellow]nothing opens ({escape(cause)}): {message(reason)}[/yellow]"
        for cause, reason in exchange.get("blocked_by", {}).items()
    ]
    return "; ".join(said)


def _ns(stated: str) -> int:
    return round(datetime.fromisoformat(stated).timestamp() * 1_000_000) * 1000


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes}:{rest:02}"
