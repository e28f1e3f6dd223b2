"""A market order on Extended names the worst price it takes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpbot.core.errors import OrderInvalid
from perpbot.core.orders import Side
from perpbot.exchanges.extended.prices import market_price

D = Decimal


@pytest.mark.parametrize(
    ("side", "touch", "tick", "bound", "price"),
    [
        (Side.BUY, "77260", "1", "81000", "77839"),
        (Side.SELL, "77259", "1", "73000", "76680"),
        (Side.BUY, "77260", "0.5", "81000", "77839"),
        (Side.SELL, "77259", "0.5", "73000", "76680"),
        (Side.BUY, "77260", "1", "77300.7", "77300"),
        (Side.SELL, "77259", "1", "77200.3", "77201"),
        (Side.BUY, "3", "1", "3.15", "3"),
        (Side.SELL, "3", "1", "2.85", "3"),
    ],
)
def test_a_market_order_s_price_is_on_the_tick_and_within_slippage_and_bound(
    side: Side, touch: str, tick: str, bound: str, price: str
) -> None:
    """The official client rounds to decimals, which is off a tick of 0.5, and outwards, which may break the bound."""
    assert market_price(side, D(touch), D("0.0075"), D(tick), D(bound)) == D(price)


@pytest.mark.parametrize(
    ("side", "touch", "slippage", "tick"),
    [
        (Side.BUY, "0.5", "0.0075", "1"),
        (Side.BUY, "0", "0.0075", "1"),
        (Side.BUY, "NaN", "0.0075", "1"),
        (Side.BUY, "100", "-1", "1"),
        (Side.BUY, "100", "0.0075", "0"),
    ],
)
def test_a_market_order_without_a_price_is_refused(side: Side, touch: str, slippage: str, tick: str) -> None:
    """No touch, or below one tick."""
    with pytest.raises(OrderInvalid):
        market_price(side, D(touch), D(slippage), D(tick), D(200))
