"""``perpbot export``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from perpbot.cli.home import reading
from perpbot.cli.options import PATH, settings_options
from perpbot.cli.output import say
from perpbot.core.errors import InputError
from perpbot.records.exports import COLUMNS
from perpbot.records.exports import export as write_csv


@click.command
@click.argument("what", type=click.Choice(list(COLUMNS)))
@click.option("--db", type=PATH, metavar="FILE", help="The database to read. [default: that of the newest run]")
@click.option("--out", type=PATH, metavar="FILE", help="Where to write. [default: standard output]")
@settings_options
def export(what: str, db: Path | None, out: Path | None, config: Path | None, overrides: tuple[str, ...]) -> None:
    """Write fills, orders, pairs, trades or equity as CSV.

    Every figure of a run can be recomputed from its fills. Times are nanoseconds since 1970, amounts exact.
    """
    if out is not None and out.is_file() and not _is_export(out):
        raise InputError(f"{out} is no export and is not overwritten; name another file with --out")
    with reading(db, config, overrides) as (database, _):
        if out is None:
            write_csv(database, what, sys.stdout)
            return
        with out.open("w", encoding="utf-8", newline="") as file:
            count = write_csv(database, what, file)
        say(f"{count:,} {what} written to {out}")


def _is_export(path: Path) -> bool:
    """Whether nothing is lost with it: it is empty, or begins as one of ours does. A database or journal does not."""
    with path.open("rb") as file:
        first = file.readline(1000)
    return not first or first in {f"{','.join(columns)}\n".encode() for columns in COLUMNS.values()}
