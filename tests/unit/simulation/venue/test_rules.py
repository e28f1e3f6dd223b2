"""The venue refuses what breaks its rules, and says which."""

from decimal import Decimal

import pytest

from perpbot.core.instruments import MarketStatus
from perpbot.core.orders import OrderReport, OrderStatus, Side, TimeInForce
from tests.unit.simulation.venue.scene import START, SYMBOL, Scene

GTC = TimeInForce.GTC


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.snapshot([(100.0, 50.0)], [(101.0, 50.0)])
    return made


def refused(report: OrderReport) -> str | None:
    """The reason of a refusal that left nothing behind."""
    assert (report.status, report.filled_size, report.order_id) == (OrderStatus.REJECTED, Decimal(0), None)
    return report.reason


@pytest.mark.parametrize(
    ("size", "price", "reason"),
    [
        ("1", "101.05", "tick"),
        ("1.0001", "101", "step"),
        ("0.001", "101", "min_size"),
        ("0.005", "101", "min_notional"),
        ("0", "101", "bad_size"),
        ("-1", "101", "bad_size"),
        ("NaN", "101", "bad_size"),
        ("Infinity", "101", "bad_size"),
        ("1", "0", "bad_price"),
        ("1", "-101", "bad_price"),
        ("1", "NaN", "bad_price"),
        ("1", "Infinity", "bad_price"),
    ],
)
def test_a_number_off_the_rules_is_refused(scene: Scene, size: str, price: str, reason: str) -> None:
    """Tick, step, minimum size, minimum notional, and finite positive numbers."""
    assert refused(scene.buy(size, price)) == reason
    assert scene.events() == []


def test_a_limit_order_needs_a_price(scene: Scene) -> None:
    """A post-only market order does not exist."""
    assert refused(scene.buy("1", None, TimeInForce.POST_ONLY)) == "bad_price"


def test_reduce_only_orders_are_exempt_from_the_minimums_but_not_from_the_step(scene: Scene) -> None:
    """Otherwise a small rest could never be closed."""
    scene.buy("1", "101")
    assert scene.send(Side.SELL, "0.001", "100", reduce_only=True).status is OrderStatus.FILLED
    assert refused(scene.send(Side.SELL, "0.0001", "100", reduce_only=True)) == "step"


def test_an_unknown_symbol_is_refused(scene: Scene) -> None:
    """The venue trades what it lists."""
    assert refused(scene.send(Side.BUY, "1", "101", symbol="XRP-USD-PERP")) == "unknown_symbol"


def test_a_client_id_is_taken_once(scene: Scene) -> None:
    """The second order is refused and the first stays as it is; another account may use the same id."""
    first = scene.send(Side.BUY, "1", "90", GTC, client_id="same")
    assert refused(scene.send(Side.BUY, "2", "101", client_id="same")) == "duplicate_client_id"
    assert scene.report(first) == first
    assert scene.contracts() == 0
    assert scene.send(Side.BUY, "1", "101", account="them", client_id="same").status is OrderStatus.FILLED


def test_a_refused_order_leaves_its_client_id_free(scene: Scene) -> None:
    """What was refused never was: the venue does not know the id."""
    report = scene.send(Side.BUY, "1", "101.05", client_id="free")
    assert scene.engine.report("us", report.client_order_id) is None
    assert scene.send(Side.BUY, "1", "101", client_id="free").status is OrderStatus.FILLED


def test_an_order_that_arrives_after_its_expiry_is_refused(scene: Scene) -> None:
    """So that an order that took too long can be proved never accepted."""
    assert refused(scene.send(Side.BUY, "1", "101", expires_ns=START)) == "expired"
    assert scene.send(Side.BUY, "1", "101", expires_ns=START + 1).status is OrderStatus.FILLED


@pytest.mark.parametrize("status", [MarketStatus.HALTED, MarketStatus.CLOSED, MarketStatus.UNKNOWN])
def test_a_market_that_is_not_open_takes_nothing(scene: Scene, status: MarketStatus) -> None:
    """Neither openings nor closings."""
    scene.buy("1", "101")
    scene.engine.set_status(SYMBOL, status)
    assert refused(scene.buy("1", "101")) == "market_closed"
    assert refused(scene.send(Side.SELL, "1", "100", reduce_only=True)) == "market_closed"


def test_a_reduce_only_market_takes_closings_alone(scene: Scene) -> None:
    """An order without the flag is refused even if it would close."""
    scene.buy("1", "101")
    scene.engine.set_status(SYMBOL, MarketStatus.REDUCE_ONLY)
    assert refused(scene.sell("1", "100")) == "market_closed"
    assert scene.send(Side.SELL, "1", "100", reduce_only=True).status is OrderStatus.FILLED


def test_a_post_only_market_takes_post_only_orders_alone(scene: Scene) -> None:
    """As venues open after maintenance."""
    scene.engine.set_status(SYMBOL, MarketStatus.POST_ONLY)
    assert refused(scene.buy("1", "101")) == "market_closed"
    assert scene.buy("1", "99", TimeInForce.POST_ONLY).status is OrderStatus.OPEN


def test_reduce_only_without_a_position_is_refused(scene: Scene) -> None:
    """There is nothing to reduce, nor on the side that would add."""
    assert refused(scene.send(Side.SELL, "1", "100", reduce_only=True)) == "reduce_only"
    scene.buy("1", "101")
    assert refused(scene.send(Side.BUY, "1", "101", reduce_only=True)) == "reduce_only"


def test_reduce_only_larger_than_the_position_closes_it_and_ends(scene: Scene) -> None:
    """It is clipped to the position and never flips it."""
    scene.buy("1", "101")
    report = scene.send(Side.SELL, "3", "100", reduce_only=True)
    assert (report.status, report.reason, report.filled_size) == (OrderStatus.CANCELLED, "reduce_only", Decimal(1))
    assert scene.contracts() == 0


def test_an_opening_beyond_the_margin_is_refused(scene: Scene) -> None:
    """Equity 500 at leverage 10 opens notional 5,000 and no more."""
    scene.engine.transfer("us", Decimal(-9500))
    assert refused(scene.buy("49.51", "101")) == "insufficient_margin"
    assert scene.buy("49.5", "101").filled_size == Decimal("49.5")


def test_resting_orders_bind_margin(scene: Scene) -> None:
    """What they would open counts before it fills."""
    scene.engine.transfer("us", Decimal(-9500))
    scene.buy("30", "100", GTC)
    assert scene.engine.balance("us").available == 200
    assert refused(scene.buy("25", "100", GTC)) == "insufficient_margin"


def test_a_resting_order_that_closes_binds_no_margin(scene: Scene) -> None:
    """With the flag or without."""
    scene.buy("10", "101")
    before = scene.engine.balance("us").available
    scene.sell("10", "110", GTC)
    assert scene.engine.balance("us").available == before
    scene.send(Side.SELL, "10", "111", GTC, reduce_only=True)
    assert scene.engine.balance("us").available == before


def test_what_is_held_is_closed_once_in_the_margin_of_resting_orders(scene: Scene) -> None:
    """Of two orders that would each close the position, the second opens."""
    scene.buy("10", "101")
    before = scene.engine.balance("us").available
    scene.sell("6", "110", GTC)
    scene.sell("6", "120", GTC)
    assert scene.engine.balance("us").available == before - 24


def test_closing_needs_no_margin(scene: Scene) -> None:
    """An order that reduces is taken when nothing is available, with the flag or without."""
    scene.buy("40", "101")
    scene.engine.transfer("us", -scene.engine.balance("us").available)
    assert scene.engine.balance("us").available == 0
    assert scene.sell("40", "100").status is OrderStatus.FILLED


def test_turning_a_position_round_needs_margin_for_what_it_opens(scene: Scene) -> None:
    """The closing part is free, the opening part is not."""
    scene.engine.transfer("us", Decimal(-9500))
    scene.buy("10", "101")
    assert refused(scene.sell("70", "100")) == "insufficient_margin"
    assert scene.sell("40", "100").filled_size == 40
    assert scene.contracts() == -30
