"""``perpbot paper``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from perpbot.cli.home import database_path
from perpbot.cli.options import PATH, json_option
from perpbot.cli.output import print_json, say
from perpbot.service.system import SystemClock
from perpbot.simulation.paper.resetting import kept
from perpbot.simulation.paper.resetting import reset as set_aside

MODES = ("demo", "paper")


@click.group
def paper() -> None:
    """Begin anew with the simulated exchanges' accounts."""


@paper.command
@click.option("--db", type=PATH, metavar="FILE", help="The bot's database. [default: that of the mode in PERPBOT_HOME]")
@click.option("--mode", type=click.Choice(MODES), default="demo", show_default=True, help="Whose accounts.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def reset(db: Path | None, mode: str, yes: bool, as_json: bool) -> None:
    """Set the accounts, their market and everything traded on them aside; the next start begins with a full deposit.

    Nothing is destroyed: database, journal, accounts, market and latch move into a folder beside the database. Refused
    while a bot runs on them.
    """
    path = database_path(mode, db)
    if kept(path) and not yes and sys.stdin.isatty():
        click.confirm(f"Set everything that {path} keeps aside and begin anew?", abort=True, err=True)
    done = set_aside(path, mode, SystemClock().now_ns())
    if as_json:
        print_json({"database": str(path), "folder": done.folder and str(done.folder), "moved": list(done.files)})
    if done.folder is None:
        say(f"{path}: nothing is kept there, nothing to reset")
    else:
        say(f"{len(done.files)} files set aside in {done.folder}; the next start begins anew")
