"""Scales of charts."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest

from perpbot.records.curves import EquityCurve, Point
from perpbot.records.scales import Scale, TimeScale

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def scale(*runs: tuple[int, int]) -> TimeScale:
    """A time scale of runs from … to …"""
    made = [tuple(Point(time_ns, Decimal(1), Decimal(0), Decimal(0)) for time_ns in sorted({*run})) for run in runs]
    return TimeScale.of(EquityCurve(tuple(made)))


def test_one_run_takes_the_whole_width() -> None:
    """In proportion."""
    times = scale((0, 100))
    assert [times.at(time_ns) for time_ns in (0, 25, 100)] == [0.0, 0.25, 1.0]
    assert times.pauses == []


def test_days_between_two_runs_take_little_room() -> None:
    """Each run keeps the width to be read in."""
    times = scale((0, HOUR), (200 * HOUR, 201 * HOUR))
    ((left, right),) = times.pauses
    assert right - left == pytest.approx(0.04)
    assert times.at(HOUR) == pytest.approx(0.48)
    assert times.at(200 * HOUR) == pytest.approx(0.52)
    assert times.at(201 * HOUR) == pytest.approx(1.0)


def test_a_hundred_starts_leave_room_for_the_runs() -> None:
    """All pauses together take half at most."""
    times = scale(*((number * 10 * HOUR, number * 10 * HOUR + HOUR) for number in range(100)))
    assert sum(right - left for left, right in times.pauses) <= 0.5 + 1e-9
    assert times.spans[-1][3] == pytest.approx(1.0)


def test_a_single_point_stands_in_the_middle() -> None:
    """There is no width to divide."""
    times = scale((at("2024-08-08T12:00:00"), at("2024-08-08T12:00:00")))
    assert times.at(at("2024-08-08T12:00:00")) == 0.5
    assert [(tick.at, tick.clock, tick.date) for tick in times.ticks("UTC")] == [(0.5, "12:00:00", "2024-08-08")]


def test_no_points_have_no_scale_and_no_ticks() -> None:
    """An empty database is drawn as such."""
    assert scale().ticks("UTC") == []


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Shanghai", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"])
def test_written_times_are_round_in_the_zone_of_the_reader(timezone: str) -> None:
    """Also where the zone is not whole hours from UTC, and across the start of summer time."""
    times = scale((at("2024-03-29T13:07:11"), at("2024-04-01T01:00:00")))
    ticks = times.ticks(timezone)
    assert 3 <= len(ticks) <= 8
    assert {tick.clock for tick in ticks} <= {"00:00", "12:00"}
    assert all(tick.date for tick in ticks if tick.clock == "00:00")


def test_when_the_clocks_go_forward_no_round_time_is_left_out() -> None:
    """Berlin, 31 March 2024: six o'clock comes five hours after midnight."""
    ticks = scale((at("2024-03-30T22:00:00"), at("2024-03-31T20:00:00"))).ticks("Europe/Berlin")
    assert [tick.clock for tick in ticks] == ["00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"]


def test_written_times_do_not_touch() -> None:
    """Many short runs would write over each other."""
    times = scale(*((number * 10 * HOUR, number * 10 * HOUR + HOUR) for number in range(50)))
    places = [tick.at for tick in times.ticks("UTC")]
    assert all(after - before >= 0.09 for before, after in pairwise(places))


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([20000.1, 20006.9], ["20,000", "20,002", "20,004", "20,006"]),
        ([-0.00001, 0.002], ["0.0000", "0.0005", "0.0010", "0.0015", "0.0020"]),
        ([-1e6, 3e6], ["−1,000,000", "0", "1,000,000", "2,000,000", "3,000,000"]),
        ([1.0, 2.0, 3.0], ["1.0", "1.5", "2.0", "2.5", "3.0"]),
    ],
)
def test_amounts_are_written_round_and_with_no_more_digits_than_they_need(
    values: list[float], written: list[str]
) -> None:
    """Thousands are separated, minus is a minus sign, and nothing is -0."""
    made = Scale.of(values)
    assert [made.text(tick) for tick in made.ticks] == written


@pytest.mark.parametrize("values", [[], [0.0], [5.0], [20_000.0, 20_000.0], [-3.0], [1e-9, 2e-9], [1e12]])
def test_values_that_do_not_differ_still_have_a_scale(values: list[float]) -> None:
    """All of them stand within the picture."""
    made = Scale.of(values)
    assert all(0 <= made.at(value) <= 1 for value in values)
    assert made.ticks


def test_counts_are_written_as_whole_numbers() -> None:
    """Of one pair as of thousands."""
    assert Scale.counting(1).ticks == (0.0, 1.0)
    assert Scale.counting(39).ticks == (0.0, 10.0, 20.0, 30.0)
    assert len(Scale.counting(12_345).ticks) <= 7
