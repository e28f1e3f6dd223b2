"""Pairs, orders and channels for tests of what the operator is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from perpbot.core.commands import TradingState
from perpbot.core.events import PairMoved, StateChanged
from perpbot.core.names import ClientOrderId, PairId
from perpbot.core.orders import Order, OrderRequest, OrderStatus, OrderType, Side, TimeInForce
from perpbot.core.pairs import Pair, PairLeg, PairState
from perpbot.monitoring.channel import DeliveryFailed
from perpbot.monitoring.notices import Origin

SECOND = 1_000_000_000
START = 1_764_000_000 * SECOND
BTC = "BTC-USD-PERP"
ORIGIN = Origin("demo", "k3v9")


def pair(number: int, state: PairState, reason: str | None = None) -> Pair:
    return Pair(
        pair_id=PairId(f"k3v9-{number}"),
        symbol=BTC,
        strategy="arbitrage",
        buy=PairLeg("paradex"),
        sell=PairLeg("extended"),
        size=Decimal("0.01"),
        notional=Decimal(1000),
        expected_pnl=Decimal(1),
        planned_ns=START,
        state=state,
        reason=reason,
    )


def quarantined(number: int = 7, reason: str | None = "naked_leg") -> PairMoved:
    return PairMoved(pair(number, PairState.QUARANTINED, reason), PairState.BALANCING)


def failed(number: int = 8, reason: str | None = "rejected") -> PairMoved:
    return PairMoved(pair(number, PairState.FAILED, reason), PairState.SENT)


def halt(reason: str = "I10: unhedged") -> StateChanged:
    return StateChanged(TradingState.ACTIVE, TradingState.HALTED, "invariants", reason)


def order(name: str, status: OrderStatus, at_ns: int, reason: str | None = None) -> Order:
    request = OrderRequest(
        client_order_id=ClientOrderId(name),
        exchange="paradex",
        symbol=BTC,
        side=Side.BUY,
        size=Decimal("0.01"),
        price=Decimal(100),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        created_ns=at_ns,
        pair_id=PairId("k3v9-7"),
    )
    return Order(request, status, reason=reason, timestamp_ns=at_ns)


class Ear:
    """A channel that notes what it hears; for each delivery one of ``answers``: ``None`` hangs, text fails."""

    name = "ear"
    shown = "here"
    timeout_seconds = 5.0

    def __init__(self, answers: Sequence[str | None] = ()) -> None:
        self.answers = list(answers)
        self.heard: list[dict[str, Any]] = []
        self.attempts = 0
        self.closed = False

    async def deliver(self, body: bytes) -> None:
        self.attempts += 1
        answer = self.answers.pop(0) if self.answers else ""
        if answer is None:
            await asyncio.Event().wait()
        if answer:
            raise DeliveryFailed(answer)
        self.heard.append(json.loads(body))

    async def close(self) -> None:
        self.closed = True
