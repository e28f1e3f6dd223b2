"""Pairs: two legs on two different exchanges that belong together, and their life cycle as a pure state machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from perpbot.core.errors import IllegalTransition
from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName, PairId, ReservationId, Symbol
from perpbot.core.orders import Leg


class PairState(StrEnum):
    PLANNED = "PLANNED"
    RESERVED = "RESERVED"
    JOURNALED = "JOURNALED"
    REFUSED = "REFUSED"
    SENT = "SENT"
    MISSED = "MISSED"
    FAILED = "FAILED"
    BALANCING = "BALANCING"
    UNWINDING = "UNWINDING"
    HEDGED = "HEDGED"
    CLOSING = "CLOSING"
    CLOSED = "CLOSED"
    QUARANTINED = "QUARANTINED"

    @property
    def final(self) -> bool:
        """Whether the pair is over: nothing is open and its capital is free."""
        return not PAIR_EDGES[self]

    @property
    def sent(self) -> bool:
        """Whether orders of the pair have left, so that it counts as an attempt."""
        return self not in _UNSENT


_P = PairState
_UNSENT = frozenset({_P.PLANNED, _P.RESERVED, _P.JOURNALED, _P.REFUSED})
PAIR_EDGES: dict[PairState, frozenset[PairState]] = {
    _P.PLANNED: frozenset({_P.RESERVED, _P.REFUSED}),
    _P.RESERVED: frozenset({_P.JOURNALED, _P.REFUSED}),
    _P.JOURNALED: frozenset({_P.SENT, _P.REFUSED}),
    _P.REFUSED: frozenset(),
    _P.SENT: frozenset({_P.HEDGED, _P.BALANCING, _P.MISSED, _P.FAILED, _P.QUARANTINED}),
    _P.MISSED: frozenset(),
    _P.FAILED: frozenset(),
    _P.BALANCING: frozenset({_P.HEDGED, _P.UNWINDING, _P.QUARANTINED}),
    _P.UNWINDING: frozenset({_P.FAILED, _P.CLOSED, _P.QUARANTINED}),
    _P.HEDGED: frozenset({_P.CLOSING, _P.BALANCING, _P.QUARANTINED}),
    _P.CLOSING: frozenset({_P.CLOSING, _P.CLOSED, _P.QUARANTINED}),
    _P.CLOSED: frozenset(),
    _P.QUARANTINED: frozenset({_P.CLOSING, _P.UNWINDING, _P.CLOSED, _P.FAILED}),
}
"""Which state may follow which. ``UNWINDING`` ends as ``FAILED`` if the pair never was hedged, else as ``CLOSED``."""


_ENDINGS = {_P.MISSED: "missed", _P.FAILED: "failed", _P.CLOSED: "closed", _P.QUARANTINED: "quarantined"}


def count_endings(pairs: Iterable[tuple[PairState, bool, bool]]) -> dict[str, int]:
    """How pairs ended, from each one's state, whether it ever was hedged, and whether it was repaired.

    ``attempted`` = missed + failed + closed + open + quarantined; what was never sent does not count.
    """
    counted = ("attempted", "missed", "failed", "opened", "closed", "open", "quarantined", "repaired")
    counts = dict.fromkeys(counted, 0)
    for state, ever_hedged, repaired in pairs:
        if state.sent:
            counts["attempted"] += 1
            counts[_ENDINGS.get(state, "open")] += 1
            counts["opened"] += ever_hedged
            counts["repaired"] += repaired
    return counts


class ExitReason(StrEnum):
    TARGET_PROFIT = "target_profit"
    GAP_VANISHED = "gap_vanished"
    TIME_LIMIT = "time_limit"
    STOP_LOSS = "stop_loss"
    LIQUIDATION_DISTANCE = "liquidation_distance"
    OPERATOR = "operator"
    UNWOUND = "unwound"


@dataclass(frozen=True, slots=True)
class PairLeg:
    """One leg as its orders' cumulative fills add up to; sizes are contracts, ``value`` is in settlement currency."""

    exchange: ExchangeName
    entered: Decimal = ZERO
    entry_value: Decimal = ZERO
    exited: Decimal = ZERO
    exit_value: Decimal = ZERO

    @property
    def open(self) -> Decimal:
        """Contracts still held, unsigned."""
        return self.entered - self.exited


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair at one moment. ``size`` is base units as decided, ``notional`` USD, times are our clock.

    ``expected_pnl`` is what the decision counted on (USD) and is never taken for what was realised.
    """

    pair_id: PairId
    symbol: Symbol
    strategy: str
    buy: PairLeg
    sell: PairLeg
    size: Decimal
    notional: Decimal
    expected_pnl: Decimal
    planned_ns: int
    state: PairState = PairState.PLANNED
    reservation_id: ReservationId | None = None
    opened_ns: int | None = None
    closed_ns: int | None = None
    ever_hedged: bool = False
    repaired: bool = False
    exit_reason: ExitReason | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.buy.exchange == self.sell.exchange:
            raise IllegalTransition(f"pair {self.pair_id}: both legs on {self.buy.exchange}, needs two exchanges")

    @property
    def buy_exchange(self) -> ExchangeName:
        return self.buy.exchange

    @property
    def sell_exchange(self) -> ExchangeName:
        return self.sell.exchange

    @property
    def exchanges(self) -> tuple[ExchangeName, ExchangeName]:
        return (self.buy.exchange, self.sell.exchange)

    def leg(self, leg: Leg) -> PairLeg:
        return self.buy if leg is Leg.BUY else self.sell

    def to(self, state: PairState, **changes: object) -> Pair:
        """The pair in ``state``. Raises :class:`IllegalTransition` if the life cycle has no such edge."""
        if state not in PAIR_EDGES[self.state]:
            raise IllegalTransition(f"pair {self.pair_id}: {self.state} cannot become {state}")
        if self.state is PairState.UNWINDING and state in (PairState.FAILED, PairState.CLOSED):
            wanted = PairState.CLOSED if self.ever_hedged else PairState.FAILED
            if state is not wanted:
                raise IllegalTransition(f"pair {self.pair_id}: unwound, must become {wanted}, not {state}")
        hedged = self.ever_hedged or state is PairState.HEDGED
        return replace(self, state=state, ever_hedged=hedged, **changes)  # type: ignore[arg-type]
