"""Everything a trading service is made of, and what it is handed from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from perpbot.arbitrage.pricer import Pricer
from perpbot.arbitrage.scanner import ArbitrageScanner
from perpbot.arbitrage.scoring import Reliability
from perpbot.capital.orchestrator import CapitalOrchestrator
from perpbot.core.instruments import Instrument
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.ports import Exchange, Ids, Journal, Latch, Timers
from perpbot.execution.executor import ArbitrageExecutor
from perpbot.execution.foreign import ForeignPositions
from perpbot.execution.gate import SendGate
from perpbot.execution.invariants import Invariants
from perpbot.execution.pairbook import PairBook
from perpbot.execution.single import SingleOrders
from perpbot.execution.status import TradingStatus
from perpbot.execution.tracker import OrderTracker
from perpbot.ledger.account import Account
from perpbot.ledger.ledger import Ledger
from perpbot.market.market import Market
from perpbot.pricing.basis import Basis
from perpbot.risk.account import RiskManager
from perpbot.risk.position import PositionGuard
from perpbot.risk.verdicts import VerdictLog
from perpbot.service.adoption import InForce
from perpbot.service.bookkeeping import Bookkeeper
from perpbot.service.configuration import Settings
from perpbot.service.outcomes import Outcomes
from perpbot.service.supervisor import Supervisor
from perpbot.strategy.exits import PairExit

Instruments = Mapping[tuple[ExchangeName, Symbol], Instrument]


@dataclass(frozen=True, slots=True)
class Outside:
    """What the service may not make itself. ``exchanges`` are the raw adapters.

    ``instruments`` are those of all exchanges, reference only ones too. Both grow when an exchange is admitted.
    ``state_folder`` is where the run is kept, for the eye; ``gone`` are exchanges of earlier runs that are not here.
    """

    clock: Timers
    supervisor: Supervisor
    ids: Ids
    journal: Journal
    latch: Latch
    exchanges: Mapping[ExchangeName, Exchange]
    instruments: Instruments
    state_folder: Path | None = None
    gone: set[ExchangeName] = field(default_factory=set)

    def __post_init__(self) -> None:
        object.__setattr__(self, "exchanges", dict(self.exchanges))
        object.__setattr__(self, "instruments", dict(self.instruments))

    def admit(self, exchange: Exchange, instruments: Iterable[Instrument]) -> None:
        """Take in an exchange that came later; everyone who holds the mappings sees it."""
        assert isinstance(self.exchanges, dict)
        assert isinstance(self.instruments, dict)
        self.exchanges[exchange.name] = exchange
        self.gone.discard(exchange.name)
        self.instruments.update({(exchange.name, each.symbol): each for each in instruments})

    def know(self, instrument: Instrument) -> None:
        """Take in an instrument of the past; one that is listed now stays as it is."""
        assert isinstance(self.instruments, dict)
        name = instrument.exchange
        if name not in self.exchanges and all(name != listed for listed, _ in self.instruments):
            self.gone.add(name)
        self.instruments.setdefault((name, instrument.symbol), instrument)

    @property
    def trading(self) -> Mapping[ExchangeName, Exchange]:
        """Those that can trade and may; the others are reference only."""
        return {name: each for name, each in self.exchanges.items() if each.capabilities.trading}

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """All symbols any exchange lists, in order."""
        return tuple(dict.fromkeys(symbol for _, symbol in self.instruments))


@dataclass(frozen=True, slots=True)
class Parts:
    """The rooms of one service, put together by :mod:`perpbot.service.bootstrap`."""

    in_force: InForce
    mode: str
    outside: Outside
    status: TradingStatus
    invariants: Invariants
    market: Market
    basis: Basis
    pricer: Pricer
    scanner: ArbitrageScanner
    reliability: Reliability
    verdicts: VerdictLog
    ledger: Ledger
    account: Account
    capital: CapitalOrchestrator
    manager: RiskManager
    guard: PositionGuard
    tracker: OrderTracker
    gate: SendGate
    pairs: PairBook
    books: Bookkeeper
    foreign: ForeignPositions
    executor: ArbitrageExecutor
    singles: SingleOrders
    exits: PairExit
    outcomes: Outcomes

    @property
    def settings(self) -> Settings:
        """The settings in force now."""
        return self.in_force.settings

    @property
    def scanned(self) -> tuple[Symbol, ...]:
        """The symbols that are looked at for opportunities."""
        return self.basis.symbols
