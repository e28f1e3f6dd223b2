"""The equity track: peak, drawdown and the day's loss, none of which a transfer moves."""

from decimal import Decimal

import pytest

from perpbot.ledger.track import EquityTrack

HOUR = 3_600 * 10**9
DAY = 24 * HOUR


def track(*values: int | str, zone: str = "UTC") -> EquityTrack:
    equity = EquityTrack(zone)
    for minute, value in enumerate(values):
        equity.mark(Decimal(value), minute)
    return equity


def figures(equity: EquityTrack) -> tuple[object, ...]:
    return equity.drawdown_pct, equity.daily_loss_usd, equity.daily_loss_pct


def test_drawdown_is_measured_from_the_highest_equity() -> None:
    """Down from 110 to 99 is 10 %, whatever it was before."""
    equity = track(100, 110, 99)
    assert equity.peak == 110
    assert equity.drawdown_pct == Decimal("0.1")
    assert equity.value == 99


def test_the_loss_of_the_day_is_measured_from_its_start_and_is_never_negative() -> None:
    """A day in profit has lost nothing; what it made is its own figure."""
    assert figures(track(100, 110, 99))[1:] == (1, Decimal("0.01"))
    won = track(100, 110)
    assert figures(won) == (0, 0, 0)
    assert won.daily_pnl_usd == 10


def test_a_new_day_starts_with_the_equity_the_last_one_ended_with() -> None:
    """What moved over midnight is the new day's."""
    equity = track(100, 90)
    equity.mark(Decimal(81), DAY)
    assert figures(equity) == (Decimal("0.19"), 9, Decimal("0.1"))


def test_the_day_turns_over_in_the_configured_time_zone() -> None:
    """15:00 UTC is midnight in Tokyo."""
    equity = track(100, 90, zone="Asia/Tokyo")
    equity.mark(Decimal(90), 15 * HOUR - 1)
    assert equity.daily_loss_usd == 10
    equity.mark(Decimal(90), 15 * HOUR)
    assert equity.daily_loss_usd == 0


@pytest.mark.parametrize("amount", ["-49.5", "1000", "-98.99999999", "0.00000001"])
def test_a_transfer_moves_equity_and_peak_and_neither_drawdown_nor_daily_loss(amount: str) -> None:
    """Exactly: a limit that was not reached is not reached by rounding."""
    equity = track(100, 110, 99)
    before = figures(equity)
    equity.transfer(Decimal(amount))
    assert figures(equity) == before
    assert equity.value == 99 + Decimal(amount)
    assert abs(equity.peak - (99 + Decimal(amount)) / Decimal("0.9")) < Decimal("1e-20")


def test_after_a_transfer_losses_count_on_what_is_left() -> None:
    """Half withdrawn at a peak of 100: losing 5 of the 50 is 10 %."""
    equity = track(100)
    equity.transfer(Decimal(-50))
    equity.mark(Decimal(45), 1)
    assert figures(equity) == (Decimal("0.1"), 5, Decimal("0.1"))


def test_withdrawing_all_and_paying_in_again_keeps_drawdown_and_daily_loss() -> None:
    """A stop that was reached cannot be lifted by moving the money out and in."""
    equity = track(100, 90)
    before = figures(equity)
    equity.transfer(Decimal(-90))
    assert equity.value == 0
    assert figures(equity) == before
    equity.transfer(Decimal(500))
    assert figures(equity) == before
    equity.mark(Decimal(450), 2)
    assert equity.drawdown_pct == Decimal("0.19")


def test_a_deposit_into_an_account_that_never_had_any_starts_its_history() -> None:
    """Nothing was lost of nothing."""
    equity = track(0)
    equity.transfer(Decimal(1000))
    assert equity.peak == 1000
    assert figures(equity) == (0, 0, 0)
    equity.mark(Decimal(900), 1)
    assert figures(equity) == (Decimal("0.1"), 100, Decimal("0.1"))


def test_negative_equity_is_a_drawdown_of_more_than_all_and_a_deposit_does_not_hide_it() -> None:
    """Only the operator's new peak ends it."""
    equity = track(100, -20)
    assert equity.drawdown_pct == Decimal("1.2")
    equity.transfer(Decimal(520))
    assert figures(equity) == (Decimal("1.2"), 120, Decimal("1.2"))
    equity.reset_peak()
    assert equity.peak == 500
    assert equity.drawdown_pct == 0
    equity.mark(Decimal(450), 2)
    assert equity.drawdown_pct == Decimal("0.1")


def test_an_account_that_was_never_worth_anything_and_owes_is_wholly_lost() -> None:
    """No peak to divide by is no reason to call it sound."""
    assert figures(track(0, -1)) == (1, 1, 1)


def test_a_new_peak_is_todays_equity() -> None:
    """The drawdown ends; the day's loss does not."""
    equity = track(100, 80)
    equity.reset_peak()
    assert equity.peak == 80
    assert figures(equity) == (0, 20, Decimal("0.2"))
