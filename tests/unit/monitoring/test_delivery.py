"""A channel that hangs or fails is tried again, said once, and slows nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from perpbot.monitoring.delivery import ATTEMPTS, CRITICAL_ATTEMPTS, Delivery
from perpbot.monitoring.notices import Notice, notice_of
from perpbot.service.supervisor import Restart, Supervisor
from perpbot.simulation.clock import VirtualClock, run
from tests.unit.monitoring.scenes import ORIGIN, SECOND, START, Ear, failed, quarantined


def ordinary(number: int = 1) -> Notice:
    notice = notice_of(failed(number), START, ORIGIN)
    assert notice is not None
    return notice


def critical(number: int = 2) -> Notice:
    notice = notice_of(quarantined(number), START, ORIGIN)
    assert notice is not None
    return notice


def deliver(ear: Ear, act: Callable[[Delivery, VirtualClock], Awaitable[Any]], capacity: int = 256) -> Delivery:
    """Run ``act`` beside the delivery's task, in virtual time, then end both."""

    async def main(clock: VirtualClock) -> Delivery:
        delivery = Delivery(ear, clock, capacity)
        async with Supervisor(clock, lambda death: pytest.fail(str(death))) as supervisor:
            _ = supervisor.keep(delivery.run, name="notices", restart=Restart.NEVER)
            await act(delivery, clock)
        return delivery

    return run(main, START)


def said(logs: list[Any]) -> list[str]:
    return [line["event"] for line in logs]


def test_a_notice_is_delivered_and_the_channel_closed_at_the_end() -> None:
    """Without a pause."""
    ear = Ear()

    async def act(delivery: Delivery, clock: VirtualClock) -> None:
        delivery.put(ordinary())
        await delivery.idle()
        assert clock.now_ns() == START

    deliver(ear, act)
    assert [told["pair_id"] for told in ear.heard] == ["k3v9-1"]
    assert ear.closed


def test_a_failed_delivery_is_tried_again_after_pauses_that_double() -> None:
    """One second, then two."""
    ear = Ear(["refused", "refused"])

    async def act(delivery: Delivery, clock: VirtualClock) -> None:
        delivery.put(ordinary())
        await delivery.idle()
        assert clock.now_ns() == START + 3 * SECOND

    deliver(ear, act)
    assert len(ear.heard) == 1


def test_a_delivery_that_hangs_is_given_up_at_its_time_limit() -> None:
    """Five seconds on the clock port, then a pause, then again."""
    ear = Ear([None])

    async def act(delivery: Delivery, clock: VirtualClock) -> None:
        delivery.put(ordinary())
        await delivery.idle()
        assert clock.now_ns() == START + 6 * SECOND

    deliver(ear, act)
    assert len(ear.heard) == 1


def test_a_notice_is_given_up_after_a_few_attempts_and_the_next_one_tells_how_many_were_lost() -> None:
    """The count starts anew once it was told."""
    ear = Ear(["refused"] * ATTEMPTS)

    async def act(delivery: Delivery, _: VirtualClock) -> None:
        for number in (1, 2, 3):
            delivery.put(ordinary(number))
        await delivery.idle()

    deliver(ear, act)
    assert ear.attempts == ATTEMPTS + 2
    assert [(told["pair_id"], told["dropped"]) for told in ear.heard] == [("k3v9-2", 1), ("k3v9-3", 0)]


def test_a_critical_notice_is_tried_for_longer() -> None:
    """What halts trading may be what cuts the network: minutes, with pauses of at most one."""
    ear = Ear(["refused"] * (CRITICAL_ATTEMPTS - 1))

    async def act(delivery: Delivery, clock: VirtualClock) -> None:
        delivery.put(critical())
        await delivery.idle()
        assert clock.now_ns() - START == (1 + 2 + 4 + 8 + 16 + 32 + 5 * 60) * SECOND

    deliver(ear, act)
    assert len(ear.heard) == 1


def test_a_failing_channel_is_said_once_and_so_is_its_recovery() -> None:
    """However many notices fail in between, and without what the notice says."""
    ear = Ear(["answered 500"] * (3 * ATTEMPTS))

    async def act(delivery: Delivery, _: VirtualClock) -> None:
        for number in range(5):
            delivery.put(ordinary(number))
        await delivery.idle()

    with structlog.testing.capture_logs() as logs:
        deliver(ear, act)
    assert said(logs) == ["notices do not get through", "notices get through again"]
    assert logs[0] == {
        "event": "notices do not get through",
        "log_level": "warning",
        "channel": "ear",
        "to": "here",
        "reason": "answered 500",
    }


def test_a_channel_that_raises_anything_is_a_failing_channel() -> None:
    """It may be someone else's code; its words are not repeated."""

    class Broken(Ear):
        async def deliver(self, body: bytes) -> None:
            self.attempts += 1
            if self.attempts == 1:
                raise KeyError("token=canary")
            await super().deliver(body)

    ear = Broken()

    async def act(delivery: Delivery, _: VirtualClock) -> None:
        delivery.put(ordinary())
        await delivery.idle()

    with structlog.testing.capture_logs() as logs:
        deliver(ear, act)
    assert logs[0]["reason"] == "KeyError"
    assert len(ear.heard) == 1


def test_at_the_end_each_notice_is_tried_once_more_without_pauses() -> None:
    """Nothing is waited for that may not come."""
    ear = Ear(["refused"] * 3)

    async def act(delivery: Delivery, clock: VirtualClock) -> None:
        delivery.put(critical(1))
        delivery.put(critical(2))
        await clock.sleep(0.5)
        delivery.end()
        await delivery.idle()
        assert clock.now_ns() == START + SECOND // 2

    delivery = deliver(ear, act)
    assert ear.attempts == 3
    assert delivery.outbox.dropped == 2


def test_a_storm_is_bounded_in_memory() -> None:
    """Ten thousand notices at once: the newest are kept, the critical one is delivered first, the rest is counted."""
    ear = Ear()

    async def act(delivery: Delivery, _: VirtualClock) -> None:
        delivery.put(critical(0))
        for number in range(1, 10_001):
            delivery.put(ordinary(number))
            assert delivery.waiting <= 256
        await delivery.idle()

    deliver(ear, act)
    assert [told["pair_id"] for told in ear.heard[:2]] == ["k3v9-0", "k3v9-9746"]
    assert len(ear.heard) == 256
    assert ear.heard[0]["dropped"] == 10_001 - 256
    assert ear.heard[1]["dropped"] == 0


def test_a_cancel_from_outside_is_not_taken_for_the_time_limit() -> None:
    """The task ends when the run ends, also in the middle of a delivery."""
    ear = Ear([None])

    async def act(delivery: Delivery, clock: VirtualClock) -> None:
        delivery.put(ordinary())
        await clock.sleep(1)

    delivery = deliver(ear, act)
    assert ear.closed
    assert delivery.waiting == 1
    assert not delivery.failing


def test_the_time_limit_leaves_no_cancel_behind() -> None:
    """Also where what was cancelled made an error of its own of it, or was done all the same."""

    class Stubborn(Ear):
        async def deliver(self, body: bytes) -> None:
            self.attempts += 1
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if self.attempts == 1:
                    raise ConnectionError from None
                self.heard.append({})

    ear = Stubborn()

    async def act(delivery: Delivery, clock: VirtualClock) -> None:
        delivery.put(ordinary())
        await delivery.idle()
        assert clock.now_ns() == START + 11 * SECOND

    deliver(ear, act)
    assert len(ear.heard) == 1
