"""The generated market against the recorded one, on a fixed seed.

Tolerances are wide where a few minutes of a heavy-tailed market vary: the recording itself lasted six.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable

import pytest

from benchmarks.generator import FOLLOWER, LEADER, MEASURED, START, Track, gaps, measure, two_engines
from perpbot.core.market_data import TopOfBook
from perpbot.simulation.market import GeneratedMarket

MINUTES = 8
SECOND = 1_000_000_000
TO_NS = START + MINUTES * 60 * SECOND
FEES_BPS = 2 * (4.5 + 2.5)  # entries and exits on Paradex and Extended

TOLERANCE = {
    "updates /s": 0.20,
    "orders /s": 0.25,
    "vol 100 ms": 0.30,
    "vol 1 s": 0.30,
    "vol 10 s": 0.30,
    "vol 60 s": 0.45,
    "mean spread": 0.10,
    "top p50 k": 0.20,
    "depth 5 bps k": 0.15,
}


@pytest.fixture(scope="module")
def tracks() -> dict[tuple[str, str], Track]:
    """Two engines as recorded, eight minutes."""
    return measure(two_engines("statistics"), MINUTES)


@pytest.mark.parametrize(("symbol", "exchange"), sorted(MEASURED))
def test_rates_volatility_spread_and_depth_are_as_measured(
    tracks: dict[tuple[str, str], Track], symbol: str, exchange: str
) -> None:
    """Each figure lies within its tolerance of the recorded one."""
    found = tracks[symbol, exchange].figures(TO_NS)
    for name, tolerance in TOLERANCE.items():
        assert found[name] == pytest.approx(MEASURED[symbol, exchange][name], rel=tolerance), name


@pytest.mark.parametrize(
    ("symbol", "above_one", "above_two"), [("BTC-USD-PERP", 18.0, (3.0, 9.0)), ("ETH-USD-PERP", 22.9, (1.5, 6.5))]
)
def test_gaps_open_and_close_as_measured(
    tracks: dict[tuple[str, str], Track], symbol: str, above_one: float, above_two: tuple[float, float]
) -> None:
    """Residual gaps: their deviation, how often they open, how briefly they last; the follower lags by some 10 ms."""
    found = gaps(tracks[symbol, LEADER], tracks[symbol, FOLLOWER], TO_NS)
    assert found["residual std"] == pytest.approx(0.6, rel=0.25)
    assert found["> 1 bps /min"] == pytest.approx(above_one, rel=0.4)
    assert above_two[0] <= found["> 2 bps /min"] <= above_two[1]
    assert 6 <= found["> 2 life ms"] <= 20
    assert 5 <= found["lag peak ms"] <= 20
    assert found["lag peak corr"] == pytest.approx(0.5, abs=0.2)


def residuals(market: GeneratedMarket, seconds: int) -> dict[str, list[float]]:
    """Per symbol, open gaps over the median close gap of their direction, in bps, whenever a top changes."""
    tops: dict[tuple[str, str], TopOfBook] = {}
    series: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
    start_ns = 1_700_000_000 * SECOND
    for second in range(1, seconds + 1):
        for emission in market.advance(start_ns + second * SECOND):
            event = emission.event
            if not isinstance(event, TopOfBook) or event.exchange not in {"paradex", "extended"}:
                continue
            tops[event.exchange, event.symbol] = event
            for buy, sell in (("paradex", "extended"), ("extended", "paradex")):
                bought, sold = tops.get((buy, event.symbol)), tops.get((sell, event.symbol))
                if bought and sold:
                    gap = (sold.bid / bought.ask - 1) * 1e4, (sold.ask / bought.bid - 1) * 1e4
                    series[event.symbol, buy, sell].append(gap)
    found: dict[str, list[float]] = defaultdict(list)
    for (symbol, _, _), both in series.items():
        close = statistics.median(gap for _, gap in both)
        found[symbol] += [gap - close for gap, _ in both]
    return found


def test_without_pulses_nothing_pays_the_fees(market_of: Callable[..., GeneratedMarket]) -> None:
    """No gap of any symbol ever stands higher above its usual level than entries and exits cost."""
    found = residuals(market_of(seed=11, pulses_per_minute=0), 300)
    assert len(found) == 4
    assert max(max(series) for series in found.values()) < FEES_BPS


def test_pulses_pay_the_fees_and_the_smallest_profit(market_of: Callable[..., GeneratedMarket]) -> None:
    """With them every symbol shows gaps above 14 bps of fees, 5 bps of profit and a haircut."""
    found = residuals(market_of(seed=11, pulses_per_minute=6), 60)
    assert all(max(series) > FEES_BPS + 6 for series in found.values())
    assert len(found) == 4


def test_thin_symbols_stand_apart_as_recorded(market_of: Callable[..., GeneratedMarket]) -> None:
    """Paradex's bid over Extended's ask, every 5 s: a lasting 11.7 bps of SUI and 2.8 of KAITO, within half a tick."""
    symbols = ("SUI-USD-PERP", "KAITO-USD-PERP")
    market = market_of(seed=4, pulses_per_minute=0, symbols=symbols)
    start_ns = 1_700_000_000 * SECOND
    tops: dict[tuple[str, str], TopOfBook] = {}
    found: dict[str, list[float]] = defaultdict(list)
    for scan in range(1, 180):
        events = [e.event for e in market.advance(start_ns + scan * 5 * SECOND)]
        tops |= {(event.exchange, event.symbol): event for event in events if isinstance(event, TopOfBook)}
        for symbol in symbols:
            found[symbol].append((tops["paradex", symbol].bid / tops["extended", symbol].ask - 1) * 1e4)
    assert statistics.median(found["SUI-USD-PERP"]) == pytest.approx(11.7, abs=0.5)
    assert statistics.median(found["KAITO-USD-PERP"]) == pytest.approx(2.8, abs=1.4)
    assert statistics.stdev(found["SUI-USD-PERP"]) == pytest.approx(1.5, abs=0.5)
    assert statistics.stdev(found["KAITO-USD-PERP"]) == pytest.approx(1.5, abs=0.5)
