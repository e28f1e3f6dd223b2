"""What the operator sees of an error: one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import errno
import sys
import traceback
from dataclasses import dataclass

import click

from perpbot.core.errors import ConfigError, InputError, PerpBotError

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

_INPUT_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
"""What the system says of a path that was named wrongly; the rest (a full disk, a dying one) is a failure."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a command ends; ``line`` is empty when nothing needs to be said."""

    code: int
    line: str = ""
    trace: str = ""


class Interrupted(Exception):  # Click would turn a KeyboardInterrupt into its own, without words
    """Ctrl-C, with what was kept."""


def explain(error: BaseException) -> Failure:
    """The exit code and the line for whatever ended a command."""
    if isinstance(error, click.exceptions.Exit):
        return Failure(error.exit_code)
    if isinstance(error, SystemExit):
        return Failure(error.code if isinstance(error.code, int) else FAILED if error.code else DONE)
    code, text = _judge(error)
    trace = "".join(traceback.format_exception(error))
    return Failure(code, _one_line(text), _redacted(trace))


def _judge(error: BaseException) -> tuple[int, str]:
    if isinstance(error, click.UsageError):
        return BAD_INPUT, _usage(error)
    if isinstance(error, click.ClickException):
        return BAD_INPUT, error.format_message()
    if isinstance(error, Interrupted | KeyboardInterrupt | click.Abort):
        return INTERRUPTED, str(error) or "interrupted"
    if isinstance(error, ConfigError | InputError):
        return BAD_INPUT, str(error)
    if isinstance(error, PerpBotError):
        return FAILED, str(error)
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, MemoryError):
        return FAILED, "out of memory: run it on less data (--until) or on a larger machine"
    return _of_database(error) or (FAILED, f"internal error, {type(error).__name__}: {error}; --debug shows where")


def _usage(error: click.UsageError) -> str:
    """Click's message (it names the nearest option or command) and where the help is."""
    context = error.ctx
    path = context.command_path if context is not None else "perpbot"
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return f"{path}: name a command; see {path} --help"
    return f"{path}: {error.format_message().rstrip('.')}; see {path} --help"


def _of_system(error: OSError) -> tuple[int, str]:
    reason = error.strerror or str(error) or type(error).__name__
    where = f"{error.filename}: " if error.filename is not None else ""
    if error.errno in {errno.EACCES, errno.EPERM}:
        return BAD_INPUT, f"{where}{reason}; it is another user's: act as that user, or name another path"
    if error.errno in _INPUT_ERRORS:
        return BAD_INPUT, f"{where}{reason}; name another path"
    advice = "free some space" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "check the disk"
    return FAILED, f"{where}{reason}; {advice} and try again"


def _of_database(error: BaseException) -> tuple[int, str] | None:
    """Looks for SQLAlchemy and SQLite only where they were imported."""
    modules = (("sqlalchemy.exc", "SQLAlchemyError"), ("sqlite3", "Error"))
    kinds = tuple(getattr(sys.modules[module], name) for module, name in modules if module in sys.modules)
    if not isinstance(error, kinds):
        return None
    reason = getattr(error, "orig", None) or error
    return FAILED, f"the database cannot be used: {reason}; check its file and disk, or name another with --db"


def _one_line(text: str) -> str:
    return _redacted(" ".join(text.split()))


def _redacted(text: str) -> str:
    from perpbot.config.secrets import redact  # noqa: PLC0415 - what fails is shown without secrets; help needs none

    shown: str = redact(text)
    return shown
