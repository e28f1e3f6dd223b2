"""What charts are drawn from: equity and drawdown over time, and expected against realised pair by pair.

Equity is marked about once a second, so a curve is thinned for drawing: of each short stretch of running time its first
and last mark stay, its lowest, its highest and the one deepest below the peak. No extreme is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from perpbot.core.money import ZERO, realised
from perpbot.core.pairs import PairState
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.records.queries import EquityMark
from perpbot.records.rows import Row

STRETCHES = 400
"""Into about so many a curve is cut; as many as a chart has room for."""
STOPPED_NS = 150_000_000_000
"""Marks further apart than this belong to different runs: the slowest loop marks once a minute."""


class Point(NamedTuple):
    """All exchanges together at one moment, in USD; what was deposited and withdrawn since the start is left out."""

    time_ns: int
    equity: Decimal
    drawdown: Decimal
    """How far below the highest equity before; 0 at a peak."""
    drawdown_pct: Decimal
    """The same as a fraction of that peak."""


@dataclass(frozen=True, slots=True)
class EquityCurve:
    """``runs`` are the points between which the bot ran; nothing is known of the time between two of them."""

    runs: tuple[tuple[Point, ...], ...] = ()
    deepest: Point | None = None
    max_drawdown: Decimal = ZERO
    max_drawdown_pct: Decimal = ZERO
    unrealized: Decimal = ZERO
    """What was open at the last mark of every exchange."""

    @property
    def points(self) -> list[Point]:
        return [point for run in self.runs for point in run]


class Outcome(NamedTuple):
    """One closed pair: what its decision counted on and what it brought after all costs, in USD."""

    pair_id: str
    symbol: str
    closed_ns: int
    expected: Decimal
    realised: Decimal


class Sums(NamedTuple):
    """Both sums after the first ``pairs`` closed ones."""

    pairs: int
    expected: Decimal
    realised: Decimal


def read_curve(database: Database, stretches: int = STRETCHES) -> EquityCurve:
    """The equity curve of a database, read once from beginning to end."""
    making = _Making(max(queries.equity_moments(database) // stretches, 1))
    unrealized: dict[str, Decimal] = {}
    for time_ns, total in _moments(queries.equity_marks(database), queries.transfers(database), unrealized):
        making.add(time_ns, total)
    return making.curve(sum(unrealized.values(), ZERO))


def outcomes(pairs: Iterable[Row]) -> list[Outcome]:
    """Closed pairs in the order in which they closed."""
    found = [
        Outcome(pair["pair_id"], pair["symbol"], pair["closed_ns"] or 0, pair["expected_pnl"], pair["total"])
        for pair in pairs
        if pair["state"] == PairState.CLOSED
    ]
    return sorted(found, key=lambda outcome: (outcome.closed_ns, outcome.pair_id))


def sums(found: Sequence[Outcome], most: int = 2 * STRETCHES) -> list[Sums]:
    """How expected and realised added up, from nothing; about ``most`` of them, the lowest and highest always."""
    expected = actual = ZERO
    made = [Sums(0, ZERO, ZERO)]
    for number, outcome in enumerate(found, 1):
        expected += outcome.expected
        actual += outcome.realised
        made.append(Sums(number, expected, actual))
    step = -(-len(made) // most)
    kept = {len(made) - 1, *range(0, len(made), step)} if made else set()
    for column in (1, 2):
        order = sorted(range(len(made)), key=lambda number: made[number][column])
        kept.update((order[0], order[-1]))
    return [made[number] for number in sorted(kept)]


def _moments(
    marks: Iterable[EquityMark], transfers: Iterable[Row], unrealized: dict[str, Decimal]
) -> Iterator[tuple[int, Decimal]]:
    """Total equity whenever all exchanges of a moment were marked; ``unrealized`` keeps what each had open last."""
    waiting = iter([*transfers, None])
    transfer, paid_in = next(waiting), ZERO
    current: dict[str, Decimal] = {}
    moment: int | None = None
    for mark in marks:
        if moment is not None and mark.time_ns != moment:
            yield moment, sum(current.values(), ZERO) - paid_in
        while transfer is not None and transfer["time_ns"] <= mark.time_ns:
            paid_in += transfer["amount"]
            transfer = next(waiting)
        moment = mark.time_ns
        current[mark.exchange] = mark.equity
        unrealized[mark.exchange] = mark.unrealized
    if moment is not None:
        yield moment, sum(current.values(), ZERO) - paid_in


@dataclass(slots=True)
class _Making:
    """A curve while it is read. One stretch of ``length`` points is thinned as soon as the next one begins."""

    length: int
    peak: Decimal | None = None
    deepest: Point | None = None
    worst_pct: Decimal = ZERO
    runs: list[list[Point]] = field(default_factory=list)
    stretch: list[Point] = field(default_factory=list)

    def add(self, time_ns: int, equity: Decimal) -> None:
        point = self._point(time_ns, equity)
        stopped = bool(self.stretch) and time_ns - self.stretch[-1].time_ns > STOPPED_NS
        if stopped or len(self.stretch) >= self.length:
            self._close()
        if stopped:
            self.runs.append([])
        self.stretch.append(point)

    def curve(self, unrealized: Decimal) -> EquityCurve:
        self._close()
        deepest = self.deepest
        worst = deepest.drawdown if deepest else ZERO
        runs = tuple(tuple(run) for run in self.runs if run)
        return EquityCurve(runs, deepest, worst, realised(self.worst_pct), unrealized)

    def _point(self, time_ns: int, equity: Decimal) -> Point:
        self.peak = equity if self.peak is None else max(self.peak, equity)
        fall = self.peak - equity
        point = Point(time_ns, equity, fall, fall / self.peak if self.peak > 0 else ZERO)
        if self.deepest is None or fall > self.deepest.drawdown:
            self.deepest = point
        self.worst_pct = max(self.worst_pct, point.drawdown_pct)
        return point

    def _close(self) -> None:
        if not self.stretch:
            return
        if not self.runs:
            self.runs.append([])
        self.runs[-1].extend(_thinned(self.stretch))
        self.stretch = []


def _thinned(points: list[Point]) -> list[Point]:
    numbers = range(len(points))
    kept = {
        0,
        len(points) - 1,
        min(numbers, key=lambda number: points[number].equity),
        max(numbers, key=lambda number: points[number].equity),
        max(numbers, key=lambda number: points[number].drawdown),
    }
    return [points[number] for number in sorted(kept)]
