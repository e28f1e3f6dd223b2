"""The median close gap of a direction and its warm-up."""

from __future__ import annotations

import pytest

from perpbot.pricing.basis import SAMPLE_INTERVAL_NS, CloseGap
from tests.unit.arbitrage.desk import BTC, Desk, FakeBook, linear


def desk_at(bid: float, ask: float) -> Desk:
    desk = Desk(linear("alpha"), linear("beta"))
    desk.quote("alpha", 100.0, 100.1)
    desk.quote("beta", bid, ask)
    return desk


def test_the_close_gap_is_where_both_legs_would_be_closed() -> None:
    """ask of the exchange sold on over bid of the exchange bought on, − 1."""
    desk = desk_at(100.0, 100.5)
    desk.warm(1)
    assert desk.basis.median(BTC, "alpha", "beta") == pytest.approx(0.005)
    assert desk.basis.median(BTC, "beta", "alpha") == pytest.approx(0.001)


def test_the_basis_is_warm_after_sixty_seconds_of_samples() -> None:
    """240 samples at 0.25 s."""
    desk = desk_at(100.0, 100.5)
    desk.warm(239)
    assert not desk.basis.warm(BTC, "alpha", "beta")
    desk.warm(1)
    assert desk.basis.warm(BTC, "alpha", "beta")


def test_moments_without_both_tops_are_no_samples() -> None:
    """An absent price is not a price of zero."""
    desk = desk_at(100.0, 100.5)
    desk.books["beta"].ask_levels = []
    desk.warm(10)
    assert desk.basis.median(BTC, "alpha", "beta") is None
    assert desk.basis.median(BTC, "beta", "alpha") is not None


def test_samples_leave_after_the_window() -> None:
    """1200 samples are kept; what is older is forgotten, also while a side is absent."""
    desk = desk_at(100.0, 100.5)
    desk.warm(1200)
    desk.quote("beta", 101.0, 101.5)
    desk.warm(1200)
    assert desk.basis.median(BTC, "alpha", "beta") == pytest.approx(0.015)
    desk.books["beta"].ask_levels = []
    desk.warm(961)
    assert not desk.basis.warm(BTC, "alpha", "beta")
    desk.warm(300)
    assert desk.basis.median(BTC, "alpha", "beta") is None


def test_an_even_count_takes_the_mean_of_the_middle_two() -> None:
    """As statistics.median does."""
    buy, sell = FakeBook("alpha", BTC, [(100.0, 1.0)], []), FakeBook("beta", BTC)
    gap = CloseGap(buy, sell, window=4, warmup=2)
    for tick, ask in enumerate((101.0, 104.0, 102.0, 110.0)):
        sell.ask_levels = [(ask, 1.0)]
        gap.sample(tick)
    assert gap.median() == pytest.approx(0.03)
    assert gap.expected == gap.median()


def test_directions_exist_between_trading_exchanges_that_list_the_symbol() -> None:
    """A reference exchange and a market without an instrument have no basis."""
    desk = Desk(linear("alpha"), linear("beta"), linear("gamma"), trading=["alpha", "beta"])
    desk.market.books[BTC].append(FakeBook("alpha", BTC.replace("BTC", "ETH")))
    pairs = [(gap.buy.exchange, gap.sell.exchange) for gap in desk.basis.directions(BTC)]
    assert pairs == [("alpha", "beta"), ("beta", "alpha")]
    assert desk.basis.directions("ETH-USD-PERP") == ()
    assert desk.basis.median(BTC, "alpha", "gamma") is None


def test_an_exchange_that_joins_later_is_sampled_and_keeps_the_others_history() -> None:
    """A new book joins at the next sample."""
    desk = Desk(linear("alpha"), linear("beta"), linear("gamma"))
    late = desk.market.books[BTC].pop()
    for name in ("alpha", "beta"):
        desk.quote(name, 100.0, 100.1)
    desk.warm()
    desk.market.books[BTC].append(late)
    desk.quote("gamma", 100.0, 100.1)
    desk.warm(1)
    assert desk.basis.warm(BTC, "alpha", "beta")
    assert desk.basis.median(BTC, "alpha", "gamma") is not None
    assert not desk.basis.warm(BTC, "alpha", "gamma")


def test_the_interval_is_a_quarter_of_a_second() -> None:
    """The service samples at whole multiples of it."""
    assert SAMPLE_INTERVAL_NS * 4 == 1_000_000_000
