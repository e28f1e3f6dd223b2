"""What a pair costs: fees of entry and exit by order class, funding that settles while it is held, gas.

What the walked price gives up to depth is in the price already and is never charged a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from perpbot.core.instruments import Instrument
from perpbot.core.money import ONE, ZERO
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.orders import Liquidity
from perpbot.pricing.views import FundingView

_SECOND_NS = 1_000_000_000
Instruments = Mapping[tuple[ExchangeName, Symbol], Instrument]


def net_profit(buy_price: Decimal, sell_price: Decimal, size: Decimal, costs_pct: Decimal) -> tuple[Decimal, Decimal]:
    """What buying and selling ``size`` coins leaves after ``costs_pct``: as a fraction of the purchase, and in USD."""
    pct = sell_price / buy_price - ONE - costs_pct
    return pct, pct * buy_price * size


class FixedFunding:
    """Funding by one assumed rate per exchange, settled at whole multiples of the interval since 1970 (UTC)."""

    def __init__(self, rates: Mapping[ExchangeName, Decimal], instruments: Instruments) -> None:
        self._rates = rates
        self._instruments = instruments

    def rate(self, exchange: ExchangeName, symbol: Symbol) -> Decimal:  # noqa: ARG002 - a port's signature
        return self._rates.get(exchange, ZERO)

    def next_settlement_ns(self, exchange: ExchangeName, symbol: Symbol, now_ns: int) -> int | None:
        interval = self._instruments[exchange, symbol].funding_interval_seconds * _SECOND_NS
        return (now_ns // interval + 1) * interval


class CostModel:
    """Costs of a pair that buys on one exchange and sells on another; all rates are fractions of notional."""

    def __init__(
        self,
        instruments: Instruments,
        funding: FundingView,
        *,
        holding_seconds: float,
        gas_usd: Mapping[ExchangeName, Decimal] | None = None,
    ) -> None:
        """``holding_seconds`` is how long a pair is expected to be held, ``gas_usd`` what one order costs there."""
        self._instruments = instruments
        self._funding = funding
        self._gas = gas_usd or {}
        self.adopt(holding_seconds=holding_seconds)

    def adopt(self, *, holding_seconds: float) -> None:
        """Expect pairs to be held so long, from the next one on."""
        self._holding_ns = round(holding_seconds * _SECOND_NS)

    def fee_pct(self, exchange: ExchangeName, symbol: Symbol, liquidity: Liquidity = Liquidity.TAKER) -> Decimal:
        """The fee rate of one order."""
        instrument = self._instruments[exchange, symbol]
        return instrument.taker_fee_pct if liquidity is Liquidity.TAKER else instrument.maker_fee_pct

    def both_legs_pct(
        self, symbol: Symbol, buy: ExchangeName, sell: ExchangeName, liquidity: Liquidity = Liquidity.TAKER
    ) -> Decimal:
        """Fees of both entry orders, or of both exit orders."""
        return self.fee_pct(buy, symbol, liquidity) + self.fee_pct(sell, symbol, liquidity)

    def round_trip_pct(
        self,
        symbol: Symbol,
        buy: ExchangeName,
        sell: ExchangeName,
        entry: Liquidity = Liquidity.TAKER,
        close: Liquidity = Liquidity.TAKER,
    ) -> Decimal:
        """Fees of both entry and both exit orders."""
        return self.both_legs_pct(symbol, buy, sell, entry) + self.both_legs_pct(symbol, buy, sell, close)

    def funding_pct(self, symbol: Symbol, buy: ExchangeName, sell: ExchangeName, now_ns: int) -> Decimal:
        """Funding while held, positive when paid: the long leg pays its exchange's rate, the short leg receives."""
        return self._accrued(buy, symbol, now_ns) - self._accrued(sell, symbol, now_ns)

    def gas_usd(self, buy: ExchangeName, sell: ExchangeName) -> Decimal:
        """Gas of both entry and both exit orders."""
        return 2 * (self._gas.get(buy, ZERO) + self._gas.get(sell, ZERO))

    def _accrued(self, exchange: ExchangeName, symbol: Symbol, now_ns: int) -> Decimal:
        """What one long would pay: the exchange's rate at each of its own settlements until the expected end."""
        rate = self._funding.rate(exchange, symbol)
        if not rate:
            return ZERO
        interval = self._instruments[exchange, symbol].funding_interval_seconds * _SECOND_NS
        next_ns = self._funding.next_settlement_ns(exchange, symbol, now_ns)
        if next_ns is None:
            return rate * self._holding_ns / interval
        remaining = now_ns + self._holding_ns - next_ns
        return rate * (remaining // interval + 1) if remaining >= 0 else ZERO
