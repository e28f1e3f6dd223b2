"""A bot that runs for months: what is long over is forgotten, and the books stay what they are."""

from __future__ import annotations

import pytest

from perpbot.service import forgetting
from perpbot.service.checks import check_turn, reconcile
from perpbot.service.forgetting import FORGET_SECONDS, forget
from perpbot.service.parts import Parts
from perpbot.simulation.paper.faults import Fault, FaultPlan
from tests.crash.books import books_of
from tests.crash.runs import Tally, crash_once
from tests.crash.scripts import closed, funded, opened, whole
from tests.crash.truth import assert_condensed_alike
from tests.crash.world import CrashWorld, Point
from tests.world import ACCOUNT, ALPHA

KNOWN_ONE_BY_ONE = {
    *("owners", "trades booked", "payments booked", "slippage", "results", "pairs", "failed pairs", "attempts"),
    *("cooldowns", "back-off", "known orders"),
}

SILENT = Fault(reject="maintenance")
COPIED = Point(10**6)
"""No record has this number: the bot is killed when its script ends."""


def sizes(parts: Parts) -> list[int]:
    """How many things are remembered."""
    ledger, pairs, tracker = parts.ledger, parts.pairs, parts.tracker
    kept = (ledger._trades, ledger._owners, ledger._orders, ledger._funded, ledger._funded_ns, ledger._pairs)
    return [len(each) for each in (*kept, pairs._pairs, pairs._attempts, tracker._orders, parts.outcomes._failures)]


def test_the_books_stay_and_what_is_over_is_gone() -> None:
    """Balances, capital, peaks, positions and counts are the same; trading, checks and a restart go on as before."""

    async def after(world: CrashWorld, _: Tally) -> None:
        parts = world.parts
        assert (await opened(world)).success
        before = books_of(parts)
        (live,) = parts.pairs.live()
        forget(parts, world.clock.now_ns() + 1)
        after = books_of(parts)
        assert {name for name in before if before[name] != after[name]} <= KNOWN_ONE_BY_ONE
        assert [pair.pair_id for pair in parts.pairs.pairs()] == [live.pair_id]
        assert sum((each.total for each in map(parts.ledger.accounts, parts.ledger.owners)), 0) == sum(
            parts.ledger.exchange_accounts(name).total for name in parts.ledger.exchanges
        )
        check_turn(parts)
        await closed(world)
        await reconcile(parts)
        assert parts.invariants.violated == {}
        forget(parts, world.clock.now_ns() + 1)
        assert max(sizes(parts)) <= 2
        assert_condensed_alike(world)

    _ = crash_once(whole, None, 0.0, Tally(), after=after)


def test_what_an_exchange_is_still_to_be_asked_for_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be read for longer than is remembered; then it tells a payment that was booked before."""
    monkeypatch.setattr(forgetting, "KEEP_NS", 0)

    def fall_silent(world: CrashWorld) -> None:
        world.silent = {ALPHA: FaultPlan(reads=[SILENT] * 10_000, cancels=[SILENT] * 10_000)}

    async def after(world: CrashWorld, _: Tally) -> None:
        parts = world.parts
        await world.clock.sleep(FORGET_SECONDS + 1)
        assert max(sizes(parts)) > 2
        world.exchanges[ALPHA].faults = FaultPlan()
        await world.clock.sleep(31.0)
        (paid,) = world.engines[ALPHA].funding_payments(ACCOUNT, 0)
        assert parts.ledger.exchange_accounts(ALPHA).funding == paid.amount_usd
        assert parts.ledger.transfers(ALPHA) == 0
        await world.clock.sleep(FORGET_SECONDS)
        assert max(sizes(parts)) <= 2

    _ = crash_once(funded, COPIED, 1.0, Tally(), after=after, meanwhile=fall_silent)
