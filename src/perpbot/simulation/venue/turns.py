"""What one call did to the accounts of a venue, as a fact: all of it is kept, or none.

The turns of a venue, from its first on, hold everything its accounts know: see ``restoring``. So do those since its
last checkpoint, which is past turns and a state: see ``checkpoint``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, TypeAlias

from perpbot.core.events import FundingPaid
from perpbot.core.instruments import Instrument
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.orders import Fill, OrderReport, OrderRequest
from perpbot.simulation.venue.orders import AccountName, VenueOrder


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """An order was taken. ``number`` is its time priority, ``accepted_ns`` our clock."""

    account: AccountName
    request: OrderRequest
    order_id: str
    number: int
    accepted_ns: int


@dataclass(frozen=True, slots=True)
class AccountTurn:
    """One turn. Of each order what it was accepted as comes first, then its fills, then its end.

    ``listed`` are instruments as they are from now on, ``transfers`` USD (an account's first one makes it), ``ended``
    the last reports of orders that ended without being filled, ``settled`` the funding settlements that passed over
    positions, paid or not. ``liquidations`` counts all there ever were.
    """

    kind: ClassVar[str] = "account_turn"
    exchange: ExchangeName
    listed: tuple[Instrument, ...] = ()
    transfers: tuple[tuple[AccountName, Decimal], ...] = ()
    accepted: tuple[OrderAccepted, ...] = ()
    fills: tuple[tuple[AccountName, Fill], ...] = ()
    ended: tuple[tuple[AccountName, OrderReport], ...] = ()
    funding: tuple[tuple[AccountName, FundingPaid], ...] = ()
    settled: tuple[tuple[Symbol, int], ...] = ()
    liquidations: int = 0


@dataclass(frozen=True, slots=True)
class PastTurn(AccountTurn):
    """Orders and payments that can still be asked for, without their money: that is in the state that follows."""

    kind: ClassVar[str] = "past_turn"


@dataclass(slots=True)
class Numbers:
    """How many orders, trades and payments the venue has numbered."""

    orders: int = 0
    trades: int = 0
    payments: int = 0


@dataclass(frozen=True, slots=True)
class AccountState:
    """What an account has: USD, and of each position signed contracts and their settlement value at entry."""

    account: AccountName
    balance: Decimal
    holdings: tuple[tuple[Symbol, Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class VenueState:
    """Where all accounts stand. ``settled`` is up to when the settlements of a symbol were dealt with."""

    kind: ClassVar[str] = "venue_state"
    exchange: ExchangeName
    listed: tuple[Instrument, ...]
    accounts: tuple[AccountState, ...]
    settled: tuple[tuple[Symbol, int], ...]
    numbers: Numbers
    liquidations: int


Kept: TypeAlias = AccountTurn | PastTurn | VenueState
"""What is kept of a venue."""


@dataclass(slots=True)
class OpenTurn:
    """What the turn under way has done so far."""

    listed: list[Instrument] = field(default_factory=list)
    transfers: list[tuple[AccountName, Decimal]] = field(default_factory=list)
    accepted: list[OrderAccepted] = field(default_factory=list)
    fills: list[tuple[AccountName, Fill]] = field(default_factory=list)
    ended: list[tuple[AccountName, OrderReport]] = field(default_factory=list)
    funding: list[tuple[AccountName, FundingPaid]] = field(default_factory=list)
    settled: list[tuple[Symbol, int]] = field(default_factory=list)

    def accept(self, order: VenueOrder) -> None:
        """``order`` was taken."""
        accepted = OrderAccepted(order.account, order.request, order.order_id, order.number, order.accepted_ns)
        self.accepted.append(accepted)

    def __bool__(self) -> bool:
        parts = (self.listed, self.transfers, self.accepted, self.fills, self.ended, self.funding, self.settled)
        return any(parts)

    def closed(self, exchange: ExchangeName, liquidations: int) -> AccountTurn:
        """The turn as it is kept."""
        return AccountTurn(
            exchange,
            tuple(self.listed),
            tuple(self.transfers),
            tuple(self.accepted),
            tuple(self.fills),
            tuple(self.ended),
            tuple(self.funding),
            tuple(self.settled),
            liquidations,
        )

    def past(self, exchange: ExchangeName) -> PastTurn:
        """What it says of orders and payments."""
        return PastTurn(
            exchange,
            listed=tuple(self.listed),
            accepted=tuple(self.accepted),
            fills=tuple(self.fills),
            ended=tuple(self.ended),
            funding=tuple(self.funding),
        )
