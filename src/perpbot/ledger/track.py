"""Equity over time: its peak, its drawdown and the loss of the day, none of which a transfer moves."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from perpbot.core.money import ONE, ZERO

_NS = 1_000_000_000
_NOTHING = Fraction(0)


class EquityTrack:
    """One equity's history.

    Kept as a fund's price per share: trading moves the ``index``, a transfer changes only how many USD a point of it is
    worth, so that drawdown and the day's loss are exactly (not nearly) what they were before it. The day's loss in USD
    is what was lost today, whatever was paid in or out.
    """

    def __init__(self, day_timezone: str = "UTC") -> None:
        self._zone: tzinfo = UTC if day_timezone == "UTC" else ZoneInfo(day_timezone)
        self._day_end_ns: int | None = None
        self._value = ZERO
        self._day_pnl = ZERO
        self._index = _NOTHING
        self._peak = _NOTHING
        self._day_start = _NOTHING
        self._points_per_usd = Fraction(1)

    @property
    def begun(self) -> bool:
        """Whether it was ever marked."""
        return self._day_end_ns is not None

    @property
    def value(self) -> Decimal:
        """Equity at the last mark or transfer, in USD."""
        return self._value

    @property
    def peak(self) -> Decimal:
        """The highest equity, in today's USD: as it would have been with all transfers made before it."""
        return _decimal(self._peak / self._points_per_usd)

    @property
    def drawdown_pct(self) -> Decimal:
        """How far equity is below its peak, as a fraction of the peak; over 1 when equity is negative."""
        if self._peak > 0:
            return _decimal(1 - self._index / self._peak)
        return ONE if self._index < 0 else ZERO

    @property
    def daily_pnl_usd(self) -> Decimal:
        """What today brought, in USD, transfers left out."""
        return self._day_pnl

    @property
    def daily_loss_usd(self) -> Decimal:
        """What was lost today, in USD; zero on a day in profit."""
        return max(-self._day_pnl, ZERO)

    @property
    def daily_loss_pct(self) -> Decimal:
        """What was lost today as a fraction of equity at the day's start; zero on a day in profit."""
        if self._day_start > 0:
            return max(_decimal(1 - self._index / self._day_start), ZERO)
        return ONE if self._day_pnl < 0 else ZERO

    def mark(self, value: Decimal, now_ns: int) -> None:
        """Equity is ``value`` USD now, by trading."""
        if self._day_end_ns is None:
            self._restart(value)
        if self._day_end_ns is None or now_ns >= self._day_end_ns:
            self._start_day(now_ns)
        moved = value - self._value
        self._value = value
        self._day_pnl += moved
        self._index += Fraction(moved) * self._points_per_usd
        self._peak = max(self._peak, self._index)

    def transfer(self, amount: Decimal) -> None:
        """``amount`` USD came in (or went out): equity and peak move alike, drawdown and daily loss not at all."""
        self._value += amount
        if self._peak <= 0 and self._index == 0:
            self._restart(self._value)
        elif self._value > 0 and self._index > 0:
            self._points_per_usd = self._index / Fraction(self._value)
        # else nothing is left to scale by: what a point is worth stays, until there is

    def reset_peak(self) -> None:
        """Take today's equity as the peak."""
        if self._index <= 0 < self._value:
            self._restart(self._value)
        self._peak = self._index

    def _restart(self, value: Decimal) -> None:
        self._value = value
        self._points_per_usd = Fraction(1)
        self._index = self._peak = self._day_start = Fraction(value)

    def _start_day(self, now_ns: int) -> None:
        """The day starts with the equity of the last mark before it."""
        today = datetime.fromtimestamp(now_ns // _NS, self._zone).date()
        midnight = datetime.combine(today + timedelta(days=1), time(), self._zone)
        self._day_end_ns = int(midnight.timestamp()) * _NS
        self._day_start = self._index
        self._day_pnl = ZERO


def _decimal(ratio: Fraction) -> Decimal:
    return Decimal(ratio.numerator) / Decimal(ratio.denominator)
