"""From the journal to the channels, without slowing or stopping who writes the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from perpbot.core.commands import TradingState
from perpbot.core.events import Event, RunStarted
from perpbot.core.orders import OrderStatus
from perpbot.monitoring.channel import Channel
from perpbot.monitoring.command import Command
from perpbot.monitoring.notifier import Notifier, channels
from perpbot.monitoring.settings import CommandSettings, NotificationSettings, WebhookSettings
from perpbot.monitoring.webhook import Webhook
from perpbot.records.journal import MemoryJournal
from perpbot.service.supervisor import Restart, Supervisor
from perpbot.simulation.clock import VirtualClock, run
from tests.unit.monitoring.scenes import ORIGIN, SECOND, START, Ear, failed, halt, order, quarantined

ACTIVE, HALTED = TradingState.ACTIVE, TradingState.HALTED
STARTED: Event = RunStarted("demo", "k3v9", "1")


def notify(act: Callable[[Notifier, VirtualClock], Awaitable[Any]], *ears: Channel) -> None:
    """Run ``act`` with a notifier whose tasks run under a supervisor, then stop it."""

    async def main(clock: VirtualClock) -> None:
        notifier = Notifier(ORIGIN, ears, clock)
        async with Supervisor(clock, lambda death: pytest.fail(str(death))) as supervisor:
            for name, deliver in notifier.tasks():
                _ = supervisor.keep(deliver, name=name, restart=Restart.ALWAYS)
            await act(notifier, clock)
            await notifier.stop()

    run(main, START)


async def made_on(settings: NotificationSettings, clock: VirtualClock) -> tuple[Channel, ...]:
    return channels(settings, {}, clock)


def test_what_is_journaled_is_told_on_every_channel() -> None:
    """The notifier is a listener of the journal; what is of no concern is not told."""
    ears = Ear(), Ear()

    async def act(notifier: Notifier, clock: VirtualClock) -> None:
        journal = MemoryJournal(clock, notifier.listen)
        for event in (STARTED, failed(), quarantined(), halt()):
            journal.append(event)

    notify(act, *ears)
    kinds = ["pair_quarantined", "halted", "pair_failed"]
    assert [[told["kind"] for told in ear.heard] for ear in ears] == [kinds, kinds]
    assert ears[0].heard[0]["time_ns"] == START


def test_the_look_tells_of_orders_unknown_for_too_long() -> None:
    """Whatever the loop's interval, once."""
    ear = Ear()

    async def act(notifier: Notifier, clock: VirtualClock) -> None:
        unknown = order("k3v9-7-b0", OrderStatus.UNKNOWN, START)
        for _ in range(10):
            notifier.look(ACTIVE, "start", [unknown])
            await clock.sleep(1)

    notify(act, ear)
    assert [(told["kind"], told["time_ns"]) for told in ear.heard] == [("order_unknown", START + 6 * SECOND)]


def test_nothing_of_an_earlier_run_is_told_again() -> None:
    """The journal it left is remembered, not told."""
    ear = Ear()

    async def act(notifier: Notifier, clock: VirtualClock) -> None:
        unknown = order("k3v9-7-b0", OrderStatus.UNKNOWN, START - 60 * SECOND)
        notifier.remember(HALTED, [unknown], START - SECOND)
        notifier.listen(1, START, halt("the halt latch was found set"))
        notifier.look(HALTED, "the halt latch was found set", [unknown])

    notify(act, ear)
    assert ear.heard == []


def test_one_failing_channel_does_not_hold_up_another() -> None:
    """Each has a queue and a task of its own."""
    hanging, ear = Ear([None] * 100), Ear()

    async def act(notifier: Notifier, clock: VirtualClock) -> None:
        notifier.listen(1, START, quarantined())
        await clock.sleep(0.001)
        assert len(ear.heard) == 1

    notify(act, hanging, ear)
    assert hanging.heard == []


def test_a_stop_gives_what_waits_two_seconds() -> None:
    """What is not delivered then is counted in the log, and the program ends."""
    ear = Ear([None])
    ended_ns = 0

    async def main(clock: VirtualClock) -> None:
        nonlocal ended_ns
        notifier = Notifier(ORIGIN, [ear], clock)
        async with Supervisor(clock, lambda death: pytest.fail(str(death))) as supervisor:
            for name, deliver in notifier.tasks():
                _ = supervisor.keep(deliver, name=name, restart=Restart.ALWAYS)
            for number in range(3):
                notifier.listen(number, START, failed(number))
            await notifier.stop()
        ended_ns = clock.now_ns()

    with structlog.testing.capture_logs() as logs:
        run(main, START)
    assert ended_ns == START + 2 * SECOND
    assert {"event": "notices not delivered", "log_level": "warning", "channel": "ear", "count": 3} in logs
    assert ear.closed


def test_an_error_of_its_own_never_reaches_who_trades(monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal's writer goes on; the log says what went wrong."""

    async def act(notifier: Notifier, _: VirtualClock) -> None:
        def broken(*_: object) -> None:
            raise ValueError("a fault of ours")

        monkeypatch.setattr(notifier, "publish", broken)
        notifier.listen(1, START, quarantined())
        notifier.look(HALTED, "why", [])

    with structlog.testing.capture_logs() as logs:
        notify(act, Ear())
    assert [line["event"] for line in logs] == ["notice lost", "notice lost"]


def test_without_a_channel_nothing_runs() -> None:
    """The default costs nothing."""
    assert run(lambda clock: made_on(NotificationSettings(), clock)) == ()

    async def act(notifier: Notifier, clock: VirtualClock) -> None:
        assert list(notifier.tasks()) == []
        notifier.listen(1, START, quarantined())
        notifier.look(HALTED, "why", [])

    notify(act)


def test_each_configured_channel_is_made_and_shows_no_secret() -> None:
    """Of an address scheme and host, of a program its name."""
    settings = NotificationSettings(
        webhook=WebhookSettings("https://user:canary@hooks.example.com:8443/canary?token=canary"),
        command=CommandSettings(("/usr/bin/tell", "--token", "canary")),
    )
    made = run(lambda clock: made_on(settings, clock))
    assert [type(channel) for channel in made] == [Webhook, Command]
    assert [(channel.name, channel.shown, channel.timeout_seconds) for channel in made] == [
        ("webhook", "https://hooks.example.com", 5.0),
        ("command", "/usr/bin/tell", 10.0),
    ]
