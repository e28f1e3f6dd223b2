"""Runs a command and turns whatever ends it into an exit code and at most one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from perpbot.cli.commands import perpbot
from perpbot.cli.failures import FAILED, Failure, explain

DEBUG = "--debug"


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code: 0 done, 1 failed, 2 bad usage, configuration or input."""
    _ready_streams()
    debug, plain = DEBUG in arguments, [each for each in arguments if each != DEBUG]
    try:
        outcome = perpbot.main(plain, "perpbot", standalone_mode=False, obj=debug)
        sys.stdout.flush()
    except BrokenPipeError:
        _hang_up()
        return FAILED
    except BaseException as error:  # noqa: BLE001 - this is where every error becomes a line
        return _fail(explain(error), debug)
    return outcome if isinstance(outcome, int) else 0


def _ready_streams() -> None:
    """A terminal may lack a letter, and a service manager may have closed a stream."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        elif stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open as long as we run


def _fail(failure: Failure, debug: bool) -> int:
    try:
        if debug and failure.trace:
            print(failure.trace, file=sys.stderr)  # noqa: T201
        if failure.line:
            print(failure.line, file=sys.stderr)  # noqa: T201
        sys.stdout.flush()
    except OSError:
        _hang_up()
    return failure.code


def _hang_up() -> None:
    """Whoever read our output has left, or its disk is full: nothing more is written, not even at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
