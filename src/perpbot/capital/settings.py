"""Settings of section ``capital``."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from perpbot.capital.pools import ARB, POOLS, RESERVE, WASH
from perpbot.core.settings import SettingError, setting, unknown, validate


@dataclass(frozen=True, slots=True)
class CapitalSettings:
    """Pools, safe mode and borrowing."""

    wu_size: Decimal = setting(
        "10000", gt=0, unit="USD", help="equity assumed per exchange until a real balance is read"
    )
    wash_budget_pct: Decimal = setting("0.70", ge=0, le=1, live="either", help="share of equity for hedged volume")
    arb_budget_pct: Decimal = setting("0.20", ge=0, le=1, live="either", help="share of equity for arbitrage")
    reserve_pct: Decimal = setting("0.10", ge=0, le=1, live="either", help="share of equity kept for emergencies")
    drawdown_limit_pct: Decimal = setting(
        "0.05", gt=0, le=1, live="lower", help="drawdown of an exchange at which it enters safe mode"
    )
    safe_mode_exit_ratio: Decimal = setting(
        "0.8", gt=0, le=1, live="lower", help="safe mode ends below this share of the drawdown limit"
    )
    safe_mode_pools: tuple[str, ...] = setting(
        (WASH, RESERVE), choices=POOLS, help="pools that stay usable in safe mode; reserve then for emergencies only"
    )
    notional_per_equity: Decimal = setting("1", gt=0, help="notional that one USD of equity backs in the pools")
    borrow_from: Mapping[str, tuple[str, ...]] = setting(
        {}, choices=POOLS, help="which pools a pool may borrow from, in order; nothing is borrowed by default"
    )
    lender_floor_pct: Decimal = setting(
        "0.5", ge=0, le=1, help="share of its own size that a lending pool always keeps free"
    )

    def __post_init__(self) -> None:
        validate(self)
        total = sum(self.shares.values())
        if total != 1:
            raise ValueError(f"wash_budget_pct, arb_budget_pct and reserve_pct must sum to 1, not {total}")
        if ARB in self.safe_mode_pools:
            raise SettingError("cannot name arb: safe mode forbids arbitrage", ("safe_mode_pools",))
        self._refuse_circular_borrowing()

    @property
    def shares(self) -> dict[str, Decimal]:
        """Each pool's share of equity."""
        return {WASH: self.wash_budget_pct, ARB: self.arb_budget_pct, RESERVE: self.reserve_pct}

    def _refuse_circular_borrowing(self) -> None:
        for pool in self.borrow_from:
            if pool not in POOLS:
                raise SettingError(unknown(pool, POOLS), ("borrow_from", pool), at_key=True)
            if pool in self._lenders(pool, ()):
                raise SettingError("borrows from itself, directly or through another pool", ("borrow_from", pool))

    def _lenders(self, pool: str, seen: tuple[str, ...]) -> tuple[str, ...]:
        for lender in self.borrow_from.get(pool, ()):
            if lender not in seen:
                seen = self._lenders(lender, (*seen, lender))
        return seen
