"""Scores, reliability and confidence."""

from __future__ import annotations

import pytest

from perpbot.arbitrage.scoring import (
    Reliability,
    SuccessRate,
    confidence,
    liquidity_score,
    profit_score,
    reliability_score,
    score,
)
from perpbot.arbitrage.settings import ArbitrageSettings

MINUTE_NS = 60_000_000_000


def test_eight_seven_and_nine_give_8_1() -> None:
    """0.5·profit + 0.2·liquidity + 0.3·reliability."""
    assert score(8.0, 7.0, 9.0, ArbitrageSettings()) == 8.1


def test_each_part_is_between_zero_and_ten() -> None:
    """Full profit score at full_score_profit_pct, full liquidity where the depth holds what is wanted."""
    assert [profit_score(pct, 0.001) for pct in (-0.001, 0.0008, 0.005)] == [0.0, pytest.approx(8.0), 10.0]
    assert [liquidity_score(depth, 2.0) for depth in (0.0, 1.4, 9.0)] == [0.0, pytest.approx(7.0), 10.0]
    assert reliability_score(0.9) == 9.0


def test_reliability_is_configured_until_twenty_samples() -> None:
    """Then it is the share of successes."""
    reliability = Reliability()
    for _ in range(19):
        reliability.record("alpha", False, MINUTE_NS)
    assert reliability.of("alpha", MINUTE_NS) == 0.9
    reliability.record("alpha", True, MINUTE_NS)
    assert reliability.of("alpha", MINUTE_NS) == 0.05
    assert reliability.of("beta", MINUTE_NS) == 0.9


def test_successes_are_forgotten_after_an_hour() -> None:
    """Only the last hour counts, however many calls it had."""
    rate = SuccessRate()
    rate.record("alpha", True, 0)
    rate.record("alpha", False, 59 * MINUTE_NS)
    assert rate.counts("alpha", 59 * MINUTE_NS) == (1, 2)
    assert rate.counts("alpha", 60 * MINUTE_NS) == (0, 1)
    assert rate.counts("alpha", 500 * MINUTE_NS) == (0, 0)


def test_confidence_falls_with_age_skew_and_misses() -> None:
    """A probability: between 0 and 1."""
    base = confidence(0.0, 0.0, 0, 0)
    assert 0.0 < confidence(0.5, 0.0, 0, 0) < base <= 1.0
    assert confidence(0.0, 0.5, 0, 0) < base
    assert confidence(0.0, 0.0, 0, 5) < base < confidence(0.0, 0.0, 5, 5) < 1.0
