"""Why it did not trade, as a table and as a sentence."""

from decimal import Decimal

import pytest

from perpbot.core.reasons import REASONS
from perpbot.core.verdicts import Level, refuse
from perpbot.records.queries import VerdictCount
from perpbot.risk.verdicts import VerdictLog
from perpbot.service.funnel import brief, funnel, recent_verdicts, sentence

BTC, ETH = "BTC-USD-PERP", "ETH-USD-PERP"


def count(reason: str, number: int, symbol: str = BTC, measured: str | None = None, limit: str = "1") -> VerdictCount:
    figures = (Decimal(measured), Decimal(limit), abs(Decimal(measured) - Decimal(limit))) if measured else ()
    return VerdictCount(symbol, "scanner", reason, f"rule of {reason}", number, 0, *figures)


def test_the_steps_stand_in_the_order_of_the_questions() -> None:
    """Whatever is most frequent; what was approved is last, and a reason of a newer version before it."""
    codes = ["approved", "slippage", "brand_new", "book_not_ready", "edge_below_minimum", "insufficient_capital"]
    steps = funnel(count(code, 1) for code in codes)
    assert [step.reason for step in steps] == [
        "book_not_ready",
        "edge_below_minimum",
        "insufficient_capital",
        "slippage",
        "brand_new",
        "approved",
    ]


def test_symbols_are_added_up_and_the_nearest_miss_is_kept() -> None:
    """Shares are of all candidates; the nearest miss is the one with the smallest distance, whoever's it is."""
    steps = funnel(
        [
            count("edge_below_minimum", 30, BTC, "0.4"),
            count("edge_below_minimum", 50, ETH, "0.9"),
            count("basis_warming", 20, ETH),
        ]
    )
    assert [(step.reason, step.count, step.share) for step in steps] == [
        ("basis_warming", 20, 0.2),
        ("edge_below_minimum", 80, 0.8),
    ]
    assert (steps[1].symbol, steps[1].measured, steps[1].distance) == (ETH, Decimal("0.9"), Decimal("0.1"))


def test_the_sentence_says_what_was_missing() -> None:
    """The most frequent reasons first, with the figures of the nearest miss."""
    steps = funnel(
        [count("edge_below_minimum", 20_000, measured="0.00012", limit="0.0005"), count("basis_warming", 3_100)]
    )
    assert sentence(BTC, steps, {"attempted": 0}) == (
        "BTC-USD-PERP: 23,100 candidates, no pair: the best edge was 0.00012 after costs, 0.0005 is needed (20,000); "
        "basis still warming up (3,100)"
    )
    assert sentence(BTC, steps, {"attempted": 0}, "zh").startswith("BTC-USD-PERP：23,100 个候选，未开仓：")


def test_the_sentence_of_a_symbol_that_traded_says_how_often() -> None:
    """With at most three reasons; the others are counted."""
    codes = ("symbol_busy", "cooldown", "slippage", "fast_market", "safe_mode", "approved")
    steps = funnel(count(code, 10 + number, measured="2") for number, code in enumerate(codes))
    told = sentence(BTC, steps, {"attempted": 15, "opened": 12})
    assert told.startswith("BTC-USD-PERP: 75 candidates, 15 tried as a pair, 12 opened: ")
    assert "safe mode forbids arbitrage, 2 against a limit of 1 (14)" in told
    assert told.endswith("; and 2 more")


def test_no_candidates_is_a_sentence_too() -> None:
    """It names the setting that decides what is a candidate."""
    assert "arbitrage.candidate_gap_bps" in sentence(BTC, [], {})


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_makes_a_sentence_in_both_languages(code: str) -> None:
    """With and without figures."""
    for measured in (None, "2"):
        steps = funnel([count(code, 1, measured=measured)])
        for language in ("en", "zh"):
            told = sentence(BTC, steps, {}, language)
            assert "{" not in told
            assert "\n" not in told


@pytest.mark.parametrize(
    ("value", "shown"), [("0.000123456", "0.0001235"), ("-0.00098211", "-0.0009821"), ("60", "60"), ("12345", "12345")]
)
def test_figures_are_brief(value: str, shown: str) -> None:
    """Four digits, whole numbers whole, no exponent."""
    assert brief(Decimal(value)) == shown


def test_recent_verdicts_are_the_newest_first() -> None:
    """Equal ones in a row are one; what is no number is left out."""
    log = VerdictLog()
    for number in range(3):
        log.record(BTC, "a", "b", refuse(Level.SCANNER, "basis", "basis_warming"), number)
    log.record(BTC, "a", "b", refuse(Level.SCANNER, "x", "price_sanity", Decimal("Infinity"), Decimal(1)), 9)
    newest, older = recent_verdicts(log)
    assert (newest["reason"], newest["measured"], newest["limit"]) == ("price_sanity", None, Decimal(1))
    assert (older["reason"], older["count"], older["time_ns"]) == ("basis_warming", 3, 2)
