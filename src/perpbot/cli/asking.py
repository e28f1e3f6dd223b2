"""The client of a running bot's socket: gives it a command or asks it something, and waits no longer than told."""

from __future__ import annotations

import json
import os
import pwd
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from perpbot.core.errors import InputError, PerpBotError
from perpbot.service.address import LONGEST_LINE, holder, socket_path
from perpbot.service.system import SystemClock, wait

ANSWER_SECONDS = 2.0
"""A report waits so long for the bot, then it reads the database as it is."""
_AGAIN_SECONDS = 0.05
_CHUNK = 65_536
_NANOSECONDS = 1_000_000_000
Answer = dict[str, Any]


class NoBot(PerpBotError):
    """No bot runs on that store."""


class NoAnswer(PerpBotError):
    """A bot runs there and does not answer: it is starting, busy, or stopped in the middle."""


class Line:
    """A line to the bot of ``database``; use as a context manager.

    Raises :class:`NoBot` at once if no process has the store, :class:`NoAnswer` if the one that has it does not listen
    within ``seconds``.
    """

    def __init__(self, database: Path, seconds: float = ANSWER_SECONDS) -> None:
        self._database = database
        self._clock = SystemClock()
        self._until_ns = self._clock.now_ns() + round(seconds * _NANOSECONDS)
        self._seconds = seconds
        self._heard = b""
        self._socket = self._connected()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, request: Mapping[str, Any]) -> Answer:
        """The bot's answer to one request. Raises :class:`NoAnswer`, and :class:`InputError` for too long a one."""
        said = json.dumps(request).encode()
        if len(said) > LONGEST_LINE:
            raise InputError(f"that is {len(said):,} bytes, a bot takes {LONGEST_LINE:,}: say it in fewer words")
        try:
            self._socket.settimeout(self._left())
            self._socket.sendall(said + b"\n")
            line = self._read_line()
        except TimeoutError:
            raise self._silence(f"has not answered for {self._seconds:g} s") from None
        except OSError:
            line = b""
        if not line:
            raise NoAnswer(f"the bot on {self._database} ended before it answered")
        answer: Answer = json.loads(line)
        return answer

    def ended(self, seconds: float) -> bool:
        """Wait until the process at the other end has gone and its store is free; whether it has by then."""
        self._until_ns = self._clock.now_ns() + round(seconds * _NANOSECONDS)
        try:
            while self._left() > 0:
                self._socket.settimeout(self._left())
                if not self._socket.recv(_CHUNK):
                    break
        except TimeoutError:
            return False
        except OSError:
            pass  # it went while it was still talking
        while (found := holder(self._database) is not None) and self._left() > 0:
            wait(_AGAIN_SECONDS)
        return not found

    def _connected(self) -> socket.socket:
        """Connected; a bot that is just starting has its store some time before it listens."""
        path = str(socket_path(self._database))
        while True:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            made.settimeout(max(self._left(), _AGAIN_SECONDS))
            try:
                made.connect(path)
            except OSError:
                made.close()
            else:
                return made
            if holder(self._database) is None:
                raise NoBot(f"no bot is running on {self._database}; `perpbot demo` starts one")
            if self._left() <= 0:
                raise self._silence("does not listen: it is starting or ending" + self._without_socket(path))
            wait(_AGAIN_SECONDS)

    def _without_socket(self, path: str) -> str:
        pid = holder(self._database)
        gone = pid is not None and not os.path.lexists(path)
        return f"; if its socket {path} was removed, `kill {pid}` stops it in order" if gone else ""

    def _read_line(self) -> bytes:
        while b"\n" not in self._heard:
            self._socket.settimeout(max(self._left(), 0.001))
            chunk = self._socket.recv(_CHUNK)
            if not chunk:
                return b""
            self._heard += chunk
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def _left(self) -> float:
        return (self._until_ns - self._clock.now_ns()) / _NANOSECONDS

    def _silence(self, what: str) -> NoAnswer:
        pid = holder(self._database)
        process = f" (process {pid})" if pid else ""
        return NoAnswer(f"the bot on {self._database}{process} {what}")


def ask(database: Path, question: str, seconds: float = ANSWER_SECONDS) -> Answer:
    """What the bot of ``database`` answers to a question. Raises :class:`NoBot`, :class:`NoAnswer`."""
    with Line(database, seconds) as line:
        answer = line.ask({"ask": question})
    if answer["status"] != "success":
        raise NoAnswer(f"the bot on {database} could not answer: {answer['reason']}")
    return answer


def is_running(database: Path) -> bool:
    """Whether a process has the store, or listens for it."""
    if holder(database) is not None:
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.settimeout(ANSWER_SECONDS)
        return made.connect_ex(str(socket_path(database))) == 0


def actor() -> str:
    """Who gives the commands of this program: ``cli:`` and the system's name of its user."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"
