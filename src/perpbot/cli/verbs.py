"""The operator's verbs: each reaches the running bot over its socket, and says in one line what was done or why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from perpbot.cli.asking import Answer, Line, NoAnswer, NoBot, actor
from perpbot.cli.failures import DONE, FAILED
from perpbot.cli.home import BOTS, home, newest, running
from perpbot.cli.options import PATH, json_option
from perpbot.cli.output import print_json, say
from perpbot.core.commands import COMMANDS, MOST_OVERRIDDEN
from perpbot.core.errors import InputError, PerpBotError
from perpbot.core.names import is_symbol
from perpbot.core.pairs import PairState
from perpbot.records.latch import FileLatch
from perpbot.service.address import latch_path
from perpbot.service.system import fresh_key

PATIENCE_SECONDS = 5.0
"""How long a command waits for its answer: a bot that starts looks at what earlier runs left first."""
HALT_PATIENCE_SECONDS = 2.0
STOP_SECONDS = 15.0
"""What is in flight gets 10 s to become hedged or flat, then books are written."""
_MINUTES = click.FloatRange(0, MOST_OVERRIDDEN, min_open=True)
Verb = Callable[..., Any]


def verb_options(command: Verb) -> Verb:
    """``--reason``, ``--db``, ``--key`` and ``--json``."""
    reason = click.option("--reason", "-m", metavar="TEXT", default="", help="Why; it is journaled.")
    return reason(_addressed(command))


def _addressed(command: Verb) -> Verb:
    command = json_option(command)
    command = click.option(
        "--key", metavar="KEY", help="Idempotency key: the same key acts once. [default: a fresh one]"
    )(command)
    return click.option(
        "--db", type=PATH, metavar="FILE", help="The database of the bot that is meant. [default: of the one that runs]"
    )(command)


@click.command
@verb_options
def start(**options: Any) -> int:
    """Trade: ends a pause and all freezes.

    After a halt, clear-halt comes first.
    """
    return give("start", {}, **options)


@click.command
@verb_options
def pause(**options: Any) -> int:
    """Open nothing any more; exits go on.

    So do repairs. `start` ends it.
    """
    return give("pause", {}, **options)


@click.command
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@verb_options
def freeze(symbols: tuple[str, ...], **options: Any) -> int:
    """Open nothing in some symbols, or anywhere, for a while.

    It ends by itself after risk.freeze_seconds, or by `start`.
    """
    return give("freeze", {"symbols": [each.upper() for each in symbols]}, **options)


@click.command
@verb_options
def reduce(**options: Any) -> int:
    """Open nothing any more and close every open pair.

    `start` ends it.
    """
    return give("reduce", {}, **options)


@click.command
@click.option("--flatten", is_flag=True, help="Also close every open pair.")
@verb_options
def halt(flatten: bool, **options: Any) -> int:
    """Stop opening for good: a latch that outlives a restart.

    Repairs and exits go on. Only clear-halt lifts it. Works without a running bot, too: then its next start is halted.
    """
    return _halt(flatten=flatten, **options)


@click.command("clear-halt")
@verb_options
def clear_halt(**options: Any) -> int:
    """Lift the latch of a halt.

    Nothing opens until `start`. Needs a reason.
    """
    return _clear_halt(**options)


@click.command
@click.option("--flatten", is_flag=True, help="Also close the pairs that are hedged.")
@verb_options
def stop(flatten: bool, **options: Any) -> int:
    """End the bot, in order.

    What is in flight is brought to hedged or flat; hedged pairs stay open and go on at the next start.
    Waits until the bot has gone, and says what stayed open.
    """
    return _stop(flatten=flatten, **options)


@click.command
@click.option("--minutes", type=_MINUTES, metavar="N", help="For so many minutes.")
@click.option("--trades", type=click.IntRange(1, MOST_OVERRIDDEN), metavar="N", help="For so many trades.")
@verb_options
def override(minutes: float | None, trades: int | None, **options: Any) -> int:
    """Lift the stop after failures in a row for a while.

    For some minutes, or for some trades.
    """
    if (minutes is None) == (trades is None) or minutes != minutes:  # noqa: PLR0124 - not a number
        raise click.UsageError("say for how long: either --minutes N or --trades N", click.get_current_context())
    return give("override", {"trades": trades} if minutes is None else {"minutes": minutes}, **options)


@click.command("reset-peak")
@verb_options
def reset_peak(**options: Any) -> int:
    """Take today's equity as the peak: ends the drawdown stop.

    Needs a reason.
    """
    return give("reset-peak", {}, **options)


@click.command("safe-mode")
@click.argument("exchange")
@verb_options
def safe_mode(exchange: str, **options: Any) -> int:
    """End the safe mode of an exchange.

    A drawdown there had put it into it. Needs a reason.
    """
    return give("safe-mode", {"exchange": exchange.lower()}, **options)


@click.command
@click.option("--wash", required=True, metavar="SHARE", help="Hedged volume, e.g. 0.4.")
@click.option("--arb", required=True, metavar="SHARE", help="Arbitrage, e.g. 0.5.")
@click.option("--reserve", required=True, metavar="SHARE", help="Kept back, e.g. 0.1.")
@verb_options
def reweight(wash: str, arb: str, reserve: str, **options: Any) -> int:
    """Share the equity out among the pools anew.

    The three shares sum to 1.
    """
    return give("reweight", {"wash": wash, "arb": arb, "reserve": reserve}, **options)


@click.command
@click.argument("target", metavar="PAIR|SYMBOL")
@verb_options
def close(target: str, **options: Any) -> int:
    """Close one pair, or all of one symbol.

    At once, whatever their exits say; in every state.
    """
    return give("close", {"target": target.upper() if is_symbol(target.upper()) else target}, **options)


@click.command
@click.argument("pair_id", metavar="PAIR")
@click.option("--note", "--reason", "-m", "reason", metavar="TEXT", default="", help="What was found; it is journaled.")
@_addressed
def resolve(pair_id: str, **options: Any) -> int:
    """End the quarantine of a pair that its exchanges show flat.

    Needs a note; refused while an exchange still holds something of it.
    """
    return give("resolve", {"pair_id": pair_id}, **options, reason_option="--note")


def give(
    verb: str,
    arguments: dict[str, Any],
    *,
    db: Path | None,
    reason: str,
    key: str | None,
    as_json: bool,
    reason_option: str = "--reason",
) -> int:
    """Give one command to the running bot; the exit code."""
    request = request_of(verb, arguments, reason, key, reason_option)
    with Line(meant(db), PATIENCE_SECONDS) as line:
        answer = _asked(line, request)
    return conclude(answer, as_json=as_json)


def request_of(
    verb: str, arguments: dict[str, Any], reason: str, key: str | None, reason_option: str = "--reason"
) -> dict[str, Any]:
    """What goes over the line. Raises a usage error where the command wants a reason and has none."""
    if COMMANDS[verb].needs_reason and not reason.strip():
        raise click.UsageError(f"{verb} needs {reason_option} TEXT: say why", click.get_current_context())
    told = {"verb": verb, "arguments": arguments, "actor": actor(), "reason": reason.strip()}
    return {**told, "key": key or fresh_key()}


def meant(stated: Path | None) -> Path:
    """The database of the bot that is meant: as stated, else of the one that runs, else the newest."""
    if stated is not None:
        return stated
    found = running()
    if found is not None:
        return found
    try:
        return newest((BOTS,))
    except InputError:
        raise NoBot(f"no bot is running in {home()}; `perpbot demo` starts one") from None


def conclude(answer: Answer, *, as_json: bool) -> int:
    """Show the bot's answer; the exit code."""
    done = answer["status"] == "success"
    if as_json:
        print_json(answer)
    elif done:
        click.echo(answer["detail"])
    if not done:
        say(" ".join(answer["reason"].split()))
    return DONE if done else FAILED


def _asked(line: Line, request: dict[str, Any]) -> Answer:
    try:
        return line.ask(request)
    except NoAnswer as error:
        again = f"it may still carry the command out; given again with --key {request['key']} it acts once"
        raise NoAnswer(f"{error}: {again}") from None


def _clear_halt(*, db: Path | None, **options: Any) -> int:
    try:
        return give("clear-halt", {}, db=db, **options)
    except NoBot as error:
        raise NoBot(f"{error}, halted; then clear-halt, which the bot has to journal") from None


def _halt(*, flatten: bool, db: Path | None, reason: str, key: str | None, as_json: bool) -> int:
    """By the bot, and where it does not answer by the latch itself, which it looks at before it sends anything."""
    database = meant(db)
    request = request_of("halt", {"flatten": flatten}, reason, key)
    try:
        with Line(database, HALT_PATIENCE_SECONDS) as line:
            answer = line.ask(request)
    except (NoBot, NoAnswer) as error:
        answer = _latched(database, f"{request['actor']}: {request['reason'] or 'halt'}", error, flatten=flatten)
    return conclude(answer, as_json=as_json)


def _latched(database: Path, words: str, error: PerpBotError, *, flatten: bool) -> Answer:
    if not database.is_file():
        raise InputError(f"{database}: no such database, there is nothing to halt; name another with --db")
    latch = FileLatch(latch_path(database))
    try:
        latch.write(words)
    except OSError as why:
        raise PerpBotError(f"NOT halted: {latch.path} cannot be written ({why.strerror}), and {error}") from None
    without = "no bot is running there" if isinstance(error, NoBot) else str(error)
    effect = "the next start is halted" if isinstance(error, NoBot) else "it sends no opening from now on"
    closed = "; nothing is closed by this" if flatten else ""
    return {
        "status": "success",
        "detail": f"{latch.path} is set without the bot's answer ({without}): {effect}, until clear-halt{closed}",
        "state": "HALTED",
        "by": "latch",
    }


def _stop(*, flatten: bool, db: Path | None, reason: str, key: str | None, as_json: bool) -> int:
    database, request = meant(db), request_of("stop", {"flatten": flatten}, reason, key)
    with Line(database, PATIENCE_SECONDS) as line:
        answer = _asked(line, request)
        if answer["status"] != "success":
            return conclude(answer, as_json=as_json)
        say(answer["detail"])
        if not line.ended(STOP_SECONDS):
            raise NoAnswer(f"the bot on {database} is still stopping after {STOP_SECONDS:g} s: look at its log")
    left = _left_open(database)
    return conclude({**answer, "detail": _stopped(left), "state": "STOPPED", "open": left}, as_json=as_json)


def _stopped(left: list[dict[str, str]] | None) -> str:
    if left is None:
        return "stopped; its database is not up to date: the next start brings it there and goes on with what is open"
    shown = ", ".join(f"{pair['pair_id']} ({pair['symbol']}, {pair['state']})" for pair in left)
    return f"stopped; still open: {shown}; the next start goes on with them" if left else "stopped; no pair is open"


def _left_open(database: Path) -> list[dict[str, str]] | None:
    """The pairs that stay open; ``None`` if the database does not know how the run ended."""
    from perpbot.records import queries  # noqa: PLC0415 - SQLAlchemy is slow to import, and other verbs do without
    from perpbot.records.database import Database  # noqa: PLC0415

    opened = Database.read(database)
    try:
        if any(run["stopped_ns"] is None for run in queries.runs(opened)[-1:]):
            return None
        live = [pair for pair in queries.pairs(opened) if not PairState(pair["state"]).final]
        return [{name: pair[name] for name in ("pair_id", "symbol", "state")} for pair in live]
    finally:
        opened.close()
