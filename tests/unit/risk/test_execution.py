"""The execution guard: the books, the prices and the worst case of one pair."""

from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.errors import ReadFailed
from perpbot.core.instruments import MarketStatus
from perpbot.risk.execution import ExecutionGuard
from tests.unit.risk.fakes import BTC, FakeAccount, FakeMarket, World, make_instrument, make_opportunity


@pytest.fixture
def world() -> World:
    return World()


def ask(world: World, **changes: Any) -> str:
    ok, reason = world.execution.check(make_opportunity(**changes))
    assert ok is (reason == "approved")
    return str(reason)


@pytest.mark.parametrize(
    ("changes", "measured"),
    [
        ({"buy_price": Decimal("100.1")}, None),
        ({"buy_price": Decimal("100.101")}, "0.00101"),
        ({"sell_price": Decimal("100.3995")}, None),
        ({"sell_touch": Decimal(100), "sell_price": Decimal("99.899")}, "0.00101"),
    ],
)
def test_a_walked_price_may_give_up_a_thousandth(world: World, changes: dict[str, Any], measured: str | None) -> None:
    """Either leg, against its own quote; the limit itself is allowed, a better price is no slippage."""
    verdict = world.execution.check(make_opportunity(**changes))
    if measured is None:
        assert verdict.approved
    else:
        assert (verdict.reason, verdict.measured, verdict.limit) == ("slippage", Decimal(measured), Decimal("0.001"))


@pytest.mark.parametrize(
    ("last", "reason"), [(98.1, "approved"), (98.0, "price_sanity"), (103.0, "price_sanity"), (None, "price_sanity")]
)
def test_a_price_stays_within_two_percent_of_its_own_last_price(world: World, last: float | None, reason: str) -> None:
    """Up or down; where no last price is known, nothing says that this one is right."""
    world.market.last["paradex"] = last
    assert ask(world) == reason


@pytest.mark.parametrize("last", [0.0, -1.0, float("nan"), float("inf")])
def test_a_last_price_that_is_none_refuses(world: World, last: float) -> None:
    """No comparison with NaN is ever passed."""
    world.market.last["paradex"] = last
    assert ask(world) == "price_sanity"


def with_others(prices: dict[str, float]) -> World:
    world = World(exchanges=("paradex", "extended", *prices))
    for exchange, price in prices.items():
        world.market.books[exchange].bid = world.market.books[exchange].ask = price
    return world


def test_a_price_stays_within_two_percent_of_the_others_median() -> None:
    """The median of 99.95, 103 and 103 is 103: paradex at 100 is the one out of line."""
    world = with_others({"okx": 103.0, "binance": 103.0})
    verdict = world.execution.check(make_opportunity())
    assert (verdict.reason, verdict.detail) == ("price_sanity", "median of the exchanges other than paradex")
    assert with_others({"okx": 100.0, "binance": 103.0}).execution.check(make_opportunity()).approved


def test_with_two_exchanges_the_other_is_no_judge() -> None:
    """Of two prices that differ nobody can say which is wrong: the gap itself is the trade."""
    world = World()
    world.market.books["extended"].bid = world.market.books["extended"].ask = 103.0
    world.market.last["extended"] = 103.0
    assert ask(world, sell_price=Decimal(103), sell_touch=Decimal(103)) == "approved"


@pytest.mark.parametrize("fault", ["stale", "dropped", "one-sided"])
def test_a_book_that_is_stale_or_incomplete_is_no_judge(fault: str) -> None:
    """Only whole and fresh books have a say in the median."""
    world = with_others({"okx": 103.0, "binance": 103.0})
    for exchange in ("okx", "binance"):
        if fault == "stale":
            world.market.ages[exchange] = 1.5
        else:
            world.market.books[exchange].ready = fault != "dropped"
            world.market.books[exchange].ask = 0.0 if fault == "one-sided" else 103.0
    assert ask(world) == "approved"


@pytest.mark.parametrize(
    ("ages", "reason", "measured"),
    [
        ((1.0, 0.9), "approved", None),
        ((0.9, 1.001), "book_age", "1.001"),
        ((0.9, 0.3), "book_skew", "0.6"),
        ((float("inf"), 0.1), "book_age", None),
        ((0.1, float("nan")), "book_age", None),
    ],
)
def test_old_books_and_books_of_different_age_refuse(
    world: World, ages: tuple[float, float], reason: str, measured: str | None
) -> None:
    """1 s of age, 0.5 s of difference, measured now; without a book or with a NaN neither is passed."""
    world.market.ages["paradex"], world.market.ages["extended"] = ages
    verdict = world.execution.check(make_opportunity())
    assert (verdict.reason, verdict.measured) == (reason, Decimal(measured) if measured else None)


def test_the_worst_case_loss_is_bounded_by_a_share_of_equity(world: World) -> None:
    """402 USD could lose 0.7 %, which is 2.814 USD; 0.2 % of equity must cover it."""
    world.account.total = Decimal(1407)
    assert ask(world) == "approved"
    world.account.total = Decimal("1406.9")
    verdict = world.execution.check(make_opportunity())
    assert (verdict.reason, verdict.measured, verdict.limit) == (
        "worst_case_loss",
        Decimal("2.814"),
        Decimal("2.8138"),
    )


def test_a_budget_that_is_no_number_covers_nothing(world: World) -> None:
    """Equity of NaN makes no limit."""
    world.account.total = Decimal("NaN")
    assert ask(world) == "worst_case_loss"


def test_the_worst_case_takes_the_dearer_exchange(world: World) -> None:
    """Whichever leg stands alone, its own exchange is paid twice."""
    world.instruments["extended", BTC] = make_instrument("extended", taker_fee_pct=Decimal("0.001"))
    assert world.execution.worst_case_loss(make_opportunity()) == Decimal(402) * Decimal("0.008")


@pytest.mark.parametrize("status", [status for status in MarketStatus if status is not MarketStatus.OPEN])
@pytest.mark.parametrize("exchange", ["paradex", "extended"])
def test_both_exits_must_be_possible(world: World, exchange: str, status: MarketStatus) -> None:
    """A market that is not open, on either exchange, refuses and says which."""
    world.instruments[exchange, BTC] = make_instrument(exchange, status=status)
    verdict = world.execution.check(make_opportunity())
    assert (verdict.reason, verdict.detail) == ("market_closed", f"{BTC} on {exchange} is {status}")


def test_an_unknown_instrument_refuses(world: World) -> None:
    """Without its fees there is no worst case, and without worst case no trade."""
    del world.instruments["extended", BTC]
    assert ask(world) == "worst_case_loss"


def test_equity_that_cannot_be_read_opens_nothing(world: World) -> None:
    """A failed read is a reason of its own."""

    class Unreadable(FakeAccount):
        def total_equity(self) -> Decimal:
            raise ReadFailed("extended: balance: timeout")

    guard = ExecutionGuard(
        world.limits,
        world.risk,
        world.clock,
        FakeMarket(world.exchanges),
        world.instruments,
        Unreadable(),
        lambda notional, **_: notional,
    )
    assert guard.check(make_opportunity()).reason == "reads_failing"
