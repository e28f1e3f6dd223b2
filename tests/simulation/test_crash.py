"""The bot dies at every record it writes, before it and after it, and the next one takes up what is open.

What the disk had not yet been told to keep survives, or does not. By default the times of the downtime take turns;
``PERPBOT_CRASHES=all`` takes each of them at each record.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from perpbot.core.commands import TradingState
from perpbot.core.events import EquityMarked, Event, OrderIntended, PairMoved, Recovered
from perpbot.core.pairs import PairState
from perpbot.records.chain import records
from perpbot.records.journal import FileJournal, read
from tests.crash.runs import Script, Tally, aftermath, crash_once
from tests.crash.scripts import funded, single, whole
from tests.crash.truth import assert_condensed_alike
from tests.crash.world import CrashWorld, Point
from tests.world import SECOND

DOWNTIMES = (0.0, 1.0, 5.0, 3_600.0, 9 * 3_600.0)
"""At once, an expiry later or not, after the market has moved, after funding was settled."""


@pytest.fixture(scope="module")
def lived() -> list[Event]:
    """The records of the run that nobody interrupts."""
    world = crash_once(whole, None, 0.0, Tally(), after=_nothing)
    return list(world.first_events)


async def _nothing(_: CrashWorld, __: Tally) -> None:
    pass


def _points(records_: int) -> Iterator[tuple[Point, float]]:
    """Every record, before and after, with and without the tail; each with one downtime or with all."""
    turn = 0
    for number in range(records_):
        for after in (False, True):
            for tail in (True, False):
                turn += 1
                every = DOWNTIMES if os.environ.get("PERPBOT_CRASHES") == "all" else (DOWNTIMES[turn % len(DOWNTIMES)],)
                for downtime in every:
                    yield Point(number, after, tail), downtime


def test_a_crash_at_any_record_loses_nothing_and_sends_nothing_twice(
    lived: list[Event], record_property: Callable[[str, object], None]
) -> None:
    """Every pair ends closed or over, capital and books agree with the exchanges to the digit, and nothing of this run
    has to be quarantined: all its outcomes can be known."""
    tally = Tally(records=len(lived))
    for point, downtime in _points(len(lived)):
        try:
            _ = crash_once(whole, point, downtime, tally)
        except AssertionError as error:
            raise AssertionError(f"{point}, down for {downtime:g} s: {error}") from error
    record_property("crashes", str(tally))
    print(tally)  # noqa: T201 - what this came to is worth reading
    assert not tally.quarantined
    for how in ("HEDGED → CLOSED", "CLOSING → CLOSED", "FAILED → FAILED", "MISSED → MISSED"):
        assert tally.ends[how] > 0


def _first(lived: list[Event], state: PairState, *, ever: bool = False) -> int:
    """The first record that says that a pair came to ``state``."""
    found = (n for n, each in enumerate(lived) if isinstance(each, PairMoved) and each.pair.state is state)
    return next(n for n in found if not ever or lived[n].pair.ever_hedged)  # type: ignore[union-attr]


NESTED = (PairState.SENT, PairState.BALANCING, PairState.UNWINDING, PairState.HEDGED, PairState.CLOSING)


@pytest.mark.parametrize("state", NESTED)
def test_a_crash_during_the_recovery_is_recovered_from_just_so(state: PairState, lived: list[Event]) -> None:
    """Whatever the first recovery had done, the second does the rest, and nothing again."""
    first = Point(_first(lived, state) + 1, after=True, tail=False)
    tally, after = Tally(), _first_recovered(first)
    for number in range(after + 1):
        for tail in (True, False):
            _ = crash_once(whole, first, 0.0, tally, nested=(Point(number, True, tail),))
            _ = crash_once(whole, first, 1.0, tally, nested=(Point(number, False, tail), Point(number, True, tail)))
    assert not tally.quarantined
    assert tally.crashes >= 4 * after


def _first_recovered(first: Point) -> int:
    """How many records the start after ``first`` writes until it has recovered."""
    world = crash_once(whole, first, 0.0, Tally())
    return next(n for n, each in enumerate(world.journal.events) if isinstance(each, Recovered))


def test_who_dies_at_every_start_does_not_trade_by_himself(lived: list[Event]) -> None:
    """After three starts that died before they had recovered the next one reduces, and says why."""

    async def after(world: CrashWorld, tally: Tally) -> None:
        assert world.status.state is TradingState.REDUCING
        assert "3 starts in a row died before they had recovered" in world.status.reason
        assert not (await world.execute()).success
        world.resume()
        await aftermath(world, tally)

    point = Point(_first(lived, PairState.HEDGED), after=True)
    _ = crash_once(whole, point, 1.0, Tally(), nested=(Point(1),) * 3, after=after)


def test_two_starts_that_died_are_no_habit(lived: list[Event]) -> None:
    """The next one trades."""
    point = Point(_first(lived, PairState.HEDGED), after=True)
    _ = crash_once(whole, point, 1.0, Tally(), nested=(Point(1),) * 2)


def test_a_torn_journal_file_is_recovered_from(lived: list[Event], tmp_path: Path) -> None:
    """A power cut during the last write: what the file holds before it is what the next bot goes on from."""
    place = next(n for n, each in enumerate(lived) if isinstance(each, OrderIntended) and each.request.reduce_only)

    def tear(world: CrashWorld) -> None:
        path, whole_bytes = tmp_path / "torn.journal", world.content
        path.write_bytes(whole_bytes[:-40])
        journal = FileJournal(path, world.clock)
        assert journal.torn_tail_bytes > 0
        journal.close()
        world.content = path.read_bytes()
        assert [each.seal for each in read(path)] == [each.seal for each in records(BytesIO(whole_bytes), "it")][:-1]

    _ = crash_once(whole, Point(place), 1.0, Tally(), meanwhile=tear)


def test_the_run_has_what_it_is_to_show(lived: list[Event]) -> None:
    """Clean, completed, unwound, missed, closed, funded: else the crashes would prove less than they say."""
    moved = [(each.before, each.pair.state) for each in lived if isinstance(each, PairMoved)]
    states = PairState
    assert (states.SENT, states.HEDGED) in moved
    assert (states.BALANCING, states.HEDGED) in moved
    assert (states.UNWINDING, states.FAILED) in moved
    assert (states.SENT, states.MISSED) in moved
    assert moved.count((states.CLOSING, states.CLOSED)) == 3
    kinds = {type(each).__name__ for each in lived}
    assert {"FundingPaid", "OrderFilled", "AccountOpened", "Recovered"} <= kinds
    assert any(isinstance(each, EquityMarked) for each in lived)
    assert any(isinstance(each, OrderIntended) and each.request.pair_id is None for each in lived)


@pytest.mark.parametrize("script", [whole, single, funded], ids=lambda script: script.__name__)
@pytest.mark.parametrize("young_seconds", [0, 60])
def test_a_condensed_journal_says_what_the_whole_one_said(script: Script, young_seconds: int) -> None:
    """A restart that reads it stands where it would have stood, to the digit."""

    async def after(world: CrashWorld, _: Tally) -> None:
        world.service.mark()
        left_out = assert_condensed_alike(world, young_seconds * SECOND)
        assert left_out > 0 or young_seconds

    _ = crash_once(script, None, 0.0, Tally(), after=after)
