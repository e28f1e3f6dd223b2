"""``perpbot why``."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from perpbot.cli.home import reading
from perpbot.cli.options import did_you_mean, reading_options
from perpbot.cli.output import console, print_json, short_moment, table, text
from perpbot.core.errors import InputError
from perpbot.core.pairs import PairState
from perpbot.core.reasons import message
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.records.reports import count_pairs
from perpbot.service.funnel import Step, brief, funnel, sentence
from perpbot.service.settings import DisplaySettings

_LAST = 5
_SAME = ("symbol", "buy_exchange", "sell_exchange", "reason")


@click.command
@click.argument("symbol", required=False)
@reading_options
def why(symbol: str | None, db: Path | None, config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Say why it did not trade: the reasons, counted, each with its nearest miss.

    A candidate is a gap between two exchanges that stands above its usual level; each ends in exactly one reason. They
    are shown in the order in which they are asked.
    """
    with reading(db, config, overrides) as (database, display):
        told = explain(database, _known(database, symbol), display.language)
        if as_json:
            print_json({"database": str(database.path), "mode": database.mode, **told})
        else:
            _show(console(), told, display)


def explain(database: Database, symbols: list[str], language: str) -> dict[str, Any]:
    """What became of the candidates of ``symbols``: sentences, the funnel, the newest verdicts; and all quarantined
    pairs, for those forbid openings of every symbol on their exchanges."""
    counts = [count for count in queries.verdicts(database) if count.symbol in symbols]
    pairs = queries.pairs(database)
    by_symbol = {}
    for symbol in symbols:
        steps = funnel(count for count in counts if count.symbol == symbol)
        counted = count_pairs(pair for pair in pairs if pair["symbol"] == symbol)
        by_symbol[symbol] = {
            "sentence": sentence(symbol, steps, counted, language),
            "candidates": sum(step.count for step in steps),
            "pairs": counted,
        }
    recent = [found for found in queries.document(database, "verdicts") or [] if found["symbol"] in symbols]
    return {
        "quarantined": [_quarantined(pair) for pair in pairs if pair["state"] == PairState.QUARANTINED],
        "candidates": sum(count.count for count in counts),
        "symbols": by_symbol,
        "reasons": funnel(counts),
        "recent": _folded(recent),
    }


def _quarantined(pair: dict[str, Any]) -> dict[str, Any]:
    exchanges = [pair["buy_exchange"], pair["sell_exchange"]]
    return {"pair_id": pair["pair_id"], "symbol": pair["symbol"], "exchanges": exchanges, "reason": pair["reason"]}


def _folded(newest_first: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Equal verdicts in a row become one: some were apart only by those of another symbol."""
    folded: list[dict[str, Any]] = []
    for found in newest_first:
        if folded and all(folded[-1][key] == found[key] for key in _SAME):
            folded[-1] = {**folded[-1], "count": folded[-1]["count"] + found["count"]}
        else:
            folded.append(found)
    return folded


def _known(database: Database, symbol: str | None) -> list[str]:
    """The symbols asked about. Raises ``InputError`` for one that was not there."""
    known = queries.symbols(database)
    if symbol is None:
        return known
    if symbol.upper() not in known:
        raise InputError(f"{symbol}: no such symbol in {database.path}{did_you_mean(symbol.upper(), known)}")
    return [symbol.upper()]


def _show(to: Console, told: dict[str, Any], display: DisplaySettings) -> None:
    for each in told["quarantined"]:
        reason, where = message(each["reason"] or "quarantined", display.language), " and ".join(each["exchanges"])
        to.print(
            f"[bold red]QUARANTINED[/bold red] {escape(each['pair_id'])} ({each['symbol']}): {reason}; nothing opens "
            f"on {escape(where)} until it is closed or resolved, see `perpbot status`"
        )
    for found in told["symbols"].values():
        to.print(escape(found["sentence"]))
    if told["reasons"]:
        to.print(_funnel(told["reasons"], told["candidates"], display.language, several=len(told["symbols"]) > 1))
    if told["recent"]:
        to.print(_recent(told["recent"][:_LAST], display))


def _funnel(steps: list[Step], total: int, language: str, *, several: bool) -> Any:
    numbers = ["count", "share", "nearest", "limit", "distance"]
    messages = ("中文", "English") if language == "zh" else ("English", "中文")
    columns = ["reason", *messages, *numbers, *(["of"] if several else [])]
    made = table(f"{total:,} candidates, in the order of the questions", *columns, numbers=numbers)
    for step in steps:
        both = (step.chinese, step.english) if language == "zh" else (step.english, step.chinese)
        figures = (brief(each) if each is not None else "–" for each in (step.measured, step.limit, step.distance))
        where = [step.symbol] if several else []
        style = "green" if step.reason == "approved" else None
        made.add_row(step.reason, *both, text(step.count), f"{step.share:.1%}", *figures, *where, style=style)
    return made


def _recent(found: list[dict[str, Any]], display: DisplaySettings) -> Any:
    title = f"The last answers ({display.timezone}); equal ones in a row are one"
    several = len({each["symbol"] for each in found}) > 1
    where = ["symbol"] if several else []
    made = table(title, "until", *where, "buy on", "sell on", "times", "answer", numbers=["times"])
    for each in found:
        answer = message(each["reason"], display.language)
        if each["measured"] is not None and each["limit"] is not None:
            answer += f" ({brief(Decimal(each['measured']))}, limit {brief(Decimal(each['limit']))})"
        cells = [short_moment(each["time_ns"], display.timezone), *(each[name] for name in where)]
        made.add_row(*cells, each["buy_exchange"], each["sell_exchange"], text(each["count"]), escape(answer))
    return made
