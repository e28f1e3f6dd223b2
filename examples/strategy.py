"""A strategy of your own: it looks at the market, and says what it wants.

    perpbot demo --config examples/strategy.yaml

A strategy is any object with ``analyze(market_data)``. It is asked once a loop (``service.loop_interval_seconds``);
``market_data`` maps symbol → exchange → :class:`~perpbot.core.market_data.Quote`. It answers with a list of intents:
``OpenPair``, ``ClosePair`` or ``ClosePosition``. It never sends an order: every intent goes to the *desk*, and from
there through capital, risk and the send gate like everything else. Both methods may be plain or ``async``; one that is
slow holds up nobody but itself, and one that fails is reported and asked again.

``self.desk`` is there as soon as the strategy is in the service: trading state, open pairs, positions, quotes,
instruments and equity. The keys beside ``class`` in the settings are the arguments of the constructor.

:class:`WideGaps` needs no more than ``analyze``: the service submits what it returns. :class:`PatientGaps` adds
``execute``, and so learns how each of its intents ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from perpbot.core.commands import TradingState
from perpbot.core.market_data import Quote
from perpbot.core.money import exact
from perpbot.core.names import ExchangeName, Symbol
from perpbot.strategy.desk import Desk
from perpbot.strategy.intents import Intent, OpenPair
from perpbot.strategy.protocol import MarketData, Signals


class WideGaps:
    """Buys where it is cheapest and sells where it is dearest, one pair a symbol, when the gap is wide enough.

    Pairs are closed by the exit rules of the section ``exits``, as all pairs are.
    """

    desk: Desk

    def __init__(self, gap_bps: float = 20, usd: float = 200) -> None:
        """``gap_bps`` is the least gap between best ask and best bid, ``usd`` the notional of a pair."""
        self.gap = float(gap_bps) / 10_000
        self.usd = exact(usd)

    def analyze(self, market_data: MarketData) -> list[Intent]:
        """What to open now."""
        if self.desk.state is not TradingState.ACTIVE:
            return []
        busy = {pair.symbol for pair in self.desk.pairs}
        wanted = (self._pair(symbol, quotes) for symbol, quotes in market_data.items() if symbol not in busy)
        return [intent for intent in wanted if intent is not None]

    def _pair(self, symbol: Symbol, quotes: Mapping[ExchangeName, Quote]) -> OpenPair | None:
        """Exchanges that are reference only have no equity with us: their prices are seen, not traded."""
        tradable = [quote for name, quote in quotes.items() if self.desk.equity(name) > 0]
        if len(tradable) < 2:
            return None
        cheap, dear = min(tradable, key=lambda quote: quote.ask), max(tradable, key=lambda quote: quote.bid)
        if dear.bid / cheap.ask - 1 < self.gap or cheap is dear:
            return None
        return OpenPair(symbol, cheap.exchange, dear.exchange, self.size(cheap))

    def size(self, quote: Quote) -> Decimal:
        """Coins; the desk rounds them to what both exchanges take."""
        return self.usd / exact(quote.ask)


class PatientGaps(WideGaps):
    """The same, but a symbol whose pair was refused rests for a while."""

    def __init__(self, gap_bps: float = 20, usd: float = 200, pause_seconds: float = 5) -> None:
        super().__init__(gap_bps, usd)
        self.pause_seconds = float(pause_seconds)
        self.refused: dict[Symbol, str] = {}
        self._now = 0.0
        self._rests_until: dict[Symbol, float] = {}

    def analyze(self, market_data: MarketData) -> list[Intent]:
        """Time is that of the newest quote: so a replay of the same market decides the same."""
        self._now = max((quote.received for quotes in market_data.values() for quote in quotes.values()), default=0.0)
        awake = {symbol: each for symbol, each in market_data.items() if self._rests_until.get(symbol, 0) <= self._now}
        return super().analyze(awake)

    async def execute(self, signals: Signals) -> None:
        """With this method the service submits nothing by itself."""
        for intent in signals:
            result = await self.desk.submit(intent)
            if isinstance(intent, OpenPair) and not result.success:
                self.refused[intent.symbol] = result.reason
                self._rests_until[intent.symbol] = self._now + self.pause_seconds
