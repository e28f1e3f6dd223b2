"""The accounts a ledger keeps per owner, per exchange and in total."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from perpbot.core.money import ZERO


@dataclass(frozen=True, slots=True)
class Accounts:
    """USD. ``price`` is realised; ``fees`` and ``gas`` are positive costs; ``slippage`` is information, worse > 0."""

    price: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    gas: Decimal = ZERO
    slippage: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """What the accounts did to the balance."""
        return self.price + self.funding - self.fees - self.gas

    def __add__(self, other: Accounts) -> Accounts:
        return Accounts(
            self.price + other.price,
            self.fees + other.fees,
            self.funding + other.funding,
            self.gas + other.gas,
            self.slippage + other.slippage,
        )


@dataclass(frozen=True, slots=True)
class Attribution:
    """An owner's share of the change of equity: its accounts and what its open lots are worth at executable prices."""

    accounts: Accounts
    unrealized: Decimal = ZERO

    @property
    def price(self) -> Decimal:
        """Price PnL, realised and unrealised."""
        return self.accounts.price + self.unrealized

    @property
    def total(self) -> Decimal:
        return self.accounts.total + self.unrealized


@dataclass(frozen=True, slots=True)
class Booking:
    """What one fill did, in USD; ``closed`` is contracts, signed like the lot it reduced.

    ``repeated`` says that this trade had been booked before, so that nothing was done.
    """

    realized_usd: Decimal = ZERO
    fee_usd: Decimal = ZERO
    closed: Decimal = ZERO
    slippage_usd: Decimal = ZERO
    repeated: bool = False
