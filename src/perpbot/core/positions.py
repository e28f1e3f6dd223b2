"""Positions and balances as an exchange states them, and capital reservations."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from perpbot.core.names import ExchangeName, ReservationId, Symbol


class PositionSide(StrEnum):
    LONG = "LONG"
    SHORT = "SHORT"


@dataclass(frozen=True, slots=True)
class Position:
    """One position. ``size`` is contracts, unsigned; ``current_price`` the own exchange's mark, else its mid."""

    exchange: ExchangeName
    symbol: Symbol
    side: PositionSide
    size: Decimal
    entry_price: Decimal
    current_price: Decimal
    unrealized_pnl: Decimal
    leverage: Decimal | None = None
    margin: Decimal | None = None
    liquidation_price: Decimal | None = None

    @property
    def signed_size(self) -> Decimal:
        """Contracts, negative when short."""
        return self.size if self.side is PositionSide.LONG else -self.size


@dataclass(frozen=True, slots=True)
class Balance:
    """An account in USD: ``balance`` is net of fees and funding paid, ``equity`` adds what is unrealised and due."""

    exchange: ExchangeName
    balance: Decimal
    equity: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class CapitalReservation:
    """Capital set aside for one pair or order, on all its exchanges or on none.

    ``allocations`` maps exchange → USD from ``pool``. A refused one has no allocations and says why (``reason`` is a
    code). It lives exactly as long as what it backs.
    """

    reservation_id: ReservationId
    approved: bool
    reason: str
    strategy: str
    pool: str
    amount: Decimal
    allocations: dict[ExchangeName, Decimal]
    measured: Decimal | None = None
    limit: Decimal | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TradeResult:
    """What a pair or order brought one exchange, booked when its reservation is released; all USD."""

    exchange: ExchangeName
    realized_pnl: Decimal
    volume: Decimal
    fees: Decimal
