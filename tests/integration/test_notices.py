"""Notices over a real loopback socket and to real programs, also to those that hang, fail or go away."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web

from perpbot.monitoring.channel import Channel, DeliveryFailed
from perpbot.monitoring.command import Command
from perpbot.monitoring.deadline import TimeIsUp, within
from perpbot.monitoring.notifier import Notifier
from perpbot.monitoring.settings import CommandSettings, WebhookSettings
from perpbot.monitoring.webhook import Webhook
from perpbot.service.supervisor import Restart, Supervisor
from perpbot.service.system import SystemClock
from tests.unit.monitoring.scenes import ORIGIN, START, halt, quarantined

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
BODY = b'{"kind": "halted"}'


class Listener:
    """An HTTP server on loopback that keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=canary"


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[Listener]:
    """A server that answers as told."""
    listener = Listener()

    async def handle(request: web.Request) -> web.StreamResponse:
        content = await request.read()
        listener.requests.append((request.method, request.path_qs, dict(request.headers), content))
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server: Any = site._server
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        await runner.cleanup()


async def fine(_: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def reason(channel: Channel) -> str:
    """Why a delivery failed."""
    try:
        with pytest.raises(DeliveryFailed) as caught:
            await channel.deliver(BODY)
    finally:
        await channel.close()
    return str(caught.value)


@asynccontextmanager
async def notifying(*channels: Channel) -> AsyncIterator[Notifier]:
    """A notifier at work, stopped in order at the end."""
    clock = SystemClock()
    notifier = Notifier(ORIGIN, channels, clock)
    async with Supervisor(clock, lambda death: pytest.fail(str(death))) as supervisor:
        for name, deliver in notifier.tasks():
            _ = supervisor.keep(deliver, name=name, restart=Restart.ALWAYS)
        yield notifier
        await notifier.stop()


def test_a_notice_arrives_by_http_post_as_json() -> None:
    """At the configured address, once."""

    async def main() -> None:
        async with listening(fine) as listener:
            async with notifying(Webhook(WebhookSettings(listener.url))) as notifier:
                notifier.listen(1, START, quarantined())
                notifier.listen(2, START, halt())
            (method, path, headers, content), (*_, second) = listener.requests
            assert (method, path) == ("POST", "/hook?token=canary")
            assert headers["Content-Type"] == "application/json; charset=utf-8"
            told = json.loads(content)
            assert (told["kind"], told["mode"], told["pair_id"]) == ("pair_quarantined", "demo", "k3v9-7")
            assert json.loads(second)["kind"] == "halted"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (500, {}, "answered 500"),
        (404, {}, "answered 404"),
        (302, {"Location": "/elsewhere"}, "answered 302, and redirects are not followed"),
        (307, {"Location": "/elsewhere"}, "answered 307, and redirects are not followed"),
    ],
)
def test_an_answer_that_is_no_yes_is_a_failure(status: int, headers: dict[str, str], said: str) -> None:
    """A redirect is not followed: the address is the one the operator wrote."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    async def main() -> None:
        async with listening(answer) as listener:
            assert await reason(Webhook(WebhookSettings(listener.url))) == said
            assert [path for _, path, _, _ in listener.requests] == ["/hook?token=canary"]

    asyncio.run(main())


def test_a_long_answer_is_not_read() -> None:
    """Its status is enough; an endless body costs nothing."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async def main() -> None:
        async with listening(endless) as listener:
            channel = Webhook(WebhookSettings(listener.url))
            async with within(SystemClock(), 5):
                await channel.deliver(BODY)
            await channel.close()

    asyncio.run(main())


def test_a_server_that_hangs_is_left_at_the_time_limit_and_the_next_notice_gets_through() -> None:
    """The limit is the channel's own."""

    async def main() -> None:
        calls = 0

        async def first_hang(request: web.Request) -> web.StreamResponse:
            nonlocal calls
            calls += 1
            return await (hang if calls == 1 else fine)(request)

        async with listening(first_hang) as listener:
            with structlog.testing.capture_logs() as logs:
                async with notifying(Webhook(WebhookSettings(listener.url, 0.1))) as notifier:
                    notifier.listen(1, START, quarantined())
                    await SystemClock().sleep(0.3)
            assert calls == 2
        assert [line["event"] for line in logs] == ["notices do not get through", "notices get through again"]
        assert logs[0]["reason"] == "no answer within 0.1 s"
        assert "canary" not in str(logs)
        assert logs[0]["to"] == "http://127.0.0.1"

    asyncio.run(main())


def test_a_connection_that_is_cut_or_refused_is_a_failure_named_without_the_address() -> None:
    """The library's own words may repeat it."""

    async def main() -> None:
        async with listening(cut) as listener:
            assert await reason(Webhook(WebhookSettings(listener.url))) == "ServerDisconnectedError"
            gone = listener.url
        assert (await reason(Webhook(WebhookSettings(gone)))).startswith("ClientConnectorError")
        assert "canary" not in await reason(Webhook(WebhookSettings(gone)))

    asyncio.run(main())


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody between the bot and the address the operator wrote."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    async def main() -> None:
        async with listening(fine) as listener:
            channel = Webhook(WebhookSettings(listener.url))
            await channel.deliver(BODY)
            await channel.close()
            assert len(listener.requests) == 1

    asyncio.run(main())


# programs


def python(script: str, *arguments: object, seconds: float = 10.0, **environ: str) -> Command:
    """A channel whose program is a line of Python."""
    argv = (sys.executable, "-c", script, *map(str, arguments))
    return Command(CommandSettings(argv, seconds), {"PATH": os.defpath, **environ}, SystemClock())


def loops() -> list[Any]:
    """The loops a bot may run on."""
    try:
        import uvloop
    except ImportError:
        return [asyncio.new_event_loop]
    return [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.fixture(params=loops(), ids=lambda make: make.__module__.partition(".")[0])
def on_loop(request: pytest.FixtureRequest) -> Callable[[Awaitable[Any]], None]:
    def run(coroutine: Any) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(coroutine)

    return run


OnLoop = Callable[[Any], None]
COPY = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"


def test_a_program_finds_the_notice_on_its_standard_input(tmp_path: Path, on_loop: OnLoop) -> None:
    """One line of JSON a run."""
    heard = tmp_path / "heard"

    async def main() -> None:
        async with notifying(python(COPY, heard)) as notifier:
            notifier.listen(1, START, quarantined())
            notifier.listen(2, START, halt())

    on_loop(main())
    told = [json.loads(line) for line in heard.read_text(encoding="utf-8").splitlines()]
    assert [each["kind"] for each in told] == ["pair_quarantined", "halted"]


def test_a_program_gets_no_secret_of_the_environment(tmp_path: Path, on_loop: OnLoop) -> None:
    """The exchanges' keys are not its business; the rest it may need."""
    heard = tmp_path / "heard"
    script = "import os, sys; open(sys.argv[1], 'w').write(repr(dict(os.environ)))"
    on_loop(python(script, heard, PARADEX_PRIVATE_KEY="canary", EXTENDED_API_KEY="canary", LANG="C").deliver(BODY))
    seen = heard.read_text(encoding="utf-8")
    assert "canary" not in seen
    assert "LANG" in seen


def test_no_shell_reads_the_arguments(tmp_path: Path, on_loop: OnLoop) -> None:
    """They arrive as they are written."""
    heard = tmp_path / "heard"
    script = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
    on_loop(python(script, heard, "$(id) `id` ; | > *").deliver(BODY))
    assert heard.read_text(encoding="utf-8") == "$(id) `id` ; | > *"


def test_a_program_that_fails_or_is_not_there_is_a_failure(tmp_path: Path, on_loop: OnLoop) -> None:
    """Named by its exit code, or by what the system says."""
    (tmp_path / "text").write_text("not a program", encoding="utf-8")

    async def main() -> None:
        assert await reason(python("raise SystemExit(3)")) == "ended with code 3"
        missing = Command(CommandSettings((str(tmp_path / "missing"),)), {}, SystemClock())
        assert await reason(missing) == "cannot be started (No such file or directory)"
        text = Command(CommandSettings((str(tmp_path / "text"),)), {}, SystemClock())
        assert await reason(text) == "cannot be started (Permission denied)"

    on_loop(main())


def test_a_program_that_does_not_listen_is_no_failure_if_it_says_so(on_loop: OnLoop) -> None:
    """Exit code 0 is its word, read or not."""
    on_loop(python("import os; os.close(0)").deliver(b"x" * 10_000))


def test_a_notice_longer_than_a_pipe_holds_is_refused_and_nobody_waits(on_loop: OnLoop) -> None:
    """No notice is: but if one were, the loop must not stand still."""

    async def main() -> None:
        with pytest.raises(DeliveryFailed, match="1000001 bytes is too long"):
            await python("").deliver(b"x" * 1_000_000)

    on_loop(main())


def test_a_program_that_hangs_is_killed_with_all_it_has_started(tmp_path: Path, on_loop: OnLoop) -> None:
    """Nothing of it is left when its time is up, however it ignores signals."""
    pids = tmp_path / "pids"
    script = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        "if child:\n"
        "    open(sys.argv[1] + '.new', 'w').write(f'{os.getpid()} {child}')\n"
        "    os.rename(sys.argv[1] + '.new', sys.argv[1])\n"
        "time.sleep(60)\n"
    )

    async def main() -> None:
        clock, command = SystemClock(), python(script, pids)

        async def told() -> None:
            async with within(clock, 60):
                await command.deliver(BODY)

        async with Supervisor(clock, lambda _: None) as supervisor:
            task = supervisor(told(), name="told")
            while not pids.exists():
                await clock.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(TimeIsUp):
                async with within(clock, 0.2):
                    await command.deliver(BODY)

    on_loop(main())
    for pid in map(int, pids.read_text(encoding="utf-8").split()):
        assert not runs(pid)


def runs(pid: int) -> bool:
    """Whether a process is alive; one that only waits for its parent to look is not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state not in "ZX"


def test_the_time_limit_of_a_program_is_its_own(tmp_path: Path) -> None:
    """The configured seconds, then the next notice has its turn."""
    heard = tmp_path / "heard"
    script = (
        "import os, sys, time\n"
        "first = not os.path.exists(sys.argv[1])\n"
        "open(sys.argv[1], 'a').write(sys.stdin.read())\n"
        "time.sleep(60 if first else 0)\n"
    )

    async def main() -> None:
        with structlog.testing.capture_logs() as logs:
            async with notifying(python(script, heard, seconds=1.0)) as notifier:
                notifier.listen(1, START, quarantined())
                await SystemClock().sleep(1.5)
        assert [line["event"] for line in logs] == ["notices do not get through", "notices get through again"]

    asyncio.run(main())
    assert len(heard.read_text(encoding="utf-8").splitlines()) == 2
