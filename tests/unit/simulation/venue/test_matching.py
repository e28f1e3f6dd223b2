"""Incoming orders walk real depth and take it away."""

from decimal import Decimal

import pytest

from perpbot.core.orders import Fill, Liquidity, OrderReport, OrderStatus, Side, TimeInForce
from tests.unit.simulation.venue.scene import INVERSE, SECOND, Scene

GTC, POST_ONLY = TimeInForce.GTC, TimeInForce.POST_ONLY


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.snapshot([(100.0, 1.0), (99.0, 2.0)], [(101.0, 1.0), (102.0, 2.0), (103.0, 3.0)])
    return made


def test_an_ioc_walks_the_levels_up_to_its_limit_and_ends(scene: Scene) -> None:
    """Each level fills at its own price; what the limit forbids stays unfilled."""
    report = scene.buy("5", "102")
    assert scene.fills(report) == [("101", "1"), ("102", "2")]
    assert (report.status, report.reason, report.filled_size) == (OrderStatus.CANCELLED, "unfilled", Decimal(3))


def test_an_ioc_that_meets_nothing_ends_without_a_fill(scene: Scene) -> None:
    """Missed is cancelled with nothing filled, not rejected."""
    report = scene.buy("1", "100.9")
    assert (report.status, report.filled_size, report.average_price) == (OrderStatus.CANCELLED, Decimal(0), None)


def test_a_market_order_takes_what_is_shown_and_no_more(scene: Scene) -> None:
    """There is no infinite size: past the last level nothing is left."""
    report = scene.sell("4", None)
    assert scene.fills(report) == [("100", "1"), ("99", "2")]
    assert report.status is OrderStatus.CANCELLED


def test_what_one_order_took_the_next_does_not_find(scene: Scene) -> None:
    """The same size is not sold twice."""
    scene.buy("1", "101")
    again = scene.buy("1", "101")
    assert again.filled_size == 0


def test_the_average_price_weighs_every_fill(scene: Scene) -> None:
    """Value over size."""
    assert scene.buy("3", "102").average_price == Decimal("101.666666666666667")


def test_an_inverse_average_weighs_coins() -> None:
    """Contracts of fixed USD cost coins: the average is harmonic, and of one price that price."""
    scene = Scene(INVERSE)
    scene.snapshot([(100.0, 5.0)], [(110.0, 1.0), (120.0, 3.0)])
    report = scene.buy("2", "120")
    assert report.average_price == Decimal("114.782608695652174")
    assert scene.buy("1", "120").average_price == Decimal(120)


def test_the_book_is_brought_up_to_date_before_a_match(scene: Scene) -> None:
    """An order meets the book of its arrival, not of its sending."""
    scene.later(0.004)
    scene.delta(asks=[(101.0, 0.0)])
    scene.later(0.001)
    assert scene.buy("1", "101").filled_size == 0


def test_events_after_the_arrival_are_not_seen(scene: Scene) -> None:
    """The future of the recording does not fill an order."""
    request = scene.request(Side.BUY, "1", "101")
    scene.later(0.004)
    scene.delta(asks=[(101.0, 0.0)])
    report = scene.engine.submit("us", request, scene.now_ns - 1)
    assert report.filled_size == 1


def test_the_venues_clock_decides_what_stands_at_a_time() -> None:
    """With a clock offset an event stands ``offset`` later on our clock."""
    scene = Scene(clock_offset_ns=-2 * SECOND)
    scene.snapshot([(100.0, 1.0)], [(101.0, 1.0)])
    scene.later(1)
    assert scene.buy("1", "101").filled_size == 1
    assert scene.engine.fills("us", scene.send(Side.BUY, "1", None).client_order_id) == ()


def test_fees_follow_the_order_class(scene: Scene) -> None:
    """A taker pays the taker fee, a resting order the maker fee, on what traded."""
    scene.buy("1", "101")
    scene.send(Side.BUY, "1", "100.5", GTC)
    scene.send(Side.SELL, "1", "100.5", account="them")
    fills = [event for event in scene.events() if isinstance(event, Fill)]
    assert [(fill.liquidity, fill.fee) for fill in fills] == [
        (Liquidity.TAKER, Decimal("0.0505")),
        (Liquidity.MAKER, Decimal("0.0201")),
    ]


def test_an_inverse_fee_is_paid_in_coin() -> None:
    """The fee's currency is the instrument's, rounded to 1e-8."""
    scene = Scene(INVERSE)
    scene.snapshot([(100.0, 5.0)], [(60_000.1, 5.0)])
    scene.buy("3", None)
    fill = next(event for event in scene.events() if isinstance(event, Fill))
    assert (fill.fee, fill.fee_currency) == (Decimal("0.00000250"), "BTC")


def test_events_come_fills_first_and_then_the_order(scene: Scene) -> None:
    """Every fill is told, and the order once after them; asked again, nothing is repeated."""
    scene.buy("2", "102")
    told = scene.events()
    assert [type(event) for event in told] == [Fill, Fill, OrderReport]
    assert scene.events() == []


def test_trade_and_order_ids_never_repeat(scene: Scene) -> None:
    """Ids carry the engine's prefix and count up."""
    scene.buy("2", "102")
    scene.sell("1", "100")
    fills = [event for event in scene.events() if isinstance(event, Fill)]
    assert [fill.trade_id for fill in fills] == ["p-t1", "p-t2", "p-t3"]
    assert [fill.order_id for fill in fills] == ["p-o1", "p-o1", "p-o2"]


def test_a_post_only_order_that_would_take_is_rejected(scene: Scene) -> None:
    """It neither fills nor rests."""
    report = scene.buy("1", "101", POST_ONLY)
    assert (report.status, report.reason) == (OrderStatus.REJECTED, "post_only")
    assert scene.engine.open_orders("us") == []


def test_a_post_only_order_that_takes_nothing_rests(scene: Scene) -> None:
    """It is open and unfilled."""
    assert scene.buy("1", "100.9", POST_ONLY).status is OrderStatus.OPEN


def test_a_gtc_rests_with_what_it_did_not_get(scene: Scene) -> None:
    """It takes what crosses and waits with the rest."""
    report = scene.buy("3", "101", GTC)
    assert (report.status, report.filled_size) == (OrderStatus.PARTIALLY_FILLED, Decimal(1))
    assert [each.client_order_id for each in scene.engine.open_orders("us")] == [report.client_order_id]


def test_accounts_trade_with_each_other_at_the_resting_price(scene: Scene) -> None:
    """Price improvement goes to the taker."""
    resting = scene.send(Side.SELL, "0.5", "100.5", GTC, account="them")
    taken = scene.buy("0.5", "101")
    assert scene.fills(taken) == [("100.5", "0.5")]
    assert scene.report(resting, "them").status is OrderStatus.FILLED
    assert (scene.contracts(), scene.contracts("them")) == (Decimal("0.5"), Decimal("-0.5"))


def test_others_size_at_a_price_goes_before_a_resting_order(scene: Scene) -> None:
    """A resting order joined behind what is shown there."""
    resting = scene.send(Side.SELL, "1", "101", GTC, account="them")
    scene.buy("1", "101")
    assert scene.report(resting, "them").filled_size == 0


def test_an_order_that_would_meet_its_own_account_expires(scene: Scene) -> None:
    """What it got before stands; the resting order is untouched; it is counted."""
    resting = scene.sell("1", "101.5", GTC)
    report = scene.buy("3", "102")
    assert (report.status, report.reason, report.filled_size) == (OrderStatus.EXPIRED, "self_trade", Decimal(1))
    assert scene.report(resting).status is OrderStatus.OPEN
    assert scene.engine.self_trades_prevented == 1


def test_a_cancel_ends_a_resting_order_and_says_how_it_stands(scene: Scene) -> None:
    """The answer carries what had filled."""
    report = scene.buy("3", "101", GTC)
    cancelled = scene.engine.cancel("us", report.client_order_id, scene.now_ns)
    assert cancelled is not None
    assert (cancelled.status, cancelled.filled_size) == (OrderStatus.CANCELLED, Decimal(1))
    assert scene.engine.open_orders("us") == []


def test_a_cancel_of_a_finished_order_changes_nothing(scene: Scene) -> None:
    """It answers with the final state; of an unknown id with nothing."""
    report = scene.buy("1", "101")
    assert scene.engine.cancel("us", report.client_order_id, scene.now_ns) == report
    assert scene.engine.cancel("us", scene.request(Side.BUY, "1", "1").client_order_id, scene.now_ns) is None


def test_cancel_all_ends_every_order_of_the_account_alone(scene: Scene) -> None:
    """Other accounts keep theirs."""
    scene.buy("1", "90", GTC)
    scene.buy("1", "91", GTC)
    scene.send(Side.BUY, "1", "90", GTC, account="them")
    scene.engine.cancel_all("us", scene.now_ns)
    assert scene.engine.open_orders("us") == []
    assert len(scene.engine.open_orders("them")) == 1
