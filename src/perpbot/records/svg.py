"""The charts of a report as inline SVG: no script, no font of its own, colours by the style sheet of the page.

Classes: ``grid``, ``axis``, ``tick``, ``pause``, ``line`` and ``area`` with ``equity``, ``fall``, ``expected`` or
``realised``; ``dot`` with ``gain`` or ``loss``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from perpbot.records.curves import EquityCurve, Outcome, Sums
from perpbot.records.scales import Scale, TimeScale

_FULL, _HALF, _HEIGHT = 960, 470, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 14, 10, 40
_CELL = 3.0
"""Dots nearer than this, in pixels, are one: thousands of pairs stay a small picture."""
Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where the drawing stands within its picture, in pixels."""

    width: int

    def x(self, at: float) -> float:
        return _LEFT + at * (self.width - _LEFT - _RIGHT)

    def y(self, at: float) -> float:
        return _HEIGHT - _BOTTOM - at * (_HEIGHT - _TOP - _BOTTOM)


def equity_chart(curve: EquityCurve, times: TimeScale, timezone: str, words: Words) -> str:
    """Equity over time; a pause is shaded and no line crosses it."""
    if not curve.points:
        return _nothing(words["no_equity"])
    frame, scale = _Frame(_FULL), Scale.of([float(point.equity) for point in curve.points])
    parts = _time_axis(frame, times, timezone, words) + _value_axis(frame, scale)
    for run in curve.runs:
        places = _held((frame.x(times.at(point.time_ns)), frame.y(scale.at(float(point.equity)))) for point in run)
        parts.append(_line(places, "equity"))
    return _picture(frame, parts, words["equity"])


def drawdown_chart(curve: EquityCurve, times: TimeScale, timezone: str, words: Words) -> str:
    """How far equity stood below its peak, downwards; the deepest point is marked with its figure."""
    if not curve.points:
        return _nothing(words["no_equity"])
    frame = _Frame(_FULL)
    scale = Scale.of([-float(point.drawdown) for point in curve.points], zero=True)
    parts = _time_axis(frame, times, timezone, words) + _value_axis(frame, scale)
    for run in curve.runs:
        places = _held((frame.x(times.at(point.time_ns)), frame.y(scale.at(-float(point.drawdown)))) for point in run)
        parts += [_area(places, frame.y(scale.at(0.0)), "fall"), _line(places, "fall")]
    deepest = curve.deepest
    if deepest is not None and deepest.drawdown:
        at = times.at(deepest.time_ns)
        text = f"−{deepest.drawdown:,.2f} USD ({float(deepest.drawdown_pct):.4%})"
        parts.append(_mark(frame.x(at), frame.y(scale.at(-float(deepest.drawdown))), text, right=at > 0.6))
    return _picture(frame, parts, words["drawdown"])


def outcome_chart(found: Sequence[Outcome], words: Words) -> str:
    """Expected against realised, a dot a pair; on the dashed line they are equal."""
    if not found:
        return _nothing(words["no_closed"])
    frame = _Frame(_HALF)
    across = Scale.of([float(outcome.expected) for outcome in found], zero=True)
    up = Scale.of([float(outcome.realised) for outcome in found], zero=True)
    parts = _value_axis(frame, up) + _number_axis(frame, across, words["expected"])
    parts += _title_up(words["realised"])
    low, high = max(across.low, up.low), min(across.high, up.high)
    if low < high:
        ends = [(frame.x(across.at(each)), frame.y(up.at(each))) for each in (low, high)]
        parts.append(_line(ends, "equal"))
    parts += _dots(
        (frame.x(across.at(float(each.expected))), frame.y(up.at(float(each.realised))), each.realised > 0)
        for each in found
    )
    return _picture(frame, parts, words["against"])


def sums_chart(added: Sequence[Sums], words: Words) -> str:
    """Expected and realised, added up pair by pair."""
    if len(added) < 2:
        return _nothing(words["no_closed"])
    frame = _Frame(_HALF)
    across = Scale.counting(added[-1].pairs)
    up = Scale.of([float(amount) for each in added for amount in (each.expected, each.realised)], zero=True)
    parts = _value_axis(frame, up) + _number_axis(frame, across, words["pair_number"])
    for name, column in (("expected", 1), ("realised", 2)):
        places = [(frame.x(across.at(each.pairs)), frame.y(up.at(float(each[column])))) for each in added]
        parts.append(_line(places, name))
    return _picture(frame, parts, words["sums"])


def _picture(frame: _Frame, parts: Iterable[str], title: str) -> str:
    name = escape(title, quote=True)
    return f'<svg viewBox="0 0 {frame.width} {_HEIGHT}" role="img" aria-label="{name}">' + "".join(parts) + "</svg>"


def _nothing(text: str) -> str:
    return f'<p class="nothing">{escape(text)}</p>'


def _time_axis(frame: _Frame, times: TimeScale, timezone: str, words: Words) -> list[str]:
    parts = []
    for left, right in times.pauses:
        x, width = frame.x(left), frame.x(right) - frame.x(left)
        title = f"<title>{escape(words['stopped'])}</title>"
        parts.append(
            f'<rect class="pause" x="{x:.1f}" y="{_TOP}" width="{max(width, 1):.1f}" '
            f'height="{_HEIGHT - _TOP - _BOTTOM}">{title}</rect>'
        )
    for tick in times.ticks(timezone):
        x = frame.x(tick.at)
        parts.append(_grid(x, _TOP, x, _HEIGHT - _BOTTOM))
        anchor = "end" if tick.at > 0.96 else "middle"
        parts.append(_text(x, _HEIGHT - _BOTTOM + 16, tick.clock, anchor))
        if tick.date:
            parts.append(_text(x, _HEIGHT - _BOTTOM + 31, tick.date, anchor))
    return parts


def _value_axis(frame: _Frame, scale: Scale) -> list[str]:
    parts = []
    for tick in scale.ticks:
        y = frame.y(scale.at(tick))
        parts.append(_grid(_LEFT, y, frame.width - _RIGHT, y, zero=tick == 0))
        parts.append(_text(_LEFT - 8, y + 4, scale.text(tick), "end"))
    return parts


def _number_axis(frame: _Frame, scale: Scale, title: str) -> list[str]:
    parts = []
    for tick in scale.ticks:
        x = frame.x(scale.at(tick))
        parts.append(_grid(x, _TOP, x, _HEIGHT - _BOTTOM, zero=tick == 0))
        parts.append(_text(x, _HEIGHT - _BOTTOM + 16, scale.text(tick), "middle"))
    parts.append(_text(frame.x(0.5), _HEIGHT - _BOTTOM + 33, title, "middle"))
    return parts


def _title_up(title: str) -> list[str]:
    """The name of an upward axis, from bottom to top."""
    y = (_HEIGHT - _BOTTOM + _TOP) / 2
    turned = f'transform="rotate(-90 14 {y:.1f})"'
    return [f'<text class="tick" x="14" y="{y:.1f}" text-anchor="middle" {turned}>{escape(title)}</text>']


def _grid(x1: float, y1: float, x2: float, y2: float, *, zero: bool = False) -> str:
    name = "axis" if zero else "grid"
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, shown: str, anchor: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(shown)}</text>'


def _held(places: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Every height held until the next place: equity is marked when it changes, and stands still in between."""
    held: list[tuple[float, float]] = []
    for x, y in places:
        held += [(x, held[-1][1])] if held else []
        held.append((x, y))
    return held


def _line(places: Sequence[tuple[float, float]], name: str) -> str:
    """A line; a single place, which has none, becomes a dot."""
    if len(places) == 1:
        x, y = places[0]
        return f'<circle class="only {name}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline class="line {name}" points="{points}"/>'


def _area(places: Sequence[tuple[float, float]], base: float, name: str) -> str:
    """What lies between a line and ``base``."""
    inside = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    first, last = places[0][0], places[-1][0]
    return f'<polygon class="area {name}" points="{first:.1f},{base:.1f} {inside} {last:.1f},{base:.1f}"/>'


def _mark(x: float, y: float, shown: str, *, right: bool) -> str:
    anchor, away = ("end", -8) if right else ("start", 8)
    text = f'<text class="told" x="{x + away:.1f}" y="{y - 2:.1f}" text-anchor="{anchor}">{escape(shown)}</text>'
    return f'<circle class="only fall" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>{text}'


def _dots(places: Iterable[tuple[float, float, bool]]) -> list[str]:
    """One dot a place, larger where several pairs stand."""
    cells = Counter((round(x / _CELL), round(y / _CELL), gained) for x, y, gained in places)
    return [
        f'<circle class="dot {"gain" if gained else "loss"}" cx="{x * _CELL:.0f}" cy="{y * _CELL:.0f}" '
        f'r="{min(3.5 + 0.5 * (count - 1), 7):.1f}"/>'
        for (x, y, gained), count in cells.items()
    ]
