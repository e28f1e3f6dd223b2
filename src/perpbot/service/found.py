"""Orders of ours that the journal lost: a power cut takes the last moments, and the exchanges still know them.

Their client ids say which run made them, and which pair and leg they belong to. Only what can have been lost is taken
up: orders of the journal's own runs, made about when it ends. Everything else on the account is somebody else's, as
after an old copy of the journal was put back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

import structlog

from perpbot.core.events import OrderFound, PairPlanned
from perpbot.core.money import ZERO
from perpbot.core.names import (
    ExchangeName,
    PairId,
    ReservationId,
    attempt_of,
    client_order_id,
    epoch_of,
    leg_of,
    pair_of,
)
from perpbot.core.orders import Leg, Order, OrderRequest, Purpose
from perpbot.core.pairs import Pair, PairLeg, PairState
from perpbot.service.marks import QUIET_NS
from perpbot.service.parts import Parts
from perpbot.service.recall import Memory

log = structlog.get_logger(__name__)

LOOK_BACK_NS = 10_000_000_000
"""How long before the journal's last record an order may have been made of which it knows nothing: clocks differ."""
LOST_NS = QUIET_NS + LOOK_BACK_NS
"""How long after it: a bot that has nothing else to write marks its equity that often."""
STRATEGY = "arbitrage"
"""Whose a pair is taken to be whose plan was lost."""


class FoundOrders:
    """Takes lost orders up, each as if it had been read from the journal, and journals that it was found."""

    def __init__(self, parts: Parts, memory: Memory) -> None:
        self._parts = parts
        self._memory = memory
        self._until_ns = memory.last_ns + LOST_NS

    @property
    def since_ns(self) -> int:
        """From when on exchanges are to be asked for orders."""
        return self._memory.since_ns - LOOK_BACK_NS

    def take(self, told: Iterable[Order]) -> list[PairId]:
        """Take up those of ``told`` that are ours and unknown; the pairs they belong to."""
        lost = [order for order in told if self._is_lost(order)]
        of_pairs: dict[PairId, list[Order]] = {}
        for order in sorted(lost, key=lambda each: each.request.created_ns):
            log.warning("order found that the journal lost", order_id=order.client_order_id, exchange=order.exchange)
            pair_id = pair_of(order.client_order_id)
            if pair_id is None:
                self._register(replace(order.request, strategy=self._strategy_of(order)))
            else:
                of_pairs.setdefault(pair_id, []).append(order)
        return [pair_id for pair_id, orders in of_pairs.items() if self._take_of_pair(pair_id, orders)]

    def _is_lost(self, order: Order) -> bool:
        """Whether it is an order of ours that should be in the journal and is not."""
        if order.client_order_id in self._parts.tracker or epoch_of(order.client_order_id) is None:
            return False
        pair_id = pair_of(order.client_order_id)
        pair = self._parts.pairs.find(pair_id) if pair_id else None
        if pair is not None and pair.state.final:
            return False
        created_ns = order.request.created_ns
        if created_ns < self.since_ns:  # the journal knew it, and what is long over it may have left out
            return False
        ours = epoch_of(order.client_order_id) in self._memory.epochs and created_ns <= self._until_ns
        if not ours:
            log.error("order of another run on this account", order_id=order.client_order_id, exchange=order.exchange)
        return ours

    def _take_of_pair(self, pair_id: PairId, orders: list[Order]) -> bool:
        """Whether the pair is known now."""
        if self._parts.pairs.find(pair_id) is None and not self._begin(pair_id, orders):
            log.error("no second exchange for the pair of a found order", pair_id=pair_id)
            return False
        pair = self._parts.pairs.get(pair_id)
        if pair.state is PairState.HEDGED and any(order.reduce_only for order in orders):
            self._parts.executor.resume_exit(pair_id)
        for order in orders:
            self._register(self._request_of(order, self._parts.pairs.get(pair_id)))
        return True

    def _strategy_of(self, order: Order) -> str:
        """Whose a single order was: one that reduces, theirs who hold what it reduces; else nobody knows."""
        lots = self._parts.ledger.lots(order.exchange, order.symbol)
        held = [lot for lot in lots if lot.contracts * order.side.sign < 0]
        owners = [lot.owner for lot in held if self._parts.pairs.find(PairId(lot.owner)) is None]
        return owners[0] if order.reduce_only and owners else ""

    def _register(self, request: OrderRequest) -> None:
        parts = self._parts
        parts.outside.journal.append(OrderFound(request))
        if request.pair_id is not None and request.leg is not None:
            parts.pairs.recall_attempt(request.pair_id, request.leg, attempt_of(request.client_order_id))
            parts.executor.recall_cover(request)
        parts.tracker.register(request)

    def _request_of(self, order: Order, pair: Pair) -> OrderRequest:
        """The intent that the journal lost: as it was planned if the plan survived, else as the exchange tells it."""
        planned = (each for each in self._memory.planned.get(pair.pair_id, ()))
        known = next((each for each in planned if each.client_order_id == order.client_order_id), None)
        if known is not None and known.pair_id is not None:
            return known
        leg, attempt = Leg(leg_of(order.client_order_id) or ""), attempt_of(order.client_order_id)
        return replace(
            order.request,
            pair_id=pair.pair_id,
            leg=leg,
            purpose=_purpose(order, pair, attempt),
            strategy=pair.strategy,
            replaces=client_order_id(pair.pair_id, leg, attempt - 1) if attempt > 1 else None,
        )

    def _begin(self, pair_id: PairId, orders: list[Order]) -> bool:
        """Take up the pair itself: by its plan, or as much of it as its orders tell."""
        pair = self._memory.unsent.pop(pair_id, None)
        if pair is None:
            pair = self._pair_of(pair_id, orders)
            if pair is None:
                return False
            requests = tuple(self._request_of(order, pair) for order in orders if not order.reduce_only)
            self._parts.outside.journal.append(PairPlanned(pair, requests, ZERO))
            self._memory.planned[pair_id] = requests
        self._parts.executor.recall(replace(pair, state=PairState.SENT), self._memory.planned[pair_id])
        return True

    def _pair_of(self, pair_id: PairId, orders: list[Order]) -> Pair | None:
        """A pair whose very plan was lost; of a leg without an order any other exchange, for nothing is sent there."""
        exchanges = {Leg(leg_of(order.client_order_id) or ""): order.exchange for order in orders}
        for leg in Leg:
            if leg not in exchanges:
                other = self._other_exchange(orders[0])
                if other is None:
                    return None
                exchanges[leg] = other
        first = orders[0].request
        instrument = self._parts.outside.instruments[first.exchange, first.symbol]
        price = first.price or ZERO
        return Pair(
            pair_id=pair_id,
            symbol=first.symbol,
            strategy=STRATEGY,
            buy=PairLeg(exchanges[Leg.BUY]),
            sell=PairLeg(exchanges[Leg.SELL]),
            size=instrument.base(first.size, price),
            notional=max(self._notional(order) for order in orders),
            expected_pnl=ZERO,
            planned_ns=first.created_ns,
            state=PairState.RESERVED,
            reservation_id=ReservationId(f"{pair_id}-found"),
        )

    def _notional(self, order: Order) -> Decimal:
        instrument = self._parts.outside.instruments[order.exchange, order.symbol]
        return instrument.notional(order.size, order.price or ZERO)

    def _other_exchange(self, order: Order) -> ExchangeName | None:
        listed = self._parts.outside.instruments
        names = (name for name in self._parts.outside.trading if (name, order.symbol) in listed)
        return next((name for name in names if name != order.exchange), None)


def _purpose(order: Order, pair: Pair, attempt: int) -> Purpose:
    if order.reduce_only:
        return Purpose.EXIT if pair.state is PairState.CLOSING else Purpose.REPAIR
    return Purpose.ENTRY if attempt == 1 else Purpose.REPAIR
