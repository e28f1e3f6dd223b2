"""Values everything now, hands equity and drawdown to capital and risk, and journals what a restart must know."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.commands import TradingState
from perpbot.core.events import EquityMarked, TradingStopped
from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName
from perpbot.execution.notes import note
from perpbot.ledger.valuation import Valuation
from perpbot.service.parts import Parts

QUIET_NS = 60_000_000_000
"""How long equity that does not move stays unmarked in the journal."""
LASTING_STOPS = frozenset({"drawdown", "daily_loss"})
"""Stops of the account that a restart must not end."""


class EquityMarks:
    """Called at every loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._journaled: tuple[int, dict[ExchangeName, Decimal]] = (0, {})
        self._stops: set[str] = set()

    def begin(self) -> None:
        """What has stopped by now, the journal knows; from now on it is told of every mark that differs."""
        self._stops = {stop.rule for stop in self._parts.manager.stops}
        self._parts.account.on_mark = self._journal

    def mark(self, *, last: bool = False) -> None:
        """Value everything at the prices of this moment; the ``last`` mark of a run is journaled in any case."""
        parts = self._parts
        valuation = parts.account.mark()
        for exchange in parts.outside.trading:
            parts.capital.set_equity(exchange, valuation.equity(exchange))
            parts.capital.update_drawdown(exchange, parts.account.drawdown_pct(exchange))
        self._journal(valuation, last=last)
        parts.manager.observe_account()
        self._journal_stops()
        self._reduce_if_overcommitted()

    def _journal(self, valuation: Valuation, *, last: bool = False) -> None:
        """All exchanges' equity of one moment: when any has changed, at least once a minute, and at the end."""
        now_ns = self._parts.outside.clock.now_ns()
        equities = {exchange: valuation.equity(exchange) for exchange in self._parts.outside.trading}
        quiet_ns = now_ns - self._journaled[0]
        if equities == self._journaled[1] and quiet_ns < (1 if last else QUIET_NS):
            return
        self._journaled = (now_ns, equities)
        for exchange, equity in equities.items():
            unrealized, hedged = valuation.unrealized.get(exchange, ZERO), valuation.hedged.get(exchange, ZERO)
            marked = EquityMarked(exchange, equity, equity - unrealized, unrealized, now_ns, hedged)
            note(self._parts.outside.journal, marked)

    def _journal_stops(self) -> None:
        stops = [stop for stop in self._parts.manager.stops if stop.rule in LASTING_STOPS]
        for stop in stops:
            if stop.rule not in self._stops:
                self._parts.outside.journal.append(TradingStopped(stop.rule, stop.measured, stop.limit, stop.detail))
        self._stops = {stop.rule for stop in stops}

    def _reduce_if_overcommitted(self) -> None:
        """What is committed beyond all equity of an exchange forbids openings until the operator looks."""
        status = self._parts.status
        if status.state is not TradingState.ACTIVE:
            return
        for exchange, held in self._parts.capital.current_snapshot().items():
            if held["shortfall"] > 0:
                status.move(TradingState.REDUCING, "capital", f"{exchange} holds more than its equity")
                return
