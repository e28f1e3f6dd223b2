"""The scanner: which directions are candidates, and the one verdict each of them ends in."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from perpbot.arbitrage.settings import ArbitrageSettings
from perpbot.core.market_data import BookSnapshot
from perpbot.core.opportunities import ArbitrageOpportunity
from perpbot.core.verdicts import Verdict
from perpbot.market.market import Market
from tests.unit.arbitrage.desk import Desk, inverse, linear


def flat_desk(**options: object) -> Desk:
    """Two coin exchanges, warm at a close gap of 10 bps and no gap to trade."""
    desk = Desk(linear("alpha"), linear("beta"), **options)  # type: ignore[arg-type]
    desk.quote("alpha", 99_950.0, 100_000.0)
    desk.quote("beta", 99_950.0, 100_050.0)
    desk.warm()
    return desk


def gap_desk(**options: object) -> Desk:
    """The same with beta bidding 1 % above alpha's ask."""
    desk = flat_desk(**options)
    desk.quote("beta", 101_000.0, 101_050.0)
    return desk


def test_a_gap_that_pays_becomes_an_opportunity_with_every_cost_item() -> None:
    """net = open gap − median close gap − fees − funding − gas − haircut."""
    desk = gap_desk()
    [found] = desk.scan()
    assert found.verdict.approved
    opportunity = found.opportunity
    assert opportunity is not None
    assert (opportunity.buy_exchange, opportunity.sell_exchange) == ("alpha", "beta")
    costs = opportunity.costs
    assert costs.open_gap_pct == Decimal("0.01")
    assert float(costs.close_gap_pct) == pytest.approx(100_050 / 99_950 - 1)
    assert costs.fees_pct == Decimal("0.0020")
    assert costs.haircut_pct == Decimal("0.00005")
    assert opportunity.net_profit_pct == costs.net_pct
    assert opportunity.buy_contracts == opportunity.sell_contracts == Decimal("0.009")


def test_a_lasting_offset_is_basis_and_no_candidate() -> None:
    """An open gap that equals the direction's median close gap is no edge."""
    desk = Desk(linear("alpha"), linear("beta"))
    desk.quote("alpha", 100_000.0, 100_000.1)
    desk.quote("beta", 100_030.0, 100_030.1)
    desk.warm()
    assert desk.scan() == []


def test_before_the_warm_up_the_open_gap_alone_makes_a_candidate() -> None:
    """Without a median the lasting offset is seen, and refused as basis_warming with what is there of the warm-up."""
    desk = Desk(linear("alpha"), linear("beta"))
    desk.quote("alpha", 100_000.0, 100_000.1)
    desk.quote("beta", 100_030.0, 100_030.1)
    desk.warm(samples=239)
    [found] = desk.scan()
    assert found.verdict.reason == "basis_warming"
    assert (found.verdict.measured, found.verdict.limit) == (Decimal("59.75"), Decimal(60))


def test_a_book_without_snapshot_is_refused_first() -> None:
    """Its tops make candidates, but nothing is priced on it."""
    desk = gap_desk()
    desk.books["beta"].ready = False
    desk.occupied = "symbol_busy"
    assert [found.verdict.reason for found in desk.scan()] == ["book_not_ready"]


@pytest.mark.parametrize("reason", ["symbol_busy", "too_many_pairs", "miss_backoff"])
def test_an_occupied_symbol_is_refused_with_the_ports_reason(reason: str) -> None:
    """Occupancy is asked before anything is priced."""
    desk = gap_desk()
    desk.occupied = reason
    assert [found.verdict.reason for found in desk.scan()] == [reason]


def test_an_edge_below_the_minimum_is_refused_with_its_figures() -> None:
    """The measured value is the net profit at the smallest size."""
    desk = flat_desk()
    desk.quote("beta", 100_200.0, 100_250.0)
    [found] = desk.scan()
    assert found.verdict.reason == "edge_below_minimum"
    assert found.verdict.limit == Decimal("0.0005")
    expected = 0.002 - (100_050 / 99_950 - 1) - 0.002 - 0.00005
    assert found.verdict.measured is not None
    assert float(found.verdict.measured) == pytest.approx(expected, abs=1e-9)


def test_a_reference_exchange_makes_no_opportunity() -> None:
    """Opportunities exist between trading exchanges only."""
    desk = gap_desk(trading=["alpha"])
    assert desk.scan() == []


def test_thin_books_are_refused_below_the_minimum_size() -> None:
    """A quarter of the thinner side's depth within the slippage limit must hold the smallest order."""
    desk = gap_desk()
    desk.quote("beta", 101_000.0, 101_050.0, size=0.003)
    [found] = desk.scan()
    assert found.verdict.reason == "below_minimum_size"
    assert found.verdict.measured == Decimal("0.00075")
    assert found.verdict.limit == Decimal("0.001")


def test_grids_that_cannot_meet_are_refused_with_the_least_residual() -> None:
    """One 100 USD contract against steps of 0.001 coin at 61,800: the nearest pairs are too far apart."""
    desk = Desk(linear("alpha"), inverse("beta"), max_residual_pct="0.01")
    desk.quote("alpha", 61_780.0, 61_800.0, size=10.0)
    desk.quote("beta", 61_780.0, 61_820.0, size=2000.0)
    desk.warm()
    desk.quote("beta", 62_400.0, 62_440.0, size=15.0)
    [found] = desk.scan()
    assert found.verdict.reason == "residual_too_large"
    assert found.verdict.limit == Decimal("0.01")
    assert found.verdict.measured is not None
    assert found.verdict.measured > Decimal("0.01")


def test_an_inverse_contract_and_a_coin_are_paired_within_the_residual() -> None:
    """Ten contracts of 100 USD at 62,400 are 0.01603 coins: sixteen steps, and 1000 USD exactly fill the room."""
    desk = Desk(linear("alpha"), inverse("beta"))
    desk.quote("alpha", 61_780.0, 61_800.0)
    desk.quote("beta", 61_780.0, 61_820.0, size=2000.0)
    desk.warm()
    desk.quote("beta", 62_400.0, 62_440.0, size=2000.0)
    [found] = desk.scan()
    assert found.opportunity is not None
    assert (found.opportunity.buy_contracts, found.opportunity.sell_contracts) == (Decimal("0.016"), Decimal(10))
    assert found.opportunity.notional <= 1000


def test_the_room_holds_the_larger_leg_each_at_its_own_price() -> None:
    """Ten contracts bought, the last four past the touch, are 1000 USD; sixteen steps sold at 62,400 are 998.4."""
    desk = Desk(inverse("alpha"), linear("beta"))
    desk.quote("alpha", 61_780.0, 61_800.0, size=2000.0)
    desk.quote("beta", 61_780.0, 61_820.0, size=10.0)
    desk.warm()
    desk.quote("beta", 62_400.0, 62_440.0, size=10.0)
    desk.books["alpha"].ask_levels = [(61_800.0, 6.0), (61_810.0, 2000.0)]
    [found] = desk.scan()
    taken = found.opportunity
    assert taken is not None
    assert (taken.buy_contracts, taken.sell_contracts) == (Decimal(10), Decimal("0.016"))
    assert Decimal("999.999999") < taken.notional <= Decimal(1000)
    (_, bought, _), (_, sold, sell_price) = taken.legs
    assert taken.size == bought > sold == Decimal("0.016")
    assert sold * sell_price == Decimal("998.4")


def test_legs_said_of_another_size_are_forgotten() -> None:
    """Who changes an opportunity's size changes both of its legs."""
    [found] = gap_desk().scan()
    assert found.opportunity is not None
    changed = replace(found.opportunity, size=Decimal(5))
    assert [size for _, size, _ in changed.legs] == [Decimal(5), Decimal(5)]
    assert changed.notional == 5 * changed.sell_price


def test_without_room_the_smallest_order_goes_to_the_chain() -> None:
    """So that the refusal is the chain's own: no capital, not a size below the minimum."""
    desk = gap_desk()
    desk.room = Decimal(0)
    [found] = desk.scan()
    assert found.opportunity is not None
    assert found.opportunity.buy_contracts == Decimal("0.001")


def test_age_takes_from_the_edge() -> None:
    """10 bps per second of the older top's age, on top of 0.5 bps."""
    desk = gap_desk()
    desk.market.ages = {"alpha": 0.1, "beta": 0.3}
    [found] = desk.scan()
    assert found.opportunity is not None
    assert found.opportunity.costs.haircut_pct == Decimal("0.00035")
    assert found.opportunity.book_age_seconds == 0.3
    assert found.opportunity.skew_seconds == pytest.approx(0.2)


def test_funding_is_signed_by_side() -> None:
    """The long leg pays its exchange's rate and the short leg receives its own: never the sum of both."""
    rates = {"alpha": Decimal("0.0003"), "beta": Decimal("0.0001")}
    desk = gap_desk(funding=rates)
    desk.clock.ns = desk.clock.ns // 28_800_000_000_000 * 28_800_000_000_000 - 1
    [found] = desk.scan()
    assert found.opportunity is not None
    assert found.opportunity.costs.funding_pct == Decimal("0.0002")


def test_funding_that_would_be_received_is_no_edge() -> None:
    """A gap usually vanishes before a settlement: income that may never come opens no pair."""
    rates = {"alpha": Decimal("-0.0003"), "beta": Decimal("0.0001")}
    desk = gap_desk(funding=rates)
    desk.clock.ns = desk.clock.ns // 28_800_000_000_000 * 28_800_000_000_000 - 1
    [found] = desk.scan()
    assert found.opportunity is not None
    assert found.opportunity.costs.funding_pct == 0


def test_the_best_score_comes_first() -> None:
    """Score breaks the tie among candidates of one turn."""
    desk = Desk(linear("alpha"), linear("beta"), linear("gamma"))
    for name in ("alpha", "beta", "gamma"):
        desk.quote(name, 99_990.0, 100_000.0)
    desk.warm()
    desk.quote("beta", 100_400.0, 100_410.0)
    desk.quote("gamma", 101_000.0, 101_010.0, size=0.02)
    scores = [(e.sell_exchange, e.score) for e in desk.scan()]
    assert len(scores) == 3
    assert [score for _, score in scores] == sorted((score for _, score in scores), reverse=True)


def test_settings_change_while_running() -> None:
    """A raised minimum refuses what passed before."""
    desk = gap_desk()
    assert desk.scan()[0].opportunity is not None
    changed = ArbitrageSettings(min_profit_pct=Decimal("0.02"))
    desk.scanner.adopt(changed)
    desk.pricer.adopt(changed, max_slippage_pct=Decimal("0.001"))
    assert [found.verdict.reason for found in desk.scan()] == ["edge_below_minimum"]


def test_another_symbols_books_are_not_looked_at() -> None:
    """A symbol that is not scanned has no evaluations."""
    assert gap_desk().scan("ETH-USD-PERP") == []


def test_an_instrument_that_changed_is_priced_anew() -> None:
    """Fees and minimum sizes are those of the moment."""
    desk = gap_desk()
    assert desk.scan()[0].opportunity is not None
    desk.instruments["beta", "BTC-USD-PERP"] = linear("beta", taker_fee_pct=Decimal("0.01"))
    assert [found.verdict.reason for found in desk.scan()] == ["edge_below_minimum"]


def test_a_strategys_own_pair_is_priced_at_its_size_whatever_it_earns() -> None:
    """No minimum profit is asked for; the steps of both exchanges and the depth still bound it."""
    desk = flat_desk()
    priced = desk.scanner.price("BTC-USD-PERP", "alpha", "beta", Decimal("0.0157"), "wash_trade")
    assert isinstance(priced, ArbitrageOpportunity)
    assert (priced.buy_contracts, priced.sell_contracts) == (Decimal("0.015"), Decimal("0.015"))
    assert priced.strategy == "wash_trade"
    assert priced.net_profit_pct < 0


@pytest.mark.parametrize(
    ("exchange", "size", "reason"),
    [
        ("gamma", "0.01", "book_not_ready"),
        ("beta", "0.0009", "below_minimum_size"),
        ("beta", "11", "book_not_ready"),
    ],
)
def test_a_strategys_pair_that_cannot_be_traded_says_why(exchange: str, size: str, reason: str) -> None:
    """An unknown exchange, less than the smallest order, more than the books hold."""
    refused = flat_desk().scanner.price("BTC-USD-PERP", "alpha", exchange, Decimal(size), "wash_trade")
    assert isinstance(refused, Verdict)
    assert refused.reason == reason


def test_the_scanner_reads_the_markets_own_books() -> None:
    """A gap between two real books is found, from snapshot to opportunity."""
    instruments = {(name, "BTC-USD-PERP"): linear(name) for name in ("alpha", "beta")}
    desk = Desk(*instruments.values())
    market = Market(desk.clock, instruments)
    desk.basis._books = market
    desk.pricer._market = market
    for sequence, shift in ((1, 0.0), (2, 1000.0)):
        for name in ("alpha", "beta"):
            mid = 100_000.0 + (shift if name == "beta" else 0.0)
            snapshot = BookSnapshot(
                name, "BTC-USD-PERP", [(mid - 5, 1.0)], [(mid + 5, 1.0)], sequence, desk.clock.now_ns()
            )
            market.apply(snapshot, desk.clock.now_ns())
        if sequence == 1:
            desk.warm()
    [found] = desk.scan()
    assert found.opportunity is not None
    assert (found.buy_exchange, found.sell_exchange) == ("alpha", "beta")
    assert found.opportunity.book_age_seconds == 0.0
