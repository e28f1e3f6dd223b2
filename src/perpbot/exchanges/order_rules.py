"""What an order must satisfy before it is encoded: nothing that breaks these rules reaches a wire."""

from __future__ import annotations

from perpbot.core.errors import NotSupported, OrderInvalid
from perpbot.core.instruments import Instrument
from perpbot.core.names import ExchangeName
from perpbot.core.order_rules import find_problem
from perpbot.core.orders import OrderRequest, TimeInForce
from perpbot.core.ports import Capabilities


def check_order(
    request: OrderRequest, instrument: Instrument | None, capabilities: Capabilities, exchange: ExchangeName
) -> None:
    """Refuse an order that its instrument or exchange cannot take; sizes are checked, never altered.

    Raises :class:`OrderInvalid` or :class:`NotSupported`.
    """
    where = f"{exchange} {request.symbol} order {request.client_order_id}"
    if request.exchange != exchange:
        raise OrderInvalid(f"{where}: is meant for {request.exchange}")
    if instrument is None:
        raise OrderInvalid(f"{where}: {exchange} has no such instrument")
    _check_support(request, capabilities, where)
    problem = find_problem(request, instrument)
    if problem:
        raise OrderInvalid(f"{where}: {problem}")


def _check_support(request: OrderRequest, capabilities: Capabilities, where: str) -> None:
    wanted = {
        "ioc": request.time_in_force is TimeInForce.IOC,
        "post_only": request.time_in_force is TimeInForce.POST_ONLY,
        "reduce_only": request.reduce_only,
    }
    lacking = [name for name, needed in wanted.items() if needed and not getattr(capabilities, name)]
    if lacking:
        raise NotSupported(f"{where}: {request.exchange} does not support {', '.join(lacking)}")
