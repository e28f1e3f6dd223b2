"""Scales of charts: where a time or an amount stands between 0 and 1, and which of them are written beside the axis."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10

from perpbot.records.curves import EquityCurve
from perpbot.records.times import NS, local, offset_seconds

_TIME_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200),
    *(86_400, 2 * 86_400, 7 * 86_400, 14 * 86_400, 28 * 86_400, 91 * 86_400, 364 * 86_400),
)
"""Seconds; from a day on they count local days."""
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_PAUSE_SHARE = 0.04
"""A time in which the bot did not run takes at most so much of the width."""
_APART = 0.09
"""Written times are at least so far apart."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One label of a time axis; ``date`` is empty where it is that of the label before."""

    at: float
    clock: str
    date: str


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Times from left to right, 0 to 1. What lies between two runs is shortened, and is found in ``pauses``."""

    spans: tuple[tuple[int, int, float, float], ...]
    """Of each run: from, to (nanoseconds), and where these two stand."""

    @classmethod
    def of(cls, curve: EquityCurve) -> TimeScale:
        """The scale on which all runs of ``curve`` find room; one of a single point stands in the middle."""
        runs = [(run[0].time_ns, run[-1].time_ns) for run in curve.runs]
        running = sum(end - start for start, end in runs)
        gaps = [after[0] - before[1] for before, after in pairwise(runs)]
        whole = running + sum(gaps)
        if not whole:
            return cls(tuple((start, end, 0.5, 0.5) for start, end in runs))
        shown = _shown_gaps(gaps, whole)
        left = 1.0 - sum(shown)
        spans, at = [], 0.0
        for number, (start, end) in enumerate(runs):
            width = left * (end - start) / running if running else left / len(runs)
            spans.append((start, end, at, at + width))
            at += width + (shown[number] if number < len(shown) else 0.0)
        return cls(tuple(spans))

    @property
    def pauses(self) -> list[tuple[float, float]]:
        """From where to where nothing is known."""
        return [(before[3], after[2]) for before, after in pairwise(self.spans)]

    def at(self, time_ns: int) -> float:
        """Where a time stands; one outside of all runs stands at the edge of the nearest run before it."""
        number = max(bisect_right([span[0] for span in self.spans], time_ns) - 1, 0)
        start, end, left, right = self.spans[number]
        if end == start:
            return (left + right) / 2
        return left + (right - left) * min(max((time_ns - start) / (end - start), 0.0), 1.0)

    def ticks(self, timezone: str, most: int = 8) -> list[Tick]:
        """Round local times, far enough apart to be written beside each other."""
        if not self.spans:
            return []
        running = sum(end - start for start, end, _, _ in self.spans) / NS
        step = next((each for each in _TIME_STEPS if running / each <= most), _TIME_STEPS[-1])
        ticks: list[Tick] = []
        date = ""
        for time_ns in self._round_times(step, timezone):
            at = self.at(time_ns)
            if ticks and at - ticks[-1].at < _APART:
                continue
            shown = local(time_ns, timezone)
            day = f"{shown:%Y-%m-%d}"
            ticks.append(Tick(at, f"{shown:%H:%M:%S}" if step < 60 else f"{shown:%H:%M}", day if day != date else ""))
            date = day
        return ticks

    def _round_times(self, step: int, timezone: str) -> Iterator[int]:
        """Of every run: the local times that are whole multiples of ``step``, or its begin if it has none."""
        for start, end, _, _ in self.spans:
            found = list(_multiples(start, end, step, timezone))
            yield from found or [start]


@dataclass(frozen=True, slots=True)
class Scale:
    """Amounts from ``low`` (0) to ``high`` (1), with round ones at ``ticks`` written to ``digits`` places."""

    low: float
    high: float
    ticks: tuple[float, ...]
    digits: int

    @classmethod
    def of(cls, values: Sequence[float], most: int = 5, *, zero: bool = False) -> Scale:
        """A scale that holds all ``values`` (with ``zero`` that too) and a little room around them."""
        held = [*values, *([0.0] if zero or not values else [])]
        low, high = min(held), max(held)
        room = (high - low) * 0.06 or max(abs(high) * 0.0005, 0.005)
        low, high = low - room, high + room
        step = _step((high - low) / most)
        first, last = ceil(low / step), floor(high / step)
        digits = max(0, -floor(log10(step) + 1e-9))
        if round(step, digits) != step:
            digits += 1
        return cls(low, high, tuple(number * step for number in range(first, last + 1)), digits)

    @classmethod
    def counting(cls, last: int, most: int = 6) -> Scale:
        """A scale of whole numbers from 0 to ``last``."""
        step = max(ceil(_step(last / most)), 1) if last else 1
        return cls(0.0, float(max(last, 1)), tuple(float(number) for number in range(0, last + 1, step)), 0)

    def at(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    def text(self, tick: float) -> str:
        """``-1,234.5`` with a real minus sign."""
        shown = round(tick, self.digits) + 0.0
        return f"{shown:,.{self.digits}f}".replace("-", "−")


def _step(wanted: float) -> float:
    """The smallest round step that is at least ``wanted``."""
    magnitude = 10.0 ** floor(log10(wanted))
    return next(step * magnitude for step in _STEPS if step * magnitude >= wanted * (1 - 1e-9))


def _shown_gaps(gaps: Sequence[int], whole: int) -> list[float]:
    """The width of each pause, as long as it was but no wider than it needs to be seen; all of them half at most."""
    widest = min(_PAUSE_SHARE, 0.5 / len(gaps)) if gaps else 0.0
    return [min(gap / whole, widest) for gap in gaps]


def _multiples(start_ns: int, end_ns: int, step: int, timezone: str) -> Iterator[int]:
    """Times whose local seconds since 1970 are whole multiples of ``step``, summer time or not."""
    ahead = offset_seconds(start_ns, timezone)
    wall = -(-(start_ns // NS + ahead) // step) * step
    while True:
        ahead = offset_seconds((wall - ahead) * NS, timezone)
        time_ns = (wall - ahead) * NS
        if time_ns > end_ns:
            return
        if time_ns >= start_ns:
            yield time_ns
        wall += step
