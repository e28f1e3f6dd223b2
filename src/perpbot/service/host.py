"""What every bot has around its trading service: the door, notices, and a database that follows."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from perpbot.core.commands import Stop
from perpbot.core.ports import Timers
from perpbot.monitoring.notices import Origin
from perpbot.monitoring.notifier import Notifier, channels
from perpbot.service.address import socket_path
from perpbot.service.control import Control
from perpbot.service.door import Answer, Door
from perpbot.service.gaps import gaps
from perpbot.service.positions import positions
from perpbot.service.recall import Memory
from perpbot.service.standing import status
from perpbot.service.store import Store
from perpbot.service.summary import as_json
from perpbot.service.supervisor import Restart, Supervisor
from perpbot.service.trading import TradingService

SAVE_SECONDS = 5.0
Documents = dict[str, Any]


class Host:
    """Around one service, for the length of its run. ``summary`` is what the run came to so far, ``end`` is asked to
    end it (with whether to flatten)."""

    def __init__(
        self,
        service: TradingService,
        store: Store,
        supervisor: Supervisor,
        memory: Memory,
        *,
        summary: Callable[[], dict[str, Any]],
        end: Callable[[bool], None],
        environ: Mapping[str, str],
    ) -> None:
        """``environ`` is handed to a program that is told of notices, without what is named like a secret."""
        self._service, self._parts = service, service.parts
        self._store = store
        self._supervisor = supervisor
        self._summary = summary
        self._clock: Timers = self._parts.outside.clock
        self._started_ns = self._clock.now_ns()
        self.control = Control(service, end, memory.keys)
        self.notifier = self._notifier(memory, environ)
        self.door = Door(socket_path(store.path), self.control, supervisor, self._questions())
        service.hooks.append(self._look)
        service.hooks.append(store.flush)

    def _notifier(self, memory: Memory, environ: Mapping[str, str]) -> Notifier:
        parts = self._parts
        made = channels(parts.settings.notifications, environ, self._clock)
        notifier = Notifier(Origin(parts.mode, parts.outside.ids.epoch), made, self._clock)
        notifier.remember(parts.status.state, parts.tracker.live_orders(), memory.last_ns)
        self._store.listeners.append(notifier.listen)
        return notifier

    async def open(self) -> None:
        """Open the door and begin to save and to tell."""
        await self.door.open()
        _ = self._supervisor.keep(self._save_on, name="store", restart=Restart.ALWAYS)
        for name, work in self.notifier.tasks():
            _ = self._supervisor.keep(work, name=name, restart=Restart.ALWAYS)

    async def close(self) -> None:
        """Close the door; what still has to be told gets its time."""
        await self.door.close()
        await self.notifier.stop()

    def signal(self) -> None:
        """A stop signal came: it goes through the door like any command."""
        _ = self._supervisor(self.control.apply(Stop(), "signal", "asked to stop"), name="stop signal")

    def documents(self) -> Documents:
        """What reports show beside the tables, as of now."""
        parts, summary = self._parts, self._summary()
        return {
            "result": summary,
            "capital": summary["capital"],
            "status": self.status(),
            "positions": positions(parts, self._service.stated_positions),
            "gaps": gaps(parts),
        }

    def status(self) -> Answer:
        """How the bot stands."""
        told: Answer = as_json(
            status(self._parts, started_ns=self._started_ns, pid=os.getpid(), recovered=self._service.recovered)
        )
        return told

    def save(self) -> bool:
        """Bring the database up to now, unless another process holds it; whether it could be."""
        return self._store.save_meanwhile(self._parts, self.documents())

    async def _save_on(self) -> None:
        while True:
            await self._clock.sleep(SAVE_SECONDS)
            self.save()

    def _look(self) -> None:
        trading = self._parts.status
        self.notifier.look(trading.state, trading.reason, self._parts.tracker.live_orders())

    def _questions(self) -> dict[str, Callable[[Mapping[str, Any]], Answer]]:
        """What a program may ask for beside giving commands."""
        return {
            "save": lambda _: {"database": str(self._store.path), "saved": self.save()},
            "status": lambda _: {"document": self.status()},
            "gaps": lambda _: {"time_ns": self._clock.now_ns(), "document": as_json(gaps(self._parts))},
        }
