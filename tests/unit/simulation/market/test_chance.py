"""Distributions made from one stream of random numbers."""

import math
import statistics
from random import Random  # noqa: TID251 - a test's own seeded streams

import pytest

from perpbot.simulation.market.chance import gamma, geometric, lognormal, pick, poisson

N = 20_000


@pytest.mark.parametrize(("shape", "scale"), [(2.0, 0.6), (2.6, 1.9)])
def test_gamma_has_the_mean_and_variance_of_its_parameters(rng: Random, shape: float, scale: float) -> None:
    """Mean is shape·scale, variance shape·scale²."""
    drawn = [gamma(rng, shape, scale) for _ in range(N)]
    assert min(drawn) > 0
    assert statistics.fmean(drawn) == pytest.approx(shape * scale, rel=0.03)
    assert statistics.variance(drawn) == pytest.approx(shape * scale**2, rel=0.08)


@pytest.mark.parametrize("mean", [1.0, 2.0, 7.5, 10.0])
def test_geometric_counts_from_one_with_the_stated_mean(rng: Random, mean: float) -> None:
    """At least 1, on average ``mean``."""
    drawn = [geometric(rng, mean) for _ in range(N)]
    assert min(drawn) == 1
    assert statistics.fmean(drawn) == pytest.approx(mean, rel=0.03)


@pytest.mark.parametrize("mean", [0.05, 0.77, 3.0])
def test_poisson_has_equal_mean_and_variance(rng: Random, mean: float) -> None:
    """Both are the parameter."""
    drawn = [poisson(rng, mean) for _ in range(N)]
    assert statistics.fmean(drawn) == pytest.approx(mean, rel=0.06)
    assert statistics.variance(drawn) == pytest.approx(mean, rel=0.08)


def test_poisson_of_nothing_is_zero(rng: Random) -> None:
    """No mean, no events."""
    assert {poisson(rng, 0.0) for _ in range(100)} == {0}


def test_lognormal_is_stated_by_its_median(rng: Random) -> None:
    """Half the numbers are below the median; the logarithm has the stated deviation."""
    drawn = [lognormal(rng, 30.0, 0.9) for _ in range(N)]
    assert statistics.median(drawn) == pytest.approx(30.0, rel=0.04)
    assert statistics.stdev(math.log(x) for x in drawn) == pytest.approx(0.9, rel=0.03)


def test_pick_reaches_each_of_them_equally_often(rng: Random) -> None:
    """Numbers 0 … count − 1, a third each of three."""
    drawn = [pick(rng, 3) for _ in range(N)]
    assert [drawn.count(n) / N for n in range(3)] == pytest.approx([1 / 3] * 3, abs=0.02)
