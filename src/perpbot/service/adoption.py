"""New settings for a service that runs: every object that decides by settings takes them in one synchronous turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from perpbot.arbitrage.pricer import Pricer
from perpbot.arbitrage.scanner import ArbitrageScanner
from perpbot.capital.orchestrator import CapitalOrchestrator
from perpbot.execution.context import ExecutionContext
from perpbot.execution.gate import GateLimits, SendGate
from perpbot.execution.pairbook import PairBook
from perpbot.execution.settings import ExecutionSettings
from perpbot.execution.single import SingleOrders
from perpbot.execution.tracker import OrderTracker
from perpbot.pricing.costs import CostModel
from perpbot.risk.account import RiskManager
from perpbot.risk.execution import ExecutionGuard
from perpbot.risk.position import PositionGuard
from perpbot.service.changes import Change, ChangeKind, KeptChange, Replayed, plan_change, with_changes
from perpbot.service.configuration import Settings
from perpbot.strategy.exits import PairExit

if TYPE_CHECKING:
    from perpbot.service.parts import Parts

__all__ = [
    "Change",
    "ChangeKind",
    "Deciders",
    "InForce",
    "KeptChange",
    "Replayed",
    "adopt",
    "gate_limits",
    "grace_seconds",
    "plan_change",
    "with_changes",
]


@dataclass(frozen=True, slots=True)
class Deciders:
    """All objects that hold settings which may change while they run."""

    capital: CapitalOrchestrator
    costs: CostModel
    pricer: Pricer
    scanner: ArbitrageScanner
    pairs: PairBook
    tracker: OrderTracker
    gate: SendGate
    context: ExecutionContext
    singles: SingleOrders
    manager: RiskManager
    guard: PositionGuard
    execution: ExecutionGuard
    exits: PairExit

    def take(self, settings: Settings) -> None:
        """Hand each of them its own."""
        execution = settings.execution
        self.manager.adopt(settings.risk)
        self.guard.adopt(settings.position)
        self.execution.adopt(execution, settings.risk)
        self.exits.adopt(settings.exits)
        self.costs.adopt(holding_seconds=float(settings.exits.time_limit_seconds))
        self.pricer.adopt(settings.arbitrage, max_slippage_pct=execution.max_slippage_pct)
        self.scanner.adopt(settings.arbitrage)
        self.pairs.adopt(
            max_concurrent=settings.arbitrage.max_concurrent, backoff_seconds=execution.miss_backoff_seconds
        )
        self.tracker.adopt(poll_seconds=execution.poll_seconds, skew_seconds=execution.max_skew_seconds)
        self.gate.adopt(gate_limits(settings))
        self.context.adopt(execution)
        self.singles.adopt(
            expiry_seconds=execution.order_expiry_seconds,
            fill_timeout_seconds=execution.fill_timeout_seconds,
            grace_seconds=grace_seconds(execution),
        )


class InForce:
    """The settings in force and who decides by them."""

    def __init__(self, settings: Settings, deciders: Deciders) -> None:
        self._settings = settings
        self.deciders = deciders

    @property
    def settings(self) -> Settings:
        """The settings by which everything decides at this moment."""
        return self._settings

    def adopt(self, settings: Settings) -> None:
        """Put other settings in force, all or nothing.

        Raises :class:`Refused` if a pool would become smaller than what is allocated from it. What a risk rule of the
        user's raises comes through; then all decide by the settings of before.
        """
        before, capital = self._settings, self.deciders.capital
        reweighted = settings.capital != before.capital
        if reweighted:
            capital.check(settings.capital)
        try:
            self.deciders.take(settings)
        except BaseException:
            self.deciders.take(before)
            raise
        if reweighted:
            capital.adopt(settings.capital)
        self._settings = settings


def adopt(parts: Parts, settings: Settings) -> None:
    """Put ``settings`` in force in a running service: one synchronous turn, all or nothing; see :class:`InForce`."""
    parts.in_force.adopt(settings)


def gate_limits(settings: Settings) -> GateLimits:
    """What the send gate holds every opening order to.

    The position cap is one of size; the limit price of an order may exceed the price it was sized at by the slippage
    limit.
    """
    execution = settings.execution
    return GateLimits(
        max_order_notional=settings.position.max_position_size * (1 + execution.max_slippage_pct),
        max_book_age_seconds=execution.max_book_age_seconds,
        max_skew_seconds=execution.max_skew_seconds,
        price_sanity_pct=execution.price_sanity_pct,
    )


def grace_seconds(execution: ExecutionSettings) -> float:
    """How long a single order may stay without a known end after its deadline."""
    return execution.max_unhedged_seconds + execution.poll_seconds
