"""Where a command's log lines go: never to standard output, which belongs to its result."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from perpbot.service.log import start_bot_logging, start_logging
from perpbot.service.log_file import MEGABYTE, LogFile
from perpbot.service.system import SystemClock

FOLDER, NAME = "logs", "perpbot.log"
BUDGET_MB = 100


def log_to_stderr() -> None:
    """Errors to standard error; with ``--debug`` everything."""
    start_logging(SystemClock(), sys.stderr, level=_level("error"))


def log_to_file(path: Path, level: str = "info", *, budget_mb: int = BUDGET_MB, echo: bool = False) -> None:
    """Lines of ``level`` and above to a file, one JSON object a line: the terminal belongs to the screen.

    The file and those that were full before it stay within the budget. Without a screen (``echo``) errors go to
    standard error as well; with ``--debug`` everything goes everywhere.
    """
    file = LogFile(path, budget_mb * MEGABYTE)
    echo_to = sys.stderr if echo else None
    start_bot_logging(SystemClock(), file, level=_level(level), echo=echo_to, echo_level=_level("error"))


def bot_log(home: Path) -> Path:
    """The log of the bot whose state is in the folder ``home``."""
    return home / FOLDER / NAME


def _level(usual: str) -> str:
    return "debug" if click.get_current_context().find_root().obj else usual
