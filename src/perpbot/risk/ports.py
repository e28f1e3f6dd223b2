"""What the risk rules ask of the ledger, of the market and of the execution settings."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from perpbot.core.names import ExchangeName, Symbol


class AccountView(Protocol):
    """Equity as the ledger knows it. Any of these may raise ``ReadFailed``; then nothing is opened."""

    def total_equity(self) -> Decimal:
        """Sum over the trading exchanges, USD."""

    def equity(self, exchange: ExchangeName) -> Decimal:
        """One exchange, USD."""

    def drawdown_pct(self) -> Decimal:
        """Fraction of the equity peak that is lost; transfers do not change it."""

    def daily_loss_usd(self) -> Decimal:
        """USD lost since the day began, not above 0 on a day in profit; transfers do not change it."""

    def daily_loss_pct(self) -> Decimal:
        """The same as a fraction of equity; transfers do not change it."""

    def reset_peak(self) -> None:
        """Take today's equity as the peak."""


class BookTop(Protocol):
    """Best bid and ask of one book; 0 where absent."""

    @property
    def exchange(self) -> ExchangeName: ...
    @property
    def bid(self) -> float: ...
    @property
    def ask(self) -> float: ...
    @property
    def ready(self) -> bool: ...


class MarketView(Protocol):
    """The books as they are now."""

    def books_of(self, symbol: Symbol) -> Sequence[BookTop]: ...
    def touch(self, exchange: ExchangeName, symbol: Symbol) -> tuple[Decimal, Decimal] | None: ...
    def last_price(self, exchange: ExchangeName, symbol: Symbol) -> float | None: ...
    def age_seconds(self, exchange: ExchangeName, symbol: Symbol, now_ns: int) -> float: ...


class ExecutionLimits(Protocol):
    """Those of section ``execution`` that are checked before an order is planned."""

    @property
    def max_slippage_pct(self) -> Decimal: ...
    @property
    def price_sanity_pct(self) -> Decimal: ...
    @property
    def max_book_age_seconds(self) -> float: ...
    @property
    def max_skew_seconds(self) -> float: ...


class WorstCaseLoss(Protocol):
    """``perpbot.pricing.worst_case_loss``."""

    def __call__(
        self, notional: Decimal, *, adverse_move_pct: Decimal, unwind_slippage_pct: Decimal, taker_fees_pct: Decimal
    ) -> Decimal: ...
