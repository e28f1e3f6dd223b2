"""What is held now: one row a lot, so that each position says which pair or strategy it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from perpbot.core.names import ExchangeName, PairId, Symbol
from perpbot.core.pairs import Pair
from perpbot.core.positions import Position, PositionSide
from perpbot.ledger.lots import Lot
from perpbot.records.holdings import entry_price
from perpbot.records.rows import base_size
from perpbot.service.parts import Parts

Stated = Mapping[tuple[ExchangeName, Symbol], Position]
"""Positions as the exchanges stated them last."""


def positions(parts: Parts, stated: Stated | None = None) -> list[dict[str, Any]]:
    """Open positions by exchange, symbol and owner; sizes are unsigned, amounts USD.

    ``mark_price`` is the price at which it could be closed now: the bid for what is long, the ask for what is short;
    ``None`` without a book, and then ``unrealized_pnl`` stands at the last one seen. ``liquidation_price`` is that of
    the exchange's whole position in the symbol, where ``stated`` has it.
    """
    rows = [_row(parts, lot, stated or {}) for lot in parts.ledger.lots()]
    return sorted(rows, key=lambda row: (row["exchange"], row["symbol"], row["owner"]))


def _row(parts: Parts, lot: Lot, stated: Stated) -> dict[str, Any]:
    instrument = parts.outside.instruments[lot.exchange, lot.symbol]
    side = PositionSide.LONG if lot.contracts > 0 else PositionSide.SHORT
    mark, entry, contracts = _mark(parts, lot), entry_price(lot, instrument), abs(lot.contracts)
    at = mark if mark is not None else entry
    pair = parts.pairs.find(PairId(lot.owner))
    return {
        "exchange": lot.exchange,
        "symbol": lot.symbol,
        "side": str(side),
        "contracts": contracts,
        "size": None if at is None else base_size(instrument, contracts, at),
        "notional": None if at is None else instrument.notional(contracts, at),
        "entry_price": entry,
        "mark_price": mark,
        "unrealized_pnl": parts.ledger.unrealized(lot, parts.market),
        "liquidation_price": _liquidation(stated.get((lot.exchange, lot.symbol)), side),
        **_owner(lot.owner, pair),
    }


def _mark(parts: Parts, lot: Lot) -> Decimal | None:
    touch = parts.market.touch(lot.exchange, lot.symbol)
    return None if touch is None else touch[lot.contracts < 0]


def _liquidation(position: Position | None, side: PositionSide) -> Decimal | None:
    """Known only while the exchange's position lies on the same side as the lot."""
    return position.liquidation_price if position is not None and position.side is side else None


def _owner(owner: str, pair: Pair | None) -> dict[str, Any]:
    if pair is None:
        return {"owner": owner, "pair_id": None, "pair_state": None, "strategy": owner}
    return {
        "owner": owner,
        "pair_id": pair.pair_id,
        "pair_state": str(pair.state),
        "strategy": pair.strategy,
    }
