"""Options that several commands share."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class FilePath(click.Path):
    """A path that was named: an empty one (a variable that is not set) is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("name a path, this one is empty", param, ctx)
        return super().convert(value, param, ctx)


PATH = FilePath(path_type=Path)


class Seconds(click.ParamType[float]):
    """A number of seconds above 0."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < 1e9:
            self.fail(f"{value!r} is no number of seconds above 0", param, ctx)
        return seconds


def settings_options(command: Decorated) -> Decorated:
    """``--config`` and ``--set``."""
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="One setting; beats environment and file. May be given again.",
    )(command)
    return click.option(
        "--config", type=PATH, metavar="FILE", help="Configuration file. [default: perpbot.yaml in PERPBOT_HOME]"
    )(command)


def json_option(command: Decorated) -> Decorated:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")(command)


def reading_options(command: Decorated) -> Decorated:
    """What every command has that reads a database: ``--db``, ``--config``, ``--set`` and ``--json``."""
    command = settings_options(json_option(command))
    return click.option(
        "--db", type=PATH, metavar="FILE", help="The database to read. [default: that of the newest run]"
    )(command)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about a name that is not known: the nearest one, or all of a few."""
    names = list(known)
    begun = [each for each in names if name and each.startswith(name)]
    nearest = begun or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if nearest:
        return f"; did you mean {nearest[0]}?"
    return f" (known: {', '.join(names)})" if 0 < len(names) <= 20 else ""
