"""One exchange's equity, split into pools.

A pool's size is its share of equity. What is allocated outlives a fall of equity: then the free capital of all pools
shrinks first (wash before arb before reserve), and a pool is never shown smaller than what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from perpbot.capital.pools import POOLS
from perpbot.capital.safe_mode import SafeMode
from perpbot.capital.settings import CapitalSettings
from perpbot.core.money import BOOKED_STEP, ZERO, floor_to
from perpbot.core.names import ExchangeName
from perpbot.core.positions import TradeResult


@dataclass(slots=True)
class Pool:
    """What one pool holds and has brought; all USD."""

    allocated: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    volume: Decimal = ZERO
    fees: Decimal = ZERO


class ExchangeAccount:
    """Pools, loans between them and safe mode of one exchange."""

    def __init__(self, name: ExchangeName, settings: CapitalSettings) -> None:
        self.name = name
        self.settings = settings
        self.equity = settings.wu_size
        self.pools = {pool: Pool() for pool in POOLS}
        self.safe_mode = SafeMode(*_safe_mode_limits(settings))
        self._loans: dict[tuple[str, str], Decimal] = {}

    def adopt(self, settings: CapitalSettings) -> None:
        """Take new shares and limits; equity and what is allocated stay."""
        self.settings = settings
        self.safe_mode.entry_pct, self.safe_mode.exit_pct = _safe_mode_limits(settings)
        self.return_loans()

    def target(self, pool: str, settings: CapitalSettings | None = None) -> Decimal:
        """The pool's share of equity (by other ``settings`` if given), rounded down: the pools never sum to more."""
        settings = settings or self.settings
        base = max(self.equity, ZERO) * settings.notional_per_equity
        return floor_to(base * settings.shares[pool], BOOKED_STEP)

    def borrowed(self, pool: str) -> Decimal:
        """What the pool owes to others."""
        return sum((amount for (borrower, _), amount in self._loans.items() if borrower == pool), ZERO)

    def lent(self, pool: str) -> Decimal:
        """What others owe to the pool."""
        return sum((amount for (_, lender), amount in self._loans.items() if lender == pool), ZERO)

    def committed(self, pool: str) -> Decimal:
        """What of the pool's own is in use or lent."""
        return self.pools[pool].allocated + self.lent(pool) - self.borrowed(pool)

    def sizes(self) -> dict[str, Decimal]:
        """Each pool's size: its target, less what fuller pools hold beyond theirs, never less than it has committed."""
        committed = {pool: self.committed(pool) for pool in POOLS}
        targets = {pool: self.target(pool) for pool in POOLS}
        excess = sum((max(committed[pool] - targets[pool], ZERO) for pool in POOLS), ZERO)
        sizes = {}
        for pool in POOLS:
            cut = min(excess, max(targets[pool] - committed[pool], ZERO))
            sizes[pool] = max(targets[pool], committed[pool]) - cut
            excess -= cut
        return sizes

    def shortfall(self) -> Decimal:
        """What is committed beyond all equity: above zero, positions must be reduced."""
        return sum(self.sizes().values(), ZERO) - sum((self.target(pool) for pool in POOLS), ZERO)

    def available(self, pool: str) -> Decimal:
        """What of the pool's own is free."""
        return self.sizes()[pool] - self.committed(pool)

    def plan_loans(self, pool: str, amount: Decimal) -> tuple[dict[str, Decimal], Decimal]:
        """What to borrow from whom so that ``pool`` can give ``amount``, and what is missing even so."""
        missing = max(amount - self.available(pool), ZERO)
        loans: dict[str, Decimal] = {}
        for lender in () if self.safe_mode.active else self.settings.borrow_from.get(pool, ()):
            floor = self.target(lender) * self.settings.lender_floor_pct
            loan = min(missing, max(floor_to(self.available(lender) - floor, BOOKED_STEP), ZERO))
            if loan:
                loans[lender] = loan
                missing -= loan
        return loans, missing

    def allocate(self, pool: str, amount: Decimal, loans: Mapping[str, Decimal]) -> None:
        """Take ``amount`` out of ``pool``, with the loans it needs."""
        self.pools[pool].allocated += amount
        for lender, loan in loans.items():
            self._loans[pool, lender] = self._loans.get((pool, lender), ZERO) + loan

    def free(self, pool: str, amount: Decimal) -> None:
        """Give ``amount`` back to ``pool``; loans are returned first."""
        self.pools[pool].allocated -= amount
        self.return_loans()

    def return_loans(self) -> None:
        """Return what is owed as far as the borrowers have room; a lender returns its own loans with it."""
        for _ in POOLS:
            for (borrower, lender), owed in list(self._loans.items()):
                paid = min(owed, self._spare(borrower))
                self._loans[borrower, lender] = owed - paid
                if paid == owed:
                    del self._loans[borrower, lender]

    def _spare(self, borrower: str) -> Decimal:
        """What a pool has borrowed and no longer needs: its own share of equity covers the rest of what it holds."""
        held = self.pools[borrower].allocated + self.lent(borrower)
        return max(self.borrowed(borrower) - max(held - self.target(borrower), ZERO), ZERO)

    def book(self, pool: str, result: TradeResult) -> None:
        """Add what a trade brought to the pool."""
        held = self.pools[pool]
        held.realized_pnl += result.realized_pnl
        held.volume += result.volume
        held.fees += result.fees


def _safe_mode_limits(settings: CapitalSettings) -> tuple[Decimal, Decimal]:
    """The drawdowns at which safe mode begins and below which it ends."""
    limit = settings.drawdown_limit_pct
    return limit, limit * settings.safe_mode_exit_ratio
