"""Every task has an owner; one that dies is told."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from perpbot.core.events import TaskDied
from perpbot.service.supervisor import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Restart, Supervisor
from perpbot.simulation.clock import VirtualClock, run

Act = Callable[[Supervisor, VirtualClock], Coroutine[Any, Any, None]]


def play(act: Act) -> list[TaskDied]:
    """Run ``act`` under a supervisor; who died."""
    deaths: list[TaskDied] = []

    async def main(clock: VirtualClock) -> None:
        async with Supervisor(clock, deaths.append) as supervisor:
            await act(supervisor, clock)

    run(main)
    return deaths


async def fail() -> None:
    raise ValueError("a bug")


def test_a_task_s_result_is_its_awaiter_s() -> None:
    """And nothing is reported."""

    async def act(supervisor: Supervisor, clock: VirtualClock) -> None:
        async def answer() -> int:
            return 42

        assert await supervisor(answer(), name="answer") == 42
        assert supervisor.names() == []

    assert play(act) == []


def test_a_task_that_dies_is_told_and_its_error_reaches_the_awaiter() -> None:
    """Both, so that it is lost to nobody."""

    async def act(supervisor: Supervisor, clock: VirtualClock) -> None:
        with pytest.raises(ValueError, match="a bug"):
            await supervisor(fail(), name="flight")

    assert play(act) == [TaskDied("flight", "ValueError: a bug", 0)]


def test_a_task_that_nobody_awaits_is_told_too() -> None:
    """Its error is not asyncio's to complain about at the end."""

    async def act(supervisor: Supervisor, clock: VirtualClock) -> None:
        _ = supervisor(fail(), name="forgotten")
        await clock.sleep(1)

    assert [death.task for death in play(act)] == ["forgotten"]


def test_a_kept_task_is_restarted_after_pauses_that_double() -> None:
    """Up to a minute, for ever."""
    starts: list[float] = []

    async def act(supervisor: Supervisor, clock: VirtualClock) -> None:
        async def make() -> None:
            starts.append(clock.now_ns() / 1e9)
            await fail()

        _ = supervisor.keep(make, name="stream", restart=Restart.ALWAYS)
        await clock.sleep(400)

    deaths = play(act)
    pauses = [round(after - before, 6) for before, after in pairwise(starts)]
    assert pauses[:3] == [FIRST_PAUSE_SECONDS, 1.0, 2.0]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert [death.restarts for death in deaths] == list(range(len(starts)))


def test_a_task_that_is_not_restarted_stays_down() -> None:
    """It is told once."""

    async def act(supervisor: Supervisor, clock: VirtualClock) -> None:
        _ = supervisor.keep(fail, name="once", restart=Restart.NEVER)
        await clock.sleep(400)
        assert supervisor.names() == []

    assert len(play(act)) == 1


def test_a_fatal_task_ends_the_run() -> None:
    """Whoever asked for it is called, once."""

    ends: list[str] = []

    async def act(supervisor: Supervisor, clock: VirtualClock) -> None:
        supervisor.on_fatal(lambda: ends.append("end"))
        _ = supervisor.keep(fail, name="stream", restart=Restart.NEVER)
        await clock.sleep(1)
        assert ends == []
        _ = supervisor.keep(fail, name="loop", restart=Restart.FATAL)
        await clock.sleep(100)

    assert [death.task for death in play(act)] == ["stream", "loop"]
    assert ends == ["end"]


def test_leaving_cancels_and_awaits_what_still_runs() -> None:
    """Also what has not begun yet, and what a task starts while it is being cancelled."""
    ended: list[str] = []

    async def act(supervisor: Supervisor, clock: VirtualClock) -> None:
        async def forever(name: str) -> None:
            try:
                await clock.sleep(1e9)
            finally:
                ended.append(name)

        _ = supervisor(forever("began"), name="began")
        await clock.sleep(1)
        _ = supervisor(forever("never began"), name="never began")
        assert supervisor.names() == ["began", "never began"]

    assert play(act) == []
    assert ended == ["began"]
