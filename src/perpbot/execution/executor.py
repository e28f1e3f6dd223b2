"""``ArbitrageExecutor``: takes both sides of an opportunity, brings the pair to hedged or flat, and closes it.

``execute`` and ``close`` act in the turn they are called in: when they return, everything is reserved, journaled and
written, or refused. The awaitable they return is the pair's further way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

from structlog.contextvars import bound_contextvars

from perpbot.core.errors import IllegalTransition, Refused
from perpbot.core.events import PairPlanned
from perpbot.core.names import PairId
from perpbot.core.opportunities import ArbitrageOpportunity
from perpbot.core.orders import Leg, OrderRequest, OrderStatus, Purpose
from perpbot.core.pairs import ExitReason, Pair, PairLeg, PairState
from perpbot.core.ports import Ids, Task
from perpbot.core.positions import TradeResult
from perpbot.core.results import ExecutionResult
from perpbot.core.verdicts import Level, Verdict, refuse
from perpbot.execution.balance import Balancer
from perpbot.execution.closing import Closer
from perpbot.execution.context import ExecutionContext
from perpbot.pricing.limits import entry_concession, limit_price
from perpbot.risk.chain import ChainAnswer, RiskChain

_UNDER_WAY = (PairState.SENT, PairState.BALANCING, PairState.UNWINDING, PairState.CLOSING)
PlannedPrices = dict[Leg, Decimal]
VerdictListener = Callable[[ArbitrageOpportunity, Verdict], None]


class ArbitrageExecutor:
    """The only way to open or close a pair.

    It asks the chain itself, so nothing reserves twice and nothing skips risk.
    """

    def __init__(
        self,
        context: ExecutionContext,
        chain: RiskChain,
        ids: Ids,
        *,
        on_verdict: VerdictListener,
        results: Callable[[Pair], Sequence[TradeResult]],
    ) -> None:
        """``results`` says what a pair that is over brought each exchange."""
        self._context = context
        self._chain = chain
        self._ids = ids
        self._on_verdict = on_verdict
        self._results = results
        self._balancer = Balancer(context)
        self._closer = Closer(context, self._balancer)
        self._flights: dict[PairId, Task] = {}

    # opening

    def execute(self, opportunity: ArbitrageOpportunity) -> Awaitable[ExecutionResult]:
        """Open a pair. The result says whether it was hedged; a refusal carries its reason code and sent nothing."""
        pair, verdict, requests = self._open(opportunity)
        self._on_verdict(opportunity, verdict)
        if not verdict.approved:
            return at_once(ExecutionResult(False, verdict.reason, (), pair.pair_id))
        return self._launch(pair.pair_id, lambda: self._enter(pair, opportunity, requests))

    def _open(self, opportunity: ArbitrageOpportunity) -> tuple[Pair, Verdict, list[OrderRequest]]:
        pair = self._plan(opportunity)
        occupied = self._context.pairs.occupancy(pair.symbol)
        if occupied:
            return pair, refuse(Level.SCANNER, "occupancy", occupied), []
        forbidden = self._context.status.opening_refusal(pair.symbol, pair.exchanges)
        if forbidden:
            return pair, refuse(Level.GATE, "trading state", forbidden[0], detail=forbidden[1]), []
        answer = self._chain.ask(opportunity)
        if not answer.approved or answer.reservation is None:
            return pair, answer.verdict, []
        self._context.pairs.add(pair)
        self._context.backing.hold(pair.pair_id, answer.reservation)
        with self._never_abandoned(pair.pair_id):
            reservation_id = answer.reservation.reservation_id
            pair = self._context.pairs.move(pair.pair_id, PairState.RESERVED, reservation_id=reservation_id)
            verdict, requests = self._send_entry(pair, opportunity, answer)
            if not verdict.approved:
                self._refuse(pair.pair_id, verdict.reason)
        return self._context.pairs.get(pair.pair_id), verdict, requests

    def _refuse(self, pair_id: PairId, reason: str) -> None:
        """Nothing was sent: the pair is over before it began."""
        self._release(self._context.pairs.move(pair_id, PairState.REFUSED, reason=reason))

    def _plan(self, opportunity: ArbitrageOpportunity) -> Pair:
        return Pair(
            pair_id=self._ids.next_pair(),
            symbol=opportunity.symbol,
            strategy=opportunity.strategy,
            buy=PairLeg(opportunity.buy_exchange),
            sell=PairLeg(opportunity.sell_exchange),
            size=opportunity.size,
            notional=opportunity.notional,
            expected_pnl=opportunity.expected_pnl,
            planned_ns=self._context.clock.now_ns(),
        )

    def _send_entry(
        self, pair: Pair, opportunity: ArbitrageOpportunity, answer: ChainAnswer
    ) -> tuple[Verdict, list[OrderRequest]]:
        """Journal the intent, then send both legs; a refusal means that nothing was written."""
        context = self._context
        requests = self._entry_orders(pair, opportunity)
        try:
            prepared = context.gate.prepare(requests)
        except Refused as error:
            return refuse(Level.GATE, "prepare", "order_invalid", detail=str(error)), []
        verdict = context.gate.send(prepared, PairPlanned(pair, tuple(requests), answer.worst_case_loss))
        if verdict.approved:
            self._chain.record_trade()
            context.pairs.move(pair.pair_id, PairState.JOURNALED)
            context.pairs.move(pair.pair_id, PairState.SENT)
        return verdict, requests

    def _entry_orders(self, pair: Pair, opportunity: ArbitrageOpportunity) -> list[OrderRequest]:
        context = self._context
        settings = context.settings
        concession = entry_concession(settings.limit_mode, opportunity.net_profit_pct, settings.max_slippage_pct)
        orders = []
        for leg, contracts, touch, walked in (
            (Leg.BUY, opportunity.buy_contracts, opportunity.buy_touch, opportunity.buy_price),
            (Leg.SELL, opportunity.sell_contracts, opportunity.sell_touch, opportunity.sell_price),
        ):
            instrument = context.instrument_of(pair.leg(leg).exchange, pair.symbol)
            price = limit_price(instrument, leg.entry_side, touch, concession)
            orders.append(context.build(pair, leg, leg.entry_side, contracts, price, Purpose.ENTRY, walked))
        return orders

    async def _enter(
        self, pair: Pair, opportunity: ArbitrageOpportunity, requests: list[OrderRequest]
    ) -> ExecutionResult:
        """Follow both legs to their ends, then repair if they do not match."""
        context = self._context
        follow = [
            context.spawn(
                context.tracker.finish(r.client_order_id, context.deadline_ns(r), context.give_up_ns(r)),
                name=f"follow {r.client_order_id}",
            )
            for r in requests
        ]
        for task in follow:
            await task
        planned = {Leg.BUY: opportunity.buy_price, Leg.SELL: opportunity.sell_price}
        pair = await self._judge_entry(context.pairs.get(pair.pair_id), planned)
        self._tell_entry(pair)
        return self._result(pair, pair.state is PairState.HEDGED)

    async def _judge_entry(self, pair: Pair, planned: PlannedPrices) -> Pair:
        context = self._context
        if not context.tracker.pair_settled(pair.pair_id):
            return self._balancer.quarantine(pair, "outcome_unknown")
        if not any(order.filled_size for order in context.tracker.orders_of(pair.pair_id)):
            state, reason = self._unfilled(pair.pair_id)
            return context.pairs.move(pair.pair_id, state, closed_ns=context.clock.now_ns(), reason=reason)
        if context.hedged(pair):
            return context.pairs.move(pair.pair_id, PairState.HEDGED, opened_ns=context.clock.now_ns())
        pair = context.pairs.move(pair.pair_id, PairState.BALANCING)
        return await self._balancer.balance(pair, planned)

    def _unfilled(self, pair_id: PairId) -> tuple[PairState, str]:
        """Missed if both legs simply found no price; failed if one was refused, never taken, or had to be cancelled."""
        tracker = self._context.tracker
        orders = tracker.orders_of(pair_id)
        refused = [order.reason for order in orders if order.status is OrderStatus.REJECTED]
        if refused:
            return PairState.FAILED, "outcome_unknown" if "never_accepted" in refused else "rejected"
        if any(tracker.overdue(order.client_order_id) for order in orders):
            return PairState.FAILED, "deadline"
        return PairState.MISSED, "missed"

    def _tell_entry(self, pair: Pair) -> None:
        outcomes = self._context.outcomes
        self._release_if_over(pair)
        if pair.state is PairState.MISSED:
            self._context.pairs.back_off(pair.symbol)
            outcomes.missed(pair)
        elif pair.state is PairState.FAILED:
            outcomes.failed(pair)
        elif pair.state is PairState.HEDGED:
            outcomes.hedged(pair)
        elif pair.state is PairState.CLOSED:
            outcomes.closed(pair)

    # taking up again

    def recall(self, pair: Pair, planned: Sequence[OrderRequest]) -> None:
        """A pair of an earlier run is live: it holds its symbol, its capital and its exposure again, as ``planned``."""
        if pair.reservation_id is None:
            raise IllegalTransition(f"pair {pair.pair_id}: planned without a reservation")
        legs = dict.fromkeys(pair.exchanges, pair.notional)
        for order in planned:
            if order.decision_price is not None:
                instrument = self._context.instrument_of(order.exchange, order.symbol)
                legs[order.exchange] = instrument.notional(order.size, order.decision_price)
        self._context.pairs.add(pair)
        self._context.backing.hold(pair.pair_id, self._chain.restore(pair, pair.reservation_id, legs))

    def recall_cover(self, request: OrderRequest) -> None:
        """A repair or exit of an earlier run was covered with what it needed beyond the pair's own."""
        if request.pair_id is not None and request.purpose is Purpose.REPAIR:
            self._context.pairs.amend(request.pair_id, repaired=True)
        if request.pair_id is not None and request.leg is not None and request.purpose is not Purpose.ENTRY:
            self._context.backing.cover(request, self._context.pairs.get(request.pair_id).leg(request.leg).open)

    def recall_end(self, pair: Pair) -> None:
        """A pair of an earlier run was over: what it held is free."""
        self._release(pair)
        self._context.tracker.forget(pair.pair_id)

    def resume(self, pair_id: PairId, planned: PlannedPrices) -> Awaitable[ExecutionResult]:
        """Bring a pair of an earlier run on: its orders to their ends, then entry, repair or exit from where it stood.

        ``planned`` are the prices its entry counted on. One that stands hedged or quarantined only stays so.
        """
        return self._launch(pair_id, lambda: self._resume(pair_id, planned))

    async def _resume(self, pair_id: PairId, planned: PlannedPrices) -> ExecutionResult:
        context = self._context
        for order in context.tracker.orders_of(pair_id):
            await self.settle_old(order.request)
        pair = context.pairs.get(pair_id)
        if pair.state is PairState.CLOSING:
            return await self._finish_close(pair, [])
        before = pair.state
        pair = await self._bring_on(pair, planned)
        if pair.state is not before:
            self._tell_entry(pair)
        return self._result(pair, pair.state is PairState.HEDGED)

    def resume_exit(self, pair_id: PairId) -> None:
        """A hedged pair was being closed when its records were lost: it is closing, and a closed leg never reopens."""
        _ = self._context.pairs.move(pair_id, PairState.CLOSING)

    def quarantine(self, pair_id: PairId, reason: str) -> None:
        """Give a pair that nobody is working on to the operator."""
        self._balancer.quarantine(self._context.pairs.get(pair_id), reason)

    def end_quarantine(self, pair_id: PairId) -> None:
        """The operator resolved it: over, as closed if it ever was hedged, else as failed; its capital is free."""
        pairs = self._context.pairs
        state = PairState.CLOSED if pairs.get(pair_id).ever_hedged else PairState.FAILED
        self._release_if_over(pairs.move(pair_id, state, closed_ns=self._context.clock.now_ns(), reason="resolved"))

    async def settle_old(self, request: OrderRequest) -> None:
        """Follow an order of an earlier run to its end; it gets as long as a new one would."""
        context = self._context
        if not context.tracker.settled(request.client_order_id):
            await context.tracker.refresh(request.client_order_id)
            await context.tracker.finish(
                request.client_order_id, context.deadline_ns(request), context.give_up_ns(request)
            )

    async def _bring_on(self, pair: Pair, planned: PlannedPrices) -> Pair:
        context = self._context
        if pair.state is PairState.QUARANTINED:
            for exchange in pair.exchanges:
                context.status.block(exchange, pair.pair_id, "quarantined")
            return pair
        if pair.state is PairState.SENT:
            return await self._judge_entry(pair, planned)
        if pair.state is PairState.HEDGED:
            if context.hedged(pair) and context.tracker.pair_settled(pair.pair_id):
                return pair
            pair = context.pairs.move(pair.pair_id, PairState.BALANCING)
        return await self._balancer.balance(pair, planned)

    # closing

    def close(self, pair_id: PairId, reason: ExitReason) -> Awaitable[ExecutionResult]:
        """Close a hedged pair, or a quarantined one whose orders are all known; one in flight is not closed twice.

        When this returns both orders have left, or none.
        """
        refusal = self.closable(pair_id)
        if refusal is not None:
            return at_once(ExecutionResult(False, refusal, (), pair_id))
        with self._never_abandoned(pair_id):
            pair, sent = self._closer.begin(self._context.pairs.get(pair_id), reason)
        return self._launch(pair_id, lambda: self._finish_close(pair, sent))

    def closable(self, pair_id: PairId) -> str | None:
        """Reason code of why the pair cannot be closed now, or ``None``."""
        pair = self._context.pairs.get(pair_id)
        if pair_id in self._flights or pair.state not in (PairState.HEDGED, PairState.QUARANTINED):
            return "symbol_busy"
        return None if self._context.tracker.pair_settled(pair_id) else "outcome_unknown"

    async def _finish_close(self, pair: Pair, sent: list[OrderRequest]) -> ExecutionResult:
        pair = await self._closer.finish(pair, sent)
        self._release_if_over(pair)
        if pair.state is PairState.CLOSED:
            self._context.outcomes.closed(pair)
        return self._result(pair, pair.state is PairState.CLOSED)

    # capital

    def _release_if_over(self, pair: Pair) -> None:
        """Capital is held exactly as long as the pair lives; a quarantined one lives."""
        if not pair.state.final:
            return
        settled = pair.buy.open == 0 and pair.sell.open == 0
        self._context.invariants.check("I3", settled, f"{pair.pair_id} is {pair.state} with contracts open")
        for exchange in pair.exchanges:
            self._context.status.unblock(exchange, pair.pair_id)
        self._release(pair)

    def _release(self, pair: Pair) -> None:
        own, *emergencies = self._context.backing.take(pair.pair_id)
        self._chain.release(own, self._results(pair))
        for reservation in emergencies:
            self._chain.release(reservation)

    # flights

    def hedged(self, pair: Pair) -> bool:
        """Whether the legs of ``pair`` match as they stand."""
        return self._context.hedged(pair)

    def in_flight(self) -> list[Pair]:
        """Pairs whose orders are under way."""
        return [self._context.pairs.get(pair_id) for pair_id in self._flights]

    def _launch(self, pair_id: PairId, way: Callable[[], Awaitable[ExecutionResult]]) -> Awaitable[ExecutionResult]:
        async def fly() -> ExecutionResult:
            try:
                with bound_contextvars(pair_id=pair_id), self._never_abandoned(pair_id):
                    return await way()
            finally:
                if self._flights.get(pair_id) is task:
                    del self._flights[pair_id]

        task = self._context.spawn(fly(), name=f"pair {pair_id}")
        self._flights[pair_id] = task
        return task

    @contextmanager
    def _never_abandoned(self, pair_id: PairId) -> Iterator[None]:
        """An error while a pair is under way would leave it to nobody: it is refused if nothing was sent, else
        quarantined, and the error goes on."""
        try:
            yield
        except Exception:
            self._break_off(pair_id)
            raise

    def _break_off(self, pair_id: PairId) -> None:
        context = self._context
        pair = context.pairs.get(pair_id)
        if not pair.state.sent and not context.tracker.orders_of(pair_id):
            self._refuse(pair_id, "execution_error")
            return
        for before, after in ((PairState.RESERVED, PairState.JOURNALED), (PairState.JOURNALED, PairState.SENT)):
            if pair.state is before:
                pair = context.pairs.move(pair_id, after)
        if pair.state in _UNDER_WAY:
            self._balancer.quarantine(pair, "execution_error")

    def _result(self, pair: Pair, success: bool) -> ExecutionResult:
        reason = None if success else pair.reason  # what once went wrong with a pair is not how it ended well
        orders = self._context.tracker.orders_of(pair.pair_id)
        return ExecutionResult(success, reason or pair.state.lower(), orders, pair.pair_id)


def at_once(result: ExecutionResult) -> Awaitable[ExecutionResult]:
    """A result that is there already."""
    future: asyncio.Future[ExecutionResult] = asyncio.get_running_loop().create_future()
    future.set_result(result)
    return future
