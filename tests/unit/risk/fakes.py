"""A market, an account and a clock that say what the test wants, and all levels of risk built on them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from perpbot.capital.orchestrator import CapitalOrchestrator
from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.opportunities import ArbitrageOpportunity, CostItems
from perpbot.execution.settings import ExecutionSettings
from perpbot.pricing.worst_case import worst_case_loss
from perpbot.risk.account import RiskManager
from perpbot.risk.chain import RiskChain
from perpbot.risk.execution import ExecutionGuard
from perpbot.risk.exposure import ExposureBook
from perpbot.risk.position import PositionGuard
from perpbot.risk.settings import PositionSettings, RiskSettings

BTC = "BTC-USD-PERP"
ETH = "ETH-USD-PERP"
SECOND = 1_000_000_000
NOON_NS = 1_723_118_400 * SECOND  # 2024-08-08 12:00 UTC
ZERO = Decimal(0)


class FakeClock:
    """Stands until it is moved."""

    def __init__(self, now_ns: int = NOON_NS) -> None:
        self.time_ns = now_ns

    def now_ns(self) -> int:
        return self.time_ns

    def advance(self, seconds: float) -> None:
        self.time_ns += round(seconds * SECOND)


class FakeAccount:
    """Figures as the test sets them."""

    def __init__(self, total: str = "20000") -> None:
        self.total = Decimal(total)
        self.equities: dict[str, Decimal] = {}
        self.drawdown = self.loss_usd = self.loss_pct = ZERO
        self.peaks_reset = 0

    def total_equity(self) -> Decimal:
        return self.total

    def equity(self, exchange: str) -> Decimal:
        return self.equities.get(exchange, Decimal(10_000))

    def drawdown_pct(self) -> Decimal:
        return self.drawdown

    def daily_loss_usd(self) -> Decimal:
        return self.loss_usd

    def daily_loss_pct(self) -> Decimal:
        return self.loss_pct

    def reset_peak(self) -> None:
        self.peaks_reset += 1
        self.drawdown = ZERO


@dataclass
class FakeBook:
    exchange: str
    bid: float = 99.9
    ask: float = 100.0
    ready: bool = True


class FakeMarket:
    """Books of one symbol at 99.9 / 100 and last prices of 100, fresh, unless the test says otherwise."""

    def __init__(self, exchanges: Sequence[str]) -> None:
        self.books = {exchange: FakeBook(exchange) for exchange in exchanges}
        self.last: dict[str, float | None] = dict.fromkeys(exchanges, 100.0)
        self.ages = dict.fromkeys(exchanges, 0.01)

    def books_of(self, symbol: str) -> Sequence[FakeBook]:
        return list(self.books.values())

    def touch(self, exchange: str, symbol: str) -> tuple[Decimal, Decimal] | None:
        book = self.books.get(exchange)
        return (Decimal(str(book.bid)), Decimal(str(book.ask))) if book else None

    def last_price(self, exchange: str, symbol: str) -> float | None:
        return self.last[exchange]

    def age_seconds(self, exchange: str, symbol: str, now_ns: int) -> float:
        return self.ages[exchange]


def make_instrument(exchange: str, **changes: Any) -> Instrument:
    small = Decimal("0.001")
    instrument = Instrument(
        exchange, BTC, "BTC", small, small, small, ZERO, ContractKind.LINEAR, Decimal(1), "USD", ZERO, Decimal("0.0005")
    )
    return replace(instrument, **changes)


def make_opportunity(**changes: Any) -> ArbitrageOpportunity:
    """4 coins bought at 100 on paradex and sold at 100.5 on extended: 402 USD."""
    nothing = CostItems(Decimal("0.005"), ZERO, ZERO, ZERO, ZERO, ZERO)
    opportunity = ArbitrageOpportunity(
        symbol=BTC,
        buy_exchange="paradex",
        sell_exchange="extended",
        buy_price=Decimal(100),
        sell_price=Decimal("100.5"),
        buy_touch=Decimal(100),
        sell_touch=Decimal("100.5"),
        size=Decimal(4),
        buy_contracts=Decimal(4),
        sell_contracts=Decimal(4),
        spread_pct=Decimal("0.005"),
        net_profit_pct=Decimal("0.003"),
        costs=nothing,
        confidence=0.8,
        score=8.1,
        timestamp_ns=NOON_NS,
    )
    return replace(opportunity, **changes)


@dataclass
class World:
    """Everything a chain needs, all levels reading one exposure book."""

    risk: RiskSettings = field(default_factory=RiskSettings)
    position: PositionSettings = field(default_factory=PositionSettings)
    limits: ExecutionSettings = field(default_factory=ExecutionSettings)
    exchanges: tuple[str, ...] = ("paradex", "extended")
    manager_class: type[RiskManager] = RiskManager

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.account = FakeAccount()
        self.market = FakeMarket(self.exchanges)
        self.exposure = ExposureBook()
        self.capital = CapitalOrchestrator()
        for exchange in self.exchanges:
            self.capital.set_equity(exchange, 10_000)
        self.instruments = {(exchange, BTC): make_instrument(exchange) for exchange in self.exchanges}
        self.manager = self.manager_class(self.risk, self.clock, self.account, self.exposure)
        self.guard = PositionGuard(self.position, self.clock, self.account, self.market, self.exposure)
        self.execution = ExecutionGuard(
            self.limits, self.risk, self.clock, self.market, self.instruments, self.account, worst_case_loss
        )
        self.chain = RiskChain(self.capital, self.manager, self.guard, self.execution, self.exposure)
