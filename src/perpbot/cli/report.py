"""``perpbot report``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from perpbot.cli import report_files
from perpbot.cli.home import reading
from perpbot.cli.options import PATH, reading_options
from perpbot.cli.output import console, moment, print_json, say, table, text, told, usd
from perpbot.records.database import Database
from perpbot.records.report_words import exit_words, words
from perpbot.records.reports import report as make_report
from perpbot.service.settings import DisplaySettings

if TYPE_CHECKING:
    from perpbot.records.report_facts import ReportFacts

_COUNTS = ("attempted", "missed", "failed", "opened", "closed", "open", "quarantined", "repaired")
_BY_SYMBOL = ("expected_pnl", "closed_pnl", "fees", "total")
_BY_EXIT = ("expected_pnl", "closed_pnl", "fees")
_BY_EXCHANGE = ("volume", "price", "fees", "funding", "gas", "total", "slippage_bps", "equity")
_ALWAYS = ("volume", "fees", "total", "equity")


@click.command
@click.option("--html", type=PATH, metavar="FILE", help="Write one page with charts, to be opened in a browser.")
@click.option("--png", type=PATH, metavar="FILE", help="Write the charts as one picture (needs perpbot[report]).")
@reading_options
def report(
    html: Path | None, png: Path | None, db: Path | None, config: Path | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Sum up what was traded: pairs, PnL, slippage, drawdown, expected against realised.

    Win rate is the share of closed pairs that brought something after all costs; expected is what the decisions to
    open them had counted on.
    """
    _check(html, png)
    with reading(db, config, overrides) as (database, display):
        written = _write(database, display, html, png)
        figures = written.figures if written else make_report(database)
        if as_json:
            files = {name: str(path) for name, path in (("html", html), ("png", png)) if path}
            print_json({"database": str(database.path), "mode": database.mode, **figures, **files})
        else:
            _show(figures, display)


def _check(html: Path | None, png: Path | None) -> None:
    from perpbot.records import page, pictures  # noqa: PLC0415 - only where a file is wanted

    if html is not None:
        report_files.check(html, page.BEGIN.encode(), "--html")
    if png is not None:
        report_files.check(png, pictures.BEGIN, "--png")
        pictures.require()


def _write(database: Database, display: DisplaySettings, html: Path | None, png: Path | None) -> ReportFacts | None:
    """Write the files that are wanted; returns what they show."""
    if html is None and png is None:
        return None
    from perpbot.records import page, pictures  # noqa: PLC0415 - only where a file is wanted
    from perpbot.records.report_facts import read_facts  # noqa: PLC0415
    from perpbot.service.system import SystemClock  # noqa: PLC0415

    facts = read_facts(database, SystemClock().now_ns(), display.timezone, display.language)
    if html is not None:
        report_files.write(html, page.page(facts).encode("utf-8", "backslashreplace"))
        say(f"page written to {html}")
    if png is not None:
        report_files.write(png, pictures.png(facts))
        say(f"picture written to {png}")
    return facts


def _show(figures: dict[str, Any], display: DisplaySettings) -> None:
    to, said = console(), words(display.language)
    if figures["quarantined"]:
        warning = said["quarantine"].format(count=len(figures["quarantined"]))
        to.print(f"[bold red]{warning}[/bold red] {escape(', '.join(figures['quarantined']))}")
    to.print(_whole(figures, display.timezone, said))
    if figures["by_symbol"]:
        to.print(_by_symbol(figures["by_symbol"], said))
    if figures["by_exit"]:
        named = {exit_words(code, display.language): row for code, row in figures["by_exit"].items()}
        to.print(_grouped("by_exit", "exit", ("closed",), _BY_EXIT, named, said))
    if figures["by_exchange"]:
        amounts = told(_BY_EXCHANGE, figures["by_exchange"].values(), always=_ALWAYS)
        to.print(_grouped("by_exchange", "exchange", ("fills",), amounts, figures["by_exchange"], said))


def _whole(figures: dict[str, Any], timezone: str, said: Mapping[str, str]) -> Table:
    period, pairs, slippage, share = (figures[name] for name in ("period", "pairs", "slippage_bps", "realised_share"))
    made = table(said["report"], said["amounts"], "", numbers=[""])
    if period:
        made.add_row(said["from"], f"{moment(period['start_ns'], timezone)} {timezone}")
        made.add_row(said["to"], f"{moment(period['end_ns'], timezone)} {timezone}")
    counted = told(_COUNTS, [pairs], always=_COUNTS[:1])
    made.add_row(said["pairs"], ", ".join(f"{pairs[name]:,} {said[name]}" for name in counted))
    won = said["of_closed"].format(won=figures["won"], closed=pairs["closed"])
    made.add_row(said["win_rate"], f"{_share(figures['win_rate'])} ({won})")
    for account, amount in figures["pnl"].items():
        made.add_row(said[f"pnl_{account}"], f"{text(amount)} USD", style="bold" if account == "total" else None)
    made.add_row(said["unrealised"], f"{text(figures['unrealized'])} USD")
    if figures["transfers"]:
        made.add_row(said["transfers"], f"{text(figures['transfers'])} USD")
    made.add_row(said["expected_closed"], f"{text(figures['expected_pnl'])} USD")
    came_true = "" if share is None else f" ({share:.0%})"
    made.add_row(said["realised_closed"], f"{text(figures['closed_pnl'])} USD{came_true}")
    for name in ("best", "worst"):
        made.add_row(said[name], _one_pair(figures[name]))
    if figures["mean_holding_seconds"] is not None:
        made.add_row(said["holding"], f"{figures['mean_holding_seconds']:,.1f} s")
    made.add_row(said["slippage"], ", ".join(f"{name} {text(bps)}" for name, bps in slippage.items()) + " bps")
    drawdown = figures["max_drawdown"]
    deepest = said["of_peak"].format(pct=f"{float(drawdown['pct']):.4%}")
    made.add_row(said["drawdown_largest"], f"{text(drawdown['usd'])} USD; {deepest}")
    return made


def _one_pair(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "–"
    return f"{text(found['total'])} USD ({escape(found['pair_id'])}, {escape(found['symbol'])})"


def _by_symbol(found: Mapping[str, Mapping[str, Any]], said: Mapping[str, str]) -> Table:
    counts = told(_COUNTS, found.values(), always=("attempted", "opened", "closed"))
    return _grouped("by_symbol", "symbol", counts, _BY_SYMBOL, found, said)


def _grouped(
    title: str,
    first: str,
    counts: Iterable[str],
    amounts: Iterable[str],
    rows: Mapping[str, Mapping[str, Any]],
    said: Mapping[str, str],
) -> Table:
    """One row a group: counts, win rate where it has one, amounts."""
    rates = ["win_rate"] if all("win_rate" in row for row in rows.values()) else []
    columns = [*counts, *rates, *amounts]
    headings = [said["equity_now" if name == "equity" else name] for name in columns]
    made = table(said[title], said[first], *headings, numbers=headings)
    for name, row in rows.items():
        made.add_row(escape(name), *(_cell(column, row[column]) for column in columns))
    return made


def _cell(column: str, value: Any) -> str:
    if column == "win_rate":
        return _share(value)
    return usd(value) if isinstance(value, Decimal) else text(value)


def _share(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.1%}"
