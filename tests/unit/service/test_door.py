"""The socket of a running bot: who may open it, what it answers, and that nobody's nonsense ends it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from perpbot.core.commands import Command
from perpbot.core.errors import InputError
from perpbot.core.events import TaskDied
from perpbot.service.address import LONGEST_LINE, holder, lock_path, socket_path
from perpbot.service.control import ControlResult
from perpbot.service.door import Door
from perpbot.service.store import Store, take_lock
from perpbot.service.supervisor import Supervisor
from perpbot.service.system import SystemClock


class Recorder:
    """Stands for the one door of commands: keeps what came and says yes."""

    def __init__(self) -> None:
        self.given: list[tuple[Command, str, str, str]] = []

    async def apply(self, command: Command, actor: str, reason: str = "", key: str = "") -> ControlResult:
        self.given.append((command, actor, reason, key))
        return ControlResult(True, detail=f"{command.name} it is")


Talk = Callable[[Any], Awaitable[Any]]


def conversation(path: Path, talk: Callable[[Talk], Awaitable[None]], control: Recorder | None = None) -> None:
    """Open a door at ``path`` and talk through it; afterwards nothing of it is left, and no task has died of it."""
    died: list[TaskDied] = []

    async def main() -> None:
        async with Supervisor(SystemClock(), died.append) as supervisor:
            questions = {"who": lambda _: {"name": "bot"}, "later": _later, "much": _much}
            door = Door(path, control or Recorder(), supervisor, questions)  # type: ignore[arg-type] # a stand-in
            await door.open()
            assert os.stat(path).st_mode & 0o777 == 0o600
            reader, writer = await asyncio.open_unix_connection(str(path))

            async def ask(request: Any) -> Any:
                writer.write(request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n")
                return json.loads(await reader.readline())

            await talk(ask)
            writer.close()
            await door.close()

    asyncio.run(main())
    assert not path.exists()
    assert died == []


async def _later(_: Any) -> dict[str, Any]:
    return {"when": "later"}


def _much(_: Any) -> dict[str, Any]:
    return {"much": "x" * 10_000}


def test_commands_and_questions_are_answered_line_by_line(tmp_path: Path) -> None:
    """Who and why go along; the file is its owner's alone; a left-over one is taken over."""
    control, path = Recorder(), tmp_path / "demo.db.sock"
    path.touch()

    async def talk(ask: Talk) -> None:
        said = await ask({"verb": "pause", "actor": "cli:ann", "reason": "lunch", "key": "k1"})
        assert said == {"status": "success", "detail": "pause it is"}
        assert await ask({"ask": "who"}) == {"status": "success", "name": "bot"}
        assert await ask({"ask": "later"}) == {"status": "success", "when": "later"}

    conversation(path, talk, control)
    ((command, *told),) = control.given
    assert (command.name, told) == ("pause", ["cli:ann", "lunch", "k1"])


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (b"no JSON\n", "JSON"),
        ({"verb": "pauze"}, "'pauze' is no command (known: start, pause"),
        ({"ask": "nothing"}, "nothing is known as 'nothing' (ask for who, later, much)"),
        ({"verb": "close"}, "close: Object missing required field `target`"),
        ({"verb": "override", "arguments": {"minutes": "soon"}}, "override: Expected"),
        ({"verb": "pause", "reeson": "typo"}, "unknown field `reeson`"),
        ({"verb": "halt", "arguments": {"flaten": True}}, "halt: flaten is no argument of it (known: flatten)"),
        ({"verb": "start", "arguments": {"now": 1}}, "start: now is no argument of it (known: none)"),
        ({"verb": "pause", "ask": "who"}, "either a verb or a question"),
        ({"verb": "reweight", "arguments": {"wash": "sNaN", "arb": "1", "reserve": "0"}}, "wash must be a number"),
        ({"verb": "override", "arguments": {"minutes": "inf"}}, "minutes must be a number"),
        (b'{"verb": "pause", "reason": "\xff"}\n', "not UTF-8"),
        (b'{"verb": "halt", "arguments": ' + b'{"a":' * 9000 + b"1" + b"}" * 9001 + b"\n", "nested too deeply"),
        (b'{"verb": "pause", "reason": "' + b"x" * LONGEST_LINE + b'"}\n', "a line may have"),
    ],
    ids=[
        "json",
        "verb",
        "question",
        "missing",
        "type",
        "field",
        "argument",
        "none",
        "both",
        "snan",
        "inf",
        "utf8",
        "deep",
        "long",
    ],
)
def test_nonsense_is_answered_and_the_door_stays_open(request_: Any, why: str, tmp_path: Path) -> None:
    """With what is wrong; nothing is applied."""
    control = Recorder()

    async def talk(ask: Talk) -> None:
        answer = await ask(request_)
        assert answer["status"] == "error"
        assert why in answer["reason"]
        assert (await ask({"ask": "who"}))["status"] == "success"

    conversation(tmp_path / "demo.db.sock", talk, control)
    assert control.given == []


def test_who_and_why_stay_on_one_line(tmp_path: Path) -> None:
    """Neither a line's end nor a terminal's escape gets into journal, log and tables."""
    control = Recorder()

    async def talk(ask: Talk) -> None:
        await ask({"verb": "pause", "actor": "a\nb", "reason": "red \x1b[31m\r\n text 午饭"})

    conversation(tmp_path / "demo.db.sock", talk, control)
    assert control.given[0][1:3] == ("a b", "red [31m text 午饭")


def test_who_says_nothing_more_still_gets_all_answers(tmp_path: Path) -> None:
    """``echo … | nc -UN``: the lines are sent at once and the sending side is closed."""
    path = tmp_path / "demo.db.sock"

    async def talk(_: Talk) -> None:
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"ask": "later"}\n{"ask": "who"}\n{"as')
        writer.write_eof()
        assert [json.loads(line)["status"] for line in (await reader.read()).splitlines()] == ["success", "success"]
        writer.close()

    conversation(path, talk)


def test_who_asks_without_listening_is_not_listened_to(tmp_path: Path) -> None:
    """A client that does not take its answers neither fills the bot's memory nor keeps it from others."""
    path = tmp_path / "demo.db.sock"

    async def talk(ask: Talk) -> None:
        lines, taken = b'{"ask": "much"}\n' * 2_000, 0
        with socket.socket(socket.AF_UNIX) as mute:
            mute.connect(str(path))
            mute.setblocking(False)
            for _ in range(50):
                with suppress(BlockingIOError):
                    taken += mute.send(lines)
                assert (await ask({"ask": "who"}))["status"] == "success"
        assert taken < 50 * len(lines)

    conversation(path, talk)


def test_a_line_without_end_is_hung_up_on(tmp_path: Path) -> None:
    """Nobody fills the bot's memory."""

    async def talk(ask: Talk) -> None:
        answer = await ask(b"x" * (LONGEST_LINE + 1))
        assert answer == {"status": "error", "reason": f"a line may have {LONGEST_LINE} bytes"}

    conversation(tmp_path / "demo.db.sock", talk)


def test_a_folder_with_a_long_name_has_its_socket_elsewhere(tmp_path: Path) -> None:
    """The system takes short names only; two databases never share one."""
    assert socket_path(Path("/s/demo.db")) == Path("/s/demo.db.sock")
    long = tmp_path / ("x" * 120)
    assert len(str(socket_path(long / "demo.db"))) < 100
    assert socket_path(long / "demo.db") != socket_path(long / "paper.db")


def test_who_has_a_store_is_known_by_its_lock(tmp_path: Path) -> None:
    """Not by a file that a killed process left, and looking at it takes nothing from anybody."""
    path = tmp_path / "demo.db"
    assert holder(path) is None
    with Store(path, "demo"):
        assert holder(path) is not None
        with pytest.raises(InputError, match="is in use by process"):
            take_lock(path)
    assert holder(path) is None
    lock_path(path).write_text("999999999\n", encoding="ascii")
    assert holder(path) is None
    lock_path(path).write_text("gibberish", encoding="ascii")
    assert holder(path) is None
    lock_path(path).unlink()
    lock_path(path).mkdir()
    with pytest.raises(IsADirectoryError, match=r"demo\.db\.lock"):
        holder(path)
