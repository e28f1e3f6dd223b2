"""Logging: structured, bound to the pair and order it is about, and without secrets.

Rooms log through ``structlog.get_logger()`` and bind what a line is about for as long as it lasts::

    with structlog.contextvars.bound_contextvars(pair_id=pair.id, order_id=order.order_id):
        log.info("leg sent", exchange="paradex")

`start_logging` decides once, at the start of the program, where lines go and how they look; `start_bot_logging` does it
for a bot, whose log is a file that rotates within a budget. Lines of the standard library's loggers (SQLAlchemy,
asyncio) take the same way, so that nothing passes the redaction by.
"""

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from perpbot.config.secrets import redact
from perpbot.core.ports import Clock
from perpbot.service.log_file import LogFile

LogFormat = Literal["console", "json"]


def start_logging(clock: Clock, to: TextIO, *, form: LogFormat = "console", level: str = "info") -> None:
    """Send every log line to a stream: as coloured text for people, or as one JSON object a line.

    Tracebacks are for files and for level ``debug``; people read an error's kind and words on its line.
    """
    _configure([_stamp(clock), *_looks(form, level, colors=to.isatty())], _Unfailing(to), level)


def start_bot_logging(
    clock: Clock, file: LogFile, *, level: str = "info", echo: TextIO | None = None, echo_level: str = "error"
) -> None:
    """Send every log line of ``level`` and above to the bot's file, as one JSON object a line.

    Lines of ``echo_level`` and above go to ``echo`` as well, as text: to who looks at a bot without a screen, or to the
    service manager's log.
    """
    echoed = [] if echo is None else [_echo(_Unfailing(echo), echo_level, colors=echo.isatty())]
    _configure([_stamp(clock), *echoed, _tell_lost(file), *_looks("json", level, colors=False)], file, level)


def _configure(processors: list[Processor], to: "_Unfailing | LogFile", level: str) -> None:
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, *processors],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(to),  # type: ignore[arg-type] # writes and flushes
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Forwarder()], level=max(threshold, logging.WARNING), force=True)


def _looks(form: LogFormat, level: str, *, colors: bool) -> list[Processor]:
    """From an event to the line that is shown; nothing passes the redaction by."""
    traced = form == "json" or level == "debug"
    shown = structlog.processors.format_exc_info if traced else _name_error
    return [shown, _redact_event, *_renderer(form, colors=colors)]


def _echo(to: "_Unfailing", level: str, *, colors: bool) -> Processor:
    """Writes grave lines to another stream too, as they pass."""
    threshold, looks = getattr(logging, level.upper()), _looks("console", level, colors=colors)

    def echo(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if getattr(logging, str(event["level"]).upper(), logging.ERROR) >= threshold:
            line: Any = dict(event)
            for look in looks:
                line = look(logger, method, line)
            to.write(f"{line}\n")
            to.flush()
        return event

    return echo


def _tell_lost(file: LogFile) -> Processor:
    """The first line that gets through says how many before it did not."""

    def tell(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if file.untold:
            event["log_lines_lost"] = file.untold
        return event

    return tell


def _renderer(form: LogFormat, *, colors: bool) -> list[Processor]:
    if form == "json":
        return [structlog.processors.JSONRenderer(default=str, ensure_ascii=False)]
    return [
        structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback),
    ]


def _stamp(clock: Clock) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    def stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        seconds, nanoseconds = divmod(clock.now_ns(), 1_000_000_000)
        moment = datetime.fromtimestamp(seconds, UTC)
        event["timestamp"] = f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds // 1000:06d}Z"
        return event

    return stamp


def _name_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    found = event.pop("exc_info", None)
    error = found if isinstance(found, BaseException) else found[1] if isinstance(found, tuple) else sys.exception()
    if found and error is not None:
        event["error"] = " ".join(f"{type(error).__name__}: {error}".split())
    return event


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    redacted: EventDict = redact(event)
    return redacted


class _Unfailing:
    """A stream that loses lines rather than raise: a full disk or a closed terminal must not stop trading."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


class _Forwarder(logging.Handler):
    """Hands the lines of the standard library's loggers to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # a line of another's code, wrongly formatted there: show it as it is
            message = str(record.msg)
        log: Any = structlog.get_logger()
        log.log(record.levelno, message, logger=record.name, exc_info=record.exc_info)
