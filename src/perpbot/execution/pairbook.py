"""Every pair of this run: its state, its legs as fills add up, and what it occupies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import takewhile

from perpbot.core.events import PairMoved
from perpbot.core.instruments import Instrument
from perpbot.core.names import ExchangeName, PairId, Symbol
from perpbot.core.orders import Fill, Leg, OrderRequest, Side
from perpbot.core.pairs import Pair, PairLeg, PairState, count_endings
from perpbot.core.ports import Clock, Journal
from perpbot.execution.notes import note

InstrumentOf = Callable[[ExchangeName, Symbol], Instrument]


class PairBook:
    """Keeps pairs and journals each change of state. Capital and symbol are occupied until a pair is over."""

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        instrument_of: InstrumentOf,
        *,
        max_concurrent: int,
        backoff_seconds: float,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._instrument_of = instrument_of
        self._pairs: dict[PairId, Pair] = {}
        self._live: dict[PairId, None] = {}
        self._by_symbol: dict[Symbol, dict[PairId, None]] = {}
        self._attempts: dict[tuple[PairId, Leg], int] = {}
        self._skips: dict[tuple[PairId, Leg], int] = {}
        self._backoff_until: dict[Symbol, int] = {}
        self._earlier: dict[Symbol, Counter[str]] = {}
        self.adopt(max_concurrent=max_concurrent, backoff_seconds=backoff_seconds)

    def adopt(self, *, max_concurrent: int, backoff_seconds: float) -> None:
        """Take new limits; pairs beyond a lower number stay, a rest that has begun keeps its length."""
        self._max_concurrent = max_concurrent
        self._backoff_ns = round(backoff_seconds * 1_000_000_000)

    def get(self, pair_id: PairId) -> Pair:
        return self._pairs[pair_id]

    def find(self, pair_id: PairId) -> Pair | None:
        return self._pairs.get(pair_id)

    def pairs(self) -> Iterable[Pair]:
        """All pairs that were planned and not refused, oldest first."""
        return [pair for pair in self._pairs.values() if pair.state is not PairState.REFUSED]

    def counts(self, symbol: Symbol | None = None) -> dict[str, int]:
        """How pairs ended, also those that are no longer known one by one; optionally of one symbol."""
        pairs = (pair for pair in self._pairs.values() if symbol in (None, pair.symbol))
        known = count_endings((pair.state, pair.ever_hedged, pair.repaired) for pair in pairs)
        earlier = [counted for name, counted in self._earlier.items() if symbol in (None, name)]
        return {ending: count + sum(each[ending] for each in earlier) for ending, count in known.items()}

    def carry(self, counted: Mapping[Symbol, Mapping[str, int]]) -> None:
        """Count pairs of which no more is known than how they ended."""
        for symbol, counts in counted.items():
            self._earlier.setdefault(symbol, Counter()).update(counts)

    def forget(self, before_ns: int) -> list[PairId]:
        """Know of pairs that were over before ``before_ns`` only how they ended; returns which those are."""
        old = takewhile(lambda pair: pair.planned_ns < before_ns, self._pairs.values())
        over = [pair for pair in old if pair.state.final and (pair.closed_ns or pair.planned_ns) < before_ns]
        for pair in over:
            self.carry({pair.symbol: count_endings([(pair.state, pair.ever_hedged, pair.repaired)])})
            del self._pairs[pair.pair_id]
            for leg in Leg:
                self._attempts.pop((pair.pair_id, leg), None)
                self._skips.pop((pair.pair_id, leg), None)
        return [pair.pair_id for pair in over]

    def live(self) -> list[Pair]:
        """Pairs that are not over."""
        return [self._pairs[pair_id] for pair_id in self._live]

    def live_in(self, symbol: Symbol) -> list[Pair]:
        """Pairs of ``symbol`` that are not over."""
        return [self._pairs[pair_id] for pair_id in self._by_symbol.get(symbol, ())]

    def occupancy(self, symbol: Symbol) -> str | None:
        """Reason code of why no pair may be opened in ``symbol`` now, or ``None``."""
        if self._by_symbol.get(symbol):
            return "symbol_busy"
        if len(self._live) >= self._max_concurrent:
            return "too_many_pairs"
        until = self._backoff_until.get(symbol)
        return "miss_backoff" if until is not None and self._clock.now_ns() < until else None

    def back_off(self, symbol: Symbol) -> None:
        """Leave ``symbol`` alone for a while after a miss."""
        self._backoff_until[symbol] = self._clock.now_ns() + self._backoff_ns

    def add(self, pair: Pair) -> None:
        """Take up a planned pair; from now on it occupies its symbol."""
        self._pairs[pair.pair_id] = pair
        self._live[pair.pair_id] = None
        self._by_symbol.setdefault(pair.symbol, {})[pair.pair_id] = None

    def move(self, pair_id: PairId, state: PairState, **changes: object) -> Pair:
        """Change a pair's state, journal it, and let go of its symbol when it is over."""
        before = self._pairs[pair_id]
        pair = before.to(state, **changes)
        self._pairs[pair_id] = pair
        if state.final:
            self._live.pop(pair_id, None)
            self._by_symbol[pair.symbol].pop(pair_id, None)
        if state.sent:
            note(self._journal, PairMoved(pair, before.state))
        return pair

    def recall(self, pair: Pair) -> None:
        """Take over a pair's state from the journal. Its legs stand as the fills recalled so far add up."""
        known = self._pairs[pair.pair_id]
        self._pairs[pair.pair_id] = replace(pair, buy=known.buy, sell=known.sell)
        if pair.state.final:
            self._live.pop(pair.pair_id, None)
            self._by_symbol[pair.symbol].pop(pair.pair_id, None)
        if pair.state is PairState.MISSED and pair.closed_ns is not None:
            self._backoff_until[pair.symbol] = pair.closed_ns + self._backoff_ns

    def recall_attempt(self, pair_id: PairId, leg: Leg, number: int) -> None:
        """An order of this number was meant for the leg once: no other gets its client id."""
        self._attempts[pair_id, leg] = max(number, self._attempts.get((pair_id, leg), 0))

    def skip_attempts(self, count: int) -> None:
        """Leave out ``count`` numbers of every live pair's legs: records that were lost may have used them."""
        self._skips = {(pair_id, leg): count for pair_id in self._live for leg in Leg}

    def write_off(self, pair_id: PairId, leg: Leg) -> Pair:
        """What the leg still holds in our books is no longer at the exchange."""
        held = self._pairs[pair_id].leg(leg)
        value = held.entry_value * held.open / held.entered if held.entered else held.entry_value
        return self.amend(pair_id, **{leg.value.lower(): _exited(held, held.open, value)})

    def amend(self, pair_id: PairId, **changes: object) -> Pair:
        """Change a pair's facts, not its state."""
        pair = self._pairs[pair_id] = replace(self._pairs[pair_id], **changes)  # type: ignore[arg-type]
        return pair

    def next_attempt(self, pair_id: PairId, leg: Leg) -> int:
        """The number of the next order of a leg; every order gets a client id of its own."""
        number = self.last_attempt(pair_id, leg) + self._skips.pop((pair_id, leg), 0) + 1
        self._attempts[pair_id, leg] = number
        return number

    def last_attempt(self, pair_id: PairId, leg: Leg) -> int:
        """The number of a leg's newest order, 0 if there is none."""
        return self._attempts.get((pair_id, leg), 0)

    def book_fill(self, fill: Fill, request: OrderRequest) -> None:
        """Add a fill to its pair's leg."""
        if request.pair_id is None or request.leg is None:
            return
        pair = self._pairs[request.pair_id]
        leg = pair.leg(request.leg)
        value = self._instrument_of(fill.exchange, fill.symbol).settlement_value(fill.size, fill.price)
        changed = _entered(leg, fill.size, value) if _enters(request.leg, fill.side) else _exited(leg, fill.size, value)
        name = "buy" if request.leg is Leg.BUY else "sell"
        self.amend(pair.pair_id, **{name: changed})

    def base(self, pair: Pair, leg: Leg) -> Decimal:
        """What a leg holds in coins, an inverse leg at its average entry price."""
        held = pair.leg(leg)
        if held.open == 0:
            return Decimal(0)
        instrument = self._instrument_of(held.exchange, pair.symbol)
        return instrument.base(held.open, self.entry_price(pair, leg))

    def entry_price(self, pair: Pair, leg: Leg) -> Decimal:
        """Average entry price of a leg that has filled."""
        held = pair.leg(leg)
        return self._instrument_of(held.exchange, pair.symbol).average_price(held.entered, held.entry_value)

    def residual(self, pair: Pair) -> Decimal:
        """Coins bought minus coins sold."""
        return self.base(pair, Leg.BUY) - self.base(pair, Leg.SELL)

    def residual_pct(self, pair: Pair) -> Decimal:
        """The residual as a share of the larger leg; 0 when flat."""
        larger = max(self.base(pair, Leg.BUY), self.base(pair, Leg.SELL))
        return abs(self.residual(pair)) / larger if larger else Decimal(0)


def _enters(leg: Leg, side: Side) -> bool:
    return leg.entry_side is side


def _entered(leg: PairLeg, size: Decimal, value: Decimal) -> PairLeg:
    return replace(leg, entered=leg.entered + size, entry_value=leg.entry_value + value)


def _exited(leg: PairLeg, size: Decimal, value: Decimal) -> PairLeg:
    return replace(leg, exited=leg.exited + size, exit_value=leg.exit_value + value)
