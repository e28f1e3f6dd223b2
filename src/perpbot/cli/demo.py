"""``perpbot demo``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from perpbot.cli.home import database_path, home, load
from perpbot.cli.logs import bot_log, log_to_file
from perpbot.cli.options import PATH, Seconds, json_option, settings_options
from perpbot.cli.output import console, print_json, say
from perpbot.cli.run_tables import judge, show_run
from perpbot.cli.screen import DemoScreen
from perpbot.service.demo import Listener, run_demo
from perpbot.service.extensions import check_classes
from perpbot.service.system import fresh_seed

MODE = "demo"


@click.command
@click.option("--seconds", type=Seconds(), metavar="N", help="How long. [default: until Ctrl-C]")
@click.option("--seed", type=click.IntRange(min=0), metavar="S", help="The same seed makes the same market.")
@click.option("--headless", is_flag=True, help="No screen.")
@click.option("--record", type=PATH, metavar="DIR", help="Record what it sees into a dataset that replay reads.")
@click.option("--db", type=PATH, metavar="FILE", help="Where to keep it. [default: demo.db in PERPBOT_HOME]")
@settings_options
@json_option
def demo(
    seconds: float | None,
    seed: int | None,
    headless: bool,
    record: Path | None,
    db: Path | None,
    config: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Trade a generated market on embedded exchanges, in real time.

    paradex and extended trade, okx and binance are reference only. Short invented gaps (pulses) are added to the
    market; --set demo.pulses_per_minute=0 turns them off. Ctrl-C stops it in order.
    """
    settings = load(config, overrides).with_mode(MODE)
    check_classes(settings)
    path = database_path(MODE, db)
    language = settings.display.language
    log = bot_log(home()) if db is None else path.with_name(path.name + ".log")
    budget_mb = settings.storage.logs_mb
    with _screen(log, language, headless=headless, as_json=as_json, budget_mb=budget_mb) as draw:
        result = run_demo(
            settings,
            path,
            seed=fresh_seed() if seed is None else seed,
            seconds=seconds,
            on_frame=draw,
            record=record,
        )
    if as_json:
        print_json(result)
    else:
        show_run(console(), result, language)
    if result["open_pairs"]:
        say(f"still open, marked at executable prices: {', '.join(result['open_pairs'])}")
    say(f"kept in {path}; `perpbot report` and `perpbot why` read it")
    return judge(result)


@contextmanager
def _screen(log: Path, language: str, *, headless: bool, as_json: bool, budget_mb: int) -> Iterator[Listener | None]:
    """What draws the demo where there is a terminal for it; without one, errors are shown beside being logged."""
    shown = console(stderr=as_json)
    if headless or not shown.is_terminal or shown.is_dumb_terminal:  # a dumb one cannot redraw: it would stay empty
        log_to_file(log, budget_mb=budget_mb, echo=True)
        say("trading a generated market with invented gaps (a simulation), without a screen; Ctrl-C stops it")
        yield None
        return
    log_to_file(log, budget_mb=budget_mb)
    with DemoScreen(shown, language) as screen:
        yield screen.draw
