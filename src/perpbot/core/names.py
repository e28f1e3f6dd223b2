"""Names and identifiers."""

from __future__ import annotations

import re
from typing import NewType

ExchangeName = str
"""An exchange by its lower-case name, e.g. ``paradex``."""

Symbol = str
"""A unified name ``BASE-QUOTE-PERP``, e.g. ``BTC-USD-PERP``."""

PairId = NewType("PairId", str)
OrderId = NewType("OrderId", str)
"""The exchange's own id of an order."""
ClientOrderId = NewType("ClientOrderId", str)
"""Our id of an order; see :func:`client_order_id`."""
TradeId = NewType("TradeId", str)
ReservationId = NewType("ReservationId", str)

_SYMBOL = re.compile(r"^[A-Z0-9]+-[A-Z0-9]+-PERP$")
_CLIENT_ID = re.compile(r"^(?P<epoch>[a-z0-9]+)-(?P<number>[0-9]+)-(?P<leg>[bso])(?P<attempt>[0-9]+)$")
_LEGS = {"b": "buy", "s": "sell"}


def pair_id(epoch: str, number: int) -> PairId:
    """The id of the ``number``-th pair of the run (epoch) that planned it; unique across restarts."""
    return PairId(f"{epoch}-{number}")


def client_order_id(pair: PairId, leg: str, attempt: int) -> ClientOrderId:
    """Deterministic from the journaled intent: pair (which carries the epoch), leg ``buy``/``sell`` and attempt."""
    return ClientOrderId(f"{pair}-{leg[0]}{attempt}")


def single_order_id(number: str) -> ClientOrderId:
    """Of an order that belongs to no pair; ``number`` is one that no pair has."""
    return ClientOrderId(f"{number}-o1")


def epoch_of(client_id: str) -> str | None:
    """The run that made the id, or ``None`` if it is not of our making."""
    match = _CLIENT_ID.match(client_id)
    return match["epoch"] if match else None


def pair_of(client_id: str) -> PairId | None:
    """The pair an order of ours belongs to, or ``None`` if it belongs to none or the id is not of our making."""
    match = _CLIENT_ID.match(client_id)
    return PairId(f"{match['epoch']}-{match['number']}") if match and match["leg"] in _LEGS else None


def leg_of(client_id: str) -> str | None:
    """``buy`` or ``sell``: the leg an order of ours works for, or ``None`` if it belongs to no pair."""
    match = _CLIENT_ID.match(client_id)
    return _LEGS.get(match["leg"]) if match else None


def attempt_of(client_id: str) -> int:
    """The number of an order of ours within its leg; 0 if the id is not of our making."""
    match = _CLIENT_ID.match(client_id)
    return int(match["attempt"]) if match else 0


def is_symbol(text: str) -> bool:
    """Whether ``text`` is a unified perpetual symbol."""
    return _SYMBOL.match(text) is not None


def base_of(symbol: Symbol) -> str:
    """``BTC`` of ``BTC-USD-PERP``."""
    return symbol.split("-", 1)[0]
