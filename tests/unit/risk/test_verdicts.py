"""The log of verdicts: folded, counted, with the nearest miss."""

from decimal import Decimal

from perpbot.core.verdicts import Level, Verdict, approve, refuse
from perpbot.risk.verdicts import VerdictLog
from tests.unit.risk.fakes import BTC, ETH


def edge(measured: str) -> Verdict:
    return refuse(Level.SCANNER, "net_profit_pct", "edge_below_minimum", Decimal(measured), Decimal("0.0005"))


def test_the_nearest_miss_is_kept_with_its_figures() -> None:
    """Of all refusals for one reason, the one closest to its limit; NaN and verdicts without figures are none."""
    log = VerdictLog()
    for measured in ("-0.003", "0.0004", "NaN", "0.0001"):
        log.record(BTC, "paradex", "extended", edge(measured), 1)
    log.record(BTC, "paradex", "extended", refuse(Level.SCANNER, "basis", "basis_warming"), 2)
    first, second = log.funnel(BTC)
    assert (first.reason, first.count) == ("edge_below_minimum", 4)
    assert first.nearest == edge("0.0004")
    assert first.last == edge("0.0001")
    assert (second.reason, second.count, second.nearest) == ("basis_warming", 1, None)


def test_counts_are_by_reason_over_all_symbols() -> None:
    """Their sum is the number of candidates, whatever the ring has forgotten."""
    log = VerdictLog(size=2)
    for number in range(10):
        log.record((BTC, ETH)[number % 2], "paradex", "extended", edge("0"), number)
    log.record(BTC, "paradex", "extended", approve(Level.EXECUTION, "execution"), 11)
    assert log.counts() == {"approved": 1, "edge_below_minimum": 10}
    assert [(item.symbol, item.count) for item in log.funnel()] == [(BTC, 5), (ETH, 5), (BTC, 1)]
    assert len(list(log.recent())) == 2


def test_equal_verdicts_in_a_row_are_folded() -> None:
    """Another reason, symbol or direction begins a new line; newest first, with the newest figures."""
    log = VerdictLog()
    for number, measured in enumerate(("0", "0.0001", "0.0002")):
        log.record(BTC, "paradex", "extended", edge(measured), number)
    log.record(BTC, "extended", "paradex", edge("0.0003"), 3)
    log.record(ETH, "extended", "paradex", edge("0.0003"), 4)
    assert [(item.symbol, item.buy_exchange, item.count, item.at_ns) for item in log.recent()] == [
        (ETH, "extended", 1, 4),
        (BTC, "extended", 1, 3),
        (BTC, "paradex", 3, 2),
    ]
    assert [item.verdict for item in log.recent(BTC)] == [edge("0.0003"), edge("0.0002")]
