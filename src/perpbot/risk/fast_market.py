"""Fast markets: one exchange's price, compared with its own recent prices and never with another exchange's.

The gap between two exchanges is what arbitrage trades; freezing on it would freeze exactly the trade.
"""

from __future__ import annotations

import math
from collections import deque
from decimal import Decimal

from perpbot.core.names import ExchangeName, Symbol

_SECOND_NS = 1_000_000_000
_ROUNDING = 1e-12  # a move of exactly the limit counts, whatever binary fractions make of it


class PriceRange:
    """Highest and lowest price that stood at any moment of a sliding window.

    A price stands until the next one comes, so a jump after a silence longer than the window counts as a jump. Each
    entry of the two monotonic queues is a past price with the time until which it stood.
    """

    def __init__(self, window_ns: int) -> None:
        self.window_ns = window_ns
        self._highs: deque[tuple[int, float]] = deque()
        self._lows: deque[tuple[int, float]] = deque()
        self._price = math.nan

    def move(self, price: float, now_ns: int) -> float:
        """Take the price of ``now_ns``; the largest move to it within the window, as a fraction (0.005 is 0.5 %)."""
        last, self._price = self._price, price
        if math.isnan(last):
            return 0.0
        highs, lows = self._highs, self._lows
        while highs and highs[-1][1] <= last:
            highs.pop()
        highs.append((now_ns, last))
        while lows and lows[-1][1] >= last:
            lows.pop()
        lows.append((now_ns, last))
        oldest_ns = now_ns - self.window_ns
        while highs[0][0] < oldest_ns:
            highs.popleft()
        while lows[0][0] < oldest_ns:
            lows.popleft()
        return max(price / lows[0][1] - 1.0, 1.0 - price / highs[0][1])


class FastMarket:
    """Freezes a symbol while a price of it moves too fast, and for some seconds after the last such move."""

    def __init__(self, move_pct: Decimal, window_seconds: float, freeze_seconds: float) -> None:
        self._ranges: dict[tuple[ExchangeName, Symbol], PriceRange] = {}
        self._frozen: dict[Symbol, tuple[int, float]] = {}
        self.adopt(move_pct, window_seconds, freeze_seconds)

    def adopt(self, move_pct: Decimal, window_seconds: float, freeze_seconds: float) -> None:
        """Judge the next price by these. A longer window fills as time goes on; a freeze under way keeps its end."""
        self._limit = float(move_pct) - _ROUNDING
        self._window_ns = round(window_seconds * _SECOND_NS)
        self._freeze_ns = round(freeze_seconds * _SECOND_NS)
        for prices in self._ranges.values():
            prices.window_ns = self._window_ns

    def on_price(self, exchange: ExchangeName, symbol: Symbol, price: float, now_ns: int) -> None:
        """Take one exchange's newest price. What cannot be a price is passed over: it proves no move."""
        if not 0.0 < price < math.inf:
            return
        prices = self._ranges.get((exchange, symbol))
        if prices is None:
            prices = self._ranges[exchange, symbol] = PriceRange(self._window_ns)
        move = prices.move(price, now_ns)
        if move >= self._limit:
            self._frozen[symbol] = (now_ns + self._freeze_ns, move)

    def frozen_move(self, symbol: Symbol, now_ns: int) -> float | None:
        """The last move that froze the symbol, ``None`` if it is not frozen at ``now_ns``."""
        until_ns, move = self._frozen.get(symbol, (now_ns, 0.0))
        return move if now_ns < until_ns else None

    def frozen_symbols(self, now_ns: int) -> tuple[Symbol, ...]:
        """All symbols frozen at ``now_ns``."""
        return tuple(sorted(symbol for symbol, (until_ns, _) in self._frozen.items() if now_ns < until_ns))
