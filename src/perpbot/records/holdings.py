"""Open positions as the recorded fills add up to: what is known of them without a running bot."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Any

from perpbot.core.instruments import Instrument
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.orders import Side
from perpbot.core.positions import PositionSide
from perpbot.ledger.lots import WIDE, Lot, trade
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.records.rows import base_size

_PRICE = Context(prec=16)


def holdings(database: Database) -> list[dict[str, Any]]:
    """Open positions by exchange, symbol and owner, keyed as a running bot states them.

    The books of that time are not recorded: ``mark_price``, ``notional``, ``unrealized_pnl`` and ``liquidation_price``
    are ``None``; ``size`` of an inverse contract is taken at its entry price.
    """
    with database.reading() as connection:
        instruments = queries.instruments(connection)
    pairs = {pair["pair_id"]: pair for pair in queries.pairs(database)}
    lots = _lots(database, instruments)
    rows = [_row(lot, instruments[lot.exchange, lot.symbol], pairs) for lot in lots if lot.contracts]
    return sorted(rows, key=lambda row: (row["exchange"], row["symbol"], row["owner"]))


def entry_price(lot: Lot, instrument: Instrument) -> Decimal | None:
    """The lot's average cost as a price, to the digits that prices have; ``None`` when flat."""
    with localcontext(WIDE):
        price = lot.entry_price(instrument)
    return None if price is None else _PRICE.plus(price)


def _lots(database: Database, instruments: dict[tuple[ExchangeName, Symbol], Instrument]) -> list[Lot]:
    """What each owner holds after all fills: a pair, else the strategy that traded."""
    strategies = {
        (row["exchange"], row["symbol"], row["trade_id"]): row["strategy"]
        for row in queries.trades(database)
        if row["pair_id"] is None
    }
    lots: dict[tuple[ExchangeName, Symbol, str], Lot] = {}
    for fill in queries.fills(database):
        exchange, symbol = fill["exchange"], fill["symbol"]
        owner = fill["pair_id"] or strategies.get((exchange, symbol, fill["trade_id"]), "")
        lot = lots.get((exchange, symbol, owner)) or Lot(exchange, symbol, owner)
        signed = fill["contracts"] * Side(fill["side"]).sign
        with localcontext(WIDE):
            lots[exchange, symbol, owner] = trade(lot, instruments[exchange, symbol], signed, fill["price"]).lot
    return list(lots.values())


def _row(lot: Lot, instrument: Instrument, pairs: dict[str, Any]) -> dict[str, Any]:
    entry, contracts = entry_price(lot, instrument), abs(lot.contracts)
    pair = pairs.get(lot.owner)
    return {
        "exchange": lot.exchange,
        "symbol": lot.symbol,
        "side": str(PositionSide.LONG if lot.contracts > 0 else PositionSide.SHORT),
        "contracts": contracts,
        "size": None if entry is None else base_size(instrument, contracts, entry),
        "notional": None,
        "entry_price": entry,
        "mark_price": None,
        "unrealized_pnl": None,
        "liquidation_price": None,
        "owner": lot.owner,
        "pair_id": pair["pair_id"] if pair else None,
        "pair_state": pair["state"] if pair else None,
        "strategy": pair["strategy"] if pair else lot.owner,
    }
