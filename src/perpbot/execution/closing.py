"""Exits: both legs close together, reduce-only; what one leg missed is completed, never reopened."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.orders import Leg, OrderRequest, OrderStatus, Purpose
from perpbot.core.pairs import ExitReason, Pair, PairState
from perpbot.execution.balance import RETRY_SECONDS, Balancer
from perpbot.execution.context import ExecutionContext, seconds_ns
from perpbot.pricing.limits import limit_price, repair_concession

REJECTED_ROUNDS = 3
"""So many rounds in a row rejected on both exchanges, and a pair that was quarantined before is so again."""


class Closer:
    """Closes pairs. Closing is allowed in every trading state."""

    def __init__(self, context: ExecutionContext, balancer: Balancer) -> None:
        self._context = context
        self._balancer = balancer

    def begin(self, pair: Pair, reason: ExitReason) -> tuple[Pair, list[OrderRequest]]:
        """Move ``pair`` to ``CLOSING`` and send both closing orders, all in this turn; empty if none could go."""
        pair = self._context.pairs.move(pair.pair_id, PairState.CLOSING, exit_reason=reason)
        return pair, self._send_round(pair, first=True, attempt=1)

    async def finish(self, pair: Pair, sent: list[OrderRequest]) -> Pair:
        """Follow an exit to its end: closed, or quarantined if one leg stands alone too long.

        A pair that was quarantined before (it has a reason) is so again when its exchanges go on rejecting its orders:
        perhaps it is gone there.
        """
        context, attempt, idle, rejected = self._context, 0, 0, 0
        alone_since: int | None = None
        while True:
            await self._settle(sent)
            pair = context.pairs.get(pair.pair_id)
            if not context.tracker.pair_settled(pair.pair_id):
                return self._balancer.quarantine(pair, "outcome_unknown")
            if pair.buy.open == 0 and pair.sell.open == 0:
                return context.pairs.move(pair.pair_id, PairState.CLOSED, closed_ns=context.clock.now_ns())
            if context.hedged(pair):
                alone_since = None
            elif alone_since is None:
                alone_since = context.clock.now_ns()
            elif self._too_long(alone_since):
                return self._balancer.quarantine(pair, "naked_leg")
            rejected = rejected + 1 if self._rejected(sent) else 0
            if rejected >= REJECTED_ROUNDS and pair.reason is not None:
                return self._balancer.quarantine(pair, "rejected")
            idle = 0 if self._filled(sent) else idle + 1
            await self._pause(idle, alone=alone_since is not None)
            sent = self._send_round(context.pairs.get(pair.pair_id), first=False, attempt=attempt + 1)
            attempt += bool(sent)

    def _rejected(self, sent: list[OrderRequest]) -> bool:
        orders = [self._context.tracker.order(request.client_order_id) for request in sent]
        return bool(orders) and all(order.status is OrderStatus.REJECTED for order in orders)

    def _filled(self, sent: list[OrderRequest]) -> bool:
        return any(self._context.tracker.order(request.client_order_id).filled_size for request in sent)

    async def _pause(self, idle: int, *, alone: bool) -> None:
        """Wait after rounds that brought nothing: longer each time while the legs still match."""
        if not idle:
            return
        longest = RETRY_SECONDS if alone else self._context.settings.poll_seconds
        await self._context.clock.sleep(min(RETRY_SECONDS * 2 ** min(idle - 1, 10), longest))

    async def _settle(self, sent: list[OrderRequest]) -> None:
        context = self._context
        for request in sent:
            await context.tracker.finish(
                request.client_order_id, context.deadline_ns(request), context.give_up_ns(request)
            )

    def _too_long(self, since_ns: int) -> bool:
        context = self._context
        return context.clock.now_ns() - since_ns >= seconds_ns(context.settings.max_unhedged_seconds)

    def _send_round(self, pair: Pair, *, first: bool, attempt: int) -> list[OrderRequest]:
        """Close both legs, or only what one leg holds beyond the other; what was sent."""
        slippage = self._context.settings.max_slippage_pct
        concession = slippage if first else repair_concession(attempt, slippage)
        purpose = Purpose.EXIT if first else Purpose.REPAIR
        orders = [self._order(pair, leg, size, concession, purpose) for leg, size in self._sizes(pair).items()]
        requests = [order for order in orders if order is not None]
        if not requests or len(requests) < len(orders):
            return []
        verdict = self._context.send(pair, requests)
        if verdict.approved and not first:
            self._context.pairs.amend(pair.pair_id, repaired=True)
        return requests if verdict.approved else []

    def _sizes(self, pair: Pair) -> dict[Leg, Decimal]:
        """Contracts to close per leg: all of both while they match, else the excess of the larger one; none if flat."""
        context = self._context
        if pair.buy.open == 0 and pair.sell.open == 0:
            return {}
        if context.hedged(pair):
            return {Leg.BUY: pair.buy.open, Leg.SELL: pair.sell.open}
        over = Leg.BUY if context.pairs.residual(pair) > 0 else Leg.SELL
        return {over: self._balancer.excess(pair, over)}

    def _order(
        self, pair: Pair, leg: Leg, contracts: Decimal, concession: Decimal, purpose: Purpose
    ) -> OrderRequest | None:
        context, exchange, side = self._context, pair.leg(leg).exchange, leg.entry_side.opposite
        touch = context.touch(exchange, pair.symbol, side)
        if touch is None:
            return None
        price = limit_price(context.instrument_of(exchange, pair.symbol), side, touch, concession)
        return context.build(pair, leg, side, contracts, price, purpose, touch)
