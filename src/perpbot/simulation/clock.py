"""Virtual time: an event loop whose clock jumps to the next thing that happens.

Nothing waits. Time moves only when no task can run, straight to the earliest timer, or as far as a market feed
calls :meth:`VirtualLoop.jump`. Timers due at the same instant run in the order they were set. Unmodified asyncio code
(``sleep``, ``timeout``, futures) runs on it; sockets do not.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

NANOSECONDS = 1_000_000_000
_T = TypeVar("_T")


class Deadlock(RuntimeError):
    """Every task waits for something that no timer will bring."""


class _Timer(asyncio.TimerHandle):
    """A timer that keeps the order of its making among equals."""

    __slots__ = ("_number",)
    _when: float

    def __init__(
        self, number: int, when: float, callback: Callable[..., object], args: Any, loop: Any, ctx: Any
    ) -> None:
        super().__init__(when, callback, args, loop, ctx)
        self._number = number

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, _Timer):
            return NotImplemented
        return (self._when, self._number) < (other._when, other._number)


class _Selector(selectors.SelectSelector):
    """Instead of waiting, moves the loop's time; the self-pipe is still looked at, so signals work."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout != 0:
            self.loop.move_to_next_timer()
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop in virtual time, starting at ``start_ns`` (nanoseconds since 1970)."""

    _scheduled: list[asyncio.TimerHandle]
    _ready: Any
    _clock_resolution: float

    def __init__(self, start_ns: int) -> None:
        self._origin_ns = self._now_ns = start_ns
        self._numbers = itertools.count()
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = 1e-10

    def time(self) -> float:
        """Seconds since the start: small enough for a float to tell nanoseconds apart."""
        return (self._now_ns - self._origin_ns) / NANOSECONDS

    def now_ns(self) -> int:
        """Nanoseconds since 1970."""
        return self._now_ns

    def when(self, when_ns: int) -> float:
        """``when_ns`` on the scale of :meth:`time`."""
        return (when_ns - self._origin_ns) / NANOSECONDS

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's, first come first served among equal times."""
        timer = _Timer(next(self._numbers), when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def next_timer_ns(self) -> int | None:
        """When the earliest live timer is due."""
        while self._scheduled and self._scheduled[0].cancelled():
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]
            self._timer_cancelled_count = max(0, getattr(self, "_timer_cancelled_count", 0) - 1)
        return self._to_ns(self._scheduled[0].when()) if self._scheduled else None

    def move_to_next_timer(self) -> None:
        """Jump to the earliest timer. Raises :class:`Deadlock` if there is none."""
        due = self.next_timer_ns()
        if due is None:
            raise Deadlock("all tasks wait and no timer is set")
        self._now_ns = max(self._now_ns, due)

    def jump(self, when_ns: int) -> bool:
        """Move time to ``when_ns`` if nothing has to run before it; a timer due exactly then runs after."""
        if self._ready:
            return False
        due = self.next_timer_ns()
        if due is not None and due < when_ns:
            return False
        self._now_ns = max(self._now_ns, when_ns)
        return True

    def _to_ns(self, when: float) -> int:
        return self._origin_ns + round(when * NANOSECONDS)


class VirtualClock:
    """The clock port (:class:`perpbot.core.ports.Timers`) on a virtual loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now_ns(self) -> int:
        return self._loop.now_ns()

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Run ``callback`` at ``when_ns``, at once if that is past."""
        return self._loop.call_at(self._loop.when(max(when_ns, self._loop.now_ns())), callback).cancel

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def sleep_until(self, when_ns: int) -> None:
        """Wait until ``when_ns``; returns at once if that is past."""
        future: asyncio.Future[None] = self._loop.create_future()
        cancel = self.call_at(when_ns, lambda: None if future.done() else future.set_result(None))
        try:
            await future
        finally:
            cancel()

    def jump(self, when_ns: int) -> bool:
        """Move time to ``when_ns`` if nothing has to run before it; a timer due exactly then runs after."""
        return self._loop.jump(when_ns)

    async def advance(self, when_ns: int) -> None:
        """Move time to ``when_ns`` after all that is due before it has run: what a market feed awaits per frame."""
        while not self._loop.jump(when_ns):
            due = self._loop.next_timer_ns()
            if self._loop._ready or due is None:
                await asyncio.sleep(0)
            else:
                await self.sleep_until(min(due, when_ns))


def run(main: Callable[[VirtualClock], Coroutine[Any, Any, _T]], start_ns: int = 0) -> _T:
    """Run ``main(clock)`` in virtual time to its end and return its result; what still runs is cancelled."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(start_ns)) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(main(VirtualClock(loop)))
