"""The scanner: on every change of a book, what its symbol offers in every direction.

The cost of a change does not grow with the number of symbols, and a direction without a gap costs a few float
operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import TypeAlias

from perpbot.arbitrage.evaluations import Evaluation
from perpbot.arbitrage.pricer import Pricer
from perpbot.arbitrage.settings import ArbitrageSettings
from perpbot.core.money import BPS, ONE
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.opportunities import ArbitrageOpportunity
from perpbot.core.ports import Clock
from perpbot.core.verdicts import Level, Verdict, approve, refuse
from perpbot.pricing.basis import Basis, CloseGap

Occupancy: TypeAlias = Callable[[Symbol], str | None]
"""Why no pair of the symbol may start now (``symbol_busy``, ``too_many_pairs``, ``miss_backoff``), or ``None``."""


class ArbitrageScanner:
    """Evaluates the directions of one symbol between trading exchanges."""

    def __init__(
        self, settings: ArbitrageSettings, *, basis: Basis, pricer: Pricer, clock: Clock, occupancy: Occupancy
    ) -> None:
        self._basis = basis
        self._pricer = pricer
        self._clock = clock
        self._occupancy = occupancy
        self.adopt(settings)

    def adopt(self, settings: ArbitrageSettings) -> None:
        """Scan by ``settings`` from the next change on."""
        self._settings = settings
        self._floor = float(ONE + settings.candidate_gap_bps * BPS)

    def scan(self, symbol: Symbol) -> list[Evaluation]:
        """Evaluate every candidate of ``symbol``, the best score first.

        A candidate is a direction whose open gap exceeds its median close gap (before the warm-up: zero) by
        ``candidate_gap_bps``. Each ends in exactly one verdict.
        """
        floor = self._floor
        candidates = [
            gap
            for gap in self._basis.directions(symbol)
            if gap.sell.bid > gap.buy.ask * (floor + gap.expected) and gap.buy.ask > 0.0
        ]
        if not candidates:
            return []
        now_ns = self._clock.now_ns()
        found = [self._evaluate(gap, now_ns) for gap in candidates]
        found.sort(key=lambda evaluation: -evaluation.score)
        return found

    def price(
        self, symbol: Symbol, buy_exchange: ExchangeName, sell_exchange: ExchangeName, size: Decimal, strategy: str
    ) -> ArbitrageOpportunity | Verdict:
        """What a strategy's own pair of ``size`` coins would cost and bring, or why it cannot be traded."""
        gap = self._basis.gap(symbol, buy_exchange, sell_exchange)
        if gap is None or not (gap.buy.ready and gap.sell.ready and gap.buy.ask > 0.0 and gap.sell.bid > 0.0):
            return refuse(Level.SCANNER, "book", "book_not_ready")
        priced = self._pricer.price_size(gap, size, self._clock.now_ns())
        return priced if isinstance(priced, Verdict) else replace(priced, strategy=strategy)

    def _evaluate(self, gap: CloseGap, now_ns: int) -> Evaluation:
        symbol, buy, sell = gap.buy.symbol, gap.buy.exchange, gap.sell.exchange
        refused = self._refused(gap)
        if refused is not None:
            return Evaluation(symbol, buy, sell, refused)
        priced = self._pricer.price(gap, now_ns)
        if isinstance(priced, Verdict):
            return Evaluation(symbol, buy, sell, priced)
        minimum = self._settings.min_profit_pct
        return Evaluation(
            symbol, buy, sell, approve(Level.SCANNER, "net_profit_pct", priced.net_profit_pct, minimum), priced
        )

    def _refused(self, gap: CloseGap) -> Verdict | None:
        """What forbids a candidate before it is priced."""
        if not (gap.buy.ready and gap.sell.ready):
            return refuse(Level.SCANNER, "book", "book_not_ready")
        if not gap.warm:
            return refuse(
                Level.SCANNER, "basis", "basis_warming", gap.sampled_seconds, self._settings.basis_warmup_seconds
            )
        reason = self._occupancy(gap.buy.symbol)
        return refuse(Level.SCANNER, "occupancy", reason) if reason else None
