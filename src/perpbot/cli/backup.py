"""``perpbot backup`` and ``perpbot restore``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from perpbot.cli.home import BOTS, CONFIGURATION, database_path, home, newest, running
from perpbot.cli.options import PATH, json_option
from perpbot.cli.output import print_json, say
from perpbot.core.errors import InputError
from perpbot.service import backups
from perpbot.service.system import SystemClock
from perpbot.simulation.paper.resetting import kept

FOLDER = "backups"


@click.command
@click.argument("file", type=PATH, required=False)
@click.option("--db", type=PATH, metavar="FILE", help="The bot's database. [default: that of the newest bot]")
@click.option("--config", type=PATH, metavar="FILE", help="Configuration file. [default: perpbot.yaml in PERPBOT_HOME]")
@json_option
def backup(file: Path | None, db: Path | None, config: Path | None, as_json: bool) -> None:
    """Write all that a bot keeps into one archive, also while it runs.

    FILE is made anew. [default: backups/MODE-TIME.tar.gz in PERPBOT_HOME] It holds database, journal, paper accounts,
    market, latch and configuration; keys are in none of them.
    """
    from perpbot.records.database import mode_of  # noqa: PLC0415 - SQLAlchemy is slow to import

    path = db or running() or newest((BOTS,))
    now_ns = SystemClock().now_ns()
    mode = mode_of(path) if path.is_file() else None
    target = file or home() / FOLDER / backups.default_name(mode or "none", now_ns)
    made = backups.back_up(path, target, now_ns, config or home() / CONFIGURATION)
    if as_json:
        print_json({"file": str(target), "database": str(path), **backups.described(made)})
    say(f"{path}: {len(made.files)} files, {made.records:,} records of the journal, kept in {target}")


@click.command
@click.argument("file", type=PATH)
@click.option("--db", type=PATH, metavar="FILE", help="Where to. [default: the database of its mode in PERPBOT_HOME]")
@click.option("--with-exchange", is_flag=True, help="Also take the paper accounts and their market back in time.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def restore(file: Path, db: Path | None, with_exchange: bool, yes: bool, as_json: bool) -> None:
    """Put the files of an archive in their place; what stands there moves aside.

    Everything is checked first. The exchanges did not travel back in time: what the restored journal does not know is
    named or quarantined at the next start, and paper accounts stay as they are unless --with-exchange. Refused while a
    bot runs.
    """
    path = database_path(backups.mode_in(file), db)
    if kept(path) and not yes:
        if not sys.stdin.isatty():
            raise InputError(f"what {path} keeps would be replaced: say --yes")
        click.confirm(f"Replace everything that {path} keeps?", abort=True, err=True)
    done = backups.restore(file, path, SystemClock().now_ns(), with_exchange=with_exchange, home=home())
    if as_json:
        print_json(
            {
                "database": str(path),
                "aside": done.aside and str(done.aside),
                "exchange_kept": done.exchange_kept,
                "configuration": done.configuration and str(done.configuration),
                **backups.described(done.manifest),
            }
        )
    if done.aside is not None:
        say(f"what was there is in {done.aside}")
    if done.exchange_kept:
        say("the paper accounts and their market stay as they are: an exchange does not travel back in time")
    if done.configuration is not None:
        say(f"the archive's configuration is {done.configuration}")
    say(f"{path}: restored, {done.manifest.records:,} records of the journal; the next start asks the exchanges")
