"""The facts of a direction that do not change from quote to quote, as floats: what prices most candidates."""

from __future__ import annotations

from math import ceil

from perpbot.core.instruments import Instrument
from perpbot.core.money import ONE, ZERO

_ON_GRID = 1e-9  # of a step: a float this near to a whole number of steps is that number


class Contract:
    """One instrument's smallest order and coins per contract."""

    __slots__ = ("_inverse", "_least", "_min_notional", "_multiplier", "_step")

    def __init__(self, instrument: Instrument) -> None:
        self._inverse = instrument.inverse
        self._multiplier = float(instrument.multiplier)
        self._step = float(instrument.step)
        if instrument.inverse:  # a contract is worth the same USD at any price
            self._least, self._min_notional = float(instrument.smallest_order(ONE)), 0.0
        else:
            self._least = float(max(instrument.min_size, instrument.step))
            self._min_notional = float(max(instrument.min_notional, ZERO)) / self._multiplier

    def smallest_base(self, price: float, limit: float) -> float:
        """Coins of the smallest order at ``price`` whose notional counts at ``limit``."""
        if self._inverse:
            return self._least * self._multiplier / price
        wanted = max(self._least, self._min_notional / limit)
        return ceil(wanted / self._step - _ON_GRID) * self._step * self._multiplier


class Route:
    """One direction's instruments, smallest orders and fixed costs."""

    __slots__ = ("_buying", "_selling", "buy", "fees_pct", "gas_usd", "sell")

    def __init__(self, buy: Instrument, sell: Instrument, fees_pct: float, gas_usd: float) -> None:
        """``fees_pct`` are those of the whole round trip, ``gas_usd`` of all its orders."""
        self.buy = buy
        self.sell = sell
        self.fees_pct = fees_pct
        self.gas_usd = gas_usd
        self._buying = Contract(buy)
        self._selling = Contract(sell)

    def smallest_base(self, ask: float, bid: float, sell_limit: float) -> float:
        """Coins below which one of the two orders would be too small."""
        return max(self._buying.smallest_base(ask, ask), self._selling.smallest_base(bid, sell_limit))
