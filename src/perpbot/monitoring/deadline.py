"""A time limit on the clock that is handed in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perpbot.core.ports import Timers

NANOSECONDS = 1_000_000_000


class TimeIsUp(Exception):
    """What was to be done within a time limit was not."""


@asynccontextmanager
async def within(clock: Timers, seconds: float) -> AsyncIterator[None]:
    """Cancel what is inside after so many seconds, and raise `TimeIsUp`; a cancel from outside stays a cancel."""
    task = asyncio.current_task()
    assert task is not None
    before, rang = task.cancelling(), False

    def ring() -> None:
        nonlocal rang
        rang = True
        task.cancel()

    forget = clock.call_at(clock.now_ns() + round(seconds * NANOSECONDS), ring)
    try:
        yield
    except asyncio.CancelledError:
        if rang and task.uncancel() <= before:
            raise TimeIsUp from None
        raise
    except Exception:
        if rang:  # what was cancelled made an error of its own of it
            task.uncancel()
            raise TimeIsUp from None
        raise
    else:
        if rang:  # what was cancelled was done all the same
            task.uncancel()
    finally:
        forget()
