"""Distributions on top of one seeded stream of random numbers."""

from __future__ import annotations

import math

from perpbot.core.ports import Rng


def lognormal(rng: Rng, median: float, log_std: float) -> float:
    """A lognormal number by its median and the standard deviation of its logarithm."""
    return median * math.exp(log_std * rng.gauss(0.0, 1.0))


def poisson(rng: Rng, mean: float) -> int:
    """A Poisson number, by counting unit-rate arrivals; meant for small means."""
    count, passed = 0, rng.expovariate(1.0)
    while passed < mean:
        count += 1
        passed += rng.expovariate(1.0)
    return count


def geometric(rng: Rng, mean: float) -> int:
    """A geometric number 1, 2, … of the given mean (at least 1)."""
    if mean <= 1.0:
        return 1
    return 1 + int(math.log(1.0 - rng.random()) / math.log(1.0 - 1.0 / mean))


def gamma(rng: Rng, shape: float, scale: float) -> float:
    """A Gamma number for ``shape`` of at least 1 (Marsaglia and Tsang, 2000)."""
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = rng.gauss(0.0, 1.0)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and math.log(1.0 - rng.random()) < 0.5 * x * x + d - d * v + d * math.log(v):
            return scale * d * v


def pick(rng: Rng, count: int) -> int:
    """One of 0 … ``count`` − 1, all alike."""
    return min(int(rng.random() * count), count - 1)
