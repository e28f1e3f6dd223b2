"""Full depth by the fitted curve."""

import statistics
from decimal import Decimal
from random import Random  # noqa: TID251 - a test's own seeded streams

import pytest

from perpbot.simulation.market.calibration import DepthRow, figures_of
from perpbot.simulation.market.depth import LEVELS, DepthSide, depth_usd, offsets
from perpbot.simulation.market.grid import Grid

BTC = figures_of("BTC-USD-PERP").leader.depth


def usd_within(levels: list[tuple[float, float]], bps: float) -> float:
    """USD no further than ``bps`` from the first level."""
    best = levels[0][0]
    return sum(price * size for price, size in levels if abs(price / best - 1) <= bps * 1e-4)


def test_the_curve_gives_the_fitted_depth() -> None:
    """3.29 million USD within 5 bps of the leading BTC engine; at the touch stands the typical top."""
    assert depth_usd(BTC, 5.0) == pytest.approx(3_286e3, rel=0.001)
    assert depth_usd(BTC, 0.0) == BTC.typical_top_usd


@pytest.mark.parametrize("outward", [-1, 1])
@pytest.mark.parametrize("best", [618_000, 590_000, 700_000])
@pytest.mark.parametrize("bps", [2.0, 5.0, 10.0, 20.0])
def test_levels_add_up_to_the_curve_at_any_price(rng: Random, outward: int, best: int, bps: float) -> None:
    """The mean of many books is the curve within 3 %, on both sides, also after the price has drifted far."""
    side = DepthSide(BTC, Grid(Decimal("0.1")), outward, rng)
    top = BTC.typical_top_usd / (best * 0.1)
    side.restate(618_000, top, Grid(Decimal("0.001")), 1 / 61.8)
    sums = [usd_within(side.restate(best, top, Grid(Decimal("0.001")), 1e4 / best), bps) for _ in range(300)]
    assert statistics.fmean(sums) == pytest.approx(depth_usd(BTC, bps), rel=0.03)


@pytest.mark.parametrize("tick_bps", [0.0162, 0.162, 0.9, 2.8, 21.9])
def test_levels_lie_apart_on_the_tick_grid(tick_bps: float) -> None:
    """From one tick outward, no two alike, 20 to 50 of them, at least 24 bps deep."""
    found = offsets(tick_bps)
    assert found[0] == 1
    assert list(found) == sorted(set(found))
    assert LEVELS - 1 <= len(found) <= 50
    assert found[-1] * tick_bps >= 24.0


def test_changes_lead_from_one_book_to_the_next(rng: Random) -> None:
    """A book that takes the changes in holds the levels of the new touch and no other."""
    side = DepthSide(BTC, Grid(Decimal("0.1")), -1, rng)
    sizes, rate = Grid(Decimal("0.001")), 1 / 61.8
    book = dict(side.restate(618_000, 3.0, sizes, rate))
    for best in (618_003, 618_003, 617_400, 617_401):
        book.update(side.change(best, 2.5, sizes, rate))
        book = {price: size for price, size in book.items() if size}
        assert max(book) == best / 10
        assert book[best / 10] == 2.5
        assert len(book) == len(offsets(1e4 / 618_000)) + 1


def test_a_coarse_grid_has_no_price_at_or_below_zero(rng: Random) -> None:
    """Levels that would lie at zero or below are left out."""
    side = DepthSide(DepthRow(4e3, 0.9, 400.0, 3e3, 4e3, 2.0), Grid(Decimal("0.001")), -1, rng)
    levels = side.restate(7, 10.0, Grid(Decimal("0.1")), 1.0)
    assert [price for price, _ in levels] == [0.007, 0.006, 0.005, 0.004, 0.003, 0.002, 0.001]
