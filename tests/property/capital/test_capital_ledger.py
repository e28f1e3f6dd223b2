"""The capital ledger over random histories: what is always true (I1 to I4), against a model that only adds up."""

from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from perpbot.capital.orchestrator import CapitalOrchestrator
from perpbot.capital.pools import POOLS, STRATEGY_POOLS
from perpbot.core.errors import Refused
from perpbot.core.positions import CapitalReservation, TradeResult

EXCHANGES = ("paradex", "extended", "okx")
some_exchanges = st.lists(st.sampled_from(EXCHANGES), min_size=1, max_size=3, unique=True)
amounts = st.decimals("0.00000001", 12_000, places=8) | st.sampled_from([Decimal(n) for n in (100, 1000, 2000, 7000)])
equities = st.decimals(-1000, 30_000, places=8) | st.sampled_from([Decimal(n) for n in (0, 100, 5000, 10_000)])
drawdowns = st.sampled_from([Decimal(n) for n in ("0", "0.039", "0.04", "0.049", "0.05", "0.12", "1.1")])
SHARES = [
    ("0.7", "0.2", "0.1"),
    ("0.5", "0.4", "0.1"),
    ("0", "1", "0"),
    ("0.1", "0.1", "0.8"),
    ("0.34", "0.33", "0.33"),
]
BORROWING: list[dict[str, list[str]]] = [
    {},
    {"arb": ["wash"]},
    {"arb": ["wash", "reserve"], "wash": ["reserve"]},
    {"reserve": ["arb", "wash"]},
]


class CapitalHistory(RuleBasedStateMachine):
    """Any order of reserving, releasing, equity, drawdown, re-weighting and emergencies."""

    reservations = Bundle("reservations")
    released = Bundle("released")

    @initialize(borrow_from=st.sampled_from(BORROWING), per_equity=st.sampled_from(["1", "0.5", "3"]))
    def open_capital(self, borrow_from: dict[str, list[str]], per_equity: str) -> None:
        self.capital = CapitalOrchestrator(borrow_from=borrow_from, notional_per_equity=per_equity)
        self.may_borrow = bool(borrow_from)
        self.live: dict[str, CapitalReservation] = {}
        self.volume = Decimal(0)

    @rule(
        target=reservations, exchanges=some_exchanges, amount=amounts, strategy=st.sampled_from(sorted(STRATEGY_POOLS))
    )
    def reserve(self, exchanges: list[str], amount: Decimal, strategy: str) -> Any:
        """Granted within what was available and outside safe mode; a refusal changes nothing."""
        before = self.capital.current_snapshot()
        room = min(self.capital.available(name, strategy) for name in exchanges)
        reservation = self.capital.reserve_for_strategy(exchanges, amount, strategy)
        assert reservation.approved == (amount <= room)
        if not reservation.approved:
            assert self.capital.current_snapshot() == before
            assert reservation.reason in ("insufficient_capital", "safe_mode")
            return multiple()
        assert reservation.allocations == dict.fromkeys(exchanges, amount)
        for name in exchanges:
            assert not (self.capital.in_safe_mode(name) and reservation.pool == "arb")
        self.live[reservation.reservation_id] = reservation
        return reservation

    @rule(target=reservations, exchange=st.sampled_from(EXCHANGES), amount=amounts)
    def reserve_emergency(self, exchange: str, amount: Decimal) -> CapitalReservation:
        """Always granted."""
        reservation = self.capital.reserve_emergency(exchange, amount)
        assert reservation.approved
        self.live[reservation.reservation_id] = reservation
        return reservation

    @rule(target=released, reservation=consumes(reservations), volume=amounts, pnl=st.decimals(-50, 50, places=8))
    def release(self, reservation: CapitalReservation, volume: Decimal, pnl: Decimal) -> CapitalReservation:
        """Frees what was reserved and books the result once."""
        result = [TradeResult(name, pnl, volume, Decimal("0.01")) for name in reservation.allocations]
        assert self.capital.release(reservation, result)
        self.volume += volume * len(result)
        del self.live[reservation.reservation_id]
        return reservation

    @rule(reservation=released)
    def release_again(self, reservation: CapitalReservation) -> None:
        """Changes nothing, and is counted."""
        before, counted = self.capital.current_snapshot(), self.capital.repeated_releases
        assert not self.capital.release(reservation, TradeResult("paradex", Decimal(1), Decimal(1), Decimal(1)))
        assert self.capital.current_snapshot() == before
        assert self.capital.repeated_releases == counted + 1

    @rule(exchange=st.sampled_from(EXCHANGES), equity=equities)
    def set_equity(self, exchange: str, equity: Decimal) -> None:
        """Never moves an allocation."""
        self.capital.set_equity(exchange, equity)

    @rule(exchange=st.sampled_from(EXCHANGES), drawdown=drawdowns)
    def update_drawdown(self, exchange: str, drawdown: Decimal) -> None:
        """Below the exit level safe mode is always over; it never begins below the limit."""
        before = self.capital.in_safe_mode(exchange)
        self.capital.update_drawdown(exchange, drawdown)
        after = self.capital.in_safe_mode(exchange)
        assert not (after and drawdown < Decimal("0.04"))
        assert before or not after or drawdown >= Decimal("0.05")

    @rule(exchange=st.sampled_from(EXCHANGES))
    def clear_safe_mode(self, exchange: str) -> None:
        """Ends it."""
        self.capital.clear_safe_mode(exchange, "operator")
        assert not self.capital.in_safe_mode(exchange)

    @rule(shares=st.sampled_from(SHARES))
    def reweight(self, shares: tuple[str, str, str]) -> None:
        """Either all pools move or none, and none of them under what it holds."""
        before = self.capital.current_snapshot()
        try:
            self.capital.reweight(*shares)
        except Refused:
            assert self.capital.current_snapshot() == before

    @invariant()
    def holds(self) -> None:
        """Allocated is the sum of live reservations; 0 ≤ allocated ≤ pool + borrowed; pools never exceed equity."""
        assert self.capital.find_violations() == []
        snapshot = self.capital.current_snapshot()
        total = snapshot.pop("total")
        for exchange, shown in snapshot.items():
            for name in POOLS:
                self._pool_holds(exchange, name, shown["pools"][name])
            size = sum(pool["pool"] for pool in shown["pools"].values())
            backed = max(shown["equity"], Decimal(0)) * self.capital.settings.notional_per_equity
            assert size <= backed + shown["shortfall"]
            assert shown["shortfall"] == 0 or all(p["available"] == 0 for p in shown["pools"].values())
            lent = sum(pool["lent"] for pool in shown["pools"].values())
            assert lent == sum(pool["borrowed"] for pool in shown["pools"].values())
        assert total["volume"] == self.volume
        assert self.capital.unknown_releases == 0

    def _pool_holds(self, exchange: str, name: str, pool: dict[str, Decimal]) -> None:
        mine = [held for held in self.live.values() if held.pool == name]
        assert pool["allocated"] == sum(held.allocations.get(exchange, Decimal(0)) for held in mine)
        assert 0 <= pool["allocated"] <= pool["pool"] + pool["borrowed"]
        assert pool["available"] == pool["pool"] + pool["borrowed"] - pool["lent"] - pool["allocated"] >= 0
        assert not (pool["borrowed"] and pool["available"])
        assert self.may_borrow or not pool["borrowed"]


TestCapitalHistory = CapitalHistory.TestCase
TestCapitalHistory.settings = settings(max_examples=2000, stateful_step_count=12)
