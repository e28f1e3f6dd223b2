"""Times as people read them."""

from datetime import UTC, datetime

import pytest

from perpbot.records.times import NS, moment, offset_seconds


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS + 123_456_789


@pytest.mark.parametrize(
    ("utc", "timezone", "shown"),
    [
        ("2024-08-08T23:59:59", "UTC", "2024-08-08 23:59:59.123"),
        ("2024-08-08T23:59:59", "Asia/Shanghai", "2024-08-09 07:59:59.123"),
        ("2024-07-01T12:00:00", "Europe/Berlin", "2024-07-01 14:00:00.123"),
        ("2024-12-01T12:00:00", "Europe/Berlin", "2024-12-01 13:00:00.123"),
        ("2024-03-10T07:30:00", "America/New_York", "2024-03-10 03:30:00.123"),
    ],
)
def test_a_time_is_shown_as_the_clocks_of_the_zone_show_it(utc: str, timezone: str, shown: str) -> None:
    """Summer time included."""
    assert moment(at(utc), timezone) == shown


def test_a_time_that_the_clocks_show_twice_says_which_one_it_is() -> None:
    """When summer time ends an hour comes twice; only then the zone's abbreviation follows."""
    assert moment(at("2024-11-03T05:30:00"), "America/New_York") == "2024-11-03 01:30:00.123 EDT"
    assert moment(at("2024-11-03T06:30:00"), "America/New_York") == "2024-11-03 01:30:00.123 EST"
    assert moment(at("2024-11-03T07:30:00"), "America/New_York") == "2024-11-03 02:30:00.123"


def test_a_time_before_1970_is_no_error() -> None:
    """Milliseconds count upwards there too."""
    assert moment(-1, "UTC") == "1969-12-31 23:59:59.999"


def test_the_offset_is_that_of_the_moment() -> None:
    """Seconds ahead of UTC."""
    assert offset_seconds(at("2024-07-01T12:00:00"), "Europe/Berlin") == 7200
    assert offset_seconds(at("2024-12-01T12:00:00"), "Europe/Berlin") == 3600
