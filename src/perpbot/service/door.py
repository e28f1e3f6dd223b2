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
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import structlog

from perpbot.core.commands import COMMANDS, Command
from perpbot.core.errors import InputError
from perpbot.core.ports import Spawn
from perpbot.service.control import Control

log = structlog.get_logger(__name__)

LONGEST_LINE = 65_536

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
            reply(await self._obey(_decode(line)))
        except (msgspec.DecodeError, msgspec.ValidationError, InputError) as error:
            reply({"status": "error", "reason": str(error)})
        except Exception as error:
            reply({"status": "error", "reason": f"{type(error).__name__}: {error}"})
            raise

    async def _obey(self, request: _Request) -> Answer:
        if request.verb:
            command = to_command(request.verb, request.arguments)
            result = await self._control.apply(command, request.actor, request.reason, request.key)
            return result.as_json()
        question = self._questions.get(request.ask)
        if question is None:
            raise InputError(f"nothing is known as {request.ask!r} (ask for {', '.join(self._questions)})")
        answer = question(request.arguments)
        found = answer if isinstance(answer, dict) else await answer
        return {"status": "success", **found}


def to_command(verb: str, arguments: Mapping[str, Any]) -> Command:
    """The command that a request names. Raises :class:`InputError`."""
    kind = COMMANDS.get(verb)
    if kind is None:
        raise InputError(f"{verb!r} is no command (known: {', '.join(COMMANDS)})")
    try:
        return msgspec.convert(dict(arguments), kind, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"{verb}: {error}") from None


class _Conversation(asyncio.Protocol):
    """One client: its lines are handed on, its answers written."""

    def __init__(self, hear: Callable[[bytes, Callable[[Answer], None]], None]) -> None:
        self._hear = hear
        self._waiting = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # of a stream

    def data_received(self, data: bytes) -> None:
        *lines, self._waiting = (self._waiting + data).split(b"\n")
        for line in lines:
            self._hear(line, self._reply)
        if len(self._waiting) > LONGEST_LINE:
            self._reply({"status": "error", "reason": f"a line may have {LONGEST_LINE} bytes"})
            self._transport.close()

    def _reply(self, answer: Answer) -> None:
        if not self._transport.is_closing():
            self._transport.write(msgspec.json.encode(answer) + b"\n")


def _own_folder(folder: Path) -> None:
    """Make the folder if it is missing; a temporary one must be the user's alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    if folder.name == f"perpbot-{os.getuid()}" and (found.st_uid != os.getuid() or found.st_mode & 0o077):
        raise InputError(f"{folder} does not belong to you alone: remove it, or choose a shorter PERPBOT_HOME")
