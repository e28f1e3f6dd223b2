"""What one engine publishes of one symbol: numbered, on the grids, and under way to the bot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from perpbot.core.instruments import Instrument
from perpbot.core.market_data import BookDelta, BookSnapshot, MarketEvent, TopOfBook, TradePrint
from perpbot.core.ports import Rng
from perpbot.simulation.market.calibration import DepthRow
from perpbot.simulation.market.delays import FrameDelay
from perpbot.simulation.market.depth import DepthSide
from perpbot.simulation.market.emissions import Emission
from perpbot.simulation.market.grid import Grid


@dataclass(frozen=True, slots=True)
class Top:
    """The touch: prices in ticks, sizes in USD."""

    bid: int
    ask: int
    bid_usd: float
    ask_usd: float


class Publisher:
    """Turns tops into market events. Tickers and depth share one sequence; each delta names the depth before it."""

    def __init__(self, instrument: Instrument, depth: DepthRow, rng: Rng, put: Callable[[Emission], None]) -> None:
        self._exchange = instrument.exchange
        self._symbol = instrument.symbol
        self._multiplier = float(instrument.multiplier)
        self._inverse = instrument.inverse
        self._prices = Grid(instrument.tick)
        self._sizes = Grid(instrument.step)
        self._bids = DepthSide(depth, self._prices, -1, rng)
        self._asks = DepthSide(depth, self._prices, +1, rng)
        self._put = put
        self._depth_sequence = 0
        self.sequence = 0
        self.trade_id = 0

    def ticker(self, at_ns: int, top: Top, delay: FrameDelay) -> None:
        """Publish the touch."""
        self.sequence += 1
        bid_size, ask_size, _ = self._top_sizes(top)
        event = TopOfBook(
            self._exchange,
            self._symbol,
            self._prices.value(top.bid),
            bid_size,
            self._prices.value(top.ask),
            ask_size,
            self.sequence,
            at_ns,
        )
        self._send(at_ns, event, delay)

    def snapshot(self, at_ns: int, top: Top, delay: FrameDelay) -> None:
        """Publish the whole book."""
        self.sequence += 1
        bid_size, ask_size, rate = self._top_sizes(top)
        bids = self._bids.restate(top.bid, bid_size, self._sizes, rate)
        asks = self._asks.restate(top.ask, ask_size, self._sizes, rate)
        self._depth_sequence = self.sequence
        self._send(at_ns, BookSnapshot(self._exchange, self._symbol, bids, asks, self.sequence, at_ns), delay)

    def depth(self, at_ns: int, top: Top, delay: FrameDelay) -> None:
        """Publish what changed in the book."""
        self.sequence += 1
        bid_size, ask_size, rate = self._top_sizes(top)
        bids = self._bids.change(top.bid, bid_size, self._sizes, rate)
        asks = self._asks.change(top.ask, ask_size, self._sizes, rate)
        before, self._depth_sequence = self._depth_sequence, self.sequence
        event = BookDelta(self._exchange, self._symbol, bids, asks, before + 1, self.sequence, before, at_ns)
        self._send(at_ns, event, delay)

    def trade(self, at_ns: int, top: Top, *, buy: bool, usd: float, delay: FrameDelay) -> None:
        """Publish a taker order as one trade at the touch."""
        self.trade_id += 1
        price = self._prices.value(top.ask if buy else top.bid)
        size = self._size(usd, self._steps_per_usd(price))
        event = TradePrint(self._exchange, self._symbol, price, size, not buy, self.trade_id, at_ns)
        self._send(at_ns, event, delay)

    def _send(self, at_ns: int, event: MarketEvent, delay: FrameDelay) -> None:
        self._put(Emission(at_ns, delay.received_ns(at_ns), event))

    def _top_sizes(self, top: Top) -> tuple[float, float, float]:
        rate = self._steps_per_usd(self._prices.value(top.bid))
        return self._size(top.bid_usd, rate), self._size(top.ask_usd, rate), rate

    def _size(self, usd: float, steps_per_usd: float) -> float:
        return self._sizes.value(max(1, round(usd * steps_per_usd)))

    def _steps_per_usd(self, price: float) -> float:
        contract = self._multiplier if self._inverse else self._multiplier * price
        return 1.0 / (contract * self._sizes.step)
