"""A risk rule of your own: it is asked about every trade, after the rules that are built in.

    perpbot demo --config examples/risk_rule.yaml

A risk rule extends :class:`~perpbot.risk.RiskManager`, which decides for the whole account. Override ``check`` and call
``super().check(opportunity)``: what is built in goes on holding. The answer is a verdict with what was measured and
against which limit, so that ``perpbot why`` can show it; a bare ``(False, "reason")`` is an answer too. Either counts
as ``custom``. A rule forbids openings; exits and repairs are never asked about.

A rule has ``self.settings`` (section ``risk``), ``self.clock``, ``self.account`` (equity, drawdown, today's loss) and
``self.exposure``. It decides by these alone: no files, no network, no clock of its own. So a replay decides the same.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from perpbot.core.verdicts import Level, Verdict, refuse
from perpbot.risk import RiskManager
from perpbot.risk.trades import Trade

NANOSECONDS = 1_000_000_000


class CoolDown(RiskManager):
    """After a trade nothing is opened for a while, so that a market gone wild is entered slowly."""

    rest_seconds = Decimal(5)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._traded_ns: int | None = None

    def check(self, opportunity: Trade) -> Verdict:
        """The first refusal is the answer: the rules that are built in speak first."""
        verdict = super().check(opportunity)
        if not verdict.approved or self._traded_ns is None:
            return verdict
        rested = Decimal(self.clock.now_ns() - self._traded_ns) / NANOSECONDS
        if rested >= self.rest_seconds:
            return verdict
        return refuse(Level.ACCOUNT, "seconds_since_trade", "custom", rested, self.rest_seconds, "cooling down")

    def record_trade(self) -> None:
        """A trade has passed all levels and is sent."""
        super().record_trade()
        self._traded_ns = self.clock.now_ns()
