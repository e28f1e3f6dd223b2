"""Whatever ends a command becomes an exit code and at most one line."""

import errno
import sqlite3

import click
import pytest
from sqlalchemy.exc import OperationalError

from perpbot.cli.failures import Interrupted, explain
from perpbot.core.errors import ConfigError, InputError, InvariantViolated, ReadFailed


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("a.yaml:1:2: risk is wrong"), 2, "a.yaml:1:2: risk is wrong"),
        (InputError("x: no such file; name one"), 2, "x: no such file; name one"),
        (InvariantViolated("I1: capital is gone"), 1, "I1: capital is gone"),
        (ReadFailed("no answer"), 1, "no answer"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a"), 2, "a: No such file; name another path"),
        (
            PermissionError(errno.EACCES, "Permission denied", "a"),
            2,
            "a: Permission denied; it is another user's: act as that user, or name another path",
        ),
        (OSError(errno.ENOSPC, "No space left", "a"), 1, "a: No space left; free some space and try again"),
        (OSError(errno.EIO, "I/O error"), 1, "I/O error; check the disk and try again"),
        (click.Abort(), 130, "interrupted"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Interrupted("interrupted after 5 frames"), 130, "interrupted after 5 frames"),
        (click.exceptions.Exit(0), 0, ""),
        (SystemExit(1), 1, ""),
        (ValueError("first\nsecond"), 1, "internal error, ValueError: first second; --debug shows where"),
    ],
)
def test_each_kind_of_error_has_its_code_and_its_line(error: BaseException, code: int, line: str) -> None:
    """0 done, 1 failed, 2 bad usage, configuration or input, 130 interrupted; never more than one line."""
    failure = explain(error)
    assert (failure.code, failure.line) == (code, line)


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_database_that_fails_is_one_line(wrapped: bool) -> None:
    """What the database said, and what to do; not the statement."""
    error = sqlite3.OperationalError("disk I/O error")
    failure = explain(OperationalError("SELECT 1", {}, error) if wrapped else error)
    assert failure.code == 1
    assert failure.line.startswith("the database cannot be used: disk I/O error; ")


def test_no_secret_is_shown() -> None:
    """Neither in the line nor in the traceback."""
    failure = explain(InputError(f"private_key=0x{'ab' * 32} is wrong"))
    assert "abab" not in failure.line + failure.trace
