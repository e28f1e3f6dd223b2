"""Times as people read them. Stored is nanoseconds since 1970, UTC; shown is the operator's own time zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NS = 1_000_000_000


def moment(time_ns: int, timezone: str) -> str:
    """``2024-08-08 02:00:00.123`` in ``timezone``.

    In the hour that a zone repeats when its summer time ends the zone's abbreviation follows: without it that time
    would stand for two.
    """
    shown = local(time_ns, timezone)
    text = f"{shown:%Y-%m-%d %H:%M:%S}.{time_ns % NS // 1_000_000:03d}"
    return f"{text} {shown:%Z}" if _repeated(shown) else text


def local(time_ns: int, timezone: str) -> datetime:
    """The second in which ``time_ns`` lies, as the clocks of ``timezone`` show it."""
    return datetime.fromtimestamp(time_ns // NS, _zone(timezone))


def offset_seconds(time_ns: int, timezone: str) -> int:
    """How far the clocks of ``timezone`` are ahead of UTC at that time."""
    ahead = local(time_ns, timezone).utcoffset() or timedelta()
    return round(ahead.total_seconds())


@lru_cache(maxsize=8)
def _zone(timezone: str) -> ZoneInfo:
    return ZoneInfo(timezone)


def _repeated(shown: datetime) -> bool:
    """Whether the clocks show this time twice: the other one is later by what the clocks are put back."""
    first, second = shown.replace(fold=0).utcoffset(), shown.replace(fold=1).utcoffset()
    return first is not None and second is not None and first > second
