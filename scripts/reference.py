"""Writes the reference pages under docs/reference/ from the program itself: `make docs`.

A test compares them with what this makes now, so a command, setting, reason or record that is not documented fails it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from perpbot.cli.commands import COMMANDS as COMMAND_LINES
from perpbot.cli.commands import perpbot
from perpbot.config.explain import Explained, describe
from perpbot.core.commands import COMMANDS, TradingState
from perpbot.core.reasons import REASONS
from perpbot.records.encoding import EVENT_TYPES
from perpbot.service.configuration import SECTIONS

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
MADE = "<!-- made by scripts/reference.py (make docs); what is changed here is overwritten -->"


def pages() -> dict[str, str]:
    """File name → text of every reference page."""
    made = {"commands.md": _commands(), "settings.md": _settings(), "reasons.md": _reasons(), "journal.md": _journal()}
    return {name: "\n".join([MADE, "", *lines]).rstrip() + "\n" for name, lines in made.items()}


# commands


def _commands() -> Iterator[str]:
    yield from ("# Commands", "", "Exit codes: 0 done, 1 failed, 2 bad usage, configuration or input.")
    yield "With `--json` standard output is JSON alone."
    for name in COMMAND_LINES:
        command = getattr(import_module(f"perpbot.cli.{COMMAND_LINES[name][0]}"), _attribute(name))
        yield from _command(f"perpbot {name}", command)
    yield from ("", "## The operator's commands and the states they are allowed in", "")
    yield from _table(("command", *map(str, TradingState), "needs a reason", "what it does"), map(_verb, COMMANDS))


def _attribute(name: str) -> str:
    module = import_module(f"perpbot.cli.{COMMAND_LINES[name][0]}")
    return name if hasattr(module, name) else name.replace("-", "_")


def _command(path: str, command: click.Command) -> Iterator[str]:
    yield from ("", f"## `{path}`" if path.count(" ") == 1 else f"### `{path}`", "")
    context = click.Context(command, info_name=path, parent=None)
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (f"`{path} {usage}`", "", *_help(command))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _command(f"{path} {name}", inner)
        return
    options = [each for each in command.get_params(context) if "--help" not in each.opts]
    rows = [record for each in options if (record := each.get_help_record(context))]
    if rows:
        yield ""
        yield from _table(("option", ""), ((f"`{option}`", text) for option, text in rows))


def _help(command: click.Command) -> list[str]:
    return [line.strip() for line in (command.help or "").strip().splitlines()]


def _verb(name: str) -> tuple[str, ...]:
    command = COMMANDS[name]
    allowed = tuple("yes" if state in command.allowed_in else "–" for state in TradingState)
    meaning = " ".join((command.__doc__ or "").split()).replace("``", "`")
    return (f"`{name}`", *allowed, "yes" if command.needs_reason else "–", meaning)


# settings


def _settings() -> Iterator[str]:
    yield from ("# Settings", "")
    yield "`_pct` is a fraction (`0.05` is 5 %), `_bps` basis points, `_seconds` seconds. *live*: may change while"
    yield "running (`perpbot config set`), with the direction that is tighter. `perpbot config explain KEY` says what"
    yield "is in force and where it was said."
    rows = describe(SECTIONS)
    for section in SECTIONS:
        own = [row for row in rows if row.key.split(".")[0] == section]
        if own:
            yield from ("", f"## {section}", "")
            yield from _table(("key", "default", "takes", "unit", "live", "meaning"), map(_setting, own))


def _setting(row: Explained) -> tuple[str, ...]:
    default = "required" if row.required else f"`{_shown(row.default)}`"
    live = f"yes ({row.tighter})" if row.live else "–"
    return (f"`{row.key.partition('.')[2]}`", default, row.takes, row.unit, live, row.help)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


# reasons and records


def _reasons() -> Iterator[str]:
    yield from ("# Reason codes", "", "In verdicts (`perpbot why`), pairs, orders and notices. What to do about each:")
    yield "[what a refusal means](../guide/refusals.md)."
    yield ""
    yield from _table(
        ("code", "English", "中文"), ((f"`{each.code}`", each.english, each.chinese) for each in REASONS.values())
    )


def _journal() -> Iterator[str]:
    yield from (
        "# Records of the journal",
        "",
        "In the order of the program's own list; `perpbot journal show` prints them.",
    )
    yield ""
    yield from _table(("kind", "meaning", "fields"), map(_record, EVENT_TYPES.items()))


def _record(item: tuple[str, Any]) -> tuple[str, ...]:
    kind, event = item
    meaning = " ".join((event.__doc__ or "").split()).replace("``", "`")
    return (f"`{kind}`", meaning, ", ".join(f"`{each.name}`" for each in fields(event)))


def _table(head: Sequence[str], rows: Any) -> Iterator[str]:
    yield _row(head)
    yield _row(["---"] * len(head))
    yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    """Write them."""
    assert perpbot.name
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
