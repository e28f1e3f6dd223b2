"""Puts the rooms together: the only place that knows them all. Demo, replay and run build the same service."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from perpbot.arbitrage.pricer import Pricer
from perpbot.arbitrage.scanner import ArbitrageScanner
from perpbot.arbitrage.scoring import Reliability, SuccessRate
from perpbot.arbitrage.universe import scanned_symbols
from perpbot.capital.orchestrator import CapitalOrchestrator
from perpbot.core.commands import TradingState
from perpbot.core.errors import InputError
from perpbot.core.events import FundingPaid, SafeModeChanged, StateChanged
from perpbot.core.instruments import Instrument
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.opportunities import ArbitrageOpportunity
from perpbot.core.orders import Fill, OrderRequest
from perpbot.core.verdicts import Verdict
from perpbot.execution.backing import Backing
from perpbot.execution.context import ExecutionContext
from perpbot.execution.executor import ArbitrageExecutor
from perpbot.execution.foreign import ForeignPositions
from perpbot.execution.gate import BookState, SendGate
from perpbot.execution.invariants import Invariants
from perpbot.execution.pairbook import PairBook
from perpbot.execution.single import SingleOrders
from perpbot.execution.status import TradingStatus
from perpbot.execution.tracker import OrderTracker
from perpbot.ledger.account import Account
from perpbot.ledger.ledger import Ledger
from perpbot.market.freshness import Source
from perpbot.market.market import Market
from perpbot.pricing.basis import Basis
from perpbot.pricing.costs import CostModel, FixedFunding
from perpbot.pricing.worst_case import worst_case_loss
from perpbot.risk.account import RiskManager
from perpbot.risk.chain import RiskChain
from perpbot.risk.execution import ExecutionGuard
from perpbot.risk.exposure import ExposureBook
from perpbot.risk.position import PositionGuard
from perpbot.risk.verdicts import VerdictLog
from perpbot.service.adoption import Deciders, InForce, gate_limits, grace_seconds
from perpbot.service.bookkeeping import Bookkeeper
from perpbot.service.configuration import Settings
from perpbot.service.extensions import make_exchanges, make_risk_manager, make_strategies, own_exchange
from perpbot.service.outcomes import Outcomes
from perpbot.service.parts import Outside, Parts
from perpbot.service.trading import TradingService
from perpbot.strategy.exits import PairExit

log = structlog.get_logger(__name__)
MakeRiskManager = Callable[..., RiskManager]


def build(
    settings: Settings, mode: str, outside: Outside, *, risk_manager: MakeRiskManager | None = None
) -> TradingService:
    """A service in ``mode`` (demo, replay, paper, live) on what it is handed. It does nothing until opened.

    ``risk_manager`` is called like :class:`RiskManager`, so a subclass can take its place; by default it is what
    ``risk.class`` names. Raises :class:`ConfigError` for a class in the settings that cannot be used.
    """
    for name, exchange in outside.exchanges.items():
        missing = exchange.capabilities.missing_for_trading()
        if missing:
            log.warning("exchange is reference only", exchange=name, lacks=", ".join(missing))
    service = TradingService(_Builder(settings, mode, outside).build(risk_manager or make_risk_manager(settings)))
    service.strategies.extend(make_strategies(settings.strategies, settings.where, settings.own))
    if mode != "replay":  # a recording is all there is
        service.exchanges.update(make_exchanges(settings, service.exchanges.taken))
    return service


class _Builder:
    """One method a room, in the order of the rooms; later ones use earlier ones."""

    def __init__(self, settings: Settings, mode: str, outside: Outside) -> None:
        self.settings = settings
        self.mode = mode
        self.outside = outside
        self.clock = outside.clock
        self.journal = outside.journal
        self.trading = tuple(outside.trading)
        self.market = Market(self.clock, outside.instruments)
        self.ledger = Ledger(outside.instruments)
        self.account = Account(self.ledger, self.market, self.clock, settings.risk.day_timezone)
        self.verdicts = VerdictLog()
        self.exposure = ExposureBook()
        self.reliability = Reliability()
        initial = TradingState(settings.service.first_state)
        self.status = TradingStatus(self.clock, outside.latch, initial, self._on_state)
        self.invariants = Invariants(self.journal, self._on_violation)
        self.capital = CapitalOrchestrator.from_settings(
            settings.capital,
            on_safe_mode=self._on_safe_mode,
            on_alarm=self._on_wrong_release,
            id_prefix=outside.ids.epoch,
        )

    def build(self, risk_manager: MakeRiskManager) -> Parts:
        settings, outside = self.settings, self.outside
        self._pricing()
        exposure = self.exposure
        manager = risk_manager(settings.risk, self.clock, self.account, exposure)
        guard = PositionGuard(settings.position, self.clock, self.account, self.market, exposure)
        self.attempts = SuccessRate()
        outcomes = Outcomes(self.clock, manager, guard, self._record_attempt)
        self._execution()
        execution = self._execution_guard()
        chain = RiskChain(self.capital, manager, guard, execution, exposure)
        self._scanner(chain)
        context = self._context(outcomes)
        executor = ArbitrageExecutor(
            context, chain, outside.ids, on_verdict=self._on_verdict, results=self.books.results
        )
        deciders = Deciders(
            capital=self.capital,
            costs=self.costs,
            pricer=self.pricer,
            scanner=self.scanner,
            pairs=self.pairs,
            tracker=self.tracker,
            gate=self.gate,
            context=context,
            singles=self._singles(chain),
            manager=manager,
            guard=guard,
            execution=execution,
            exits=PairExit(settings.exits),
        )
        return Parts(
            in_force=InForce(settings, deciders),
            mode=self.mode,
            outside=outside,
            status=self.status,
            invariants=self.invariants,
            market=self.market,
            basis=self.basis,
            pricer=self.pricer,
            scanner=self.scanner,
            reliability=self.reliability,
            verdicts=self.verdicts,
            ledger=self.ledger,
            account=self.account,
            capital=self.capital,
            manager=manager,
            guard=guard,
            tracker=self.tracker,
            gate=self.gate,
            pairs=self.pairs,
            books=self.books,
            foreign=ForeignPositions(self.journal, self.status),
            executor=executor,
            singles=deciders.singles,
            exits=deciders.exits,
            outcomes=outcomes,
        )

    # rooms

    def _pricing(self) -> None:
        settings, outside = self.settings, self.outside
        self.basis = Basis(
            self.market,
            self._symbols(),
            listed=outside.instruments,
            trading=self.trading,
            window_seconds=float(settings.arbitrage.basis_window_seconds),
            warmup_seconds=float(settings.arbitrage.basis_warmup_seconds),
        )
        rates = {name: settings.exchange(name).funding_rate for name in (*self.trading, *settings.exchanges)}
        funding = FixedFunding(rates, outside.instruments)
        self.costs = CostModel(outside.instruments, funding, holding_seconds=float(settings.exits.time_limit_seconds))

    def _symbols(self) -> tuple[Symbol, ...]:
        """What is scanned; what is listed nowhere may still come with an exchange that joins later."""
        settings = self.settings
        try:
            return scanned_symbols(settings.arbitrage, self.outside.instruments, self.trading)
        except InputError:
            if not any(own_exchange(name, each) for name, each in settings.exchanges.items()):
                raise
            return ()

    def _execution(self) -> None:
        settings, execution = self.settings, self.settings.execution
        self.pairs = PairBook(
            self.clock,
            self.journal,
            self._instrument,
            max_concurrent=settings.arbitrage.max_concurrent,
            backoff_seconds=float(execution.miss_backoff_seconds),
        )
        self.books = Bookkeeper(self.ledger, self.pairs, self.exposure, self._instrument)
        self.tracker = OrderTracker(
            self.outside.exchanges,
            self.clock,
            self.outside.supervisor,
            self.journal,
            self.status,
            self.invariants,
            poll_seconds=execution.poll_seconds,
            skew_seconds=execution.max_skew_seconds,
            on_fill=self._on_fill,
            on_funding=self._on_funding,
            on_answer=self._on_answer,
        )
        self.gate = SendGate(
            self.outside.exchanges,
            self.clock,
            self.journal,
            self.tracker,
            self.status,
            self.invariants,
            self.market,
            self._book_state,
            self.capital.allows,
            gate_limits(settings),
        )

    def _scanner(self, chain: RiskChain) -> None:
        settings = self.settings
        self.pricer = Pricer(
            settings.arbitrage,
            market=self.market,
            instruments=self.outside.instruments,
            costs=self.costs,
            room=lambda symbol, buy, sell: chain.max_notional(buy, sell, symbol),
            max_slippage_pct=settings.execution.max_slippage_pct,
            max_residual_pct=settings.execution.max_residual_pct,
            reliability=self.reliability,
            attempts=self.attempts,
        )
        self.scanner = ArbitrageScanner(
            settings.arbitrage,
            basis=self.basis,
            pricer=self.pricer,
            clock=self.clock,
            occupancy=self.pairs.occupancy,
        )

    def _context(self, outcomes: Outcomes) -> ExecutionContext:
        return ExecutionContext(
            clock=self.clock,
            spawn=self.outside.supervisor,
            journal=self.journal,
            gate=self.gate,
            tracker=self.tracker,
            pairs=self.pairs,
            status=self.status,
            invariants=self.invariants,
            prices=self.market,
            median_close_gap=self.basis.median,
            instrument_of=self._instrument,
            backing=Backing(self.capital.reserve_emergency, self._instrument),
            outcomes=outcomes,
            settings=self.settings.execution,
        )

    def _execution_guard(self) -> ExecutionGuard:
        return ExecutionGuard(
            self.settings.execution,
            self.settings.risk,
            self.clock,
            self.market,
            self.outside.instruments,
            self.account,
            worst_case_loss,
        )

    def _singles(self, chain: RiskChain) -> SingleOrders:
        execution = self.settings.execution
        return SingleOrders(
            self.clock,
            self.outside.supervisor,
            self.outside.ids,
            self.gate,
            self.tracker,
            self.market,
            chain,
            self._instrument,
            expiry_seconds=execution.order_expiry_seconds,
            fill_timeout_seconds=execution.fill_timeout_seconds,
            grace_seconds=grace_seconds(execution),
        )

    # what the rooms tell each other

    def _instrument(self, exchange: ExchangeName, symbol: Symbol) -> Instrument:
        return self.outside.instruments[exchange, symbol]

    def _book_state(self, exchange: ExchangeName, symbol: Symbol) -> BookState:
        freshness = self.market.freshness(exchange, symbol)
        streaming = freshness.source is Source.STREAM and freshness.progressing
        return BookState(freshness.ready, streaming, freshness.age_seconds)

    def _on_state(self, before: TradingState, after: TradingState, actor: str, reason: str) -> None:
        self.journal.append(StateChanged(before, after, actor, reason))
        log.warning("trading state", before=before, after=after, actor=actor, reason=reason)

    def _on_safe_mode(self, change: SafeModeChanged) -> None:
        self.journal.append(change)

    def _on_wrong_release(self, text: str) -> None:
        self.invariants.check("I3", False, text)

    def _on_violation(self, invariant: str, detail: str) -> None:
        self.status.halt("invariants", f"{invariant}: {detail}")

    def _on_verdict(self, opportunity: ArbitrageOpportunity, verdict: Verdict) -> None:
        buy, sell = opportunity.exchanges
        self.verdicts.record(opportunity.symbol, buy, sell, verdict, self.clock.now_ns())

    def _on_answer(self, exchange: ExchangeName, ok: bool) -> None:
        self.reliability.record(exchange, ok, self.clock.now_ns())

    def _record_attempt(self, symbol: Symbol, hit: bool, now_ns: int) -> None:
        self.attempts.record(symbol, hit, now_ns)

    def _on_fill(self, fill: Fill, request: OrderRequest) -> None:
        """A fill goes to the books, to the journal, and never to a pair that is over."""
        booked = self.books.book_fill(fill, request)
        if booked is None:
            return
        self.journal.append(booked)
        if request.pair_id is not None:
            over = self.pairs.get(request.pair_id).state.final
            self.invariants.check("I3", not over, f"{request.client_order_id} filled after its pair was over")

    def _on_funding(self, payment: FundingPaid) -> None:
        for share in self.books.book_funding(payment):
            self.journal.append(share)
