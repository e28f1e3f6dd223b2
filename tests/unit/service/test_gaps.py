"""The live list of gaps: what the scanner's own arithmetic says of each."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from perpbot.arbitrage.cases import size_exactly
from perpbot.core.market_data import BookSnapshot
from perpbot.core.opportunities import ArbitrageOpportunity
from perpbot.core.verdicts import Level, refuse
from perpbot.service.gaps import gaps
from tests.unit.service.test_reference_only import BARE, service_with_a_bare_exchange
from tests.world import ALPHA, BETA, BTC, World, play

WARM = ("arbitrage.enabled=false", "arbitrage.basis_warmup_seconds=1")
BPS = Decimal("0.0001")
_DRAWDOWN = refuse(Level.ACCOUNT, "drawdown", "drawdown", Decimal("0.2"), Decimal("0.1"))


def row(world: World, buy: str = ALPHA, sell: str = BETA) -> dict[str, Any]:
    (found,) = (each for each in gaps(world.parts) if (each["buy_exchange"], each["sell_exchange"]) == (buy, sell))
    return found


async def warm(world: World) -> None:
    """Books at 60,000 until the basis is warm, then alpha is 60 USD cheaper than beta."""
    for name in world.exchanges:
        world.quote(name, 60_000.0)
    await world.keep_quoting(3.0)
    world.edge()


def test_the_items_of_a_gap_add_up_to_its_distance_from_break_even() -> None:
    """Break-even is basis, fees in and out, funding, haircut and the minimum profit; what is missing is the rest."""

    async def act(world: World) -> None:
        await warm(world)
        found = row(world)
        costs = ("close_gap_bps", "fees_bps", "funding_bps", "haircut_bps", "min_profit_bps")
        assert found["break_even_bps"] == pytest.approx(sum(found[name] for name in costs), abs=Decimal("0.001"))
        assert found["distance_bps"] == found["break_even_bps"] - found["open_gap_bps"]
        assert found["edge_bps"] == found["open_gap_bps"] - found["close_gap_bps"]
        assert found["fees_bps"] == Decimal(12)
        assert found["min_profit_bps"] == Decimal(5)
        assert found["open_gap_bps"] == round((Decimal("60029.5") / Decimal("59970.5") - 1) / BPS, 4)

    play(act, running=True, set_=WARM)


def test_a_gap_at_its_break_even_earns_exactly_the_minimum() -> None:
    """The pricer's own exact sizing of the smallest order agrees, gas included."""

    async def act(world: World) -> None:
        await warm(world)
        parts = world.parts
        gap = parts.basis.gap(BTC, ALPHA, BETA)
        assert gap is not None
        case = replace(parts.pricer.case(gap, world.clock.now_ns()), gas_usd=Decimal("0.5"))
        minimum = parts.pricer.settings.min_profit_pct
        contracts = case.smallest_base
        sized = size_exactly(case, gap.buy.asks(), gap.sell.bids(), contracts, contracts)
        assert sized is not None
        missing = case.break_even_gap_pct(minimum) - sized.costs.open_gap_pct
        assert sized.costs.net_pct + missing == pytest.approx(minimum, abs=Decimal("1e-12"))

    play(act, running=True, set_=WARM)


def test_what_is_nearest_to_paying_comes_first() -> None:
    """A gap that pays has a distance of nothing or less, and is what the scanner would take."""

    async def act(world: World) -> None:
        await warm(world)
        world.quote(ALPHA, 59_900.0)
        world.quote(BETA, 60_100.0)
        first, second = gaps(world.parts)
        assert (first["buy_exchange"], first["distance_bps"] <= 0, first["reason"]) == (ALPHA, True, "approved")
        assert (second["buy_exchange"], second["distance_bps"] > 0, second["reason"]) == (BETA, True, None)
        evaluation = world.parts.scanner.scan(BTC)[0]
        assert isinstance(evaluation.opportunity, ArbitrageOpportunity)

    play(act, running=True, set_=WARM)


def test_a_gap_below_break_even_says_how_its_edge_falls_short() -> None:
    """The scanner's verdict with its figures."""

    async def act(world: World) -> None:
        await warm(world)
        found = row(world)
        assert found["distance_bps"] > 0
        assert (found["reason"], found["limit"]) == ("edge_below_minimum", Decimal("0.0005"))

    play(act, running=True, set_=(*WARM, "arbitrage.haircut_bps=2"))


def test_a_gap_that_would_pay_says_what_forbids_openings() -> None:
    """Paused, frozen or halted: the state's reason stands where approval would."""

    async def act(world: World) -> None:
        await warm(world)
        world.quote(ALPHA, 59_900.0)
        world.quote(BETA, 60_100.0)
        world.pause()
        assert row(world)["reason"] == "not_active"
        world.resume()
        world.status.freeze([BTC], world.clock.now_ns() + 10**9)
        assert row(world)["reason"] == "frozen"
        world.status.thaw()
        world.parts.manager.restore_stop(_DRAWDOWN, world.clock.now_ns())
        stopped = row(world)
        assert (stopped["reason"], stopped["measured"], stopped["limit"]) == (
            "drawdown",
            Decimal("0.2"),
            Decimal("0.1"),
        )
        world.pause()
        assert row(world)["reason"] == "not_active"

    play(act, running=True, set_=WARM)


def test_before_the_basis_is_warm_there_is_no_break_even() -> None:
    """An edge over a basis that nobody knows yet is none."""

    async def act(world: World) -> None:
        found = row(world)
        assert (found["warm"], found["break_even_bps"], found["distance_bps"]) == (False, None, None)
        assert found["reason"] == "basis_warming"
        assert found["open_gap_bps"] > 0

    play(act, running=True, set_=("arbitrage.enabled=false", "arbitrage.basis_warmup_seconds=60"))


def test_an_exchange_without_a_book_has_no_gap() -> None:
    """Nothing is made up: no gap, no age, no break-even, and it comes behind what is known."""

    async def act(world: World) -> None:
        await warm(world)
        world.parts.market.reset(BETA, BTC)
        found = row(world)
        assert found["open_gap_bps"] is None
        assert found["distance_bps"] is None
        assert found["sell_bid"] is None

    play(act, running=True, set_=WARM)


def test_ages_are_those_of_both_tops() -> None:
    """In seconds."""

    async def act(world: World) -> None:
        await warm(world)
        await world.clock.sleep(0.2)
        world.quote(BETA, 60_030.0)
        await world.clock.sleep(0.1)
        found = row(world)
        assert (found["buy_age_seconds"], found["sell_age_seconds"]) == (0.3, 0.1)

    play(act, running=True, set_=WARM)


def test_looking_at_gaps_changes_nothing() -> None:
    """No verdict is counted and nothing is journaled by it."""

    async def act(world: World) -> None:
        await warm(world)
        before = len(world.journal.events), world.parts.verdicts.counts()
        gaps(world.parts)
        assert (len(world.journal.events), world.parts.verdicts.counts()) == before

    play(act, running=True, set_=WARM)


def test_an_exchange_that_is_reference_only_is_named_and_never_tradable() -> None:
    """Its gaps are shown behind all others, however wide; it has no basis, so no break-even and no verdict."""

    async def act(world: World) -> None:
        await warm(world)
        parts = (await service_with_a_bare_exchange(world)).parts
        for name, mid in ((ALPHA, 60_000.0), (BETA, 60_000.0), (BARE, 70_000.0)):
            book = BookSnapshot(name, BTC, [(mid - 0.5, 1.0)], [(mid + 0.5, 1.0)], 1, world.clock.now_ns())
            parts.market.apply(book, world.clock.now_ns())
        found = gaps(parts)
        assert [each["tradable"] for each in found] == [True, True, False, False, False, False]
        assert all(each["reference_only"] == [BARE] for each in found[2:])
        assert all(each["break_even_bps"] is None and each["reason"] is None for each in found[2:])
        assert found[2]["open_gap_bps"] > 1000
        assert found[2]["fees_bps"] == Decimal(12)

    play(act, running=True, set_=WARM)
