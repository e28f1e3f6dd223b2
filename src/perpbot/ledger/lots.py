"""Lots: what one owner holds of one instrument, at average cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Context, Decimal

from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName, Symbol

WIDE = Context(prec=60)
"""Arithmetic before rounding: wide enough that a product of two amounts loses no digit, so that a tie stays a tie."""


@dataclass(frozen=True, slots=True)
class Lot:
    """Signed ``contracts`` (long > 0) and the signed settlement ``entry_value`` they were entered at."""

    exchange: ExchangeName
    symbol: Symbol
    owner: str
    contracts: Decimal = ZERO
    entry_value: Decimal = ZERO

    def entry_price(self, instrument: Instrument) -> Decimal | None:
        """Average cost as a price; ``None`` when flat."""
        return instrument.average_price(self.contracts, self.entry_value) if self.contracts else None


@dataclass(frozen=True, slots=True)
class LotChange:
    """A lot after a fill, what the fill closed (signed like the lot it reduced) and what that realised in USD."""

    lot: Lot
    closed: Decimal
    realized_usd: Decimal


def trade(lot: Lot, instrument: Instrument, signed: Decimal, price: Decimal) -> LotChange:
    """``lot`` after ``signed`` contracts (bought > 0) traded at ``price``.

    What reduces the lot realises at average cost; a fill larger than the lot closes it first and opens the rest. Meant
    to run in the :data:`WIDE` context.
    """
    closed = _closed(lot.contracts, signed)
    share = lot.entry_value * closed / lot.contracts if closed else ZERO
    realized = instrument.to_usd(instrument.gain(closed, share, price), price) if closed else ZERO
    opened = signed + closed
    after = replace(
        lot,
        contracts=lot.contracts + signed,
        entry_value=lot.entry_value - share + (instrument.settlement_value(opened, price) if opened else ZERO),
    )
    return LotChange(after, closed, realized)


def unrealized(lot: Lot, instrument: Instrument, price: Decimal) -> Decimal:
    """USD that closing the whole ``lot`` at ``price`` would realise."""
    return instrument.to_usd(instrument.gain(lot.contracts, lot.entry_value, price), price)


def _closed(held: Decimal, signed: Decimal) -> Decimal:
    if held * signed >= 0:
        return ZERO
    size = min(abs(held), abs(signed))
    return size if held > 0 else -size
