"""What commands write: JSON and tables to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from perpbot.core.money import plain
from perpbot.records import times

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_FILE_COLUMNS = 200
"""Width of tables that no terminal shows: nothing is cut off in a file."""
_NOTHING = (0, None, "", "0")
_PLACES = 8
_SHOWN = range(-_PLACES, 20)


def say(text: str) -> None:
    """One line for people, beside the output."""
    print(text, file=sys.stderr)  # noqa: T201


def print_json(value: Any) -> None:
    """One object on one line of standard output; amounts become strings."""
    from perpbot.records.encoding import to_plain  # noqa: PLC0415 - tables do without

    print(json.dumps(to_plain(value), ensure_ascii=False, allow_nan=False))  # noqa: T201


def console(*, stderr: bool = False) -> Console:
    """A terminal's console, or one wide enough to cut nothing off."""
    from rich.console import Console  # noqa: PLC0415 - help does without

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, width=None if stream.isatty() else _FILE_COLUMNS)


def table(title: str, *columns: str, numbers: Iterable[str] = ()) -> Table:
    """An empty table; the columns named in ``numbers`` stand to the right."""
    from rich import box  # noqa: PLC0415 - help does without
    from rich.table import Table  # noqa: PLC0415

    made = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    right = set(numbers)
    for number, name in enumerate(columns):
        first = number == 0  # it names its row: a code or time that is broken up cannot be copied
        made.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=first)
    return made


def told(columns: Iterable[str], rows: Iterable[Mapping[str, Any]], always: Iterable[str] = ()) -> list[str]:
    """The columns that say something: those of ``always``, and those that are not nothing in every row."""
    shown, kept = list(rows), set(always)
    return [name for name in columns if name in kept or any(row[name] not in _NOTHING for row in shown)]


def usd(value: Any) -> str:
    """An amount as people read it, to a hundredth of a cent."""
    return text(round(Decimal(value), 4))


def text(value: Any) -> str:
    """One cell: decimals without exponent and to the eighth place at most; a dash for what is not known."""
    if value is None:
        return "–"
    if isinstance(value, Decimal):
        return plain(value if value.as_tuple().exponent in _SHOWN else round(value, _PLACES))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def frozen_symbols(names: Iterable[str]) -> str:
    """What is frozen, as people read it: ``*`` stands for everything."""
    return ", ".join("all symbols" if name == "*" else name for name in names)


def short_moment(time_ns: int | None, timezone: str) -> str:
    """The same without its year, for a row of a table."""
    return moment(time_ns, timezone)[5:] or "–"


def moment(time_ns: int | None, timezone: str) -> str:
    """A time as people read it, to the millisecond, in their own time zone."""
    return "–" if time_ns is None else times.moment(time_ns, timezone)
