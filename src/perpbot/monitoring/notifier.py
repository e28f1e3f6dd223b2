"""Tells the operator, on all channels: what it is handed is decided at once and delivered by tasks of its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any

import structlog

from perpbot.core.commands import TradingState
from perpbot.core.events import Event
from perpbot.core.orders import Order
from perpbot.core.ports import Timers
from perpbot.monitoring.channel import Channel
from perpbot.monitoring.command import Command
from perpbot.monitoring.deadline import TimeIsUp, within
from perpbot.monitoring.delivery import Delivery
from perpbot.monitoring.notices import Notice, Origin
from perpbot.monitoring.settings import NotificationSettings
from perpbot.monitoring.watch import NoticeWatch
from perpbot.monitoring.webhook import Webhook

log = structlog.get_logger(__name__)

_LOST = "notice lost"
"""Whoever calls is trading: what goes wrong here is said in the log and ends here."""

STOP_SECONDS = 2.0
"""What waits when the program stops gets so long."""


class Notifier:
    """Listens to the journal, looks at state and orders when asked to, and never slows or stops who calls it.

    The caller runs `tasks` for the length of the run, and awaits `stop` before it cancels them.
    """

    def __init__(self, origin: Origin, channels: Sequence[Channel], clock: Timers) -> None:
        self._clock = clock
        self._watch = NoticeWatch(origin)
        self.deliveries = tuple(Delivery(channel, clock) for channel in channels)

    def remember(self, state: TradingState, orders: Iterable[Order], until_ns: int) -> None:
        """What an earlier run left, with the time of its last journal record: nothing of it is told again."""
        self._watch.remember(state, orders, until_ns)

    def listen(self, number: int, time_ns: int, event: Event) -> None:  # noqa: ARG002 - a listener of the journal
        """Take one journaled event of this run."""
        if not self.deliveries:
            return
        try:
            notice = self._watch.on_event(event, time_ns)
            if notice is not None:
                self.publish(notice)
        except Exception:
            log.exception(_LOST)

    def look(self, state: TradingState, reason: str, orders: Iterable[Order]) -> None:
        """See what no event tells: orders unknown for too long, and a halt although the journal is dead.

        ``reason`` is why the state is what it is, ``orders`` are all that may still fill. To be called every second or
        so.
        """
        if not self.deliveries:
            return
        try:
            for notice in self._watch.look(state, reason, orders, self._clock.now_ns()):
                self.publish(notice)
        except Exception:
            log.exception(_LOST)

    def publish(self, notice: Notice) -> None:
        """Have a notice delivered on every channel."""
        for delivery in self.deliveries:
            delivery.put(notice)

    def tasks(self) -> Iterator[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """Name and coroutine of what is to run for the length of the run, one for each channel."""
        for delivery in self.deliveries:
            yield f"notices by {delivery.channel.name}", delivery.run

    async def stop(self) -> None:
        """Give what waits two seconds in all; what is still not delivered then is counted in the log."""
        try:
            async with within(self._clock, STOP_SECONDS):
                for delivery in self.deliveries:
                    delivery.end()
                for delivery in self.deliveries:
                    await delivery.idle()
        except TimeIsUp:
            for delivery in self.deliveries:
                if waiting := delivery.waiting:
                    log.warning("notices not delivered", channel=delivery.channel.name, count=waiting)


def channels(settings: NotificationSettings, environ: Mapping[str, str], clock: Timers) -> tuple[Channel, ...]:
    """The channels that are configured. ``environ`` is what a program is handed, without what is named like a secret.

    To be called before trading begins: the HTTP library is slow to import.
    """
    made: list[Channel] = []
    if settings.webhook is not None:
        made.append(Webhook(settings.webhook))
    if settings.command is not None:
        made.append(Command(settings.command, environ, clock))
    return tuple(made)
