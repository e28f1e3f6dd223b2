"""The price that Extended wants of every order, of market orders too. Pure."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.errors import OrderInvalid
from perpbot.core.money import ZERO, ceil_to, floor_to
from perpbot.core.orders import Side


def market_price(side: Side, touch: Decimal, slippage: Decimal, tick: Decimal, bound: Decimal) -> Decimal:
    """The worst price of an order that is to fill at once (IOC): on the tick grid, never beyond slippage or bound.

    ``touch`` is the best price of the other side, ``slippage`` the fraction beyond it that is still taken, ``bound``
    the worst price that the exchange takes: mark price ± 5 % for market orders, ± ``limitPriceCap``/``-Floor`` for
    limit orders (https://api.docs.extended.exchange, "Create or edit order"). Raises
    :class:`~perpbot.core.errors.OrderInvalid` if there is no such price.
    """
    numbers = (touch, slippage, tick, bound)
    if not all(number.is_finite() for number in numbers) or slippage < 0 or min(touch, tick, bound) <= 0:
        raise OrderInvalid(f"no price for a market order from touch {touch}, slippage {slippage} and bound {bound}")
    if side is Side.BUY:
        price = floor_to(min(touch * (1 + slippage), bound), tick)
    else:
        price = ceil_to(max(touch * (1 - slippage), bound), tick)
    if price <= ZERO:
        raise OrderInvalid(f"no price for a market order: {touch} is below the tick {tick}")
    return price
