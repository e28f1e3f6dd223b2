"""Instruments and contract arithmetic, linear and inverse.

Order, fill and position sizes are counted in **contracts**. One contract is ``multiplier`` coins of a linear
instrument (1 on most exchanges, so that contracts are coins) and ``multiplier`` USD of an inverse one (100 USD of
BTCUSD_PERP on Binance COIN-M). What a contract settles in is USD (linear) or the coin (inverse).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from perpbot.core.money import ZERO, ceil_to, floor_to, realised
from perpbot.core.names import ExchangeName, Symbol, base_of


class ContractKind(StrEnum):
    LINEAR = "linear"
    INVERSE = "inverse"


class MarketStatus(StrEnum):
    OPEN = "open"
    REDUCE_ONLY = "reduce_only"
    POST_ONLY = "post_only"
    HALTED = "halted"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One market of one exchange.

    ``tick`` is the price step, ``step`` and ``min_size`` are contracts, ``min_notional`` is USD, fees are fractions of
    notional, ``funding_interval_seconds`` is the time between two settlements.
    """

    exchange: ExchangeName
    symbol: Symbol
    native: str
    tick: Decimal
    step: Decimal
    min_size: Decimal
    min_notional: Decimal
    kind: ContractKind
    multiplier: Decimal
    quote: str
    maker_fee_pct: Decimal
    taker_fee_pct: Decimal
    funding_interval_seconds: int = 28_800
    max_leverage: Decimal = Decimal(10)
    status: MarketStatus = MarketStatus.OPEN

    @property
    def inverse(self) -> bool:
        """Whether a contract is worth a fixed number of USD and settles in coin."""
        return self.kind is ContractKind.INVERSE

    @property
    def fee_currency(self) -> str:
        """What fees and PnL of this instrument are paid in."""
        return base_of(self.symbol) if self.inverse else self.quote

    def base(self, contracts: Decimal, price: Decimal) -> Decimal:
        """``contracts`` in coins at ``price``."""
        coins = contracts * self.multiplier
        return coins / price if self.inverse else coins

    def contracts(self, base: Decimal, price: Decimal) -> Decimal:
        """``base`` coins in contracts at ``price``, not rounded."""
        return base * price / self.multiplier if self.inverse else base / self.multiplier

    def notional(self, contracts: Decimal, price: Decimal) -> Decimal:
        """USD value of ``contracts`` at ``price``."""
        value = contracts * self.multiplier
        return value if self.inverse else value * price

    def settlement_value(self, contracts: Decimal, price: Decimal) -> Decimal:
        """Value of ``contracts`` at ``price`` in what the contract settles in: USD, or coin if inverse."""
        value = contracts * self.multiplier
        return value / price if self.inverse else value * price

    def average_price(self, contracts: Decimal, value: Decimal) -> Decimal:
        """The price at which ``contracts`` are worth the settlement ``value``: the average cost."""
        coins = contracts * self.multiplier
        return coins / value if self.inverse else value / coins

    def to_usd(self, amount: Decimal, price: Decimal) -> Decimal:
        """A settlement ``amount`` booked in USD: coin is rounded to 1e-8, converted at ``price``, rounded again."""
        booked = realised(amount)
        return realised(booked * price) if self.inverse else booked

    def gain(self, contracts: Decimal, entry_value: Decimal, price: Decimal) -> Decimal:
        """Settlement gain of ``contracts`` (signed, long > 0) entered at ``entry_value`` (signed alike), at ``price``.

        Not rounded. A linear long gains as the price rises; an inverse long gains coin as its contracts cost
        fewer coins.
        """
        moved = self.settlement_value(contracts, price) - entry_value
        return -moved if self.inverse else moved

    def fee(self, contracts: Decimal, price: Decimal, rate: Decimal) -> Decimal:
        """Fee for trading ``contracts`` at ``price`` in :attr:`fee_currency`, rounded to 1e-8; positive is a cost."""
        return realised(abs(self.settlement_value(contracts, price)) * rate)

    def round_size(self, contracts: Decimal) -> Decimal:
        """``contracts`` rounded down to the size step: never more than was approved."""
        return floor_to(contracts, self.step)

    def round_price(self, price: Decimal, *, buying: bool) -> Decimal:
        """``price`` on the tick grid; a buy never rounds up, a sell never down."""
        return floor_to(price, self.tick) if buying else ceil_to(price, self.tick)

    def smallest_order(self, price: Decimal) -> Decimal:
        """The smallest opening order in contracts at ``price``: minimum size and minimum notional, on the step grid."""
        by_notional = ZERO
        if self.min_notional > 0:
            per_contract = self.notional(Decimal(1), price)
            by_notional = self.min_notional / per_contract
        return ceil_to(max(self.min_size, by_notional, self.step), self.step)
