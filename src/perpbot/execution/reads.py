"""Reading one order from its exchange: its record, its fills, and the proof that it was never taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from perpbot.core.money import ZERO
from perpbot.core.orders import Fill, OrderReport, OrderRequest
from perpbot.core.ports import Exchange


@dataclass(frozen=True, slots=True)
class OrderRead:
    """What an exchange knows of one order.

    ``held`` is the signed position in contracts, read only if the exchange did not know the order at a time when it
    could no longer arrive.
    """

    report: OrderReport | None
    fills: Sequence[Fill]
    held: Decimal | None = None

    @property
    def absent(self) -> bool:
        """Whether neither the order nor a fill of it was found."""
        return self.report is None and not self.fills


async def read_order(exchange: Exchange, request: OrderRequest, *, traded: Decimal, too_late: bool) -> OrderRead:
    """Ask for the order, and for its fills if ``traded`` contracts of known fills are not all it shows.

    ``too_late`` says that it could not arrive any more when this is called. Raises whatever the adapter raises.
    """
    report = await exchange.get_order(request.symbol, request.client_order_id)
    fills: Sequence[Fill] = ()
    if exchange.capabilities.fill_history and (report is None or report.filled_size != traded):
        fills = await exchange.get_fills(request.symbol, request.client_order_id)
    found = OrderRead(report, fills)
    if not (found.absent and too_late):
        return found
    position = await exchange.get_position(request.symbol)
    return OrderRead(None, (), position.signed_size if position else ZERO)
