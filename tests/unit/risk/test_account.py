"""The account's rules one by one."""

from dataclasses import replace
from decimal import Decimal

import pytest

from perpbot.core.errors import InputError, ReadFailed
from perpbot.core.names import ReservationId
from perpbot.core.orders import Side
from perpbot.risk.account import RiskManager
from perpbot.risk.exposure import ExposureBook, Holding
from perpbot.risk.settings import RiskSettings
from perpbot.risk.trades import DirectionalTrade, Trade
from tests.unit.risk.fakes import BTC, ETH, ZERO, FakeAccount, FakeClock, make_opportunity


class Desk:
    """A risk manager with its clock and account at hand."""

    def __init__(self, settings: RiskSettings | None = None) -> None:
        self.clock, self.account, self.exposure = FakeClock(), FakeAccount(), ExposureBook()
        self.manager = RiskManager(settings or RiskSettings(), self.clock, self.account, self.exposure)

    def ask(self, trade: Trade | None = None) -> str:
        ok, reason = self.manager.check(trade or make_opportunity())
        assert ok is (reason == "approved")
        return str(reason)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_trade_may_be_five_percent_of_equity_and_not_more(desk: Desk) -> None:
    """Notional is the larger leg; the limit itself is allowed."""
    even = make_opportunity(sell_price=Decimal(100), size=Decimal(10))
    assert desk.ask(even) == "approved"
    verdict = desk.manager.check(replace(even, size=Decimal("10.001")))
    assert (verdict.reason, verdict.measured, verdict.limit) == ("trade_risk", Decimal("1000.1"), Decimal(1000))


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "0", "-1"])
@pytest.mark.parametrize("names", [("size",), ("buy_price", "sell_price")])
def test_a_size_or_price_that_is_none_is_too_large(desk: Desk, names: tuple[str, ...], figure: str) -> None:
    """Asked alone, without the chain before it, the rule fails closed."""
    assert desk.ask(make_opportunity(**dict.fromkeys(names, Decimal(figure)))) == "trade_risk"


def test_the_drawdown_stop_lasts_until_the_peak_is_reset(desk: Desk) -> None:
    """10 % below the peak latches: a recovery does not end it, the operator does."""
    desk.account.drawdown = Decimal("0.0999")
    assert desk.ask() == "approved"
    desk.account.drawdown = Decimal("0.10")
    assert desk.ask() == "drawdown"
    desk.account.drawdown = ZERO
    assert desk.ask() == "drawdown"
    desk.manager.reset_peak()
    assert desk.account.peaks_reset == 1
    assert desk.ask() == "approved"


def test_a_breach_between_two_trades_is_not_missed(desk: Desk) -> None:
    """Equity marks are watched, whether anything is asked or not."""
    desk.account.drawdown = Decimal("0.11")
    desk.manager.observe_account()
    desk.account.drawdown = ZERO
    verdict = desk.manager.check(make_opportunity())
    assert (verdict.reason, verdict.measured, verdict.limit) == ("drawdown", Decimal("0.11"), Decimal("0.10"))


@pytest.mark.parametrize(("usd", "share"), [("500", "0.02"), ("100", "0.05")])
def test_todays_loss_stops_at_the_smaller_of_its_limits(desk: Desk, usd: str, share: str) -> None:
    """500 USD or 5 % of equity, whichever comes first."""
    desk.account.loss_usd, desk.account.loss_pct = Decimal(usd), Decimal(share)
    assert desk.ask() == "daily_loss"


@pytest.mark.parametrize("figure", ["total", "drawdown", "loss_usd", "loss_pct"])
def test_a_figure_that_is_none_opens_nothing_and_stops_nothing_for_later(desk: Desk, figure: str) -> None:
    """NaN was not read: openings wait until it is a number again, and no stop latches on it."""
    sound = getattr(desk.account, figure)
    setattr(desk.account, figure, Decimal("NaN"))
    assert desk.ask() == "reads_failing"
    setattr(desk.account, figure, sound)
    assert desk.ask() == "approved"


def test_a_loss_below_both_limits_stops_nothing(desk: Desk) -> None:
    """Just under 500 USD and 5 %."""
    desk.account.loss_usd, desk.account.loss_pct = Decimal("499.99"), Decimal("0.0499")
    assert desk.ask() == "approved"


def test_the_daily_loss_stop_ends_with_the_day(desk: Desk) -> None:
    """A recovery on the same day does not end it, midnight does."""
    desk.account.loss_usd = Decimal(600)
    assert desk.ask() == "daily_loss"
    desk.account.loss_usd = ZERO
    desk.clock.advance(12 * 3600 - 1)
    assert desk.ask() == "daily_loss"
    desk.clock.advance(1)
    assert desk.ask() == "approved"


def test_the_day_is_that_of_the_configured_time_zone() -> None:
    """At noon UTC it is eight in the evening in Shanghai: the day there ends four hours later."""
    desk = Desk(RiskSettings(day_timezone="Asia/Shanghai"))
    desk.account.loss_usd = Decimal(600)
    assert desk.ask() == "daily_loss"
    desk.account.loss_usd = ZERO
    desk.clock.advance(4 * 3600)
    assert desk.ask() == "approved"


def test_three_failures_in_a_row_pause_trading(desk: Desk) -> None:
    """For ten minutes; the streak is not broken by waiting, so the next failure pauses again."""
    for expected in ("approved", "approved", "consecutive_failures"):
        desk.manager.record_failure()
        assert desk.ask() == expected
    desk.clock.advance(599)
    assert desk.ask() == "consecutive_failures"
    desk.clock.advance(1)
    assert desk.ask() == "approved"
    desk.manager.record_failure()
    verdict = desk.manager.check(make_opportunity())
    assert (verdict.reason, verdict.measured, verdict.limit) == ("consecutive_failures", Decimal(4), Decimal(3))


def test_a_pair_hedged_at_entry_resets_the_count(desk: Desk) -> None:
    """And ends the pause."""
    for _ in range(3):
        desk.manager.record_failure()
    desk.manager.record_success()
    assert desk.ask() == "approved"
    for _ in range(2):
        desk.manager.record_failure()
    assert desk.ask() == "approved"


def test_a_miss_is_no_failure_unless_configured_so(desk: Desk) -> None:
    """Both legs unfilled is the market's pace, not a fault."""
    strict = Desk(RiskSettings(misses_count_as_failures=True))
    for _ in range(3):
        desk.manager.record_miss()
        strict.manager.record_miss()
    assert (desk.ask(), strict.ask()) == ("approved", "consecutive_failures")


def test_an_override_lifts_the_stop_for_some_minutes(desk: Desk) -> None:
    """Failures within it count, and stop again when it ends."""
    for _ in range(3):
        desk.manager.record_failure()
    desk.manager.override(minutes=2)
    assert desk.ask() == "approved"
    desk.manager.record_failure()
    assert desk.ask() == "approved"
    desk.clock.advance(120)
    assert desk.ask() == "consecutive_failures"


def test_an_override_lifts_the_stop_for_some_trades(desk: Desk) -> None:
    """As many as were allowed."""
    for _ in range(3):
        desk.manager.record_failure()
    desk.manager.override(trades=2)
    for expected in ("approved", "approved", "consecutive_failures"):
        assert desk.ask() == expected
        desk.manager.record_trade()


@pytest.mark.parametrize(
    "extent",
    [
        {},
        {"minutes": 1, "trades": 1},
        {"minutes": 0},
        {"minutes": float("nan")},
        {"minutes": 1e7},
        {"trades": 0},
        {"trades": -1},
        {"trades": 10**20},
    ],
)
def test_an_override_without_sense_is_refused(desk: Desk, extent: dict[str, int]) -> None:
    """Minutes or trades, one of them, above zero and not for ever."""
    with pytest.raises(InputError, match="an override is for (some|more than 0 and at most 100000) (minutes|trades)"):
        desk.manager.override(**extent)


def test_exposure_counts_larger_legs_and_this_trade(desk: Desk) -> None:
    """30 % of equity per symbol; another symbol is another sum."""
    desk.exposure.add(ReservationId("a"), Holding(BTC, {"paradex": Decimal(3000), "extended": Decimal(3100)}))
    desk.exposure.add(ReservationId("b"), Holding(BTC, {"okx": Decimal(2498), "extended": Decimal(1)}))
    assert desk.ask() == "approved"
    desk.exposure.add(ReservationId("c"), Holding(BTC, {"okx": Decimal("0.01")}))
    verdict = desk.manager.check(make_opportunity())
    assert (verdict.reason, verdict.measured, verdict.limit) == ("symbol_exposure", Decimal("6000.01"), Decimal(6000))
    assert desk.ask(make_opportunity(symbol=ETH)) == "approved"


def test_opposite_positions_are_for_hedged_pairs_alone(desk: Desk) -> None:
    """A directional trade against a directional position is refused; arbitrage, the case to exempt, is not."""
    desk.exposure.add(ReservationId("long"), Holding(BTC, {"paradex": Decimal(100)}, Side.BUY))
    long = DirectionalTrade("extended", BTC, Side.BUY, Decimal(1), Decimal(100), "stat")
    short = replace(long, side=Side.SELL)
    assert desk.ask(long) == "approved"
    assert desk.ask(short) == "opposite_position"
    assert desk.ask(replace(short, symbol=ETH)) == "approved"
    assert desk.ask(make_opportunity()) == "approved"
    desk.exposure.add(ReservationId("pair"), Holding(ETH, {"paradex": Decimal(100), "extended": Decimal(100)}))
    assert desk.ask(replace(short, symbol=ETH)) == "approved"


def test_a_fast_market_freezes_the_symbol_and_ends_by_itself(desk: Desk) -> None:
    """Five seconds after the last breach, on whichever exchange it was."""
    for price in (100.0, 101.0):
        desk.manager.on_price("okx", BTC, price, desk.clock.now_ns())
    verdict = desk.manager.check(make_opportunity())
    assert (verdict.reason, verdict.measured, verdict.limit) == ("fast_market", Decimal("0.01"), Decimal("0.005"))
    assert desk.ask(make_opportunity(symbol=ETH)) == "approved"
    desk.clock.advance(5)
    assert desk.ask() == "approved"


def test_equity_that_cannot_be_read_opens_nothing(desk: Desk) -> None:
    """A failed read is not zero and not last minute's figure: the reason is its own."""

    class Unreadable(FakeAccount):
        def total_equity(self) -> Decimal:
            raise ReadFailed("paradex: balance: timeout")

    manager = RiskManager(RiskSettings(), desk.clock, Unreadable())
    verdict = manager.check(make_opportunity())
    assert (verdict.approved, verdict.reason, verdict.detail) == (False, "reads_failing", "paradex: balance: timeout")
