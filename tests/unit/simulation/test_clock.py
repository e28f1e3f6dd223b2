"""Virtual time: the loop jumps, keeps order among equals, and tells a deadlock."""

from __future__ import annotations

import asyncio

import pytest

from perpbot.simulation.clock import Deadlock, VirtualClock, run

START = 1_723_161_255_030_314_667


def test_sleeping_moves_time_without_waiting() -> None:
    """A day passes at once, to the nanosecond."""

    async def main(clock: VirtualClock) -> int:
        await clock.sleep_until(START + 86_400_000_000_001)
        return clock.now_ns()

    assert run(main, START) == START + 86_400_000_000_001


def test_equal_times_run_in_the_order_they_were_set() -> None:
    """Timers due at the same instant are first come, first served."""
    seen: list[int] = []

    async def main(clock: VirtualClock) -> None:
        for number in range(50):
            clock.call_at(START + 1000, lambda number=number: seen.append(number))  # type: ignore[misc]
        await clock.sleep_until(START + 1001)

    run(main, START)
    assert seen == list(range(50))


def test_a_frame_comes_before_a_timer_of_its_instant_and_after_earlier_ones() -> None:
    """``advance`` runs what is due before the frame, and leaves what is due with it for after."""
    seen: list[str] = []

    async def main(clock: VirtualClock) -> None:
        clock.call_at(START + 5, lambda: seen.append("before"))
        clock.call_at(START + 10, lambda: seen.append("with"))
        await clock.advance(START + 10)
        seen.append("frame")
        await clock.advance(START + 11)

    run(main, START)
    assert seen == ["before", "frame", "with"]


def test_tasks_made_ready_by_a_frame_run_before_the_next_frame() -> None:
    """A frame's consequences happen at its own time."""
    seen: list[tuple[str, int]] = []

    async def main(clock: VirtualClock) -> None:
        loop = asyncio.get_running_loop()
        await clock.advance(START + 10)
        loop.call_soon(lambda: seen.append(("task", clock.now_ns() - START)))
        await clock.advance(START + 20)
        seen.append(("frame", clock.now_ns() - START))

    run(main, START)
    assert seen == [("task", 10), ("frame", 20)]


def test_a_cancelled_timer_does_not_hold_time_back() -> None:
    """Cancelled timers are forgotten."""

    async def main(clock: VirtualClock) -> int:
        cancel = clock.call_at(START + 5, lambda: None)
        cancel()
        await clock.advance(START + 10)
        return clock.now_ns()

    assert run(main, START) == START + 10


def test_waiting_for_nothing_is_told() -> None:
    """A program that can never go on raises instead of hanging."""

    async def main(_: VirtualClock) -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock):
        run(main, START)


def test_asyncio_timeouts_work_in_virtual_time() -> None:
    """Library code that uses the loop's clock is in virtual time too."""

    async def main(clock: VirtualClock) -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):  # noqa: TID251 - what a library would do
                await asyncio.sleep(7200)  # noqa: TID251 - as above
        return clock.now_ns()

    assert run(main, START) == START + 3600 * 10**9
