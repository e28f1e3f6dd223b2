"""A change of settings reaches everything that decides by it, in one step, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from perpbot.config import describe
from perpbot.core.errors import Refused
from perpbot.core.pairs import ExitReason, PairState
from perpbot.risk.account import RiskManager
from perpbot.risk.settings import RiskSettings
from perpbot.service.adoption import Deciders, adopt, plan_change
from perpbot.service.configuration import SECTIONS, Settings
from perpbot.service.parts import Parts
from tests.world import ALPHA, BETA, BTC, World, play

HERE = __name__
Used = Callable[[Deciders], Any]
SECOND_NS = 1_000_000_000
TRADING = ("arbitrage.basis_warmup_seconds=1", "arbitrage.min_profit_pct=0.0001")
QUIET = ("arbitrage.enabled=false", "exits.time_limit_seconds=100000", "exits.target_profit_pct=0.5")


def whole(of: Callable[[Settings], Any]) -> Callable[[Parts], Any]:
    """What those see who look at the service's settings whenever they need them."""
    return lambda parts: of(parts.settings)


def by(used: Used) -> Callable[[Parts], Any]:
    """What an object that decides goes by."""
    return lambda parts: used(parts.in_force.deciders)


def safe_mode(deciders: Deciders) -> Any:
    return deciders.capital._accounts[ALPHA].safe_mode


def pool(deciders: Deciders, name: str) -> Decimal:
    snapshot = deciders.capital.current_snapshot()
    size: Decimal = snapshot[ALPHA]["pools"][name]["pool"]
    return size


def windows(deciders: Deciders) -> set[int]:
    """Of prices seen already, and of those to come."""
    fast = deciders.manager.fast_market
    fast.on_price(ALPHA, BTC, 60_000.0, 1)
    return {fast._window_ns, *(prices.window_ns for prices in fast._ranges.values())}


D = Decimal
USED: dict[str, tuple[str, Any, Callable[[Parts], Any]]] = {
    "capital.wash_budget_pct": (
        "{wash_budget_pct: 0.6, arb_budget_pct: 0.3}",
        D("6000"),
        by(lambda d: pool(d, "wash")),
    ),
    "capital.arb_budget_pct": (
        "{wash_budget_pct: 0.6, arb_budget_pct: 0.3}",
        D("3000"),
        by(lambda d: pool(d, "arb")),
    ),
    "capital.reserve_pct": (
        "{wash_budget_pct: 0.6, reserve_pct: 0.2}",
        D("2000"),
        by(lambda d: pool(d, "reserve")),
    ),
    "capital.drawdown_limit_pct": (
        "0.03",
        (D("0.03"), D("0.024")),
        by(lambda d: (safe_mode(d).entry_pct, safe_mode(d).exit_pct)),
    ),
    "capital.safe_mode_exit_ratio": ("0.5", D("0.025"), by(lambda d: safe_mode(d).exit_pct)),
    "arbitrage.enabled": ("false", False, whole(lambda s: s.arbitrage.enabled)),
    "arbitrage.min_profit_pct": (
        "0.0007",
        (D("0.0007"), D("0.0007")),
        by(lambda d: (d.pricer.settings.min_profit_pct, d.scanner._settings.min_profit_pct)),
    ),
    "arbitrage.candidate_gap_bps": ("5", 1.0005, by(lambda d: d.scanner._floor)),
    "arbitrage.haircut_bps": ("0.7", D("0.7"), by(lambda d: d.pricer.settings.haircut_bps)),
    "arbitrage.age_haircut_bps_per_second": (
        "12",
        D("12"),
        by(lambda d: d.pricer.settings.age_haircut_bps_per_second),
    ),
    "arbitrage.depth_share": ("0.1", D("0.1"), by(lambda d: d.pricer.settings.depth_share)),
    "arbitrage.max_concurrent": ("2", 2, by(lambda d: d.pairs._max_concurrent)),
    "arbitrage.full_score_profit_pct": ("0.002", D("0.002"), by(lambda d: d.pricer.settings.full_score_profit_pct)),
    "arbitrage.score_weights": (
        "{profit: 0.6, liquidity: 0.1, reliability: 0.3}",
        D("0.6"),
        by(lambda d: d.pricer.settings.score_weights.profit),
    ),
    "risk.max_risk_pct": ("0.01", D("200"), by(lambda d: d.manager.max_notional(BTC))),
    "risk.max_drawdown_pct": ("0.02", D("0.02"), by(lambda d: d.manager.settings.max_drawdown_pct)),
    "risk.daily_loss_pct": ("0.02", D("0.02"), by(lambda d: d.manager.settings.daily_loss_pct)),
    "risk.daily_loss_limit": ("100", D("100"), by(lambda d: d.manager.settings.daily_loss_limit)),
    "risk.max_consecutive_failures": ("2", 2, by(lambda d: d.manager.failures._limit)),
    "risk.failure_pause_seconds": ("700", 700 * SECOND_NS, by(lambda d: d.manager.failures._pause_ns)),
    "risk.misses_count_as_failures": ("true", True, by(lambda d: d.manager.settings.misses_count_as_failures)),
    "risk.max_symbol_exposure": ("0.001", D("20"), by(lambda d: d.manager.max_notional(BTC))),
    "risk.fast_market_pct": ("0.002", pytest.approx(0.002), by(lambda d: d.manager.fast_market._limit)),
    "risk.fast_market_window_seconds": ("3", {3 * SECOND_NS}, by(windows)),
    "risk.fast_market_freeze_seconds": ("9", 9 * SECOND_NS, by(lambda d: d.manager.fast_market._freeze_ns)),
    "risk.freeze_seconds": ("90", 90.0, by(lambda d: d.manager.settings.freeze_seconds)),
    "risk.adverse_move_pct": ("0.01", D("0.01"), by(lambda d: d.execution._settings.adverse_move_pct)),
    "risk.worst_case_loss_pct": ("0.001", D("20"), by(lambda d: d.execution._budget())),
    "position.max_position_size": (
        "500",
        (D("500"), D("500.5")),
        by(lambda d: (d.guard.max_notional(ALPHA, BTC), d.gate._limits.max_order_notional)),
    ),
    "position.max_concentration_pct": ("0.01", D("100"), by(lambda d: d.guard.max_notional(ALPHA, BTC))),
    "position.cooldown_seconds": ("90", 90.0, by(lambda d: d.guard._settings.cooldown_seconds)),
    "execution.max_slippage_pct": (
        "0.0005",
        (D("0.0005"), 0.0005, D("0.0005"), D("1000.5"), D("0.0005")),
        by(
            lambda d: (
                d.pricer._max_slippage,
                d.pricer._slippage,
                d.context.settings.max_slippage_pct,
                d.gate._limits.max_order_notional,
                d.execution._limits.max_slippage_pct,
            )
        ),
    ),
    "execution.limit_mode": ("slippage", "slippage", by(lambda d: d.context.settings.limit_mode)),
    "execution.fill_timeout_seconds": (
        "20",
        (20.0, 20 * SECOND_NS),
        by(lambda d: (d.context.settings.fill_timeout_seconds, d.singles._fill_timeout_ns)),
    ),
    "execution.max_unhedged_seconds": (
        "1",
        (1.0, 2 * SECOND_NS),
        by(lambda d: (d.context.settings.max_unhedged_seconds, d.singles._grace_ns)),
    ),
    "execution.max_unhedged_notional": ("900", D("900"), by(lambda d: d.context.settings.max_unhedged_notional)),
    "execution.max_book_age_seconds": (
        "0.4",
        (0.4, 0.4),
        by(lambda d: (d.gate._limits.max_book_age_seconds, d.execution._limits.max_book_age_seconds)),
    ),
    "execution.max_skew_seconds": (
        "0.2",
        (0.2, 0.2, SECOND_NS // 5, 0.2),
        by(
            lambda d: (
                d.gate._limits.max_skew_seconds,
                d.execution._limits.max_skew_seconds,
                d.tracker._skew_ns,
                d.context.settings.max_skew_seconds,
            )
        ),
    ),
    "execution.price_sanity_pct": (
        "0.01",
        (D("0.01"), D("0.01")),
        by(lambda d: (d.gate._limits.price_sanity_pct, d.execution._limits.price_sanity_pct)),
    ),
    "execution.miss_backoff_seconds": ("4", 4 * SECOND_NS, by(lambda d: d.pairs._backoff_ns)),
    "exits.target_profit_pct": ("0.02", D("0.02"), by(lambda d: d.exits.settings.target_profit_pct)),
    "exits.stop_loss_pct": ("0.002", D("0.002"), by(lambda d: d.exits.settings.stop_loss_pct)),
    "exits.time_limit_seconds": (
        "60",
        (D("60"), 60 * SECOND_NS),
        by(lambda d: (d.exits.settings.time_limit_seconds, d.costs._holding_ns)),
    ),
    "exits.liquidation_distance_pct": ("0.2", D("0.2"), by(lambda d: d.exits.settings.liquidation_distance_pct)),
    "live.max_pair_notional": ("40", D("40"), whole(lambda s: s.live.max_pair_notional)),
    "live.max_day_notional": ("400", D("400"), whole(lambda s: s.live.max_day_notional)),
    "display.timezone": ("Asia/Tokyo", "Asia/Tokyo", whole(lambda s: s.display.timezone)),
    "display.language": ("zh", "zh", whole(lambda s: s.display.language)),
}
"""Every setting that may change while running: a new value, and what those who decide by it must use from then on."""


def change(parts: Parts, key: str, value: str) -> None:
    """What the door does with ``config set``."""
    section = key.partition(".")[0]
    adopt(parts, plan_change(parts.settings, section if value.startswith("{w") else key, value).settings)


def test_every_setting_that_may_change_is_listed_here() -> None:
    """A new one must say who uses it, or it would be changed in name only."""
    live = {row.key for row in describe(SECTIONS) if row.live and ".score_weights." not in row.key}
    assert live == set(USED)


@pytest.mark.parametrize("key", USED)
def test_a_change_is_used_from_that_moment_on(key: str) -> None:
    """By every object that decides by the setting, and by whoever looks at the service's settings."""
    value, expected, used = USED[key]
    seen: list[Any] = []

    async def act(world: World) -> None:
        seen.append(used(world.parts))
        change(world.parts, key, value)
        seen.append(used(world.parts))

    play(act)
    before, after = seen
    assert after == expected
    assert before != expected


class Stubborn(RiskManager):
    """A user's rule that does not take every setting."""

    def adopt(self, settings: RiskSettings) -> None:
        super().adopt(settings)
        if settings.max_risk_pct < Decimal("0.02"):
            raise ValueError("so little I will not trade")


def everything(parts: Parts) -> list[Any]:
    return [used(parts) for _, _, used in USED.values()]


def test_a_change_that_fails_halfway_leaves_everything_as_it_was() -> None:
    """Also if it is a user's own rule that refuses, after others have taken the new settings."""

    async def act(world: World) -> None:
        before = everything(world.parts)
        with pytest.raises(ValueError, match="so little"):
            change(world.parts, "risk.max_risk_pct", "0.01")
        assert everything(world.parts) == before
        assert str(world.parts.settings.risk.max_risk_pct) == "0.05"
        change(world.parts, "risk.max_risk_pct", "0.03")
        assert world.parts.manager.max_notional(BTC) == 600

    play(act, set_=(f"risk.class={HERE}:Stubborn",))


def test_a_pool_is_not_made_smaller_than_what_it_holds() -> None:
    """The change is refused, with what else it would have changed."""

    async def act(world: World) -> None:
        await world.hedged("0.010")
        before = everything(world.parts)
        shares = "{wash_budget_pct: 0.89, arb_budget_pct: 0.01, reserve_pct: 0.1}"
        planned = plan_change(
            plan_change(world.parts.settings, "risk.max_risk_pct", "0.01").settings, "capital", shares
        )
        with pytest.raises(Refused, match=f"pool arb on {ALPHA} would be 100"):
            adopt(world.parts, planned.settings)
        assert everything(world.parts) == before
        assert world.parts.settings == world.parts.in_force.settings != planned.settings

    play(act)


def wide(world: World) -> None:
    """A gap that pays."""
    world.quote(ALPHA, 59_900.0)
    world.quote(BETA, 60_100.0)


async def usual(world: World, seconds: float) -> None:
    """A while without a gap: what comes after is seen against it."""
    for name in (ALPHA, BETA):
        world.quote(name, 60_000.0)
    await world.keep_quoting(seconds)


def test_without_arbitrage_no_pair_opens_and_open_ones_end() -> None:
    """The switch is a setting like any other; exits do not ask it."""

    async def act(world: World) -> None:
        change(world.parts, "arbitrage.enabled", "false")
        await usual(world, 3.0)
        wide(world)
        await world.keep_quoting(0.5)
        assert not world.parts.pairs.live()
        change(world.parts, "arbitrage.enabled", "true")
        await world.keep_quoting(0.5)
        assert [pair.state for pair in world.parts.pairs.live()] == [PairState.HEDGED]
        change(world.parts, "arbitrage.enabled", "false")
        change(world.parts, "exits.time_limit_seconds", "1")
        await world.keep_quoting(2.0)
        assert world.pair.state is PairState.CLOSED
        assert len(list(world.parts.pairs.pairs())) == 1

    play(act, running=True, set_=TRADING)


def test_an_open_pair_is_judged_by_the_new_limits_at_once() -> None:
    """Its barriers were boiled down to a few numbers before the change."""

    async def act(world: World) -> None:
        await usual(world, 40.0)
        world.edge()
        await world.hedged()
        await world.keep_quoting(1.4)
        assert not world.parts.executor.in_flight()
        change(world.parts, "exits.stop_loss_pct", "0.0001")
        await world.keep_quoting(0.4)
        assert (world.pair.state, world.pair.exit_reason) == (PairState.CLOSED, ExitReason.STOP_LOSS)

    play(act, running=True, set_=QUIET)


def test_a_tighter_drawdown_limit_begins_safe_mode_at_once() -> None:
    """An exchange that is already beyond it must not trade on until its next mark."""

    async def act(world: World) -> None:
        world.parts.capital.update_drawdown(ALPHA, Decimal("0.03"))
        assert not world.parts.capital.in_safe_mode(ALPHA)
        change(world.parts, "capital.drawdown_limit_pct", "0.02")
        assert world.parts.capital.in_safe_mode(ALPHA)
        assert not world.parts.capital.in_safe_mode(BETA)

    play(act)


def test_a_pair_hedged_by_the_older_bounds_stays_hedged() -> None:
    """A tighter slippage limit is about the next order; it must not make a quiet pair one to be repaired."""

    async def act(world: World) -> None:
        pair = await world.hedged()
        context = world.parts.in_force.deciders.context
        allowed = context._allowance
        change(world.parts, "execution.max_slippage_pct", "0.00001")
        assert context._allowance == allowed
        assert context.hedged(pair)

    play(act)
