"""The real clock, random numbers and ids: the one place they come from."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from perpbot.core.names import PairId, pair_id

NANOSECONDS = 1_000_000_000
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a service manager, a terminal that was closed."""


class SystemClock:
    """The clock port on the machine's clock and the running event loop.

    Time of day is read once and carried forward by the monotonic clock, so that it never jumps while the program runs.
    """

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        return time.monotonic_ns() + self._offset_ns

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Run ``callback`` at ``when_ns``, at once if that is past; the returned function cancels it."""
        delay = max(0, when_ns - self.now_ns()) / NANOSECONDS
        return asyncio.get_running_loop().call_later(delay, callback).cancel

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def sleep_until(self, when_ns: int) -> None:
        """Wait until ``when_ns``; returns at once if that is past."""
        while (left := when_ns - self.now_ns()) > 0:  # noqa: ASYNC110 - a timer may ring early
            await asyncio.sleep(left / NANOSECONDS)


def rng(seed: int | str) -> Callable[[str], random.Random]:
    """Random streams of one seed: ``stream(name)`` is the same for the same seed and name, on every machine."""
    return lambda name: random.Random(f"{seed}/{name}")


def fresh_seed() -> int:
    """A seed nobody chose."""
    return random.SystemRandom().getrandbits(32)


def fresh_key() -> str:
    """An idempotency key that no other call has."""
    return f"{random.SystemRandom().getrandbits(64):016x}"


def wait(seconds: float) -> None:
    """Do nothing for so long, in a program without a loop."""
    time.sleep(seconds)


class RunIds:
    """Ids of one run. ``epoch`` names the run and must never come again on the same state."""

    def __init__(self, epoch: str) -> None:
        self._epoch = epoch
        self._number = 0

    @property
    def epoch(self) -> str:
        return self._epoch

    def next_pair(self) -> PairId:
        self._number += 1
        return pair_id(self._epoch, self._number)


_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def epoch_name(number: int) -> str:
    """``number`` (a start time, a count of starts) in base 36: short enough for an exchange's client id."""
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"


def epoch_number(name: str) -> int:
    """The number that :func:`epoch_name` made ``name`` of; 0 if it is no such name."""
    try:
        return int(name, 36)
    except ValueError:
        return 0


@contextmanager
def own_signals() -> Iterator[None]:
    """Put the handlers of the stop signals back as they were, once all that is inside is closed."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Have the running loop call ``stop`` at every stop signal; SIGHUP stays ignored where it is (nohup).

    The handlers outlive the loop and then do nothing: an impatient second Ctrl-C must not break off the closing of
    journal and database. To be called inside of `own_signals`.
    """
    loop = asyncio.get_running_loop()

    def handle(*_: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop)

    for number in STOP_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handle)
