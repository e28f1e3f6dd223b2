"""Resting orders wait behind what is shown and move up only when that is proved."""

from decimal import Decimal

import pytest

from perpbot.core.orders import Fill, OrderStatus, Side, TimeInForce
from tests.unit.simulation.venue.scene import SECOND, START, Scene

GTC = TimeInForce.GTC


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.snapshot([(100.0, 5.0), (99.0, 2.0)], [(101.0, 5.0), (102.0, 2.0)])
    return made


def test_trades_at_its_price_first_fill_what_is_ahead(scene: Scene) -> None:
    """Behind 5 contracts, a trade of 5 fills nothing and the next fills the order."""
    report = scene.buy("2", "100", GTC)
    scene.trade(100.0, 5.0, taker=Side.SELL)
    assert scene.report(report).filled_size == 0
    scene.trade(100.0, 1.5, taker=Side.SELL)
    assert scene.report(report).filled_size == Decimal("1.5")


def test_a_trade_larger_than_the_queue_fills_by_the_rest(scene: Scene) -> None:
    """The part beyond what was ahead is the order's."""
    report = scene.buy("2", "100", GTC)
    scene.trade(100.0, 6.0, taker=Side.SELL)
    assert scene.report(report).filled_size == 1


def test_trades_of_the_other_direction_do_not_count(scene: Scene) -> None:
    """A buyer's trade does not touch a resting buy."""
    report = scene.buy("2", "100", GTC)
    scene.trade(100.0, 50.0, taker=Side.BUY)
    assert scene.report(report).filled_size == 0


def test_a_trade_beyond_its_price_went_through_it(scene: Scene) -> None:
    """Who sold lower would have met the order first: it fills by that trade's size, at its own price."""
    report = scene.buy("2", "100", GTC)
    scene.trade(99.0, 0.5, taker=Side.SELL)
    assert scene.fills(report) == [("100", "0.5")]


def test_one_trade_is_shared_by_the_orders_that_wait(scene: Scene) -> None:
    """First come, first served, and together no more than the trade."""
    first = scene.send(Side.BUY, "2", "100", GTC, account="them")
    second = scene.buy("2", "100", GTC)
    scene.trade(100.0, 8.0, taker=Side.SELL)
    assert scene.report(first, "them").filled_size == 2
    assert scene.report(second).filled_size == 1


def test_a_level_that_shrinks_below_the_queue_shortens_it(scene: Scene) -> None:
    """No more than is shown can be ahead."""
    report = scene.buy("2", "100", GTC)
    scene.delta(bids=[(100.0, 1.0)])
    scene.trade(100.0, 2.0, taker=Side.SELL)
    assert scene.report(report).filled_size == 1


def test_a_level_that_shrinks_and_grows_again_does_not_lengthen_the_queue(scene: Scene) -> None:
    """Who came later stands behind."""
    report = scene.buy("2", "100", GTC)
    scene.delta(bids=[(100.0, 1.0)])
    scene.delta(bids=[(100.0, 9.0)])
    scene.trade(100.0, 2.0, taker=Side.SELL)
    assert scene.report(report).filled_size == 1


def test_a_shrinking_level_alone_fills_nothing(scene: Scene) -> None:
    """Orders may have been cancelled."""
    report = scene.buy("2", "100", GTC)
    scene.delta(bids=[(100.0, 0.0)])
    assert scene.report(report).filled_size == 0


def test_a_book_that_crosses_it_fills_it_by_what_stands_there(scene: Scene) -> None:
    """Others' sells at or below a resting buy trade with it, at its price, and are gone then."""
    report = scene.buy("2", "100.5", GTC)
    scene.later(1)
    scene.ticker((100.0, 5.0), (100.4, 1.5))
    assert scene.fills(report) == [("100.5", "1.5")]
    assert scene.send(Side.BUY, "1", "100.4", account="them").filled_size == 0


def test_a_resting_fill_carries_the_time_of_the_market_event() -> None:
    """On our clock, however late the venue is looked at."""
    scene = Scene(clock_offset_ns=-2 * SECOND)
    scene.snapshot([(100.0, 5.0)], [(101.0, 5.0)])
    scene.buy("2", "100", GTC)
    scene.later(1)
    scene.trade(99.0, 2.0, taker=Side.SELL)
    scene.later(10)
    fill = next(event for event in scene.events() if isinstance(event, Fill))
    assert fill.timestamp_ns == START + SECOND


def test_an_order_expires_when_its_sender_said(scene: Scene) -> None:
    """At that time it is gone, whatever trades later."""
    report = scene.send(Side.BUY, "2", "100", GTC, expires_ns=START + SECOND)
    scene.later(2)
    scene.trade(99.0, 5.0, taker=Side.SELL)
    ended = scene.report(report)
    assert (ended.status, ended.reason, ended.timestamp_ns) == (OrderStatus.EXPIRED, "expired", START + SECOND)
    assert ended.filled_size == 0


def test_a_market_that_trades_before_the_expiry_still_fills(scene: Scene) -> None:
    """What stood before the expiry counts although the venue is looked at later."""
    report = scene.send(Side.BUY, "2", "100", GTC, expires_ns=START + 2 * SECOND)
    scene.later(1)
    scene.trade(99.0, 5.0, taker=Side.SELL)
    scene.later(9)
    assert scene.report(report).status is OrderStatus.FILLED


def test_a_resting_reduce_only_order_ends_with_the_position(scene: Scene) -> None:
    """When nothing is left to reduce it is cancelled, and never opens the other side."""
    scene.buy("2", "101")
    resting = scene.send(Side.SELL, "2", "101.5", GTC, reduce_only=True)
    scene.sell("2", "100")
    ended = scene.report(resting)
    assert (ended.status, ended.reason) == (OrderStatus.CANCELLED, "reduce_only")
    assert scene.contracts() == 0


def test_a_resting_reduce_only_order_shrinks_with_the_position(scene: Scene) -> None:
    """It fills by no more than is held."""
    scene.buy("2", "101")
    resting = scene.send(Side.SELL, "2", "101.5", GTC, reduce_only=True)
    scene.sell("1.5", "100")
    scene.trade(102.0, 5.0, taker=Side.BUY)
    ended = scene.report(resting)
    assert (ended.filled_size, ended.status) == (Decimal("0.5"), OrderStatus.CANCELLED)
    assert scene.contracts() == 0
