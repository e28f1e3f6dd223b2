"""Fast markets are told from one exchange's own prices."""

from decimal import Decimal

import pytest

from perpbot.risk.fast_market import FastMarket
from tests.unit.risk.fakes import BTC, ETH, SECOND


@pytest.fixture
def fast() -> FastMarket:
    return FastMarket(Decimal("0.005"), window_seconds=1, freeze_seconds=5)


def feed(fast: FastMarket, exchange: str, prices: list[tuple[float, float]]) -> None:
    for seconds, price in prices:
        fast.on_price(exchange, BTC, price, round(seconds * SECOND))


def is_frozen(fast: FastMarket, seconds: float, symbol: str = BTC) -> bool:
    return fast.frozen_move(symbol, round(seconds * SECOND)) is not None


@pytest.mark.parametrize("price", [100.5, 99.5])
def test_half_a_percent_within_a_second_freezes(fast: FastMarket, price: float) -> None:
    """Up or down, exactly the limit counts; the other symbols go on."""
    feed(fast, "okx", [(0, 100.0), (0.9, price)])
    assert is_frozen(fast, 0.9)
    assert fast.frozen_symbols(SECOND) == (BTC,)
    assert not is_frozen(fast, 0.9, ETH)


def test_a_gap_between_two_exchanges_freezes_nothing(fast: FastMarket) -> None:
    """However large: it is the gap that is to be traded."""
    for tenth in range(50):
        feed(fast, "okx", [(tenth / 10, 100.0)])
        feed(fast, "paradex", [(tenth / 10, 105.0)])
        assert not is_frozen(fast, tenth / 10)


def test_a_slow_move_freezes_nothing(fast: FastMarket) -> None:
    """Five percent in fifty seconds is no fast market."""
    feed(fast, "okx", [(tenth / 10, 100.0 + tenth / 100) for tenth in range(500)])
    assert not is_frozen(fast, 50)


def test_a_jump_after_silence_is_a_jump(fast: FastMarket) -> None:
    """A price stands until the next one: it was still there a moment ago."""
    feed(fast, "okx", [(0, 100.0), (30, 101.0)])
    assert is_frozen(fast, 30)


def test_the_highest_and_lowest_within_the_window_count(fast: FastMarket) -> None:
    """A move there and back is seen from its extreme, as long as that is a second old at most."""
    feed(fast, "okx", [(0, 100.0), (0.5, 100.3), (0.6, 99.9), (0.8, 99.79)])
    assert is_frozen(fast, 0.8)
    slow = FastMarket(Decimal("0.005"), 1, 5)
    feed(slow, "okx", [(0, 100.0), (0.5, 100.3), (0.6, 99.9), (1.7, 99.79)])
    assert not is_frozen(slow, 1.7)


def test_the_freeze_ends_five_seconds_after_the_last_breach(fast: FastMarket) -> None:
    """Each further breach prolongs it."""
    feed(fast, "okx", [(0, 100.0), (1, 101.0), (4, 102.0)])
    assert is_frozen(fast, 8.999)
    assert not is_frozen(fast, 9)


@pytest.mark.parametrize("price", [float("nan"), float("inf"), 0.0, -1.0])
def test_what_is_no_price_is_passed_over(fast: FastMarket, price: float) -> None:
    """It neither freezes nor hides the move around it."""
    feed(fast, "okx", [(0, price), (0.1, 100.0), (0.2, price)])
    assert not is_frozen(fast, 0.2)
    feed(fast, "okx", [(0.3, 100.6)])
    assert is_frozen(fast, 0.3)
