"""The account: the ledger marked to prices, with one track in total and one for each exchange."""

from decimal import Decimal

import pytest

from perpbot.core.orders import Side
from perpbot.ledger.account import Account
from perpbot.ledger.ledger import Ledger
from perpbot.risk.ports import AccountView
from tests.unit.ledger.builders import INSTRUMENTS, LINEAR, OTHER, HandClock, Prices, fill


class House:
    """A ledger with two accounts of 1000 and one pair to hedge on them, marked at 100."""

    def __init__(self) -> None:
        self.ledger = Ledger(INSTRUMENTS)
        self.prices = Prices(linear_house=("100", "100"), other_house=("100", "100"))
        self.clock = HandClock()
        self.account = Account(self.ledger, self.prices, self.clock)
        for exchange in (LINEAR, OTHER):
            self.ledger.open_account(exchange, Decimal(1000))
        self.ledger.open_pair("p1", LINEAR, OTHER)
        self.account.mark()
        self.view: AccountView = self.account  # what risk asks for, checked by type

    def hedge(self) -> None:
        self.ledger.book_fill(fill(LINEAR, Side.BUY, "5", "100"), "p1")
        self.ledger.book_fill(fill(OTHER, Side.SELL, "5", "100"), "p1")

    def move(self, price: str, *exchanges: str) -> None:
        for exchange in exchanges or (LINEAR, OTHER):
            self.prices.set(exchange, price, price)
        self.account.mark()

    def figures(self) -> tuple[object, ...]:
        account = self.account
        drawdowns = (account.drawdown_pct(exchange) for exchange in (None, LINEAR, OTHER))
        return (*drawdowns, account.daily_loss_usd(), account.daily_loss_pct())


@pytest.fixture
def house() -> House:
    return House()


def test_a_ten_percent_move_on_a_hedged_pair_moves_no_drawdown(house: House) -> None:
    """The leg that loses is carried half by the exchange on which the other one wins."""
    house.hedge()
    house.move("90")
    assert house.account.equity(LINEAR) == 950
    assert house.figures() == (0, 0, 0, 0, 0)


def test_a_loss_of_the_pair_is_carried_half_by_each_exchange(house: House) -> None:
    """10 lost on one leg: 5 of each 1000, and 10 of 2000."""
    house.hedge()
    house.move("98", LINEAR)
    half = Decimal("0.005")
    assert house.figures() == (half, half, half, 10, half)


def test_withdrawing_half_the_equity_leaves_everything_as_it_was(house: House) -> None:
    """DESIGN §4: transfers move equity, peak and pools alike, never drawdown or daily loss."""
    house.hedge()
    house.move("97", LINEAR)
    before = house.figures()
    house.ledger.book_transfer(LINEAR, Decimal(-500), "w1")
    assert house.figures() == before
    assert house.account.total_equity() == 1485


def test_a_price_move_and_a_transfer_between_two_marks_are_told_apart(house: House) -> None:
    """The move counts at the equity there was before the transfer."""
    house.hedge()
    house.prices.set(LINEAR, "80", "80")
    house.ledger.book_transfer(OTHER, Decimal(5000), "d1")
    assert house.account.drawdown_pct() == Decimal("0.05")
    assert house.account.daily_loss_usd() == 100


def test_an_account_opened_later_is_no_profit(house: House) -> None:
    """Its balance comes in as a transfer would."""
    house.hedge()
    house.move("98", LINEAR)
    before = house.figures()
    house.ledger.open_account("late_house", Decimal(4000))
    assert house.figures() == before
    assert house.account.drawdown_pct("late_house") == 0
    assert house.account.total_equity() == 5990


def test_bookings_count_at_once_and_prices_when_marked(house: House) -> None:
    """Risk reads the figures of the last mark; a fill makes them anew."""
    house.hedge()
    house.account.mark()
    house.prices.set(LINEAR, "90", "90")
    assert house.account.total_equity() == 2000
    house.ledger.book_gas(LINEAR, Decimal(1), "tx", "p1")
    assert house.account.total_equity() == 1949


def test_a_peak_is_reset_in_total_and_by_exchange(house: House) -> None:
    """Each drawdown stop is the operator's to end."""
    house.hedge()
    house.move("90", LINEAR)
    house.account.reset_peak()
    assert house.account.drawdown_pct() == 0
    assert house.account.drawdown_pct(LINEAR) > 0
    house.account.reset_peak(LINEAR)
    assert house.account.drawdown_pct(LINEAR) == 0


def test_an_unknown_exchange_has_neither_equity_nor_drawdown(house: House) -> None:
    """A reference exchange has no account."""
    account = house.account
    assert {account.equity("okx"), account.balance("okx"), account.drawdown_pct("okx")} == {Decimal(0)}


def test_what_is_lost_before_the_first_mark_is_a_loss_of_what_was_paid_in() -> None:
    """An account begins with its deposit, whenever it is first looked at."""
    ledger, prices = Ledger(INSTRUMENTS), Prices(linear_house=("100", "100"), other_house=("100", "100"))
    account = Account(ledger, prices, HandClock())
    ledger.open_account(LINEAR, Decimal(1000))
    ledger.book_gas(LINEAR, Decimal(10), "first", "nobody")
    assert (account.drawdown_pct(), account.drawdown_pct(LINEAR)) == (Decimal("0.01"), Decimal("0.01"))
    assert account.daily_loss_usd() == 10
    ledger.open_account(OTHER, Decimal(980))
    ledger.book_gas(OTHER, Decimal(98), "second", "nobody")
    account.mark()
    assert account.drawdown_pct(OTHER) == Decimal("0.1")
    assert account.daily_loss_usd() == 108
