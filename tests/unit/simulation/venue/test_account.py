"""Balances, positions, funding and liquidation of an account."""

from dataclasses import replace
from decimal import Decimal

import pytest

from perpbot.core.errors import InputError
from perpbot.core.events import FundingPaid
from perpbot.core.instruments import Instrument
from perpbot.core.orders import Fill, OrderStatus, Side, TimeInForce
from perpbot.core.positions import PositionSide
from tests.unit.simulation.venue.scene import INVERSE, LINEAR, SECOND, SYMBOL, Scene

FREE = replace(LINEAR, taker_fee_pct=Decimal(0), maker_fee_pct=Decimal(0))
FREE_INVERSE = replace(INVERSE, taker_fee_pct=Decimal(0), maker_fee_pct=Decimal(0))
INTERVAL = 28_800 * SECOND


def scene_at(bid: float, ask: float, *, deposit: str = "10000", funding_rate: str = "0") -> Scene:
    scene = Scene(FREE, deposit=deposit, funding_rate=funding_rate)
    scene.snapshot([(bid, 100.0)], [(ask, 100.0)])
    return scene


def move(scene: Scene, bid: float, ask: float) -> None:
    scene.ticker((bid, 100.0), (ask, 100.0))
    scene.engine.advance(scene.now_ns)


def test_a_name_is_one_account() -> None:
    """Opening it again is refused."""
    with pytest.raises(InputError):
        Scene().engine.open_account("us", Decimal(1))


def test_a_round_trip_books_its_gain_and_both_fees() -> None:
    """Bought at 101, sold at 100, one contract, taker fees of 0.05 %."""
    scene = Scene()
    scene.snapshot([(100.0, 5.0)], [(101.0, 5.0)])
    scene.buy("1", "101")
    scene.sell("1", "100")
    assert scene.engine.balance("us").balance == Decimal(10000) - 1 - Decimal("0.0505") - Decimal("0.05")
    assert scene.engine.position("us", SYMBOL) is None


def test_a_partial_close_books_at_average_cost() -> None:
    """Two buys at 100 and 103 cost 101.5 on average; half is sold at 102."""
    scene = scene_at(99, 100)
    scene.buy("1", "100")
    move(scene, 102, 103)
    scene.buy("1", "103")
    scene.sell("1", "102")
    position = scene.engine.position("us", SYMBOL)
    assert position is not None
    assert (position.entry_price, position.side, position.size) == (Decimal("101.5"), PositionSide.LONG, Decimal(1))
    assert scene.engine.balance("us").balance == Decimal("10000.5")


def test_an_order_larger_than_the_position_turns_it_round() -> None:
    """The closed part is realised, the rest opens at the fill's price."""
    scene = scene_at(100, 101)
    scene.buy("1", "101")
    scene.sell("3", "100")
    position = scene.engine.position("us", SYMBOL)
    assert position is not None
    assert (position.signed_size, position.entry_price) == (Decimal(-2), Decimal(100))
    assert scene.engine.balance("us").balance == 9999


def test_an_inverse_gain_is_rounded_in_coin_and_then_in_usd() -> None:
    """3 contracts of 100 USD from 60,000 to 61,000: 300/60000 − 300/61000 coin, rounded, at 61,000, rounded."""
    scene = Scene(FREE_INVERSE)
    scene.snapshot([(59_999.9, 9.0)], [(60_000.0, 9.0)])
    scene.buy("3", None)
    move(scene, 61_000.0, 61_000.1)
    scene.sell("3", None)
    assert scene.engine.balance("us").balance == 10_000 + Decimal("0.00008197") * 61_000


def test_an_inverse_fee_is_booked_in_usd_at_its_fills_price() -> None:
    """3 contracts of 100 USD at 60,000: 0.05 % of 0.005 coin, at 60,000."""
    scene = Scene(INVERSE)
    scene.snapshot([(59_999.9, 9.0)], [(60_000.0, 9.0)])
    scene.buy("3", None)
    assert scene.engine.balance("us").balance == 10_000 - Decimal("0.00000250") * 60_000


def test_equity_is_the_balance_and_what_positions_would_bring_at_the_mark() -> None:
    """The mark is the mid."""
    scene = scene_at(100, 101)
    scene.buy("2", "101")
    move(scene, 104, 105)
    balance = scene.engine.balance("us")
    assert (balance.balance, balance.equity) == (Decimal(10_000), Decimal(10_007))
    assert balance.available == Decimal(10007) - Decimal("20.9")


def test_a_position_says_what_it_is_worth() -> None:
    """Mark, unrealised gain, margin and leverage are the venue's."""
    scene = scene_at(100, 101)
    scene.sell("2", "100")
    position = scene.engine.positions("us")[0]
    assert (position.side, position.current_price, position.unrealized_pnl) == (
        PositionSide.SHORT,
        Decimal("100.5"),
        Decimal(-1),
    )
    assert (position.margin, position.leverage) == (Decimal("20.1"), Decimal(10))


def test_longs_pay_and_shorts_receive_a_positive_funding_rate() -> None:
    """Rate × value at the mark, at whole multiples of the interval since 1970, once, with an id of its own."""
    scene = scene_at(100, 101, funding_rate="0.001")
    scene.buy("2", "101")
    scene.send(Side.SELL, "1", "100", account="them")
    scene.later(28_800)
    paid, received = ([e for e in scene.events(a) if isinstance(e, FundingPaid)] for a in ("us", "them"))
    assert [each.amount_usd for each in paid] == [Decimal("-0.201")]
    assert [each.amount_usd for each in received] == [Decimal("0.1005")]
    assert paid[0].payment_id != received[0].payment_id
    assert paid[0].timestamp_ns % INTERVAL == 0
    assert scene.engine.balance("us").balance == Decimal(10000) - Decimal("0.201")


def test_funding_of_an_inverse_position_is_rounded_in_coin_first() -> None:
    """5 contracts of 100 USD at 60,000.05: 0.00833333 coin × 0.001, rounded, at the mark, rounded."""
    scene = Scene(FREE_INVERSE, funding_rate="0.001")
    scene.snapshot([(60_000.0, 9.0)], [(60_000.1, 9.0)])
    scene.buy("5", None)
    scene.later(28_800)
    paid = [event for event in scene.events() if isinstance(event, FundingPaid)]
    assert [each.amount_usd for each in paid] == [Decimal("-0.49980042")]


def test_every_settlement_that_passed_is_paid_at_the_mark_of_its_time() -> None:
    """However late the venue is looked at."""
    scene = scene_at(100, 101, funding_rate="0.001")
    scene.buy("2", "101")
    scene.later(28_800)
    scene.ticker((200.0, 1.0), (201.0, 1.0))
    scene.later(28_800)
    paid = [event for event in scene.events() if isinstance(event, FundingPaid)]
    assert [each.amount_usd for each in paid] == [Decimal("-0.201"), Decimal("-0.401")]


def test_settlement_follows_the_venues_clock() -> None:
    """Where the venue runs a second behind us, it settles a second later for us."""
    scene = Scene(FREE, funding_rate="0.001", clock_offset_ns=5 * SECOND)
    scene.snapshot([(100.0, 9.0)], [(101.0, 9.0)])
    scene.buy("2", "101")  # our 00:00:01 is the venue's 23:59:56
    scene.later(3.9)
    assert not any(isinstance(event, FundingPaid) for event in scene.events())
    scene.later(0.1)
    paid = [event for event in scene.events() if isinstance(event, FundingPaid)]
    assert [each.timestamp_ns for each in paid] == [scene.now_ns]


def test_no_rate_no_payment() -> None:
    """A rate of zero makes no events."""
    scene = scene_at(100, 101)
    scene.buy("2", "101")
    scene.later(28_800 * 3)
    assert not any(isinstance(event, FundingPaid) for event in scene.events())


def test_an_account_without_enough_equity_is_liquidated() -> None:
    """Its orders are cancelled, its position closed against the book, and it is told of both."""
    scene = scene_at(100, 101, deposit="110")
    scene.buy("10", "101")
    resting = scene.send(Side.SELL, "1", "150", TimeInForce.GTC)
    scene.events()
    move(scene, 94, 95)
    events = scene.events()
    closing = next(event for event in events if isinstance(event, Fill))
    assert (closing.side, closing.size, closing.price) == (Side.SELL, Decimal(10), Decimal(94))
    assert scene.report(resting).status is OrderStatus.CANCELLED
    assert scene.contracts() == 0
    assert scene.engine.liquidations == 1


def test_a_liquidation_takes_no_more_than_the_book_shows_and_goes_on_later() -> None:
    """There is no infinite size for the venue either."""
    scene = scene_at(100, 101, deposit="110")
    scene.buy("10", "101")
    scene.ticker((94.0, 4.0), (95.0, 9.0))
    scene.engine.advance(scene.now_ns)
    assert scene.contracts() == 6
    scene.ticker((80.0, 9.0), (95.0, 9.0))
    scene.engine.advance(scene.now_ns)
    assert scene.contracts() == 0


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("instrument", [FREE, FREE_INVERSE], ids=["linear", "inverse"])
def test_the_liquidation_price_is_where_liquidation_begins(side: Side, instrument: Instrument) -> None:
    """One tick before it the account lives, one tick past it it does not."""
    scene = Scene(instrument, deposit="110")
    scene.snapshot([(100.0, 100.0)], [(100.2, 100.0)])
    scene.send(side, "10", None)
    position = scene.engine.position("us", SYMBOL)
    assert position is not None
    price = position.liquidation_price
    assert price is not None
    for ticks, alive in ((1, True), (-1, False)):
        mid = float(price + side.sign * ticks * Decimal("0.1"))
        move(scene, round(mid - 0.1, 1), round(mid + 0.1, 1))
        assert (scene.engine.liquidations == 0) is alive


def test_transfers_move_the_balance() -> None:
    """Deposits and withdrawals."""
    scene = Scene()
    scene.engine.transfer("us", Decimal("-2500.5"))
    assert scene.engine.balance("us").balance == Decimal("7499.5")
