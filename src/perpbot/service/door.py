"""The socket of a running bot, for its owner's programs on the same machine: one JSON object a line, each way.

``{"verb": "pause", "arguments": {}, "actor": "…", "reason": "…", "key": "…"}`` gives a command, ``{"ask": "save"}``
asks for something; the answer has ``status``: ``success``, ``refused`` with ``reason``, or ``error`` with ``reason``.
The file's mode is 0600: who may open it may command.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import structlog

from perpbot.core.commands import COMMANDS, Command
from perpbot.core.errors import InputError
from perpbot.core.ports import Spawn
from perpbot.core.words import one_line
from perpbot.service.address import LONGEST_LINE
from perpbot.service.control import Control

log = structlog.get_logger(__name__)

_TOO_LONG = f"a line may have {LONGEST_LINE} bytes"

Answer: TypeAlias = dict[str, Any]
Question: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Answer] | Answer]


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    verb: str = ""
    ask: str = ""
    arguments: dict[str, Any] = {}
    actor: str = "unknown"
    reason: str = ""
    key: str = ""


_decode = msgspec.json.Decoder(_Request).decode


class Door:
    """Listens for one bot. ``questions`` answer what is asked beside commands, by name."""

    def __init__(self, path: Path, control: Control, spawn: Spawn, questions: Mapping[str, Question]) -> None:
        self.path = path
        self._control = control
        self._spawn = spawn
        self._questions = questions
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen. Who holds the store's lock owns the socket: one that is left over is removed."""
        _own_folder(self.path.parent)
        with suppress(FileNotFoundError):
            self.path.unlink()
        before = os.umask(0o177)
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(lambda: _Conversation(self._hear), str(self.path))
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            with suppress(FileNotFoundError):
                self.path.unlink()

    def _hear(self, line: bytes, reply: Callable[[Answer], None]) -> None:
        _ = self._spawn(self._answer(line, reply), name="door")

    async def _answer(self, line: bytes, reply: Callable[[Answer], None]) -> None:
        try:
            reply(await self._obey(_request(line)))
        except InputError as error:
            reply({"status": "error", "reason": str(error)})
        except Exception as error:
            reply({"status": "error", "reason": f"{type(error).__name__}: {error}"})
            raise

    async def _obey(self, request: _Request) -> Answer:
        if request.verb:
            command = to_command(request.verb, request.arguments)
            actor, reason = one_line(request.actor), one_line(request.reason)
            result = await self._control.apply(command, actor, reason, request.key)
            return result.as_json()
        question = self._questions.get(request.ask)
        if question is None:
            raise InputError(f"nothing is known as {request.ask!r} (ask for {', '.join(self._questions)})")
        answer = question(request.arguments)
        found = answer if isinstance(answer, dict) else await answer
        return {"status": "success", **found}


def _request(line: bytes) -> _Request:
    if len(line) > LONGEST_LINE:
        raise InputError(_TOO_LONG)
    try:
        request = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = {UnicodeDecodeError: "not UTF-8 text", RecursionError: "nested too deeply"}
        raise InputError(said.get(type(error), str(error))) from None
    if request.verb and request.ask:
        raise InputError("either a verb or a question, not both")
    return request


def to_command(verb: str, arguments: Mapping[str, Any]) -> Command:
    """The command that a request names. Raises :class:`InputError`."""
    kind = COMMANDS.get(verb)
    if kind is None:
        raise InputError(f"{verb!r} is no command (known: {', '.join(COMMANDS)})")
    known = [field.name for field in fields(kind)]
    for name in arguments:
        if name not in known:
            raise InputError(f"{verb}: {name} is no argument of it (known: {', '.join(known) or 'none'})")
    try:
        command: Command = msgspec.convert(dict(arguments), kind, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"{verb}: {error}") from None
    for name in known:
        value = getattr(command, name)
        if isinstance(value, Decimal | float) and not Decimal(value).is_finite():
            raise InputError(f"{verb}: {name} must be a number, not {value}")
    return command


class _Conversation(asyncio.Protocol):
    """One client: its lines are handed on and answered one after the other. While an answer is owed, or not taken, no
    more is read from it."""

    def __init__(self, hear: Callable[[bytes, Callable[[Answer], None]], None]) -> None:
        self._hear = hear
        self._waiting = b""
        self._owed = self._clogged = self._ended = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # of a stream

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        self._go_on()

    def eof_received(self) -> bool:
        """It says no more, and may still listen."""
        self._ended = True
        self._go_on()
        return True

    def pause_writing(self) -> None:
        self._clogged = True

    def resume_writing(self) -> None:
        self._clogged = False
        self._go_on()

    def _go_on(self) -> None:
        if self._transport.is_closing():
            return
        if self._owed or self._clogged:
            self._transport.pause_reading()
            return
        line, found, rest = self._waiting.partition(b"\n")
        if found:
            self._waiting, self._owed = rest, True
            self._hear(line, self._reply)
        elif len(line) > LONGEST_LINE:
            self._say({"status": "error", "reason": _TOO_LONG})
            self._transport.close()
        elif self._ended:
            self._transport.close()
        else:
            self._transport.resume_reading()

    def _reply(self, answer: Answer) -> None:
        self._owed = False
        if not self._transport.is_closing():
            self._say(answer)
            self._go_on()

    def _say(self, answer: Answer) -> None:
        self._transport.write(msgspec.json.encode(answer) + b"\n")


def _own_folder(folder: Path) -> None:
    """Make the folder if it is missing; a temporary one must be the user's alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    if folder.name == f"perpbot-{os.getuid()}" and (found.st_uid != os.getuid() or found.st_mode & 0o077):
        raise InputError(f"{folder} does not belong to you alone: remove it, or choose a shorter PERPBOT_HOME")
