"""What was decided of late, and how often for which reason: the answer to "why did it not trade?"."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.verdicts import Verdict


@dataclass(slots=True)
class RecordedVerdict:
    """A verdict on one direction of one symbol, with how often it was given in a row; ``at_ns`` is the last time."""

    symbol: Symbol
    buy_exchange: ExchangeName
    sell_exchange: ExchangeName
    verdict: Verdict
    at_ns: int
    count: int = 1


@dataclass(slots=True)
class ReasonCount:
    """How often one reason was given in one symbol; ``nearest`` is the one closest to its limit."""

    symbol: Symbol
    reason: str
    count: int
    last: Verdict
    nearest: Verdict | None


class VerdictLog:
    """A ring of recent verdicts, equal ones in a row folded, and counts by symbol and reason since the start."""

    def __init__(self, size: int = 1000) -> None:
        self._recent: deque[RecordedVerdict] = deque(maxlen=size)
        self._counts: dict[tuple[Symbol, str], ReasonCount] = {}

    def record(
        self,
        symbol: Symbol,
        buy_exchange: ExchangeName,
        sell_exchange: ExchangeName,
        verdict: Verdict,
        now_ns: int,
    ) -> None:
        """Keep the verdict that a candidate ended in."""
        self._count(symbol, verdict)
        last = self._recent[-1] if self._recent else None
        if (
            last is not None
            and last.verdict.reason == verdict.reason
            and last.symbol == symbol
            and last.buy_exchange == buy_exchange
            and last.sell_exchange == sell_exchange
        ):
            last.verdict, last.at_ns = verdict, now_ns
            last.count += 1
            return
        self._recent.append(RecordedVerdict(symbol, buy_exchange, sell_exchange, verdict, now_ns))

    def recent(self, symbol: Symbol | None = None) -> Iterator[RecordedVerdict]:
        """The newest verdicts, newest first."""
        return (item for item in reversed(self._recent) if symbol in (None, item.symbol))

    def funnel(self, symbol: Symbol | None = None) -> list[ReasonCount]:
        """All reasons given, the most frequent first."""
        counts = [item for item in self._counts.values() if symbol in (None, item.symbol)]
        return sorted(counts, key=lambda item: (-item.count, item.symbol, item.reason))

    def counts(self) -> dict[str, int]:
        """How often each reason was given, in all symbols, by reason."""
        totals: dict[str, int] = {}
        for item in self.funnel():
            totals[item.reason] = totals.get(item.reason, 0) + item.count
        return dict(sorted(totals.items()))

    def _count(self, symbol: Symbol, verdict: Verdict) -> None:
        counted = self._counts.get((symbol, verdict.reason))
        if counted is None:
            counted = self._counts[symbol, verdict.reason] = ReasonCount(symbol, verdict.reason, 0, verdict, None)
        counted.count += 1
        counted.last = verdict
        if _nearer(verdict, counted.nearest):
            counted.nearest = verdict


def _nearer(verdict: Verdict, nearest: Verdict | None) -> bool:
    """Whether the verdict has figures that are closer together than those of ``nearest``."""
    distance = verdict.distance
    if distance is None or not distance.is_finite():
        return False
    known = nearest.distance if nearest is not None else None
    return known is None or distance < known
