"""``perpbot config``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from perpbot.cli.home import BOTS, CONFIGURATION, home, newest, running
from perpbot.cli.options import PATH, did_you_mean, json_option, settings_options
from perpbot.cli.output import console, print_json, say, table, text
from perpbot.cli.verbs import give, verb_options
from perpbot.config import Explained, describe
from perpbot.config.template import yaml
from perpbot.core.errors import InputError
from perpbot.records import journal as journals
from perpbot.records.dataset_file import read_dataset_file
from perpbot.service.changes import KeptChange, with_changes
from perpbot.service.configuration import SECTIONS, load_settings
from perpbot.service.extensions import check_classes, look_beside
from perpbot.service.past import look_back
from perpbot.service.profiles import PROFILES, commented_file

_DATASET = click.option(
    "--dataset", type=PATH, metavar="DIR", help="Also know the exchanges of this recording, as replay does."
)


@click.group
def config() -> None:
    """Write, check and explain the configuration.

    Values come from the file, then PERPBOT_SECTION__KEY in the environment, then --set; the later beats the earlier.
    """


@config.command
@click.argument("file", type=PATH)
@_DATASET
@json_option
def check(file: Path, dataset: Path | None, as_json: bool) -> None:
    """Say whether FILE is right; if not, the first thing that is wrong, with line and column. Exit code 2 then."""
    look_beside(file)
    settings, loaded = load_settings(file=file, exchanges=_exchanges(dataset))
    if dataset is None:  # a replay trades on what was recorded, not on exchanges of one's own
        check_classes(settings)
    stated = [row for row in describe(SECTIONS, loaded) if row.source.origin == "file"]
    if as_json:
        print_json({"file": str(file), "ok": True, "settings": {row.key: row.value for row in stated}})
    else:
        console().print(f"{escape(str(file))}: right; it sets {len(stated)} of the settings, the rest are as shipped")


@config.command
@click.argument("key", required=False)
@settings_options
@_DATASET
@json_option
def explain(
    key: str | None, config: Path | None, overrides: tuple[str, ...], dataset: Path | None, as_json: bool
) -> None:
    """Explain the settings: what each is, takes and is set to, and where that came from.

    KEY is a section, such as risk, or one setting, such as risk.max_risk_pct.

    A setting can be given in the file, as PERPBOT_SECTION__KEY in the environment (PERPBOT_RISK__MAX_RISK_PCT=0.02,
    PERPBOT_EXCHANGES__OKX__TAKER_FEE_PCT=0.0005) and as --set section.key=value; the later beats the earlier. What was
    changed while the bot ran (perpbot config set) is kept over its restarts and beats file and environment.
    """
    if config is None and os.path.lexists(home() / CONFIGURATION):
        config = home() / CONFIGURATION
    if config is not None:
        look_beside(config)
    exchanges = _exchanges(dataset)
    settings, loaded = load_settings(file=config, overrides=overrides, environ=os.environ, exchanges=exchanges)
    replayed = with_changes(settings, loaded, () if dataset else _kept_changes())
    for warning in replayed.warnings:
        say(warning)
    show_settings(_chosen(describe(SECTIONS, replayed.loaded), key), as_json=as_json)


def _kept_changes() -> tuple[KeptChange, ...]:
    """What was changed while the bot ran, of the one that runs, else of the newest; nothing where none ever did."""
    try:
        database = running() or newest((BOTS,))
    except InputError:
        return ()
    journal = database.with_name(f"{database.name}.journal")
    return look_back(journals.read(journal)).changes if journal.is_file() else ()


def show_settings(rows: list[Explained], *, as_json: bool) -> None:
    """Print settings; of a single one everything there is to say."""
    if as_json:
        print_json({row.key: _as_json(row) for row in rows})
    elif len(rows) == 1:
        _print_one(rows[0])
    else:
        _print_table(rows)


def _print_table(rows: list[Explained]) -> None:
    made = table("Settings", "key", "value", "from", "default", "takes", "what it is")
    for row in rows:
        style = None if row.value == row.default else "bold"
        help_ = f"{row.help} [dim](may change while running)[/dim]" if row.live else row.help
        made.add_row(
            row.key, _shown(row.value), escape(_origin(row)), _shown(row.default), row.takes, help_, style=style
        )
    console().print(made)
    example = rows[0].key
    console().print(
        f"To change one: in the file, as {escape(variable(example))}=… in the environment, or as --set {example}=…; the"
        " later beats the earlier.",
        style="dim",
    )


def _print_one(row: Explained) -> None:
    made = table(row.key, "", "")
    facts = {
        "what it is": row.help,
        "value": _shown(row.value),
        "from": escape(_origin(row)),
        "default": "none: it is needed" if row.required else _shown(row.default),
        "takes": row.takes,
        "while running": _while_running(row),
        "environment": variable(row.key),
        "command line": f"--set {row.key}=…",
    }
    for name, fact in facts.items():
        made.add_row(name, fact)
    console().print(made)


def _while_running(row: Explained) -> str:
    if not row.live:
        return "needs a restart"
    return f"may change: perpbot config set {row.key} VALUE --reason WHY; {_CONFIRMING[row.tighter]}"


_CONFIRMING = {
    "lower": "to a lower value at once, to a higher one with --confirm",
    "higher": "to a higher value at once, to a lower one with --confirm",
    "either": "with --confirm",
    "neither": "at once",
}
"""What a change wants, by the way that takes risk away."""


def variable(key: str) -> str:
    """The environment variable of a setting."""
    return f"PERPBOT_{key.upper().replace('.', '__')}"


@config.command
@click.argument("file", type=PATH, required=False)
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    help="Share out the capital for arbitrage (0/90/10), balanced (40/50/10) or volume (70/20/10: hedged volume,"
    " arbitrage, reserve, in percent). Without it nothing is set.",
)
@click.option("--force", is_flag=True, help="Write over a file that exists.")
def init(file: Path | None, profile: str | None, force: bool) -> None:
    """Write FILE with every setting at its default, each explained and commented out. [default: in PERPBOT_HOME]"""
    path = file if file is not None else home() / CONFIGURATION
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(path, commented_file(profile), over=force)
    say(f"{path} written; `perpbot config check {path}` checks it after a change")


@config.command("set")
@click.argument("setting", metavar="KEY")
@click.argument("value")
@click.option("--confirm", is_flag=True, help="Also where it loosens a limit.")
@verb_options
def set_(setting: str, value: str, confirm: bool, **options: Any) -> int:
    """Give the setting KEY another VALUE in the running bot, at once and also after a restart. Needs a reason.

    What tightens a limit is done at once, what loosens one wants --confirm. The configuration file stays as it is.
    """
    return give("config set", {"key": setting, "value": value, "confirm": confirm}, **options)


def _write(path: Path, content: str, *, over: bool) -> None:
    """A new file for its owner only; one that exists is replaced in one step, and only if that is wanted."""
    target = path.with_name(f".{path.name}.new") if over else path
    if over:
        target.unlink(missing_ok=True)
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"{path} exists already; name another file, or write over it with --force") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as written:
        written.write(content)
    if over:
        target.replace(path)


def _exchanges(dataset: Path | None) -> set[str]:
    return {stream.exchange for stream in read_dataset_file(dataset).streams} if dataset else set()


def _chosen(rows: list[Explained], key: str | None) -> list[Explained]:
    """The rows of a key or section. Raises ``InputError`` if there is none."""
    if key is None:
        return rows
    chosen = [row for row in rows if row.key == key or row.key.startswith(f"{key}.")]
    if not chosen:
        known = dict.fromkeys([*SECTIONS, *(row.key for row in rows)])
        raise InputError(f"{key}: no such setting{did_you_mean(key, known)}; `perpbot config explain` shows all")
    return chosen


def _as_json(row: Explained) -> dict[str, Any]:
    return {
        "value": row.value,
        "default": row.default,
        "from": _origin(row),
        "unit": row.unit,
        "takes": row.takes,
        "help": row.help,
        "live": row.live,
        "tighter": row.tighter if row.live else None,
        "variable": variable(row.key),
        "required": row.required,
    }


def _origin(row: Explained) -> str:
    return "default" if row.source.origin == "default" else row.source.where


def _shown(value: Any) -> str:
    return escape(text(value) if not isinstance(value, list | dict) else yaml(value))
