"""Empties one channel's outbox: one notice at a time, with a time limit, and again after a pause if it fails."""

from __future__ import annotations

import asyncio

import structlog

from perpbot.core.ports import Timers
from perpbot.monitoring.channel import Channel, DeliveryFailed
from perpbot.monitoring.deadline import NANOSECONDS, TimeIsUp, within
from perpbot.monitoring.notices import Notice, body
from perpbot.monitoring.outbox import CAPACITY, Outbox

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
ATTEMPTS = 4
CRITICAL_ATTEMPTS = 12
"""About seven minutes: what halts trading may well be what cuts the network."""


class Delivery:
    """One channel with its outbox. `put` never waits and never raises; `run` is the channel's only task."""

    def __init__(self, channel: Channel, clock: Timers, capacity: int = CAPACITY) -> None:
        self.channel = channel
        self.outbox = Outbox(capacity)
        self.failing = False
        self._clock = clock
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._wake = asyncio.Event()
        self._ending = False
        self._under_way = 0

    def put(self, notice: Notice) -> None:
        """Have a notice delivered when its turn comes."""
        self.outbox.put(notice)
        self._idle.clear()
        self._news.set()

    async def run(self) -> None:
        """Deliver what comes, until cancelled."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                while (notice := self.outbox.take()) is not None:
                    self._under_way = 1
                    await self._deliver(notice)
                    self._under_way = 0
                self._idle.set()
        finally:
            await self.channel.close()

    def end(self) -> None:
        """The end is near: from now on each notice is tried once more, without pauses."""
        self._ending = True
        self._wake.set()

    async def idle(self) -> None:
        """Wait until nothing is left to deliver."""
        await self._idle.wait()

    @property
    def waiting(self) -> int:
        """How many are not delivered yet, the one under way included."""
        return len(self.outbox) + self._under_way

    async def _deliver(self, notice: Notice) -> None:
        attempts, pause = CRITICAL_ATTEMPTS if notice.critical else ATTEMPTS, FIRST_PAUSE_SECONDS
        for attempt in range(1, attempts + 1):
            if await self._attempt(notice):
                return
            if attempt == attempts or self._ending:
                break
            await self._pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self.outbox.lost()

    async def _attempt(self, notice: Notice) -> bool:
        told = self.outbox.dropped
        try:
            async with within(self._clock, self.channel.timeout_seconds):
                await self.channel.deliver(body(notice, told))
        except TimeIsUp:
            self._failed(f"no answer within {self.channel.timeout_seconds:g} s")
        except DeliveryFailed as error:
            self._failed(str(error))
        except Exception as error:  # noqa: BLE001 - a channel may be anyone's code: it fails, the others go on
            self._failed(type(error).__name__)
        else:
            self._succeeded(told)
            return True
        return False

    async def _pause(self, seconds: float) -> None:
        """Wait, unless the end comes first."""
        self._wake.clear()
        forget = self._clock.call_at(self._clock.now_ns() + round(seconds * NANOSECONDS), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            forget()

    def _failed(self, reason: str) -> None:
        """Said once, until the channel works again."""
        if not self.failing:
            log.warning("notices do not get through", channel=self.channel.name, to=self.channel.shown, reason=reason)
        self.failing = True

    def _succeeded(self, told: int) -> None:
        self.outbox.delivered(told)
        if self.failing:
            log.info("notices get through again", channel=self.channel.name, to=self.channel.shown)
        self.failing = False
