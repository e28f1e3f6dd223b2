"""Which orders the venue refuses, in the order in which it looks."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.instruments import Instrument, MarketStatus
from perpbot.core.money import on_grid
from perpbot.core.orders import OrderRequest, OrderType, TimeInForce
from perpbot.simulation.venue.orders import VenueReason


def refusal(request: OrderRequest, instrument: Instrument, price: Decimal | None, now_ns: int) -> VenueReason | None:
    """Why ``request`` breaks the rules of ``instrument``, whoever sends it; ``None`` if it does not.

    ``price`` is what its notional is counted at: its limit, or the touch it would meet. Reduce-only orders are exempt
    from the minimums.
    """
    if not _open_for(request, instrument.status):
        return VenueReason.MARKET_CLOSED
    if request.expires_ns is not None and request.expires_ns <= now_ns:
        return VenueReason.EXPIRED
    return _price_refusal(request, instrument) or _size_refusal(request, instrument, price)


def _open_for(request: OrderRequest, status: MarketStatus) -> bool:
    if status is MarketStatus.REDUCE_ONLY:
        return request.reduce_only
    if status is MarketStatus.POST_ONLY:
        return request.time_in_force is TimeInForce.POST_ONLY
    return status is MarketStatus.OPEN


def _price_refusal(request: OrderRequest, instrument: Instrument) -> VenueReason | None:
    price = request.price
    if price is None:
        needed = request.order_type is OrderType.LIMIT or request.time_in_force is TimeInForce.POST_ONLY
        return VenueReason.BAD_PRICE if needed else None
    if not price.is_finite() or price <= 0:
        return VenueReason.BAD_PRICE
    return None if on_grid(price, instrument.tick) else VenueReason.TICK


def _size_refusal(request: OrderRequest, instrument: Instrument, price: Decimal | None) -> VenueReason | None:
    size = request.size
    if not size.is_finite() or size <= 0:
        return VenueReason.BAD_SIZE
    if not on_grid(size, instrument.step):
        return VenueReason.STEP
    if request.reduce_only:
        return None
    if size < instrument.min_size:
        return VenueReason.MIN_SIZE
    if price is not None and instrument.notional(size, price) < instrument.min_notional:
        return VenueReason.MIN_NOTIONAL
    return None
