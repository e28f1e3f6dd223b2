"""How good an opportunity is, 0 … 10, and how likely both of its legs fill, 0 … 1."""

from __future__ import annotations

import math
from collections import deque
from decimal import Decimal

from perpbot.arbitrage.settings import ArbitrageSettings

FULL_SCORE = 10.0
_MINUTE_NS = 60_000_000_000
_HOUR_MINUTES = 60
_TRUSTED_SAMPLES = 20
_CONFIGURED_RELIABILITY = 0.9
_AGE_SCALE_SECONDS = 1.0  # an edge this old is gone more often than not; so is one seen at two such moments
_SKEW_SCALE_SECONDS = 0.5
_PRIOR_FILLS, _PRIOR_ATTEMPTS = 1, 2


class SuccessRate:
    """Successes and attempts by name over the last hour, counted by the minute."""

    def __init__(self) -> None:
        self._minutes: dict[str, deque[list[int]]] = {}

    def record(self, name: str, ok: bool, now_ns: int) -> None:
        """Count one attempt of ``name``."""
        minutes = self._minutes.setdefault(name, deque(maxlen=_HOUR_MINUTES))
        minute = now_ns // _MINUTE_NS
        if not minutes or minutes[-1][0] != minute:
            minutes.append([minute, 0, 0])
        minutes[-1][1] += ok
        minutes[-1][2] += 1

    def counts(self, name: str, now_ns: int) -> tuple[int, int]:
        """Successes and attempts of ``name`` within the last hour."""
        oldest = now_ns // _MINUTE_NS - _HOUR_MINUTES
        recent = [entry for entry in self._minutes.get(name, ()) if entry[0] > oldest]
        return sum(entry[1] for entry in recent), sum(entry[2] for entry in recent)


class Reliability:
    """An exchange's order and data success over the last hour, the configured value until there are 20 samples."""

    def __init__(self, configured: float = _CONFIGURED_RELIABILITY) -> None:
        self._configured = configured
        self._rate = SuccessRate()

    def record(self, exchange: str, ok: bool, now_ns: int) -> None:
        """Count one answer of ``exchange``: an order that was accepted, a read that came back, or not."""
        self._rate.record(exchange, ok, now_ns)

    def of(self, exchange: str, now_ns: int) -> float:
        """0 … 1."""
        ok, total = self._rate.counts(exchange, now_ns)
        return ok / total if total >= _TRUSTED_SAMPLES else self._configured


def profit_score(net_profit_pct: float, full_score_profit_pct: float) -> float:
    return FULL_SCORE * min(1.0, max(0.0, net_profit_pct / full_score_profit_pct))


def liquidity_score(thinner_depth: float, wanted: float) -> float:
    """``thinner_depth`` and ``wanted`` size in coins."""
    return FULL_SCORE * min(1.0, thinner_depth / wanted)


def reliability_score(worse_exchange: float) -> float:
    """``worse_exchange`` is the lower success rate of the two."""
    return FULL_SCORE * worse_exchange


def score(profit: float, liquidity: float, reliability: float, settings: ArbitrageSettings) -> float:
    """The weighted sum of the three scores: 8, 7 and 9 give 8.1 by the default weights."""
    weights = settings.score_weights
    parts = ((weights.profit, profit), (weights.liquidity, liquidity), (weights.reliability, reliability))
    return float(sum(weight * Decimal(repr(part)) for weight, part in parts))


def confidence(age_seconds: float, skew_seconds: float, filled: int, attempts: int) -> float:
    """Estimated probability that both legs fill: falls with the older top's age, the skew, and recent misses.

    ``filled`` of ``attempts`` recent pairs filled both legs; without any, even odds.
    """
    fresh = math.exp(-max(0.0, age_seconds) / _AGE_SCALE_SECONDS - max(0.0, skew_seconds) / _SKEW_SCALE_SECONDS)
    return fresh * (filled + _PRIOR_FILLS) / (attempts + _PRIOR_ATTEMPTS)
