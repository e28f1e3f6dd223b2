"""Every task has an owner: the supervisor starts it, restarts it or ends the run, and tells when one dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Any, Self

from perpbot.core.events import TaskDied
from perpbot.core.ports import Timers


class Restart(StrEnum):
    """What happens when a task ends by an error."""

    NEVER = "never"
    """It is reported and stays down; its error stays in its result."""
    ALWAYS = "always"
    """It is started again after a pause that doubles up to a minute."""
    FATAL = "fatal"
    """It is reported and ends the run."""


FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0


class Supervisor:
    """Owns the tasks of a run. Use as ``async with``: leaving it cancels and awaits what still runs."""

    def __init__(self, clock: Timers, on_death: Callable[[TaskDied], None]) -> None:
        self._clock = clock
        self._on_death = on_death
        self._tasks: dict[asyncio.Task[Any], str] = {}
        self._fatal_callbacks: list[Callable[[], None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in list(self._tasks):
            task.cancel()
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def __call__(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run a coroutine once (the Spawn port). Its result or error is its awaiter's; an error is reported too."""
        task = self._own(self._once(coroutine, name), name)
        task.add_done_callback(lambda _: coroutine.close())  # one that is cancelled before it began is not left open
        return task

    def keep(self, make: Callable[[], Coroutine[Any, Any, None]], *, name: str, restart: Restart) -> asyncio.Task[Any]:
        """Run what ``make`` makes for the length of the run, under a restart policy."""
        return self._own(self._kept(make, name, restart), name)

    def on_fatal(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` when a task dies whose death ends the run."""
        self._fatal_callbacks.append(callback)

    def names(self) -> list[str]:
        """What runs now, in the order it was started."""
        return list(self._tasks.values())

    def _own(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks[task] = name
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled():
            task.exception()  # reported where it happened; looked at here so that asyncio does not report it again

    async def _once(self, coroutine: Coroutine[Any, Any, Any], name: str) -> Any:
        try:
            return await coroutine
        except Exception as error:
            self._report(name, error, 0)
            raise

    async def _kept(self, make: Callable[[], Coroutine[Any, Any, None]], name: str, restart: Restart) -> None:
        pause, restarts = FIRST_PAUSE_SECONDS, 0
        while True:
            try:
                await make()
                return
            except Exception as error:  # noqa: BLE001 - whatever kills a task is reported, and the policy decides
                self._report(name, error, restarts)
                if restart is Restart.FATAL:
                    self._end_run()
                if restart is not Restart.ALWAYS:
                    return
            await self._clock.sleep(pause)
            pause, restarts = min(2 * pause, LONGEST_PAUSE_SECONDS), restarts + 1

    def _report(self, name: str, error: Exception, restarts: int) -> None:
        self._on_death(TaskDied(name, f"{type(error).__name__}: {error}", restarts))

    def _end_run(self) -> None:
        for callback in self._fatal_callbacks:
            callback()
