"""What may go wrong between the bot and a paper exchange, on purpose."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one message and its answer.

    ``lose_request``: it never arrives. ``lose_answer``: it is obeyed and nothing comes back. ``lose_events``: the
    account stream keeps silent about what it caused. ``reject``: it is refused with this reason (a read or cancel
    fails). ``disconnect``: the connection breaks as the message leaves. Delays are beyond the latency.
    """

    lose_request: bool = False
    lose_answer: bool = False
    lose_events: bool = False
    reject: str | None = None
    disconnect: bool = False
    request_delay_seconds: float = 0.0
    answer_delay_seconds: float = 0.0


NO_FAULT = Fault()


class FaultPlan:
    """Faults of the next sends, cancels and reads, in order; ``None`` lets one pass, and so does the end of a plan."""

    def __init__(
        self,
        sends: Iterable[Fault | None] = (),
        cancels: Iterable[Fault | None] = (),
        reads: Iterable[Fault | None] = (),
    ) -> None:
        self.sends = deque(sends)
        self.cancels = deque(cancels)
        self.reads = deque(reads)


def next_fault(plan: deque[Fault | None]) -> Fault:
    """Take the next fault of ``plan``."""
    return (plan.popleft() if plan else None) or NO_FAULT
