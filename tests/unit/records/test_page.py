"""The report as a page and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from perpbot.records import page, pictures, queries, tables
from perpbot.records.database import Database
from perpbot.records.report_facts import ReportFacts, read_facts
from tests.unit.records.test_reports import FILL, PAIR, insert, mark

MADE = 1_723_161_600_000_000_000
"""2024-08-09 00:00:00 UTC"""
SECOND = 1_000_000_000
PAID = {"realized_usd": Decimal(0), "fee_usd": Decimal(0)}
VOID = frozenset({"meta", "line", "rect", "circle", "polyline", "polygon"})


class _Reader(HTMLParser):
    """Checks that tags nest, and keeps what would load something or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.create(tmp_path / "a.db", "demo")
    yield made
    made.close()


def facts(database: Database, timezone: str = "UTC", language: str = "en") -> ReportFacts:
    return read_facts(database, MADE, timezone, language)


def trade(database: Database, number: int, state: str = "CLOSED", brought: str = "1", **more: Any) -> None:
    opened = MADE - 3600 * SECOND + number * SECOND
    row = PAIR | {
        "pair_id": f"p{number}",
        "state": state,
        "expected_pnl": Decimal("0.5"),
        "planned_ns": opened,
        "opened_ns": opened,
        "closed_ns": opened + SECOND if state == "CLOSED" else None,
        "exit_reason": "gap_vanished" if state == "CLOSED" else None,
    }
    insert(database, tables.pairs, row | more)
    realized = {"realized_usd": Decimal(brought), "fee_usd": Decimal("0.1")}
    name = str((row | more)["pair_id"])
    insert(database, tables.fills, FILL | realized | {"trade_id": str(number), "pair_id": name})


def some(database: Database) -> None:
    for number, brought in enumerate(("1", "-2", "0.5")):
        trade(database, number, brought=brought)
    for second in range(60):
        mark(database, MADE - 3600 * SECOND + second * SECOND, a=str(100 + second % 7), b="50")


def test_a_page_needs_nothing_but_itself(database: Database) -> None:
    """No script, no address, no font or style from elsewhere; its tags nest."""
    some(database)
    reader = read(page.page(facts(database)))
    assert not {tag for tag, _, _ in reader.attributes} & {"script", "link", "img", "iframe", "object", "base"}
    assert not [each for each in reader.attributes if each[1] in ("src", "href", "action") or each[1].startswith("on")]
    text = page.page(facts(database))
    assert "@import" not in text
    assert "url(" not in text
    assert "://" not in text
    assert "prefers-color-scheme: dark" in text


def test_what_comes_from_data_stays_text(database: Database) -> None:
    """A name cannot become markup, neither in a table nor in the list of what is quarantined."""
    evil = '<script>alert("1")</script>&"\''
    trade(database, 1, "QUARANTINED", pair_id=evil, symbol=evil, buy_exchange=evil, reason=evil)
    trade(database, 2, pair_id="x", symbol=evil, exit_reason=evil)
    queries.save_document(database, "result", 1, {"dataset": evil, "assumed": [evil]})
    text = page.page(facts(database))
    assert "<script" not in text
    assert "".join(read(text).words).count(evil) >= 7


@pytest.mark.parametrize(
    ("mode", "said", "never"),
    [
        ("demo", "DEMO · a generated market, simulated orders, no real money", "LIVE"),
        ("paper", "PAPER · real prices, simulated orders, no real money", "LIVE"),
        ("replay", "REPLAY · a recorded market, simulated orders, no real money", "LIVE"),
        ("live", "LIVE · real orders, real money", "simulated"),
    ],
)
def test_a_page_cannot_be_mistaken_for_another_mode(tmp_path: Path, mode: str, said: str, never: str) -> None:
    """The mode stands above all figures; real money has its own colour."""
    database = Database.create(tmp_path / "b.db", mode)
    some(database)
    text = page.page(facts(database))
    database.close()
    assert said in text
    assert never not in text
    assert ('class="mode live"' in text) is (mode == "live")


def test_quarantined_pairs_are_named_before_any_figure(database: Database) -> None:
    """And stand first among the pairs."""
    some(database)
    trade(database, 3, "QUARANTINED", pair_id="stuck", planned_ns=1)
    text = page.page(facts(database))
    assert text.index("stuck") < text.index('class="cards"')
    assert facts(database).pairs[0]["pair_id"] == "stuck"
    assert "alarming" in text.split("</style>")[1]


def test_times_are_shown_in_the_reader_s_zone(database: Database) -> None:
    """The same moment: 7 in the morning in Shanghai, one in the morning in Berlin's summer."""
    some(database)
    shanghai, berlin = (page.page(facts(database, zone)) for zone in ("Asia/Shanghai", "Europe/Berlin"))
    assert "2024-08-09 07:00:00 – 2024-08-09 07:00:59" in shanghai
    assert "2024-08-09 01:00:00 – 2024-08-09 01:00:59" in berlin
    assert "Asia/Shanghai" in shanghai
    assert "2024-08-09 08:00:00" in shanghai


def test_a_page_speaks_chinese(database: Database) -> None:
    """Titles, notes and reasons."""
    some(database)
    text = page.page(facts(database, language="zh"))
    assert all(word in text for word in ('lang="zh-CN"', "交易报告", "最大回撤", "预期与实现", "价差消失", "演示"))


def test_an_empty_database_has_a_page(database: Database) -> None:
    """It says that there is nothing."""
    text = page.page(facts(database))
    read(text)
    assert text.count("no equity was marked yet") == 2
    assert text.count("no pair was closed yet") == 2
    assert "nothing was traded" in text


def test_a_single_mark_is_drawn_as_a_dot(database: Database) -> None:
    """A line needs two."""
    mark(database, MADE, a="100")
    text = page.page(facts(database))
    read(text)
    assert 'class="only equity"' in text
    assert "nan" not in text.lower().split("</style>")[1].replace("finance", "")


def test_equity_stands_still_between_two_marks(database: Database) -> None:
    """It is marked when it changes: no slope may lead over half a minute to a fall of one moment."""
    for second, equity in ((0, "100"), (30, "90"), (31, "90")):
        mark(database, MADE + second * SECOND, a=equity)
    for name in ("equity", "fall"):
        drawn = page.page(facts(database)).split(f'class="line {name}" points="')[1].split('"')[0]
        places = [tuple(map(float, place.split(","))) for place in drawn.split()]
        assert all(left[0] == right[0] or left[1] == right[1] for left, right in pairwise(places))
        assert places[0][1] != places[-1][1]


def test_a_slippage_of_next_to_nothing_has_no_sign(database: Database) -> None:
    """A minus before zero reads as a fault."""
    some(database)
    order: dict[str, Any] = {
        "client_order_id": "o",
        "exchange": "a",
        "symbol": "BTC-USD-PERP",
        "side": "SELL",
        "purpose": "entry",
    }
    order |= {"order_type": "LIMIT", "time_in_force": "IOC", "reduce_only": False, "status": "FILLED"}
    order |= {"size": Decimal(1), "filled_size": Decimal(1), "decision_price": Decimal(100)}
    insert(database, tables.orders, order | {"created_ns": 1, "updated_ns": 1})
    fill = FILL | PAID | {"trade_id": "o", "client_order_id": "o", "price": Decimal("100.00001")}
    insert(database, tables.fills, fill)
    told = page.page(facts(database))
    assert "90 % of orders at most 0.00 bps" in told
    assert "-0.00" not in told


def test_the_deepest_fall_in_percent_is_not_taken_for_that_in_usd(database: Database) -> None:
    """A small account's fall is the deepest in percent, a large one's in USD: each says what it is."""
    for second, equity in enumerate(("100", "90", "1000", "980")):
        mark(database, MADE + second * SECOND, a=equity)
    told = page.page(facts(database))
    assert "−20.00 USD (2.0000%)" in told
    assert "deepest in percent 10.0000% below the peak" in told


@pytest.mark.parametrize("language", ["en", "zh"])
def test_whatever_a_replay_assumed_is_a_sentence(database: Database, language: str) -> None:
    """No code word stands in the page."""
    queries.save_document(database, "result", 1, {"assumed": ["funding_rate", "usdt_usd"]})
    told = facts(database, language=language).assumptions()
    assert not {"funding_rate", "usdt_usd"} & set(told)


def test_no_line_is_drawn_across_a_stop(database: Database) -> None:
    """Two runs, two lines, and the time between is shaded."""
    for start in (MADE - 86_400 * 4 * SECOND, MADE):
        for second in range(5):
            mark(database, start + second * SECOND, a=str(100 + second))
    text = page.page(facts(database))
    assert text.count('class="line equity"') == 2
    assert text.count('class="pause"') == 2
    assert text.count("<title>stopped</title>") == 2


def test_thousands_of_pairs_make_no_huge_page(database: Database) -> None:
    """The newest are listed, it is said that there are more, and dots that lie on each other are one."""
    with database.writing() as connection:
        for number in range(5_000):
            row = {"pair_id": f"p{number}", "state": "CLOSED", "planned_ns": number, "opened_ns": number + 1}
            connection.execute(
                tables.pairs.insert(), PAIR | row | {"closed_ns": 9, "expected_pnl": Decimal(number % 5)}
            )
    text = page.page(facts(database))
    assert "the newest 500 of 5,000" in text
    assert text.count('<td class="id">') == page.MOST_PAIRS
    assert text.count('class="dot') <= 10
    assert len(text) < 300_000


def test_the_picture_is_a_png_of_its_own(database: Database) -> None:
    """Drawn without touching anything global."""
    pyplot = "matplotlib.pyplot"
    pytest.importorskip("matplotlib")
    some(database)
    import sys

    before = pyplot in sys.modules
    drawn = pictures.png(facts(database))
    assert drawn.startswith(pictures.BEGIN)
    assert len(drawn) > 20_000
    assert (pyplot in sys.modules) is before


@pytest.mark.parametrize("marks", [0, 1])
def test_little_or_nothing_is_drawn_too(database: Database, marks: int) -> None:
    """An empty database, and one with a single mark."""
    pytest.importorskip("matplotlib")
    for _ in range(marks):
        mark(database, MADE, a="100")
    assert pictures.png(facts(database)).startswith(pictures.BEGIN)
