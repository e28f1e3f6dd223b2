"""``perpbot journal``."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from perpbot.cli.failures import DONE, FAILED
from perpbot.cli.home import EVERY_MODE, display_after, load, newest, running
from perpbot.cli.journal_words import BY_HAND, words
from perpbot.cli.options import PATH, json_option, settings_options
from perpbot.cli.output import console, moment, print_json, say, table
from perpbot.core.errors import InputError
from perpbot.core.events import SettingChanged
from perpbot.records import journal as journals
from perpbot.records.chain import HEADER, Record, Verification
from perpbot.records.encoding import EVENT_TYPES

_FILE = click.argument("file", type=PATH, required=False)


@click.group
def journal() -> None:
    """Check and show the journal: everything that was meant and that happened, in order.

    FILE is a journal, or a database beside which one stands. [default: that of the newest run]
    """


@journal.command
@_FILE
@json_option
def verify(file: Path | None, as_json: bool) -> int:
    """Check that no record of FILE was changed, left out or moved. Exit code 1 if one was."""
    path = _journal(file)
    found = journals.verify(path)
    if as_json:
        print_json(
            {
                "journal": str(path),
                "ok": found.ok,
                "records": found.records,
                "first_bad_line": found.first_bad_line,
                "reason": found.reason,
                "torn_tail_bytes": found.torn_tail_bytes,
                "seal": found.seal,
                "files": found.files,
                "file": None if found.ok else found.file,
                "record": None if found.first_bad_line is None else found.number,
            }
        )
    if found.ok:
        if not as_json:
            console().print(f"{escape(str(path))}: {_size(found)}, whole and unchanged; seal {found.seal}")
        return DONE
    say(f"{found.file}: {found.reason}; {_advice(found)}")
    return FAILED


def _size(found: Verification) -> str:
    files = f" in {found.files} files" if found.files > 1 else ""
    return f"{found.records:,} records{files}"


def _advice(found: Verification) -> str:
    if found.torn_tail_bytes:
        size = found.torn_tail_bytes
        return (
            f"its last {size} bytes were not written whole (a power cut, a full disk): the next start sets them aside"
        )
    if found.newer:
        return "the records before it are good"
    return (
        f"the {found.records:,} records before it are good, trust nothing from it on: restore a backup (perpbot "
        "restore), or move the database and all files of its journal away to begin anew"
    )


@journal.command
@_FILE
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(EVENT_TYPES)),
    help="Only records of this kind; may be given again.",
)
@click.option("--commands", is_flag=True, help="Only who did what, when and why, and what came of it.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N. [default: 50 in a table]")
@settings_options
@json_option
def show(
    file: Path | None,
    kinds: tuple[str, ...],
    commands: bool,
    limit: int | None,
    config: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the records of FILE in order; with --json one object a line."""
    path = _journal(file)
    wanted = {*kinds, *(BY_HAND if commands else ())} or set(EVENT_TYPES) | {HEADER}
    changed: list[tuple[dict[str, Any], int]] = []
    found = (record for record in _noting(journals.read(path), changed) if record.kind in wanted)
    if as_json:
        for record in _last(found, limit):
            print_json({"n": record.number, "time_ns": record.time_ns, "kind": record.kind, "data": record.data})
        return
    settings, rows = load(config, overrides), list(_last(found, limit or 50))
    timezone = display_after(changed, settings).timezone
    made = table(str(path), "n", f"time ({timezone})", "kind", "what it says", numbers=["n"])
    for record in rows:
        made.add_row(f"{record.number}", moment(record.time_ns, timezone), record.kind, escape(words(record, timezone)))
    console().print(made)


def _noting(records: Iterable[Record], changed: list[tuple[dict[str, Any], int]]) -> Iterator[Record]:
    """The records as they are; what they say of changed settings is added to ``changed``."""
    for record in records:
        if record.kind == SettingChanged.kind:
            changed.append((record.data, record.time_ns))
        yield record


def _last(records: Iterable[Record], limit: int | None) -> Iterable[Record]:
    return records if limit is None else deque(records, maxlen=limit)


def _journal(file: Path | None) -> Path:
    """The journal meant: one beside a database has its name with ``.journal`` behind it."""
    if file is None:
        database = running() or newest((EVERY_MODE,))
        path = database.with_name(database.name + ".journal")
        say(f"journal: {path}")
        return path
    beside = file.with_name(file.name + ".journal")
    if file.suffix == ".db" and beside.is_file():
        return beside
    if file.is_dir():
        raise InputError(f"{file}: is a folder; name a journal file")
    return file
