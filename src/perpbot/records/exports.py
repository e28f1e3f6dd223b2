"""Exports: CSV files that other programs read. Columns are public: add to their end, never rename."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import Enum
from typing import Any, TextIO

from perpbot.core.errors import InputError
from perpbot.core.money import plain
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.records.rows import Row

COLUMNS: dict[str, tuple[str, ...]] = {
    "fills": (
        *("pair_id", "leg", "purpose", "exchange", "symbol", "side", "price", "size", "contracts", "fee"),
        *("fee_currency", "liquidity", "time_ns", "order_id", "client_order_id", "trade_id"),
    ),
    "orders": (
        *("pair_id", "leg", "purpose", "exchange", "symbol", "side", "price", "size", "filled_size", "order_type"),
        *(
            "time_in_force",
            "reduce_only",
            "status",
            "reason",
            "order_id",
            "client_order_id",
            "created_ns",
            "updated_ns",
        ),
    ),
    "pairs": (
        *("pair_id", "symbol", "buy_exchange", "sell_exchange", "strategy", "state", "opened_ns", "closed_ns", "size"),
        *("expected_pnl", "price_pnl", "fees", "funding", "gas", "total", "exit_reason"),
    ),
    "trades": (
        *("timestamp", "time_ns", "pair_id", "strategy", "exchange", "symbol", "side", "price", "size", "notional"),
        *("fee", "pnl", "trade_id", "client_order_id"),
    ),
    "equity": ("time_ns", "exchange", "equity", "balance", "unrealized"),
}
"""The columns of each export. Sizes are base units but for ``contracts`` and all of ``orders``, which are contracts.

Amounts are USD but for the ``fee`` of ``fills``, which is in ``fee_currency``. What is not known is empty.
"""

_READ: dict[str, Callable[[Database], Iterable[Row]]] = {
    "fills": queries.fills,
    "orders": queries.orders,
    "pairs": queries.pairs,
    "trades": queries.trades,
    "equity": queries.equity,
}


def export(database: Database, what: str, out: TextIO) -> int:
    """Write ``what`` (a key of :data:`COLUMNS`) as CSV with a header line; returns how many rows there were."""
    if what not in COLUMNS:
        raise InputError(f"{what!r} cannot be exported (allowed: {', '.join(COLUMNS)})")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS[what])
    count = 0
    for row in _READ[what](database):
        writer.writerow([_text(row[column]) for column in COLUMNS[what]])
        count += 1
    return count


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    return str(value.value) if isinstance(value, Enum) else str(value)
