"""Capital of all trading exchanges: who may use how much, and who holds what.

Everything here happens in one synchronous turn: a request is granted on all its exchanges or changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from perpbot.capital.account import ExchangeAccount
from perpbot.capital.amounts import LARGEST, Number, distinct, finite, positive, results_of
from perpbot.capital.pools import EMERGENCY, POOLS, RESERVE, STRATEGY_POOLS, pool_of
from perpbot.capital.settings import CapitalSettings
from perpbot.capital.snapshot import show
from perpbot.core.errors import ConfigError, InputError, Refused
from perpbot.core.events import CarriedResults, InvariantBroken, SafeModeChanged
from perpbot.core.money import BOOKED_STEP, ZERO, floor_to
from perpbot.core.names import ExchangeName, ReservationId
from perpbot.core.positions import CapitalReservation, TradeResult
from perpbot.core.settings import build


class CapitalOrchestrator:
    """Splits each exchange's equity into pools and reserves from them.

    ``wu_size`` (USD) is an exchange's equity until :meth:`set_equity` is called for it. The shares must sum to 1. An
    exchange is opened when it is first named. ``on_safe_mode`` is told of every change of safe mode, ``on_alarm`` of
    every release that should not have been. ``id_prefix`` makes reservation ids unique across restarts.
    Raises :class:`ConfigError` for settings that cannot be.
    """

    def __init__(
        self,
        wu_size: Number = "10000",
        wash_budget_pct: Number = "0.70",
        arb_budget_pct: Number = "0.20",
        reserve_pct: Number = "0.10",
        *,
        on_safe_mode: Callable[[SafeModeChanged], None] | None = None,
        on_alarm: Callable[[str], None] | None = None,
        id_prefix: str = "capital",
        **options: Any,
    ) -> None:
        shares = {"wash_budget_pct": wash_budget_pct, "arb_budget_pct": arb_budget_pct, "reserve_pct": reserve_pct}
        try:
            self._settings = build(CapitalSettings, {"wu_size": wu_size, **shares, **options}, strict=False)
        except ValueError as error:
            raise ConfigError(f"capital: {error}") from None
        self._on_safe_mode = on_safe_mode
        self._on_alarm = on_alarm
        self._id_prefix = id_prefix
        self._issued = 0
        self._accounts: dict[ExchangeName, ExchangeAccount] = {}
        self._live: dict[ReservationId, CapitalReservation] = {}
        self.repeated_releases = 0
        self.unknown_releases = 0

    @classmethod
    def from_settings(
        cls,
        settings: CapitalSettings,
        *,
        on_safe_mode: Callable[[SafeModeChanged], None] | None = None,
        on_alarm: Callable[[str], None] | None = None,
        id_prefix: str = "capital",
    ) -> CapitalOrchestrator:
        """The orchestrator of section ``capital``."""
        values = {field.name: getattr(settings, field.name) for field in fields(settings)}
        return cls(on_safe_mode=on_safe_mode, on_alarm=on_alarm, id_prefix=id_prefix, **values)

    @property
    def settings(self) -> CapitalSettings:
        """The settings in force, with the shares of the last :meth:`reweight`."""
        return self._settings

    @property
    def live(self) -> tuple[CapitalReservation, ...]:
        """All reservations not yet released, oldest first."""
        return tuple(self._live.values())

    def reserve_for_arb(self, exchanges: Iterable[ExchangeName], amount: Number) -> CapitalReservation:
        """Reserve ``amount`` (USD notional) of pool ``arb`` on each of ``exchanges``, or on none."""
        return self.reserve_for_strategy(exchanges, amount, "arbitrage")

    def reserve_for_strategy(
        self, exchanges: Iterable[ExchangeName], amount: Number, strategy: str
    ) -> CapitalReservation:
        """Reserve ``amount`` (USD notional) of the strategy's pool on each of ``exchanges``, or on none.

        A refused reservation carries the reason, what was measured and the limit. Raises :class:`InputError` for an
        unknown strategy, for an amount that is not a positive number, and without exchanges.
        """
        pool = pool_of(strategy)
        usd = positive(amount)
        accounts = [self._account(name) for name in distinct(exchanges)]
        plans = [account.plan_loans(pool, usd) for account in accounts]
        for account, (_, missing) in zip(accounts, plans, strict=True):
            if missing:
                detail = f"pool {pool} on {account.name}"
                return _refused("insufficient_capital", strategy, pool, usd, usd, usd - missing, detail)
        for account in accounts:
            if account.safe_mode.active and not self._usable_in_safe_mode(pool, strategy):
                drawdown = account.safe_mode.drawdown_pct
                limit = self._settings.drawdown_limit_pct
                return _refused("safe_mode", strategy, pool, usd, drawdown, limit, f"drawdown of {account.name}")
        for account, (loans, _) in zip(accounts, plans, strict=True):
            account.allocate(pool, usd, loans)
        return self._grant(strategy, pool, usd, accounts)

    def reserve_emergency(self, exchange: ExchangeName, amount: Number) -> CapitalReservation:
        """Reserve for a risk-reducing order, which is never refused for want of capital.

        What pool ``reserve`` does not have is shown as its ``over_use`` and taken from the free capital of the others.
        """
        usd = positive(amount)
        account = self._account(exchange)
        account.allocate(RESERVE, usd, {})
        return self._grant(EMERGENCY, RESERVE, usd, [account])

    def restore(
        self, reservation_id: ReservationId, exchanges: Iterable[ExchangeName], amount: Number, strategy: str
    ) -> CapitalReservation:
        """Hold again what a pair of an earlier run held, under its old id. It is never refused: the pair exists."""
        usd, pool = positive(amount), pool_of(strategy)
        accounts = [self._opened(name) for name in distinct(exchanges)]
        for account in accounts:
            account.allocate(pool, usd, account.plan_loans(pool, usd)[0])
        allocations = {account.name: usd for account in accounts}
        held = CapitalReservation(reservation_id, True, "approved", strategy, pool, usd, allocations)
        self._live[reservation_id] = held
        return held

    def carry(self, carried: CarriedResults) -> None:
        """Book what pairs brought of which no more is known."""
        brought = TradeResult(carried.exchange, carried.realized_pnl, carried.volume, carried.fees)
        self._opened(carried.exchange).book(carried.pool, brought)

    def restore_safe_mode(self, exchange: ExchangeName, active: bool, drawdown_pct: Number) -> None:
        """Safe mode as the journal says it was; nobody is told."""
        self._opened(exchange).safe_mode.restore(active, finite(drawdown_pct, "drawdown_pct"))

    def recall_drawdown(self, exchange: ExchangeName, drawdown_pct: Number) -> None:
        """An exchange's drawdown as the journal says it was; nobody is told."""
        self._opened(exchange).safe_mode.update(finite(drawdown_pct, "drawdown_pct"))

    def release(
        self, reservation: CapitalReservation, result: TradeResult | Iterable[TradeResult] | None = None
    ) -> bool:
        """Give a reservation back and book what its trade brought; whether it was live.

        A second release and one of a reservation that was never made change nothing and raise the alarm. Raises
        :class:`InputError`, and releases nothing, if a figure of ``result`` is not finite.
        """
        results = results_of(result)
        live = self._live.pop(reservation.reservation_id, None)
        if live is None:
            self._alarm_release(reservation)
            return False
        for name, amount in live.allocations.items():
            self._accounts[name].free(live.pool, amount)
        for item in results:
            self._opened(item.exchange).book(live.pool, item)
        return True

    def set_equity(self, exchange: ExchangeName, equity: Number) -> None:
        """Take the real equity of an exchange (USD, may be negative); its pools follow.

        What is allocated stays: free capital shrinks first, and no pool becomes smaller than what it holds.
        """
        account = self._opened(exchange)
        account.equity = floor_to(finite(equity, "equity"), BOOKED_STEP)
        account.return_loans()

    def update_drawdown(self, exchange: ExchangeName, drawdown_pct: Number) -> None:
        """Take an exchange's drawdown (a fraction of its peak); may begin or end its safe mode."""
        drawdown = finite(drawdown_pct, "drawdown_pct")
        if drawdown < 0:
            raise InputError(f"drawdown_pct of {exchange} must be at least 0, not {drawdown}")
        account = self._opened(exchange)
        if account.safe_mode.update(drawdown):
            self._tell_safe_mode(account, "drawdown")

    def clear_safe_mode(self, exchange: ExchangeName, reason: str) -> bool:
        """End an exchange's safe mode by the operator's word; whether there was one."""
        if not reason.strip():
            raise InputError("safe mode is cleared with a reason: say why")
        account = self._account(exchange)
        if not account.safe_mode.clear():
            return False
        self._tell_safe_mode(account, reason)
        return True

    def in_safe_mode(self, exchange: ExchangeName) -> bool:
        """Whether the exchange is in safe mode."""
        return self._account(exchange).safe_mode.active

    def allows(self, exchange: ExchangeName, strategy: str) -> bool:
        """Whether safe mode leaves the exchange open to a strategy; one without a pool is not held by it."""
        if not self.in_safe_mode(exchange) or strategy not in STRATEGY_POOLS:
            return True
        return self._usable_in_safe_mode(pool_of(strategy), strategy)

    def available(self, exchange: ExchangeName, strategy: str) -> Decimal:
        """What a reservation of ``strategy`` could get on one exchange now, borrowing included (USD)."""
        account = self._account(exchange)
        pool = pool_of(strategy)
        if account.safe_mode.active and not self._usable_in_safe_mode(pool, strategy):
            return ZERO
        return account.available(pool) + sum(account.plan_loans(pool, LARGEST)[0].values(), ZERO)

    def reweight(self, wash_budget_pct: Number, arb_budget_pct: Number, reserve_pct: Number) -> None:
        """Change the pools' shares of equity.

        Raises :class:`Refused`, and changes nothing, if they do not sum to 1 or if a pool would become smaller than
        what is allocated from it.
        """
        shares = {"wash_budget_pct": wash_budget_pct, "arb_budget_pct": arb_budget_pct, "reserve_pct": reserve_pct}
        try:
            settings = replace(self._settings, **shares)  # type: ignore[arg-type]
        except ValueError as error:
            raise Refused(f"reweight: {error}") from None
        self.adopt(settings)

    def check(self, settings: CapitalSettings) -> None:
        """Raises :class:`Refused` if by these settings a pool would become smaller than what is allocated from it."""
        for account in self._accounts.values():
            _refuse_below_committed(account, settings)

    def adopt(self, settings: CapitalSettings) -> None:
        """Take new shares and limits at once; raises like :meth:`check`, and then changes nothing."""
        self.check(settings)
        self._settings = settings
        for account in self._accounts.values():
            account.adopt(settings)
            if account.safe_mode.update(account.safe_mode.drawdown_pct):
                self._tell_safe_mode(account, "the limit was changed")

    def current_snapshot(self) -> dict[str, Any]:
        """Per exchange and as ``total``: equity, drawdown, safe mode, volume, fees, shortfall and the pools, in USD.

        Of a pool, ``pool`` is its size, ``over_use`` what of that is beyond its share of equity, and ``available`` is
        ``pool`` + ``borrowed`` − ``lent`` − ``allocated``. ``shortfall`` is what is committed beyond all equity. In
        ``total`` amounts are summed, the drawdown is the worst, and safe mode that of any.
        """
        return show((self._accounts[name] for name in sorted(self._accounts)), self._settings)

    def find_violations(self) -> list[InvariantBroken]:
        """What of I1 (allocated = sum of live reservations), I2 (0 ≤ allocated ≤ pool + borrowed) and I4 (same amount
        on all exchanges of a reservation) does not hold; empty in a sound program."""
        broken = [
            InvariantBroken("I4", f"reservation {held.reservation_id} holds {held.allocations}")
            for held in self._live.values()
            if not held.allocations or set(held.allocations.values()) != {held.amount}
        ]
        for name, account in self._accounts.items():
            sizes = account.sizes()
            for pool in POOLS:
                allocated = account.pools[pool].allocated
                held = sum((r.allocations.get(name, ZERO) for r in self._live.values() if r.pool == pool), ZERO)
                if allocated != held:
                    broken.append(InvariantBroken("I1", f"{name} {pool}: {allocated} allocated, {held} reserved"))
                if not (0 <= allocated <= sizes[pool] + account.borrowed(pool) and account.available(pool) >= 0):
                    broken.append(InvariantBroken("I2", f"{name} {pool}: {allocated} allocated of {sizes[pool]}"))
        return broken

    def _account(self, exchange: ExchangeName) -> ExchangeAccount:
        """The account, not yet opened if it is new: a question or a refused request changes nothing."""
        return self._accounts.get(exchange) or ExchangeAccount(exchange, self._settings)

    def _opened(self, exchange: ExchangeName) -> ExchangeAccount:
        return self._accounts.setdefault(exchange, self._account(exchange))

    def _usable_in_safe_mode(self, pool: str, strategy: str) -> bool:
        return pool in self._settings.safe_mode_pools and (pool != RESERVE or strategy == EMERGENCY)

    def _grant(self, strategy: str, pool: str, amount: Decimal, accounts: list[ExchangeAccount]) -> CapitalReservation:
        self._issued += 1
        identifier = ReservationId(f"{self._id_prefix}-{self._issued}")
        for account in accounts:
            self._accounts[account.name] = account
        allocations = {account.name: amount for account in accounts}
        granted = CapitalReservation(identifier, True, "approved", strategy, pool, amount, allocations)
        self._live[identifier] = granted
        return granted

    def _alarm_release(self, reservation: CapitalReservation) -> None:
        if not reservation.approved:
            return
        identifier = reservation.reservation_id
        prefix, _, number = identifier.rpartition("-")
        if prefix == self._id_prefix and number.isdecimal() and 0 < int(number) <= self._issued:
            self.repeated_releases += 1
            text = f"reservation {identifier} was released a second time"
        else:
            self.unknown_releases += 1
            text = f"reservation {identifier} was released but never made"
        if self._on_alarm:
            self._on_alarm(text)

    def _tell_safe_mode(self, account: ExchangeAccount, reason: str) -> None:
        if self._on_safe_mode:
            mode = account.safe_mode
            self._on_safe_mode(SafeModeChanged(account.name, mode.active, mode.drawdown_pct, reason))


def _refused(
    reason: str, strategy: str, pool: str, amount: Decimal, measured: Decimal, limit: Decimal, detail: str
) -> CapitalReservation:
    return CapitalReservation(ReservationId(""), False, reason, strategy, pool, amount, {}, measured, limit, detail)


def _refuse_below_committed(account: ExchangeAccount, settings: CapitalSettings) -> None:
    for pool in POOLS:
        committed, then = account.committed(pool), account.target(pool, settings)
        if then < min(committed, account.target(pool)):
            raise Refused(f"reweight: pool {pool} on {account.name} would be {then}, but {committed} is in use")
