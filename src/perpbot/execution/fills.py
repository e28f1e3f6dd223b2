"""Fills and cumulative reports of one order, each worked out from the other."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal

from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO
from perpbot.core.names import OrderId, TradeId
from perpbot.core.orders import Fill, Liquidity, OrderReport, OrderRequest, OrderStatus

_AVERAGE = Context(prec=18)
"""Average prices are rounded to 18 digits: what division leaves behind them is noise."""


def fill_problem(fill: Fill, request: OrderRequest) -> str | None:
    """Why ``fill`` cannot be one of ``request``, or ``None``."""
    said = (fill.exchange, fill.symbol, fill.side)
    if said != (request.exchange, request.symbol, request.side):
        return f"trade {fill.trade_id} is a {fill.side} of {fill.symbol} on {fill.exchange}"
    for name, value in (("size", fill.size), ("price", fill.price)):
        if not value.is_finite() or value <= 0:
            return f"trade {fill.trade_id} has the {name} {value}"
    return None


def report_of_fills(
    request: OrderRequest, order_id: OrderId | None, fills: Iterable[Fill], instrument: Instrument, now_ns: int
) -> OrderReport:
    """What fills alone prove of an order; there must be at least one."""
    found = list(fills)
    size, value = _total(found, instrument)
    average = _AVERAGE.plus(instrument.average_price(size, value))
    return OrderReport(request.client_order_id, order_id, OrderStatus.PARTIALLY_FILLED, size, average, now_ns)


def fill_of_report(
    request: OrderRequest, report: OrderReport, known: Iterable[Fill], instrument: Instrument
) -> Fill | None:
    """What a report shows to have filled beyond the ``known`` fills, for exchanges that tell no fills; ``None`` if
    nothing. Its fee is the taker's; without an average price it is booked at the limit.
    """
    traded, value = _total(known, instrument)
    size = report.filled_size - traded
    average = report.average_price or request.price
    if size <= 0 or average is None:
        return None
    gained = instrument.settlement_value(report.filled_size, average) - value
    price = _AVERAGE.plus(instrument.average_price(size, gained)) if gained > 0 else average
    return Fill(
        exchange=request.exchange,
        symbol=request.symbol,
        order_id=report.order_id or OrderId(""),
        client_order_id=request.client_order_id,
        trade_id=TradeId(f"{request.client_order_id}@{report.filled_size}"),
        side=request.side,
        price=price,
        size=size,
        fee=instrument.fee(size, price, instrument.taker_fee_pct),
        fee_currency=instrument.fee_currency,
        liquidity=Liquidity.TAKER,
        timestamp_ns=report.timestamp_ns,
    )


def _total(fills: Iterable[Fill], instrument: Instrument) -> tuple[Decimal, Decimal]:
    """Contracts and their settlement value."""
    size = value = ZERO
    for fill in fills:
        size += fill.size
        value += instrument.settlement_value(fill.size, fill.price)
    return size, value
