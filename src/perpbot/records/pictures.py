"""The charts of a report as one PNG, drawn by matplotlib: the optional extra ``report``.

Only figures of our own are made: nothing of matplotlib's global state is touched, and no window is ever opened.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

from perpbot.core.errors import InputError
from perpbot.records.curves import Point
from perpbot.records.report_facts import ReportFacts
from perpbot.records.scales import Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BEGIN = b"\x89PNG\r\n\x1a\n"
"""How every PNG begins."""
_INK, _MUTED, _GRID, _ZERO, _PAUSE = "#1b1f24", "#5f6872", "#e8ebee", "#9aa3ad", "#eceef1"
_BLUE, _RED, _GREEN, _AMBER = "#1f5fbf", "#b3261e", "#14733b", "#9a6a00"
_READABLE = 0.02
"""A pause of so much of the width has room for its name."""
_CHINESE_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB"),
    *("Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Arial Unicode MS"),
)


def require() -> None:
    """Raise :class:`InputError` if matplotlib is missing: said before anything else is done."""
    if find_spec("matplotlib") is None:
        raise InputError("--png draws with matplotlib, which is not installed: pip install 'perpbot[report]'")


def png(facts: ReportFacts) -> bytes:
    """Equity, drawdown, and expected against realised. Raises :class:`InputError` without matplotlib."""
    figure = _figure()
    texts = _Texts(facts)
    mode = _RED if facts.mode == "live" else _AMBER
    grid = figure.add_gridspec(3, 2, height_ratios=(1.0, 0.75, 1.15), hspace=0.42, wspace=0.18)
    grid.update(left=0.085, right=0.97, top=0.865, bottom=0.06)
    figure.text(0.085, 0.965, f"PerpBot · {texts['report']}", fontsize=17, color=_INK, fontweight="bold", **texts.font)
    figure.text(0.085, 0.942, texts[facts.mode], fontsize=10.5, color=mode, **texts.font)
    figure.text(0.085, 0.924, texts.where, fontsize=9, color=_MUTED, **texts.font)
    _equity(figure.add_subplot(grid[0, :]), facts, texts)
    _drawdown(figure.add_subplot(grid[1, :]), facts, texts)
    _outcomes(figure.add_subplot(grid[2, 0]), facts, texts)
    _sums(figure.add_subplot(grid[2, 1]), facts, texts)
    written = BytesIO()
    figure.savefig(written, format="png", dpi=130, facecolor="white")
    return written.getvalue()


def _figure() -> Figure:
    require()
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - optional, and slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    made = Figure(figsize=(11, 12.5))
    FigureCanvasAgg(made)
    return made


class _Texts:
    """The words of the picture: Chinese where a font for it is installed, otherwise English."""

    def __init__(self, facts: ReportFacts) -> None:
        from matplotlib import font_manager  # noqa: PLC0415 - as above

        from perpbot.records.report_words import words  # noqa: PLC0415

        installed = {font.name for font in font_manager.fontManager.ttflist}
        chinese = [name for name in _CHINESE_FONTS if name in installed]
        in_chinese = facts.language == "zh" and bool(chinese)
        self._words = words("zh" if in_chinese else "en")
        self.font: dict[str, Any] = {"fontfamily": [*chinese[:1], "DejaVu Sans"]} if in_chinese else {}
        self.where = f"{facts.path.name} · {facts.period or self['no_equity']} · {facts.timezone}"

    def __getitem__(self, key: str) -> str:
        return self._words.get(key, key)


def _equity(axes: Axes, facts: ReportFacts, texts: _Texts) -> None:
    _title(axes, texts, "equity")
    if not facts.curve.points:
        _nothing(axes, texts, "no_equity")
        return
    _time_axis(axes, facts, texts)
    _value_axis(axes, Scale.of([float(point.equity) for point in facts.curve.points]))
    _over_time(axes, facts, lambda point: float(point.equity), _BLUE)


def _drawdown(axes: Axes, facts: ReportFacts, texts: _Texts) -> None:
    _title(axes, texts, "drawdown")
    if not facts.curve.points:
        _nothing(axes, texts, "no_equity")
        return
    _time_axis(axes, facts, texts)
    _value_axis(axes, Scale.of([-float(point.drawdown) for point in facts.curve.points], zero=True))
    _over_time(axes, facts, lambda point: -float(point.drawdown), _RED, fill=True)
    deepest = facts.curve.deepest
    if deepest is not None and deepest.drawdown:
        at = facts.times.at(deepest.time_ns)
        axes.plot([at], [-float(deepest.drawdown)], "o", color=_RED, markersize=5)
        axes.annotate(
            f"−{deepest.drawdown:,.2f} USD ({float(deepest.drawdown_pct):.4%})",
            (at, -float(deepest.drawdown)),
            xytext=(-8 if at > 0.6 else 8, 3),
            textcoords="offset points",
            ha="right" if at > 0.6 else "left",
            fontsize=9,
            color=_INK,
        )


def _outcomes(axes: Axes, facts: ReportFacts, texts: _Texts) -> None:
    _title(axes, texts, "against")
    if not facts.outcomes:
        _nothing(axes, texts, "no_closed")
        return
    expected = [float(outcome.expected) for outcome in facts.outcomes]
    actual = [float(outcome.realised) for outcome in facts.outcomes]
    across, up = Scale.of(expected, zero=True), Scale.of(actual, zero=True)
    _value_axis(axes, up)
    _number_axis(axes, across)
    low, high = max(across.low, up.low), min(across.high, up.high)
    axes.plot([low, high], [low, high], linestyle=(0, (4, 3)), color=_ZERO, linewidth=1.2)
    colours = [_GREEN if each > 0 else _RED for each in actual]
    axes.scatter(expected, actual, s=22, c=colours, alpha=0.7, linewidths=0)
    axes.set_xlabel(texts["expected"], fontsize=9, color=_MUTED, **texts.font)
    axes.set_ylabel(texts["realised"], fontsize=9, color=_MUTED, **texts.font)


def _sums(axes: Axes, facts: ReportFacts, texts: _Texts) -> None:
    _title(axes, texts, "sums")
    if len(facts.sums) < 2:
        _nothing(axes, texts, "no_closed")
        return
    numbers = [each.pairs for each in facts.sums]
    expected = [float(each.expected) for each in facts.sums]
    actual = [float(each.realised) for each in facts.sums]
    _value_axis(axes, Scale.of([*expected, *actual], zero=True))
    _number_axis(axes, Scale.counting(numbers[-1]))
    axes.plot(numbers, expected, color=_AMBER, linestyle=(0, (5, 3)), linewidth=1.6, label=texts["expected"])
    axes.plot(numbers, actual, color=_BLUE, linewidth=1.6, label=texts["realised"])
    axes.set_xlabel(texts["pair_number"], fontsize=9, color=_MUTED, **texts.font)
    legend = axes.legend(frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set(**texts.font)


def _over_time(
    axes: Axes, facts: ReportFacts, value: Callable[[Point], float], colour: str, *, fill: bool = False
) -> None:
    """One line a run, at each height until the next mark: none is drawn across a time in which the bot did not run."""
    times = facts.times
    for run in facts.curve.runs:
        places, values = [times.at(point.time_ns) for point in run], [value(point) for point in run]
        only = "o" if len(run) == 1 else None
        axes.plot(places, values, color=colour, linewidth=1.4, marker=only, markersize=4, drawstyle="steps-post")
        if fill:
            axes.fill_between(places, values, 0, color=colour, alpha=0.15, linewidth=0, step="post")


def _title(axes: Axes, texts: _Texts, name: str) -> None:
    axes.set_title(texts[name], loc="left", fontsize=12, color=_INK, fontweight="bold", pad=20, **texts.font)
    axes.text(0, 1.02, texts[f"{name}_note"], transform=axes.transAxes, fontsize=8.5, color=_MUTED, **texts.font)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=_MUTED)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _nothing(axes: Axes, texts: _Texts, why: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, texts[why], transform=axes.transAxes, ha="center", fontsize=10, color=_MUTED, **texts.font)


def _time_axis(axes: Axes, facts: ReportFacts, texts: _Texts) -> None:
    times = facts.times
    ticks = times.ticks(facts.timezone)
    axes.set_xlim(-0.005, 1.005)
    axes.set_xticks([tick.at for tick in ticks], [f"{tick.clock}\n{tick.date}" for tick in ticks])
    axes.grid(axis="x", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for left, right in times.pauses:
        axes.axvspan(left, right, color=_PAUSE, linewidth=0)
        if right - left < _READABLE:
            continue
        axes.text(
            (left + right) / 2, 0.97, texts["stopped"], transform=axes.get_xaxis_transform(),
            rotation=90, ha="center", va="top", fontsize=7.5, color=_MUTED, **texts.font,
        )  # fmt: skip


def _value_axis(axes: Axes, scale: Scale) -> None:
    axes.set_ylim(scale.low, scale.high)
    axes.set_yticks(list(scale.ticks), [scale.text(tick) for tick in scale.ticks])
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    if scale.low < 0 < scale.high:
        axes.axhline(0, color=_ZERO, linewidth=0.9)


def _number_axis(axes: Axes, scale: Scale) -> None:
    axes.set_xlim(scale.low, scale.high)
    axes.set_xticks(list(scale.ticks), [scale.text(tick) for tick in scale.ticks])
    axes.grid(axis="x", color=_GRID, linewidth=0.8)
    if scale.low < 0 < scale.high:
        axes.axvline(0, color=_ZERO, linewidth=0.9)
