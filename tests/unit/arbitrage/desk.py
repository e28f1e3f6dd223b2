"""A hand-made market with everything a scanner needs, for tests of the rooms that read books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from perpbot.arbitrage.evaluations import Evaluation
from perpbot.arbitrage.pricer import Pricer
from perpbot.arbitrage.scanner import ArbitrageScanner
from perpbot.arbitrage.scoring import Reliability, SuccessRate
from perpbot.arbitrage.settings import ArbitrageSettings
from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.market_data import Level
from perpbot.pricing.basis import SAMPLE_INTERVAL_NS, Basis
from perpbot.pricing.costs import CostModel, FixedFunding

BTC = "BTC-USD-PERP"
START_NS = 1_700_000_000_000_000_000


def linear(exchange: str, symbol: str = BTC, **changes: object) -> Instrument:
    """A coin contract as Binance USD-M lists it."""
    values: dict[str, object] = {
        "exchange": exchange,
        "symbol": symbol,
        "native": symbol,
        "tick": Decimal("0.1"),
        "step": Decimal("0.001"),
        "min_size": Decimal("0.001"),
        "min_notional": Decimal(100),
        "kind": ContractKind.LINEAR,
        "multiplier": Decimal(1),
        "quote": "USDT",
        "maker_fee_pct": Decimal("0.0002"),
        "taker_fee_pct": Decimal("0.0005"),
    }
    return Instrument(**{**values, **changes})  # type: ignore[arg-type]


def inverse(exchange: str, symbol: str = BTC, **changes: object) -> Instrument:
    """A 100 USD contract as Binance COIN-M lists it."""
    usd = {"step": Decimal(1), "min_size": Decimal(1), "kind": ContractKind.INVERSE, "multiplier": Decimal(100)}
    return linear(exchange, symbol, **{**usd, "quote": "USD", **changes})


@dataclass
class FakeClock:
    """A clock that stands until it is told to move."""

    ns: int = START_NS

    def now_ns(self) -> int:
        return self.ns


@dataclass
class FakeBook:
    """A book of plain lists of (price, contracts), best first."""

    exchange: str
    symbol: str
    bid_levels: list[Level] = field(default_factory=list)
    ask_levels: list[Level] = field(default_factory=list)
    ready: bool = True

    @property
    def bid(self) -> float:
        return self.bid_levels[0][0] if self.bid_levels else 0.0

    @property
    def ask(self) -> float:
        return self.ask_levels[0][0] if self.ask_levels else 0.0

    def bids(self) -> Iterator[Level]:
        return iter(self.bid_levels)

    def asks(self) -> Iterator[Level]:
        return iter(self.ask_levels)


@dataclass
class FakeMarket:
    """Books by symbol, and ages that are set by hand."""

    books: dict[str, list[FakeBook]] = field(default_factory=dict)
    ages: dict[str, float] = field(default_factory=dict)

    def books_of(self, symbol: str) -> Sequence[FakeBook]:
        return self.books.get(symbol, [])

    def age_seconds(self, exchange: str, symbol: str, now_ns: int) -> float:
        return self.ages.get(exchange, 0.0)

    def skew_seconds(self, a: str, b: str, symbol: str, now_ns: int) -> float:
        return abs(self.age_seconds(a, symbol, now_ns) - self.age_seconds(b, symbol, now_ns))


class Desk:
    """One symbol on several exchanges, a scanner over it, and the answers of its ports."""

    def __init__(
        self,
        *instruments: Instrument,
        settings: ArbitrageSettings | None = None,
        trading: Sequence[str] | None = None,
        funding: dict[str, Decimal] | None = None,
        gas_usd: dict[str, Decimal] | None = None,
        max_slippage_pct: str = "0.001",
        max_residual_pct: str = "0.05",
    ) -> None:
        self.settings = settings or ArbitrageSettings()
        self.clock = FakeClock()
        self.market = FakeMarket()
        self.books: dict[str, FakeBook] = {}
        for instrument in instruments:
            book = FakeBook(instrument.exchange, instrument.symbol)
            self.books[instrument.exchange] = book
            self.market.books.setdefault(instrument.symbol, []).append(book)
        known = self.instruments = {(instrument.exchange, instrument.symbol): instrument for instrument in instruments}
        self.occupied: str | None = None
        self.room = Decimal(1000)
        self.attempts = SuccessRate()
        self.reliability = Reliability()
        self.costs = CostModel(known, FixedFunding(funding or {}, known), holding_seconds=3600, gas_usd=gas_usd)
        self.basis = Basis(
            self.market,
            self.market.books,
            listed=known,
            trading=tuple(self.books) if trading is None else trading,
            window_seconds=float(self.settings.basis_window_seconds),
            warmup_seconds=float(self.settings.basis_warmup_seconds),
        )
        self.pricer = Pricer(
            self.settings,
            market=self.market,
            instruments=known,
            costs=self.costs,
            room=lambda symbol, buy, sell: self.room,
            max_slippage_pct=Decimal(max_slippage_pct),
            max_residual_pct=Decimal(max_residual_pct),
            reliability=self.reliability,
            attempts=self.attempts,
        )
        self.scanner = ArbitrageScanner(
            self.settings,
            basis=self.basis,
            pricer=self.pricer,
            clock=self.clock,
            occupancy=lambda symbol: self.occupied,
        )

    def quote(self, exchange: str, bid: float, ask: float, size: float = 10.0) -> None:
        """Put one level on each side of a book."""
        self.books[exchange].bid_levels = [(bid, size)]
        self.books[exchange].ask_levels = [(ask, size)]

    def warm(self, samples: int = 240) -> None:
        """Sample the basis as the books stand."""
        for _ in range(samples):
            self.clock.ns += SAMPLE_INTERVAL_NS
            self.basis.sample(self.clock.ns)

    def scan(self, symbol: str = BTC) -> list[Evaluation]:
        return self.scanner.scan(symbol)
