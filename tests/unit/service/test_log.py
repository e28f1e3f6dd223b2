"""A log line says when, how grave, what, about which pair and order; and no secret."""

import errno
import json
import logging
import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog

from perpbot.service.log import start_bot_logging, start_logging
from perpbot.service.log_file import LogFile

KEY = "0x" + "7c62ab" * 10
NOON_NS = 1_700_000_000_123_456_789


class StoppedClock:
    """Always the same moment."""

    def now_ns(self) -> int:
        return NOON_NS


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def stream() -> StringIO:
    return StringIO()


def sign(key: str) -> None:
    raise ValueError(f"cannot sign with {key}")


def lines(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_carries_time_level_event_and_values(stream: StringIO) -> None:
    """The time is the handed-in clock's, in UTC to the microsecond."""
    start_logging(StoppedClock(), stream, form="json")
    structlog.get_logger().info("leg sent", exchange="paradex", attempt=1)
    assert lines(stream) == [
        {
            "timestamp": "2023-11-14T22:13:20.123456Z",
            "level": "info",
            "event": "leg sent",
            "exchange": "paradex",
            "attempt": 1,
        }
    ]


def test_pair_and_order_are_bound_for_as_long_as_they_are_handled(stream: StringIO) -> None:
    """Whatever is logged in between, by whichever room, is about them."""
    start_logging(StoppedClock(), stream, form="json")
    with structlog.contextvars.bound_contextvars(pair_id="e1-7", order_id="x9"):
        structlog.get_logger("anywhere").info("inside")
    structlog.get_logger().info("outside")
    inside, outside = lines(stream)
    assert (inside["pair_id"], inside["order_id"]) == ("e1-7", "x9")
    assert "pair_id" not in outside


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_is_logged(stream: StringIO, form: Any) -> None:
    """Not as a value, not deep in a payload, not in the event, not in a traceback, not in another library's line."""
    start_logging(StoppedClock(), stream, form=form)
    log = structlog.get_logger()
    log.info("connect", private_key=KEY, headers={"X-Api-Key": "canary", "Accept": "json"})
    event = f"sent with signature={KEY}"
    log.info(event)
    try:
        sign(KEY)
    except ValueError:
        log.exception("failed")
    logging.getLogger("library").warning("request with token=%s", "canary")
    logged = stream.getvalue()
    assert logged.count("[hidden]") == 5
    assert "canary" not in logged
    assert "7c62ab" not in logged
    assert "json" in logged
    assert "ValueError: cannot sign with" in logged


def test_lines_below_the_level_are_left_out(stream: StringIO) -> None:
    """Debugging is asked for."""
    start_logging(StoppedClock(), stream, form="json", level="warning")
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_lines_of_other_libraries_take_the_same_way(stream: StringIO) -> None:
    """Their warnings with their logger's name and their exceptions; their chatter stays out."""
    start_logging(StoppedClock(), stream, form="json")
    logger = logging.getLogger("sqlalchemy.engine")
    logger.info("SELECT 1")
    logger.error("%s broke", "pool", exc_info=KeyError("k"))
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == ("pool broke", "sqlalchemy.engine", "error")
    assert "KeyError: 'k'" in line["exception"]


def test_a_wrongly_formatted_line_of_another_library_is_still_shown(stream: StringIO) -> None:
    """Its mistake is no reason to lose the message."""
    start_logging(StoppedClock(), stream, form="json")
    template = "%d of %d"
    logging.getLogger("library").warning(template, "x")
    assert lines(stream)[0]["event"] == template


@pytest.mark.parametrize(("level", "traced"), [("error", False), ("debug", True)])
def test_people_see_an_error_on_one_line_and_its_traceback_only_when_debugging(
    stream: StringIO, level: str, traced: bool
) -> None:
    """CONTRACTS §1: never a traceback; --debug adds it."""
    start_logging(StoppedClock(), stream, level=level)
    try:
        sign("a\nb")
    except ValueError:
        structlog.get_logger().exception("failed")
    shown = stream.getvalue()
    assert ("Traceback" in shown) is traced
    assert "ValueError: cannot sign with a" in shown
    if not traced:
        assert shown.count("\n") == 1


def test_the_console_form_is_plain_text_where_there_is_no_terminal(stream: StringIO) -> None:
    """Colours in a file are noise."""
    start_logging(StoppedClock(), stream)
    structlog.get_logger().info("leg sent", exchange="paradex")
    assert "\x1b" not in stream.getvalue()
    assert "leg sent" in stream.getvalue()
    assert "exchange=paradex" in stream.getvalue()


def test_a_bot_logs_to_its_file_and_errors_also_to_who_looks(tmp_path: Path, stream: StringIO) -> None:
    """The file has every line as JSON with tracebacks, the other stream errors as text on one line, without secrets."""
    file = LogFile(tmp_path / "logs" / "perpbot.log", 1_000_000)
    start_bot_logging(StoppedClock(), file, echo=stream)
    log = structlog.get_logger()
    log.debug("too much")
    log.info("leg sent", exchange="paradex")
    try:
        sign(KEY)
    except ValueError:
        log.exception("failed", api_key="canary")
    written = [json.loads(line) for line in file.path.read_text(encoding="utf-8").splitlines()]
    assert [line["event"] for line in written] == ["leg sent", "failed"]
    assert "Traceback" in written[1]["exception"]
    echoed = stream.getvalue()
    assert echoed.count("\n") == 1
    assert "ValueError: cannot sign with [hidden]" in echoed
    assert "leg sent" not in echoed
    for shown in (echoed, file.path.read_text(encoding="utf-8")):
        assert "canary" not in shown
        assert "7c62ab" not in shown


def test_without_anybody_to_look_the_file_is_all_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The terminal belongs to the screen."""
    file = LogFile(tmp_path / "perpbot.log", 1_000_000)
    start_bot_logging(StoppedClock(), file)
    structlog.get_logger().error("grave")
    logging.getLogger("library").warning("chatter")
    assert file.path.read_text(encoding="utf-8").count("\n") == 2
    assert capsys.readouterr() == ("", "")


def test_the_line_that_gets_through_again_says_how_many_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk stops nothing; it is said once, at once, on standard error."""
    file = LogFile(tmp_path / "perpbot.log", 1_000_000)
    start_bot_logging(StoppedClock(), file)
    log = structlog.get_logger()
    log.info("before")

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        for _ in range(3):
            log.info("lost")
    log.info("after")
    log.info("later")
    written = [json.loads(line) for line in file.path.read_text(encoding="utf-8").splitlines()]
    assert [(line["event"], line.get("log_lines_lost")) for line in written] == [
        ("before", None),
        ("after", 3),
        ("later", None),
    ]
    said = capsys.readouterr().err
    assert said == f"perpbot: log lines are lost: {file.path}: OSError: No space left on device; trading goes on\n"


def test_a_stream_that_is_gone_loses_lines_and_stops_nothing() -> None:
    """A closed terminal or a full disk costs log lines, never a trade."""
    stream = StringIO()
    start_logging(StoppedClock(), stream, form="json")
    stream.close()
    structlog.get_logger().info("nobody reads this")
