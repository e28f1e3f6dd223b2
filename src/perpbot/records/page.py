"""A report as one HTML page that needs nothing else: style and charts are in it, in light and dark, without a script.

Everything that comes from data is escaped: a name that an exchange or an extension made up stays text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from html import escape
from importlib.resources import files
from typing import Any

from perpbot import __version__
from perpbot.core.money import ZERO
from perpbot.core.pairs import PairState
from perpbot.records.report_facts import ReportFacts
from perpbot.records.report_words import exit_words
from perpbot.records.rows import Row
from perpbot.records.svg import drawdown_chart, equity_chart, outcome_chart, sums_chart

BEGIN = "<!doctype html>\n<!-- perpbot report -->\n"
"""How every page begins: what begins so may be replaced by a newer one."""
MOST_PAIRS = 500
_COUNTS = ("attempted", "missed", "failed", "opened", "closed", "open", "quarantined", "repaired")
_ALWAYS = ("attempted", "opened", "closed")
_NONE = "–"
Cell = tuple[str, str]
"""A cell's text, escaped, and its class."""


def page(facts: ReportFacts) -> str:
    """The whole page."""
    language = "zh-CN" if facts.language == "zh" else "en"
    title = escape(f"PerpBot {facts.mode}: {facts.words['report']}")
    style = files("perpbot.records").joinpath("page.css").read_text(encoding="utf-8")
    body = "".join(
        (
            _head(facts),
            _alarm(facts),
            _cards(facts),
            _charts(facts),
            _by_symbol(facts),
            _by_exit(facts),
            _by_exchange(facts),
            _pairs(facts),
            _assumed(facts),
        )
    )
    return (
        f'{BEGIN}<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>\n{style}</style></head>\n<body><main>{body}"
        f"<footer>PerpBot {escape(__version__)}</footer></main></body></html>\n"
    )


# -- above the charts --------------------------------------------------------------------------------------------------


def _head(facts: ReportFacts) -> str:
    said, mode = facts.words, facts.mode
    dataset = facts.result.get("dataset")
    rows = [
        (said["database"], f"{facts.path} ({mode}{f', {dataset}' if dataset else ''})"),
        (f"{said['from']} – {said['to']}", facts.period or _NONE),
        (said["times_in"], facts.timezone),
        (said["made"], facts.moment(facts.made_ns)),
        (said["runs"], f"{facts.starts:,}"),
    ]
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    badge = "mode live" if mode == "live" else "mode"
    return (
        f"<h1>PerpBot · {escape(said['report'])}</h1>"
        f'<div class="{badge}">{escape(said.get(mode, mode))}</div><dl class="head">{listed}</dl>'
    )


def _alarm(facts: ReportFacts) -> str:
    """Quarantined pairs are named before any figure."""
    names = facts.figures["quarantined"]
    if not names:
        return ""
    text = escape(facts.words["quarantine"].format(count=f"{len(names):,}"))
    return f'<div class="alarm" role="alert">{text} <code>{escape(", ".join(names))}</code></div>'


def _cards(facts: ReportFacts) -> str:
    figures, said = facts.figures, facts.words
    drawdown, slippage, pnl = figures["max_drawdown"], figures["slippage_bps"], figures["pnl"]
    volume = sum((each["volume"] for each in figures["by_exchange"].values()), ZERO)
    won = said["of_closed"].format(won=figures["won"], closed=figures["pairs"]["closed"])
    paid = "USD"
    if volume:
        paid = said["of_volume"].format(bps=f"{pnl['fees'] / volume * 10_000:.2f}", volume=f"{volume:,.0f}")
    slipped = "" if slippage["p90"] is None else said["worse_positive"].format(p90=_plain(slippage["p90"]))
    counts = ", ".join(f"{figures['pairs'][name]:,} {said[name]}" for name in _told_counts([figures["pairs"]]))
    cards = (
        (said["pnl"], _signed(pnl["total"]), said["after_costs"], _side(pnl["total"])),
        (said["realised_closed"], _signed(figures["closed_pnl"]), _came_true(facts), _side(figures["closed_pnl"])),
        (said["unrealised"], _signed(figures["unrealized"]), "USD", _side(figures["unrealized"])),
        (said["drawdown_largest"], f"{drawdown['usd']:,.2f}", said["of_peak"].format(pct=_pct(drawdown["pct"], 4)), ""),
        (said["win_rate"], _pct(figures["win_rate"]), won, ""),
        (said["pairs"], f"{figures['pairs']['attempted']:,}", counts, ""),
        (said["slippage"], _bps(slippage["mean"]), slipped, ""),
        (said["fees"], f"{pnl['fees']:,.2f}", paid, ""),
        (said["pnl_price"], _signed(pnl["price"]), "USD", _side(pnl["price"])),
        (said["pnl_funding"], _signed(pnl["funding"]), f"{said['gas']} {pnl['gas']:,.2f}", _side(pnl["funding"])),
        (said["best"], *_extreme(figures["best"])),
        (said["worst"], *_extreme(figures["worst"])),
    )
    shown = "".join(
        f'<div><span>{escape(name)}</span><b class="{side}">{escape(value)}</b><small>{escape(note)}</small></div>'
        for name, value, note, side in cards
    )
    return f'<section class="cards">{shown}</section><p class="note">{escape(said["amounts"])}</p>'


def _came_true(facts: ReportFacts) -> str:
    """What was expected, and how much of it came true."""
    said, share = facts.words, facts.figures["realised_share"]
    text = f"{said['expected']} {_signed(facts.figures['expected_pnl'])}"
    return text if share is None else f"{text} ({_pct(share, 0)})"


def _extreme(found: Row | None) -> tuple[str, str, str]:
    if found is None:
        return _NONE, "", ""
    return _signed(found["total"]), f"{found['pair_id']} {found['symbol']}", _side(found["total"])


# -- charts ------------------------------------------------------------------------------------------------------------


def _charts(facts: ReportFacts) -> str:
    said, times = facts.words, facts.times
    gained, lost = _key("dot gain", said["gained"]), _key("dot loss", said["lost"])
    expected, actual = _key("expected", said["expected"]), _key("realised", said["realised"])
    over_time = (
        ("equity", equity_chart(facts.curve, times, facts.timezone, said)),
        ("drawdown", drawdown_chart(facts.curve, times, facts.timezone, said)),
    )
    pauses = _key("pause", said["stopped"]) if times.pauses else ""
    beside = f" ({escape(facts.timezone)}){pauses}"
    whole = "".join(_figure(said, name, drawn, beside) for name, drawn in over_time)
    left = _figure(said, "against", outcome_chart(facts.outcomes, said), gained + lost)
    right = _figure(said, "sums", sums_chart(facts.sums, said), expected + actual)
    return f'{whole}<div class="two"><section>{left}</section><section>{right}</section></div>'


def _key(name: str, meaning: str) -> str:
    """What a colour or line means."""
    return f' <span class="meaning"><span class="key {name}"></span>{escape(meaning)}</span>'


def _figure(said: Mapping[str, str], name: str, drawn: str, key: str) -> str:
    note = escape(said[f"{name}_note"])
    return f'<h2>{escape(said[name])}</h2><p class="note">{note}{key}</p><figure>{drawn}</figure>'


# -- tables ------------------------------------------------------------------------------------------------------------


def _by_symbol(facts: ReportFacts) -> str:
    rows = facts.figures["by_symbol"]
    counts = _told_counts(rows.values())
    columns = (*counts, "win_rate", "expected_pnl", "closed_pnl", "fees", "total")
    return _grouped(facts, "by_symbol", "symbol", columns, rows, str)


def _by_exit(facts: ReportFacts) -> str:
    columns = ("closed", "win_rate", "expected_pnl", "closed_pnl", "fees")
    shown = facts.figures["by_exit"]
    return _grouped(facts, "by_exit", "exit", columns, shown, lambda code: exit_words(code, facts.language))


def _by_exchange(facts: ReportFacts) -> str:
    columns = ("fills", "volume", "price", "fees", "funding", "gas", "total", "slippage_bps", "equity")
    return _grouped(facts, "by_exchange", "exchange", columns, facts.figures["by_exchange"], str)


def _grouped(
    facts: ReportFacts,
    title: str,
    first: str,
    columns: Sequence[str],
    rows: Mapping[str, Row],
    name_of: Callable[[str], str],
) -> str:
    if not rows:
        return ""
    said = facts.words
    headings = [(escape(said[first]), "")]
    headings += [(escape(said["equity_now" if each == "equity" else each]), "n") for each in columns]
    body = [
        [(escape(name_of(name)), ""), *((_figure_cell(each, row[each])) for each in columns)]
        for name, row in rows.items()
    ]
    return f"<h2>{escape(said[title])}</h2>{_table(headings, body)}"


def _figure_cell(column: str, value: Any) -> Cell:
    if value is None:
        return _NONE, "n"
    if column == "win_rate":
        return _pct(value), "n"
    if isinstance(value, int):
        return f"{value:,}", "n"
    if column in ("volume", "equity", "slippage_bps"):
        return _plain(value), "n"
    if column in ("fees", "gas"):
        return f"{value:,.4f}", "n"
    return _signed(value, 4), f"n {_side(value)}".strip()


def _pairs(facts: ReportFacts) -> str:
    said = facts.words
    if not facts.pairs:
        return f'<h2>{escape(said["pair_list"])}</h2><p class="nothing">{escape(said["nothing"])}</p>'
    shown = facts.pairs[:MOST_PAIRS]
    left_out = said["newest_of"].format(shown=len(shown), all=len(facts.pairs)) if len(shown) < len(facts.pairs) else ""
    names = ("pair", "symbol", "buy_sell", "state", "opened_at", "held", "notional", "expected", "realised", "exit")
    numbers = frozenset({"held", "notional", "expected", "realised"})
    headings = [(escape(said[name]), "n" if name in numbers else "") for name in names]
    body = [_pair(facts, pair) for pair in shown]
    alarming = {number for number, pair in enumerate(shown) if pair["state"] == PairState.QUARANTINED}
    note = f'<p class="note">{escape(left_out)}</p>' if left_out else ""
    return f"<h2>{escape(said['pair_list'])}</h2>{note}{_table(headings, body, alarming)}"


def _pair(facts: ReportFacts, pair: Row) -> list[Cell]:
    opened, closed = pair["opened_ns"], pair["closed_ns"]
    held = f"{(closed - opened) / 1e9:,.1f}" if opened and closed else _NONE
    ending = exit_words(pair["exit_reason"], facts.language) if pair["exit_reason"] else pair["reason"] or _NONE
    return [
        (escape(pair["pair_id"]), "id"),
        (escape(pair["symbol"]), ""),
        (escape(f"{pair['buy_exchange']} → {pair['sell_exchange']}"), ""),
        (escape(pair["state"]), ""),
        (escape(facts.moment(opened)) if opened else _NONE, ""),
        (held, "n"),
        (f"{pair['notional']:,.2f}", "n"),
        (_signed(pair["expected_pnl"], 4), "n"),
        (_signed(pair["total"], 4), f"n {_side(pair['total'])}".strip()),
        (escape(ending), ""),
    ]


def _table(headings: Sequence[Cell], body: Iterable[Sequence[Cell]], alarming: Iterable[int] = ()) -> str:
    marked = set(alarming)
    head = "".join(_cell("th", cell) for cell in headings)
    begin = {True: '<tr class="alarming">', False: "<tr>"}
    rows = "".join(
        begin[number in marked] + "".join(_cell("td", cell) for cell in row) + "</tr>\n"
        for number, row in enumerate(body)
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(tag: str, cell: Cell) -> str:
    text, name = cell
    return f'<{tag} class="{name}">{text}</{tag}>' if name else f"<{tag}>{text}</{tag}>"


def _assumed(facts: ReportFacts) -> str:
    told = "".join(f"<li>{escape(each)}</li>" for each in facts.assumptions())
    return f"<h2>{escape(facts.words['assumed'])}</h2><ul>{told}</ul>"


# -- figures -----------------------------------------------------------------------------------------------------------


def _told_counts(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The counts that are not zero everywhere, and those that always stand."""
    listed = list(rows)
    return [name for name in _COUNTS if name in _ALWAYS or any(row[name] for row in listed)]


def _signed(amount: Decimal, digits: int = 2) -> str:
    """``+1.23``, ``−1.23`` with a real minus sign, ``0.00``."""
    shown = f"{amount:+,.{digits}f}"
    return f"{ZERO:,.{digits}f}" if not float(shown.replace(",", "")) else shown.replace("-", "−")


def _plain(value: Decimal) -> str:
    """``1.23``, ``−1.23``, ``0.00``."""
    return _signed(value).removeprefix("+")


def _side(amount: Decimal) -> str:
    """The colour of an amount that is not nothing."""
    return "gain" if amount > 0 else "loss" if amount < 0 else ""


def _pct(share: Decimal | float | None, digits: int = 1) -> str:
    return _NONE if share is None else f"{float(share):.{digits}%}".replace("-", "−")


def _bps(value: Decimal | None) -> str:
    return _NONE if value is None else f"{_plain(value)} bps"
