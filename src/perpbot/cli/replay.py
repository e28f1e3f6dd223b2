"""``perpbot replay``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from perpbot.cli.failures import Interrupted
from perpbot.cli.home import REPLAY, database_path, load
from perpbot.cli.logs import log_to_stderr
from perpbot.cli.options import PATH, Seconds, json_option, settings_options
from perpbot.cli.output import console, print_json, say
from perpbot.cli.run_tables import judge, show_run
from perpbot.records.dataset_file import read_dataset_file
from perpbot.service.replaying import Progress as OnProgress
from perpbot.service.replaying import replay as run_replay


@click.command
@click.argument("dataset", type=PATH)
@settings_options
@click.option("--db", type=PATH, metavar="FILE", help="Where to keep it. [default: replay.db in PERPBOT_HOME]")
@click.option("--until", type=Seconds(), metavar="SECONDS", help="Stop so long after the first frame.")
@json_option
def replay(
    dataset: Path, config: Path | None, overrides: tuple[str, ...], db: Path | None, until: float | None, as_json: bool
) -> int:
    """Run a recording through the code that trades: what would it have done?

    DATASET is a folder with a dataset.yaml and recorded frames. Time is virtual, as fast as the machine goes. Each
    replay replaces the store of the one before it; what another command made is never overwritten.
    """
    log_to_stderr()
    exchanges = {stream.exchange for stream in read_dataset_file(dataset).streams}
    # Settings of mode live start without trading, until an operator says so: in a recording nobody does.
    settings = load(config, overrides, exchanges).with_mode("demo")
    path = database_path(REPLAY, db)
    with _progress(path) as progress:
        result = run_replay(dataset, settings, path, until_seconds=until, progress=progress)
    if as_json:
        print_json(result)
    else:
        show_run(console(), result, settings.display.language)
        say(f"kept in {path}; `perpbot why` and `perpbot report` read it")
    return judge(result)


@contextmanager
def _progress(path: Path) -> Iterator[OnProgress]:
    """Frames so far, shown where standard error is a terminal; says what was kept if it is interrupted."""
    shown = console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    done = [0, 0]
    with Progress(*columns, TimeElapsedColumn(), console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task("reading", total=None)

        def advance(frames: int, total: int) -> None:
            done[:] = frames, total
            bar.update(task, description="replaying", completed=frames, total=total)

        try:
            yield advance
        except KeyboardInterrupt:
            raise Interrupted(_kept(path, *done)) from None


def _kept(path: Path, frames: int, total: int) -> str:
    if not total:
        return "interrupted while reading the dataset; nothing was changed"
    return f"interrupted after about {frames:,} of {total:,} frames; what came of them is kept in {path}"
