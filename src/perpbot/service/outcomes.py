"""What the service does when a pair is hedged, missed, failed, closed or quarantined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import structlog

from perpbot.core.names import PairId, Symbol
from perpbot.core.pairs import Pair
from perpbot.core.ports import Clock
from perpbot.risk.account import RiskManager
from perpbot.risk.position import PositionGuard

log = structlog.get_logger(__name__)

_LEVELS = {"failed": "warning", "quarantined": "error"}
PairListener = Callable[[str, Pair], None]


class Outcomes:
    """Feeds risk with how pairs fared and tells the listeners (screen, alerts, push)."""

    def __init__(
        self,
        clock: Clock,
        manager: RiskManager,
        guard: PositionGuard,
        record_attempt: Callable[[Symbol, bool, int], None],
    ) -> None:
        """``record_attempt`` is told of every attempt whether it hit, for the scanner's confidence."""
        self._clock = clock
        self._manager = manager
        self._guard = guard
        self._record_attempt = record_attempt
        self._failures: set[PairId] = set()
        self.counts: Counter[str] = Counter()
        self.listeners: list[PairListener] = []

    def hedged(self, pair: Pair) -> None:
        """A success: it ends a row of failures."""
        self._manager.record_success()
        self._record_attempt(pair.symbol, True, self._clock.now_ns())
        self._tell("hedged", pair)

    def missed(self, pair: Pair) -> None:
        """No failure: nothing was risked."""
        self._manager.record_miss()
        self._record_attempt(pair.symbol, False, self._clock.now_ns())
        self._tell("missed", pair)

    def failed(self, pair: Pair) -> None:
        """Counts as a failure in a row and cools both exchanges and the symbol down."""
        self._count_failure(pair)
        self._tell("failed", pair)

    def recall_failure(self, pair_id: PairId) -> bool:
        """A pair failed in an earlier run; whether for the first time: it does not fail again."""
        first = pair_id not in self._failures
        self._failures.add(pair_id)
        return first

    def forget(self, pairs: Iterable[PairId]) -> None:
        """They are long over."""
        self._failures.difference_update(pairs)

    def closed(self, pair: Pair) -> None:
        self._tell("closed", pair)

    def quarantined(self, pair: Pair) -> None:
        """The operator must look. One that never was hedged counts as a failure in a row, once."""
        if not pair.ever_hedged:
            self._count_failure(pair)
        self._tell("quarantined", pair)

    def _count_failure(self, pair: Pair) -> None:
        if pair.pair_id in self._failures:
            return
        self._failures.add(pair.pair_id)
        self._manager.record_failure()
        for exchange in pair.exchanges:
            self._guard.record_failure(exchange, pair.symbol)
        self._record_attempt(pair.symbol, False, self._clock.now_ns())

    def _tell(self, kind: str, pair: Pair) -> None:
        self.counts[kind] += 1
        level = _LEVELS.get(kind, "info")
        getattr(log, level)(f"pair {kind}", pair_id=pair.pair_id, symbol=pair.symbol, reason=pair.reason)
        for listener in self.listeners:
            listener(kind, pair)
