"""The line to a simulated exchange: every message takes the latency there, and its answer the same back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from perpbot.core.ports import Timers
from perpbot.simulation.paper.faults import Fault

NANOSECONDS = 1_000_000_000
_T = TypeVar("_T")

Silence: TypeAlias = Callable[[str], _T | Exception]
"""What a request ends with when no answer comes, given why."""


class Line:
    """Carries messages by timers alone: what is sent first arrives first, and no task runs or waits for it."""

    def __init__(self, timers: Timers, latency_seconds: float, answer_timeout_seconds: float) -> None:
        self._timers = timers
        self._latency_ns = round(latency_seconds * NANOSECONDS)
        self._timeout_ns = round(answer_timeout_seconds * NANOSECONDS)
        self._connection = 0
        self._unanswered: dict[int, Callable[[str], None]] = {}
        self._requests = 0
        self.up = False

    def connect(self) -> None:
        """Bring the line up."""
        self.up = True

    def drop(self, why: str) -> None:
        """The line breaks: what was sent still arrives, and nobody will answer it."""
        self.up = False
        self._connection += 1
        for give_up in tuple(self._unanswered.values()):
            give_up(why)

    def request(self, serve: Callable[[], _T | Exception], silence: Silence[_T], fault: Fault) -> asyncio.Future[_T]:
        """Carry a request to ``serve`` and its answer back.

        Without an answer in time, or if the line breaks before it, the future gets what ``silence`` says.
        """
        answer: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._watch(answer, silence)
        if not fault.lose_request:
            self._after(fault.request_delay_seconds, lambda: self._arrive(serve, answer, fault))
        if fault.disconnect:
            self.drop("the connection broke")
        return answer

    def back(self, deliver: Callable[[], None], delay_seconds: float = 0.0) -> None:
        """Carry something from the exchange to us; lost if the connection it left on is gone when it arrives."""
        connection = self._connection
        self._after(delay_seconds, lambda: deliver() if self.up and self._connection == connection else None)

    def _arrive(self, serve: Callable[[], _T | Exception], answer: asyncio.Future[_T], fault: Fault) -> None:
        said = serve()
        if not fault.lose_answer:
            self.back(lambda: _settle(answer, said), fault.answer_delay_seconds)

    def _watch(self, answer: asyncio.Future[_T], silence: Silence[_T]) -> None:
        self._requests += 1
        number = self._requests

        def give_up(why: str) -> None:
            _settle(answer, silence(why))

        def forget(_answered: asyncio.Future[_T]) -> None:
            cancel_deadline()
            self._unanswered.pop(number, None)

        deadline_ns = self._timers.now_ns() + self._timeout_ns
        cancel_deadline = self._timers.call_at(deadline_ns, lambda: give_up("no answer in time"))
        self._unanswered[number] = give_up
        answer.add_done_callback(forget)

    def _after(self, delay_seconds: float, deliver: Callable[[], None]) -> None:
        due_ns = self._timers.now_ns() + self._latency_ns + round(delay_seconds * NANOSECONDS)
        self._timers.call_at(due_ns, deliver)


def _settle(answer: asyncio.Future[_T], said: _T | Exception) -> None:
    """The first answer stands."""
    if answer.done():
        return
    if isinstance(said, Exception):
        answer.set_exception(said)
    else:
        answer.set_result(said)
