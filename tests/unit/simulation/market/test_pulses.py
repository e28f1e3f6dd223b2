"""Invented pulses."""

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random  # noqa: TID251 - a test's own seeded streams
from typing import cast

import pytest

from perpbot.core.market_data import TopOfBook
from perpbot.simulation.market import DemoSettings, GeneratedMarket, Pulse, PulseLog
from perpbot.simulation.market.calibration import EXCHANGES
from perpbot.simulation.market.pulses import Pulses
from perpbot.simulation.market.schedule import SECOND, Schedule
from perpbot.simulation.market.stream import Stream

START_NS = 1_700_000_000_000_000_000
HOURS = 4


class FakeStream:
    """Remembers how far its quotes were held away."""

    def __init__(self, number: int) -> None:
        self.exchange = EXCHANGES[number]
        self.held_bps = 0.0

    def pulse(self, bps: float, at_ns: int) -> None:
        self.held_bps = bps


@pytest.fixture(scope="module")
def pulses() -> list[Pulse]:
    """Four hours of one symbol's pulses at the shipped settings."""
    log, schedule = PulseLog(DemoSettings()), Schedule()
    streams = cast("Sequence[Stream]", [FakeStream(0), FakeStream(1)])
    Pulses("BTC-USD-PERP", streams, log, Random("pulses"), schedule).start(0)
    schedule.run(HOURS * 3_600 * SECOND)
    assert log.count == len(log.latest)
    return list(log.latest)


def test_there_are_as_many_as_asked_for(pulses: list[Pulse]) -> None:
    """Three a minute: 720 in four hours, within four standard deviations."""
    assert len(pulses) == pytest.approx(3 * 60 * HOURS, abs=4 * math.sqrt(3 * 60 * HOURS))


def test_their_height_and_life_have_the_stated_medians(pulses: list[Pulse]) -> None:
    """30 bps with log-std 0.2; 0.3 s with log-std 0.9."""
    heights = [abs(pulse.bps) for pulse in pulses]
    lives = [(pulse.end_ns - pulse.start_ns) / SECOND for pulse in pulses]
    assert statistics.median(heights) == pytest.approx(30.0, rel=0.03)
    assert statistics.stdev(map(math.log, heights)) == pytest.approx(0.2, rel=0.15)
    assert statistics.median(lives) == pytest.approx(0.3, rel=0.15)
    assert statistics.stdev(map(math.log, lives)) == pytest.approx(0.9, rel=0.15)


def test_one_at_a_time_on_either_exchange_up_or_down(pulses: list[Pulse]) -> None:
    """No two overlap; the four kinds come about equally often."""
    assert all(before.end_ns <= after.start_ns for before, after in pairwise(pulses))
    kinds = [(pulse.exchange, pulse.bps > 0) for pulse in pulses]
    for kind in [("paradex", True), ("paradex", False), ("extended", True), ("extended", False)]:
        assert kinds.count(kind) / len(kinds) == pytest.approx(0.25, abs=0.06)


def test_a_pulse_is_seen_in_the_quotes_of_its_exchange_alone(market_of: Callable[..., GeneratedMarket]) -> None:
    """The mid moves by the pulse's height within a millisecond of its start, and back at its end."""
    market = market_of(seed=3, symbols=("BTC-USD-PERP",), pulses_per_minute=6)
    emissions = market.advance(START_NS + 120 * SECOND)
    tops = {
        name: [(e.engine_ns, e.event) for e in emissions if e.event.exchange == name] for name in ("paradex", "okx")
    }

    def mid(exchange: str, at_ns: int) -> float:
        seen = [event for when, event in tops[exchange] if when <= at_ns and isinstance(event, TopOfBook)]
        return math.log((seen[-1].bid + seen[-1].ask) / 2) * 1e4

    of_paradex = [pulse for pulse in market.pulses.latest if pulse.exchange == "paradex"]
    assert len(of_paradex) >= 3
    for pulse in of_paradex:
        for edge_ns, change in ((pulse.start_ns, pulse.bps), (pulse.end_ns, -pulse.bps)):
            moved = mid("paradex", edge_ns + 1) - mid("paradex", edge_ns - 1)
            assert moved == pytest.approx(
                change, abs=1.6
            )  # half of the 3 bps by which a move may leave the spread open
            assert mid("okx", edge_ns + 1) == mid("okx", edge_ns - 1)


def test_only_trading_exchanges_have_pulses(market_of: Callable[..., GeneratedMarket]) -> None:
    """Reference prices stay what they are; the log says how many pulses there were and with what parameters."""
    market = market_of(pulses_per_minute=30, symbols=("SUI-USD-PERP", "KAITO-USD-PERP"))
    market.advance(START_NS + 120 * SECOND)
    assert market.pulses.count == len(market.pulses.latest) > 80
    assert {pulse.exchange for pulse in market.pulses.latest} == {"paradex", "extended"}
    assert market.pulses.parameters.per_minute == 30
    assert market.pulses.parameters.median_bps == 30
    assert market.pulses.parameters.median_seconds == 0.3


def test_without_pulses_the_rest_of_the_market_is_the_same(market_of: Callable[..., GeneratedMarket]) -> None:
    """At 0 a minute it runs; exchanges that never have pulses show the same events as with them."""
    with_pulses, without = market_of(pulses_per_minute=30), market_of(pulses_per_minute=0)
    to_ns = START_NS + 10 * SECOND
    seen = [[e for e in market.advance(to_ns) if e.event.exchange == "okx"] for market in (with_pulses, without)]
    assert seen[0] == seen[1]
    assert with_pulses.pulses.count > 0
    assert without.pulses.count == 0
