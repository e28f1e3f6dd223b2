"""Repair at entry: an unbalanced pair is completed or unwound, whichever is worth more, within its time."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from perpbot.core.commands import TradingState
from perpbot.core.money import HALF, ONE, ZERO
from perpbot.core.orders import Leg, OrderRequest, OrderStatus, Purpose
from perpbot.core.pairs import Pair, PairState
from perpbot.execution.context import ExecutionContext, seconds_ns
from perpbot.pricing.limits import FULL_CONCESSION_ATTEMPT, limit_price, repair_concession
from perpbot.pricing.repair import completing_value, unwinding_value

RETRY_SECONDS = 0.05
"""Pause after an attempt that could not be sent or brought nothing."""

_REPAIRED_IN = (PairState.BALANCING, PairState.UNWINDING)


@dataclass(frozen=True, slots=True)
class Repair:
    """One way to repair: ``leg`` gets ``contracts`` on its own exchange, worth ``value`` USD."""

    completing: bool
    leg: Leg
    contracts: Decimal
    touch: Decimal
    price: Decimal
    value: Decimal


@dataclass(slots=True)
class Effort:
    """How far a repair has come: the number of its next order, and which ways (completing or not) were rejected."""

    attempt: int
    rejected: list[bool] = field(default_factory=list)


class Balancer:
    """Brings an unbalanced pair to hedged or flat, or quarantines it."""

    def __init__(self, context: ExecutionContext) -> None:
        self._context = context

    async def balance(self, pair: Pair, planned: dict[Leg, Decimal]) -> Pair:
        """Repair ``pair`` (in ``BALANCING``) and return it hedged, over or quarantined.

        ``planned`` are the prices the decision counted on.
        """
        context = self._context
        deadline_ns = context.clock.now_ns() + seconds_ns(context.settings.max_unhedged_seconds)
        effort = Effort(self._first_attempt(pair))
        while True:
            pair = context.pairs.get(pair.pair_id)
            if not context.tracker.pair_settled(pair.pair_id):
                return self.quarantine(pair, "outcome_unknown")
            if context.hedged(pair) and pair.state is PairState.BALANCING:
                return context.pairs.move(pair.pair_id, PairState.HEDGED, opened_ns=context.clock.now_ns())
            if pair.buy.open == 0 and pair.sell.open == 0:
                return self._over(pair)
            if context.clock.now_ns() >= deadline_ns:
                return self.quarantine(pair, "naked_leg")
            context.invariants.check("I10", pair.state in _REPAIRED_IN, f"{pair.pair_id} is repaired in {pair.state}")
            if not await self._attempt(pair, effort, planned):
                await context.clock.sleep(RETRY_SECONDS)

    def quarantine(self, pair: Pair, reason: str) -> Pair:
        """Give the pair to the operator: openings on its exchanges stop until it is resolved."""
        context = self._context
        for exchange in pair.exchanges:
            context.status.block(exchange, pair.pair_id, "quarantined")
        pair = context.pairs.move(pair.pair_id, PairState.QUARANTINED, reason=reason)
        context.outcomes.quarantined(pair)
        return pair

    def _first_attempt(self, pair: Pair) -> int:
        """A pair beyond ``max_unhedged_notional`` gives the full slippage from the first attempt."""
        over = self._over_leg(pair)
        if not pair.leg(over).open:
            return 1
        notional = abs(self._context.pairs.residual(pair)) * self._context.pairs.entry_price(pair, over)
        return FULL_CONCESSION_ATTEMPT if notional > self._context.settings.max_unhedged_notional else 1

    def _over(self, pair: Pair) -> Pair:
        """The pair is flat: unwound."""
        context = self._context
        if pair.state is PairState.BALANCING:
            context.pairs.move(pair.pair_id, PairState.UNWINDING)
        end = PairState.CLOSED if pair.ever_hedged else PairState.FAILED
        return context.pairs.move(pair.pair_id, end, closed_ns=context.clock.now_ns(), reason="unwound")

    async def _attempt(self, pair: Pair, effort: Effort, planned: dict[Leg, Decimal]) -> bool:
        """One repair order, followed to its end; whether it filled. A way that cannot leave gives way to the other."""
        context = self._context
        for choice in self._choices(pair, effort):
            request = self._request(pair, choice, planned)
            if not context.send(pair, [request]).approved:
                continue
            effort.attempt += 1
            context.pairs.amend(pair.pair_id, repaired=True)
            if self._commits(pair, choice):
                context.pairs.move(pair.pair_id, PairState.UNWINDING)
            order = await context.tracker.finish(
                request.client_order_id, context.deadline_ns(request), context.give_up_ns(request)
            )
            if order.status is OrderStatus.REJECTED:
                effort.rejected.append(choice.completing)
            return order.filled_size > 0
        return False

    def _commits(self, pair: Pair, choice: Repair) -> bool:
        """Whether unwinding a leg that stands alone is the only way there is, now and later."""
        alone = not choice.completing and pair.leg(choice.leg.other).open == 0
        return alone and pair.state is PairState.BALANCING and not self._may_complete(pair, choice.leg.other)

    def _request(self, pair: Pair, choice: Repair, planned: dict[Leg, Decimal]) -> OrderRequest:
        side = choice.leg.entry_side if choice.completing else choice.leg.entry_side.opposite
        decision = planned[choice.leg] if choice.completing else choice.touch
        return self._context.build(pair, choice.leg, side, choice.contracts, choice.price, Purpose.REPAIR, decision)

    # the choice

    def _over_leg(self, pair: Pair) -> Leg:
        return Leg.BUY if self._context.pairs.residual(pair) > 0 else Leg.SELL

    def _choices(self, pair: Pair, effort: Effort) -> list[Repair]:
        """What can be priced now, worth most first; a way that the exchange rejected comes after the other."""
        over = self._over_leg(pair)
        ways = [self._unwinding(pair, over, effort.attempt)]
        if self._may_complete(pair, over.other):
            ways.append(self._completing(pair, over.other, effort.attempt))
        possible = [way for way in ways if way is not None]
        return sorted(possible, key=lambda way: (effort.rejected.count(way.completing), -way.value))

    def _may_complete(self, pair: Pair, leg: Leg) -> bool:
        """Whether ``leg`` may be bought up to the other: while active, and not for less than the smallest order."""
        context = self._context
        if pair.state is not PairState.BALANCING or context.status.state is not TradingState.ACTIVE:
            return False
        exchange = pair.leg(leg).exchange
        touch = context.touch(exchange, pair.symbol, leg.entry_side)
        return touch is None or self._missing(pair, leg, touch) >= self._smallest(pair, leg, touch)

    def _missing(self, pair: Pair, leg: Leg, touch: Decimal) -> Decimal:
        """Contracts of ``leg`` that the other leg holds beyond it."""
        instrument = self._context.instrument_of(pair.leg(leg).exchange, pair.symbol)
        return instrument.round_size(instrument.contracts(abs(self._context.pairs.residual(pair)), touch))

    def _smallest(self, pair: Pair, leg: Leg, touch: Decimal) -> Decimal:
        """The smallest order at the worst price that a repair may give."""
        instrument = self._context.instrument_of(pair.leg(leg).exchange, pair.symbol)
        worst = touch * (ONE - self._context.settings.max_slippage_pct)
        return instrument.smallest_order(worst)

    def _unwinding(self, pair: Pair, leg: Leg, attempt: int) -> Repair | None:
        context, held = self._context, pair.leg(leg)
        instrument = context.instrument_of(held.exchange, pair.symbol)
        side = leg.entry_side.opposite
        touch = context.touch(held.exchange, pair.symbol, side)
        if touch is None:
            return None
        entry = context.pairs.entry_price(pair, leg)
        contracts = self.excess(pair, leg)
        price = limit_price(instrument, side, touch, repair_concession(attempt, context.settings.max_slippage_pct))
        fee = instrument.taker_fee_pct
        value = unwinding_value(instrument, leg, contracts=contracts, entry_price=entry, exit_price=touch, fee_pct=fee)
        return Repair(False, leg, contracts, touch, price, value)

    def excess(self, pair: Pair, leg: Leg) -> Decimal:
        """Contracts of the over-filled leg that the other does not match, to the nearest step and at least one."""
        context, held = self._context, pair.leg(leg)
        instrument = context.instrument_of(held.exchange, pair.symbol)
        exact = instrument.contracts(abs(context.pairs.residual(pair)), context.pairs.entry_price(pair, leg))
        nearest = instrument.round_size(exact + instrument.step * HALF)
        return min(max(nearest, instrument.step), held.open)

    def _completing(self, pair: Pair, leg: Leg, attempt: int) -> Repair | None:
        context, exchange = self._context, pair.leg(leg).exchange
        instrument, side = context.instrument_of(exchange, pair.symbol), leg.entry_side
        touch = context.touch(exchange, pair.symbol, side)
        median = context.median_close_gap(pair.symbol, pair.buy_exchange, pair.sell_exchange)
        if touch is None or median is None:
            return None
        contracts = self._missing(pair, leg, touch)
        other_entry = context.pairs.entry_price(pair, leg.other)
        buy, sell = (touch, other_entry) if leg is Leg.BUY else (other_entry, touch)
        value = completing_value(
            base=instrument.base(contracts, touch),
            buy_price=buy,
            sell_price=sell,
            close_gap_pct=Decimal(repr(median)),
            fees_pct=self._fees_to_pay(pair, leg),
        )
        price = limit_price(instrument, side, touch, repair_concession(attempt, context.settings.max_slippage_pct))
        return Repair(True, leg, contracts, touch, price, value)

    def _fees_to_pay(self, pair: Pair, leg: Leg) -> Decimal:
        """The missing entry's fee and both exit fees."""
        context = self._context
        fees = {each: context.instrument_of(pair.leg(each).exchange, pair.symbol).taker_fee_pct for each in Leg}
        return fees[leg] + sum(fees.values(), ZERO)
