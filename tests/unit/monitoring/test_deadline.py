"""A time limit cancels what is inside, once, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perpbot.monitoring.deadline import TimeIsUp, within
from perpbot.service.supervisor import Supervisor
from perpbot.simulation.clock import VirtualClock, run
from tests.unit.monitoring.scenes import SECOND, START


def cancels() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


def test_what_takes_too_long_is_cancelled_at_the_limit() -> None:
    """On the clock port, and the task goes on as if nothing had been cancelled."""

    async def main(clock: VirtualClock) -> None:
        with pytest.raises(TimeIsUp):
            async with within(clock, 2):
                await clock.sleep(60)
        assert clock.now_ns() == START + 2 * SECOND
        assert cancels() == 0
        await clock.sleep(1)

    run(main, START)


def test_what_is_done_in_time_is_left_alone() -> None:
    """Also long after."""

    async def main(clock: VirtualClock) -> None:
        async with within(clock, 2):
            await clock.sleep(1)
        await clock.sleep(60)
        assert cancels() == 0

    run(main, START)


def test_what_is_done_in_spite_of_the_cancel_is_done() -> None:
    """And leaves no cancel behind."""

    async def main(clock: VirtualClock) -> None:
        async with within(clock, 2):
            try:
                await clock.sleep(60)
            except asyncio.CancelledError:
                await clock.sleep(1)
        assert cancels() == 0

    run(main, START)


def test_a_cancel_from_outside_at_the_same_moment_is_not_lost() -> None:
    """Whoever ends the task ends it, whether or not the time is up too."""

    async def main(clock: VirtualClock) -> None:
        async def limited() -> None:
            async with within(clock, 2):
                await clock.sleep(60)

        async with Supervisor(clock, lambda death: pytest.fail(str(death))) as supervisor:
            task = supervisor(limited(), name="limited")
            clock.call_at(START + 2 * SECOND, lambda: cancel(task))
            await clock.sleep(3)
        assert task.cancelled()

    run(main, START)


def cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
