"""Seeded random streams and a small market to look at."""

from collections.abc import Callable
from random import Random  # noqa: TID251 - a test's own seeded streams

import pytest

from perpbot.simulation.market import DemoSettings, Emission, GeneratedMarket

START_NS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


@pytest.fixture
def rng() -> Random:
    """One stream of random numbers."""
    return Random("one")


@pytest.fixture
def market_of() -> Callable[..., GeneratedMarket]:
    """Makes a market from a seed and settings, starting at ``START_NS``."""

    def make(seed: int = 1, **settings: object) -> GeneratedMarket:
        return GeneratedMarket(DemoSettings(**settings), lambda name: Random(f"{seed}/{name}"), START_NS)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def half_a_minute() -> list[Emission]:
    """Two seconds of history and thirty seconds of the demo's market with many pulses."""
    settings = DemoSettings(pulses_per_minute=10)
    market = GeneratedMarket(settings, lambda name: Random(f"5/{name}"), START_NS)
    return market.history(2) + market.advance(START_NS + 30 * SECOND)
