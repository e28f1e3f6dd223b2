"""What became of an intent: the answer of the executor and of the desk."""

from __future__ import annotations

from dataclasses import dataclass

from perpbot.core.names import PairId
from perpbot.core.orders import Order


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """``success`` says that what was asked for stands (a hedged pair, a closed position).

    ``reason`` is a code of :mod:`perpbot.core.reasons`; ``orders`` are those that were sent, as last seen; empty when
    nothing was sent.
    """

    success: bool
    reason: str
    orders: tuple[Order, ...] = ()
    pair_id: PairId | None = None
