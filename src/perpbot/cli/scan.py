"""``perpbot scan``."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from perpbot.cli.asking import NoAnswer, NoBot, ask
from perpbot.cli.home import BOTS, reading
from perpbot.cli.options import Seconds, reading_options
from perpbot.cli.output import console, moment, print_json, say, table
from perpbot.core.errors import InputError
from perpbot.core.ports import Timers
from perpbot.core.reasons import message
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.service.settings import DisplaySettings
from perpbot.service.system import SystemClock, own_signals, stop_on_signals

REFRESH_SECONDS = 1.0
STALE_SECONDS = 15.0
"""A bot that has not said for so long what it sees is not running, or cannot write."""
_COLUMNS = {
    "symbol": "symbol",
    "buy_exchange": "buy on",
    "sell_exchange": "sell on",
    "open_gap_bps": "open gap",
    "close_gap_bps": "basis",
    "edge_bps": "edge",
    "fees_bps": "fees",
    "funding_bps": "funding",
    "haircut_bps": "haircut",
    "min_profit_bps": "profit",
    "break_even_bps": "break-even",
    "distance_bps": "missing",
    "ages": "ages, s",
    "now": "now",
}
_WORDS = frozenset({"symbol", "buy_exchange", "sell_exchange", "now"})
_LEAST = ("min_profit_bps", "haircut_bps", "funding_bps", "ages", "edge_bps", "fees_bps", "close_gap_bps", "now")
"""What a narrow screen does without, in this order: break-even has all costs in it anyway."""
_BETWEEN = 2
"""Blanks from column to column."""
_WIDE = 200
_OTHERS = 2
"""So many gaps of each symbol are shown that cannot be traded."""
_BESIDE = 9
"""Lines of a terminal that are not rows of the table."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The gaps as the bot saw them at ``time_ns``, the nearest to paying first."""

    time_ns: int
    gaps: list[dict[str, Any]]

    @property
    def nearest(self) -> dict[str, Any] | None:
        """The gap that can be traded and misses least."""
        found = next((gap for gap in self.gaps if gap["tradable"] and gap["distance_bps"] is not None), None)
        return None if found is None else {"time_ns": self.time_ns, **found}


Source = Callable[[], Reading]


def source(database: Database) -> Source:
    """Where the gaps are read: of the bot that runs on the database as they are now, else what was saved last."""
    live = True

    def read() -> Reading:
        nonlocal live
        try:
            answer = ask(database.path, "gaps")
        except (NoBot, NoAnswer) as error:
            if live:
                say(f"{error}; these are the gaps that were saved last")
            live = False
            return _saved(database)
        live = True
        return Reading(answer["time_ns"], answer["document"])

    return read


def _saved(database: Database) -> Reading:
    saved_ns, found = queries.document_saved_ns(database, "gaps"), queries.document(database, "gaps")
    if saved_ns is None or found is None:
        raise InputError(f"{database.path} holds no gaps yet: start the bot, try again in a moment, or name --db")
    return Reading(saved_ns, found)


@click.command
@click.option("--once", is_flag=True, help="Show the gaps once and end.")
@click.option("--for", "seconds", type=Seconds(), metavar="SECONDS", help="How long. [default: until Ctrl-C]")
@reading_options
def scan(
    once: bool, seconds: float | None, db: Path | None, config: Path | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Show the gaps between exchanges live, each with its break-even at the configured fees.

    All figures are basis points. Edge is the open gap above the basis (its usual close gap); break-even is the open
    gap that leaves the minimum profit after all costs, missing how far away that is. Without a terminal it shows the
    gaps once, unless --for or --json is given.
    """
    with reading(db, config, overrides, BOTS) as (database, display):
        read, clock = source(database), SystemClock()
        if once or (seconds is None and not as_json and not console().is_terminal):
            found = read()
            if as_json:
                print_json({"database": str(database.path), "mode": database.mode, **_as_json(found)})
            else:
                console().print(_picture(found, display, clock.now_ns()))
            return
        watch = _Watch(read, display, clock, as_json=as_json)
        with own_signals(), watch.screen, asyncio.Runner() as runner:
            runner.run(watch.run(seconds))
        watch.conclude()


class _Watch:
    """Reads again and again, shows what it read, and keeps what came nearest to paying."""

    def __init__(self, read: Source, display: DisplaySettings, clock: Timers, *, as_json: bool) -> None:
        self._read = read
        self._display = display
        self._clock = clock
        self._as_json = as_json
        self._to: Console = console()
        self._live = None if as_json or not self._to.is_terminal else Live(console=self._to, auto_refresh=False)
        self._started_ns = clock.now_ns()
        self._ended = False
        self._readings = 0
        self._last_ns: int | None = None
        self._nearest: dict[str, Any] | None = None

    @property
    def screen(self) -> AbstractContextManager[Any]:
        """The live table, where there is a terminal for it."""
        return self._live or nullcontext()

    async def run(self, seconds: float | None) -> None:
        """Show the gaps once a second, for so long or until a signal comes."""
        woken = asyncio.Event()

        def end() -> None:
            self._ended = True
            woken.set()

        stop_on_signals(end)
        if seconds is not None:
            _ = self._clock.call_at(self._started_ns + round(seconds * 1e9), end)
        while not self._ended:
            self._show(self._read())
            cancel = self._clock.call_at(self._clock.now_ns() + round(REFRESH_SECONDS * 1e9), woken.set)
            await woken.wait()
            woken.clear()
            cancel()

    def _show(self, found: Reading) -> None:
        """Show a reading; as JSON only one that is new."""
        fresh = found.time_ns != self._last_ns
        if fresh:
            self._last_ns = found.time_ns
            self._readings += 1
            self._keep_nearest(found.nearest)
        if self._as_json:
            if fresh:
                print_json(_as_json(found))
            return
        most = max(self._to.size.height - _BESIDE, 1) if self._live else None
        drawn = _picture(found, self._display, self._clock.now_ns(), most, self._to.size.width)
        if self._live:
            self._live.update(drawn, refresh=True)
        else:
            self._to.print(drawn)

    def _keep_nearest(self, found: dict[str, Any] | None) -> None:
        if found is None:
            return
        before = self._nearest
        if before is None or Decimal(found["distance_bps"]) < Decimal(before["distance_bps"]):
            self._nearest = found

    def conclude(self) -> None:
        """The summary, last."""
        seconds = round((self._clock.now_ns() - self._started_ns) / 1e9, 3)
        if self._as_json:
            print_json({"seconds": seconds, "readings": self._readings, "nearest": self._nearest})
            return
        plural = "" if self._readings == 1 else "s"
        said = f"{self._readings} reading{plural} in {seconds:.0f} s"
        near = self._nearest
        if near is not None:
            where = f"{near['symbol']}, buy on {near['buy_exchange']}, sell on {near['sell_exchange']}"
            said += f"; nearest to paying: {where}, {_shown(near['distance_bps'])} bps missing"
        say(said)


def _as_json(found: Reading) -> dict[str, Any]:
    return {"time_ns": found.time_ns, "gaps": found.gaps}


def _picture(
    found: Reading, display: DisplaySettings, now_ns: int, most: int | None = None, width: int = _WIDE
) -> Table:
    """The table; ``most`` rows of it, what can be traded first, and the columns that ``width`` has room for."""
    shown = _worth_showing(found.gaps)[:most]
    rows = [_cells(gap, display.language) for gap in shown]
    columns = _fitting(rows, width)
    numbers = [_COLUMNS[name] for name in columns if name not in _WORDS]
    title = _title(found, display.timezone, now_ns)
    made = table(title, *(_COLUMNS[name] for name in columns), numbers=numbers)
    for column in made.columns:
        column.no_wrap = True
    for gap, cells in zip(shown, rows, strict=True):
        made.add_row(*(escape(cells[name]) for name in columns), style=_style(gap))
    if len(shown) < len(found.gaps):
        made.caption = f"and {len(found.gaps) - len(shown)} more; --json has all"
        made.caption_justify = "left"
    return made


def _cells(gap: dict[str, Any], language: str) -> dict[str, str]:
    """Every column's text of one gap."""
    cells = {name: _shown(gap[name]) for name in _COLUMNS if name.endswith("_bps")}
    names = {key: _exchange(gap, gap[key]) for key in ("buy_exchange", "sell_exchange")}
    ages = "/".join(_age(gap[key]) for key in ("buy_age_seconds", "sell_age_seconds"))
    return {"symbol": gap["symbol"], **names, **cells, "ages": ages, "now": _now(gap, language)}


def _fitting(rows: list[dict[str, str]], width: int) -> list[str]:
    """The columns that a screen of ``width`` has room for; what matters least is left out first."""
    wide = {
        name: max(cell_len(text) for text in (heading, *(row[name] for row in rows))) + _BETWEEN
        for name, heading in _COLUMNS.items()
    }
    left_out = iter(_LEAST)
    while sum(wide.values()) > width and (name := next(left_out, None)):
        del wide[name]
    return list(wide)


def _title(found: Reading, timezone: str, now_ns: int) -> str:
    title = f"Gaps in basis points, as of {moment(found.time_ns, timezone)} {timezone}"
    age = (now_ns - found.time_ns) / 1e9
    return f"{title} [yellow]({age:,.0f} s ago: no bot is writing)[/yellow]" if age > STALE_SECONDS else title


def _worth_showing(gaps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What can be traded, and of the rest the widest of each symbol."""
    others = Counter[str]()
    shown = []
    for gap in gaps:
        others[gap["symbol"]] += not gap["tradable"]
        if gap["tradable"] or others[gap["symbol"]] <= _OTHERS:
            shown.append(gap)
    return shown


def _exchange(gap: dict[str, Any], name: str) -> str:
    return f"{name} (ref)" if name in gap["reference_only"] else name


def _style(gap: dict[str, Any]) -> str | None:
    if not gap["tradable"]:
        return "dim"
    pays = gap["distance_bps"] is not None and Decimal(gap["distance_bps"]) <= 0
    return "green" if pays else None


def _now(gap: dict[str, Any], language: str) -> str:
    """Why nothing opens there now."""
    chinese = language == "zh"
    if gap["reference_only"]:
        return "仅作参考" if chinese else "reference only"
    if not gap["tradable"]:
        return "未扫描" if chinese else "not scanned"
    if gap["reason"] is None:
        return "未高于常态" if chinese else "no more than usual"
    return message(gap["reason"], language)


def _shown(bps: str | Decimal | None) -> str:
    return "–" if bps is None else f"{Decimal(bps):.2f}"


def _age(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f}"
