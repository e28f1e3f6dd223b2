"""The venue's book of one symbol: what others offer there, less what our orders took.

It is the depth book, on which the newest ticker stands while its sequence is newer than the depth's: the ticker's
prices and sizes are the top, deeper levels come from depth. What an order took stays away until a depth level or a
ticker names that price again. Events are applied in venue order as floats; levels become exact decimals only where an
order meets them. This builder shares no code with the bot's own books, so that neither can hide the other's errors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TypeAlias

from perpbot.core.market_data import BookDelta, BookSnapshot, Level, MarketEvent, TopOfBook, TradePrint
from perpbot.core.money import ZERO, exact
from perpbot.core.orders import Side

ExactLevel: TypeAlias = tuple[Decimal, Decimal]
"""Price and size in contracts."""

_WAITING_DELTAS = 10_000


class VenueBook:
    """External liquidity by side: ``Side.BUY`` are bids, ``Side.SELL`` asks."""

    def __init__(self) -> None:
        self._depth: dict[Side, dict[float, float]] = {Side.BUY: {}, Side.SELL: {}}
        self._taken: dict[Side, dict[float, Decimal]] = {Side.BUY: {}, Side.SELL: {}}
        self._depth_best: dict[Side, float] = {}  # forgotten when depth changes, found again when asked for
        self._sequence: int | None = None
        self._chained = False
        self._waiting: deque[BookDelta] = deque(maxlen=_WAITING_DELTAS)
        self._ticker: TopOfBook | None = None
        self._last_trade: float | None = None
        self.gaps = 0

    def apply(self, event: MarketEvent) -> None:
        """Take in the next event of the venue."""
        if isinstance(event, TopOfBook):
            self._apply_ticker(event)
        elif isinstance(event, BookDelta):
            self._apply_delta(event)
        elif isinstance(event, TradePrint):
            self._last_trade = event.price
        else:
            self._apply_snapshot(event)

    def levels(self, side: Side, limit: Decimal | None = None) -> Iterator[ExactLevel]:
        """What stands on ``side`` no worse than ``limit``, best first; levels that were taken whole are left out."""
        bound = None if limit is None else float(limit)
        for price in self._prices(side, bound):
            size = exact(self._shown(side, price)) - self._taken[side].get(price, ZERO)
            if size > 0:
                yield exact(price), size

    def displayed(self, side: Side, price: Decimal) -> Decimal:
        """Contracts that others show on ``side`` at ``price``, whether we took of them or not."""
        return exact(self._shown(side, float(price)))

    def take(self, side: Side, price: Decimal, size: Decimal) -> None:
        """``size`` contracts at ``price`` were traded away by one of our orders."""
        taken = self._taken[side]
        key = float(price)
        taken[key] = taken.get(key, ZERO) + size

    def touch(self) -> tuple[Decimal, Decimal] | None:
        """Best bid and ask as shown; ``None`` if a side is empty."""
        bid, ask = self._best(Side.BUY), self._best(Side.SELL)
        return None if bid is None or ask is None else (exact(bid), exact(ask))

    def reaches(self, side: Side, price: Decimal) -> bool:
        """Whether the best level shown on ``side`` stands at ``price`` or before it."""
        best = self._best(side)
        return best is not None and not _better(side, float(price), best)

    def mark(self) -> Decimal | None:
        """The mid of the touch, else the last trade."""
        touch = self.touch()
        if touch is not None:
            return (touch[0] + touch[1]) / 2
        return None if self._last_trade is None else exact(self._last_trade)

    def _apply_ticker(self, ticker: TopOfBook) -> None:
        if self._ticker is not None and ticker.sequence < self._ticker.sequence:
            return
        if self._sequence is not None and ticker.sequence <= self._sequence:
            return
        self._ticker = ticker
        self._taken[Side.BUY].pop(ticker.bid, None)
        self._taken[Side.SELL].pop(ticker.ask, None)

    def _apply_snapshot(self, snapshot: BookSnapshot) -> None:
        if self._sequence is not None and snapshot.sequence < self._sequence:
            return
        for side, levels in ((Side.BUY, snapshot.bids), (Side.SELL, snapshot.asks)):
            self._depth[side] = {price: size for price, size in levels if size > 0}
            self._taken[side].clear()
        self._depth_best.clear()
        self._sequence, self._chained = snapshot.sequence, False
        waiting = list(self._waiting)
        self._waiting.clear()
        for delta in waiting:
            self._apply_delta(delta)

    def _apply_delta(self, delta: BookDelta) -> None:
        if self._sequence is None:
            self._waiting.append(delta)
        elif delta.last > self._sequence:
            if self._follows(delta, self._sequence):
                self._change(Side.BUY, delta.bids)
                self._change(Side.SELL, delta.asks)
                self._sequence, self._chained = delta.last, True
            else:
                self._drop(delta)

    def _follows(self, delta: BookDelta, sequence: int) -> bool:
        """Whether ``delta`` is the next one: by the link it carries, else by its first number.

        The first after a snapshot may begin inside it (Binance, "How to manage a local order book correctly").
        """
        if self._chained and delta.previous is not None:
            return delta.previous == sequence
        if self._chained:
            return delta.first == sequence + 1
        return delta.first <= sequence + 1 or (delta.previous is not None and delta.previous <= sequence)

    def _drop(self, delta: BookDelta) -> None:
        self.gaps += 1
        self._sequence = None
        self._depth = {Side.BUY: {}, Side.SELL: {}}
        self._depth_best.clear()
        self._waiting.append(delta)

    def _change(self, side: Side, levels: Sequence[Level]) -> None:
        depth, taken = self._depth[side], self._taken[side]
        self._depth_best.pop(side, None)
        for price, size in levels:
            if size > 0:
                depth[price] = size
            else:
                depth.pop(price, None)
            if taken:
                taken.pop(price, None)

    def _top(self, side: Side) -> Level | None:
        """The standing ticker's level of ``side``, ``None`` while depth is newer."""
        ticker = self._ticker
        if ticker is None or (self._sequence is not None and ticker.sequence <= self._sequence):
            return None
        return (ticker.bid, ticker.bid_size) if side is Side.BUY else (ticker.ask, ticker.ask_size)

    def _shown(self, side: Side, price: float) -> float:
        top = self._top(side)
        if top is None:
            return self._depth[side].get(price, 0.0)
        if price == top[0]:
            return top[1]
        hidden = top[1] <= 0 or _better(side, price, top[0])
        return 0.0 if hidden else self._depth[side].get(price, 0.0)

    def _best(self, side: Side) -> float | None:
        top = self._top(side)
        if top is not None:
            return top[0] if top[1] > 0 else None
        depth = self._depth[side]
        if side not in self._depth_best and depth:
            self._depth_best[side] = max(depth) if side is Side.BUY else min(depth)
        return self._depth_best.get(side)

    def _prices(self, side: Side, bound: float | None) -> Iterator[float]:
        top = self._top(side)
        if top is not None and (top[1] <= 0 or (bound is not None and _better(side, bound, top[0]))):
            return
        if top is not None:
            yield top[0]
        deeper = [
            price
            for price in self._depth[side]
            if (bound is None or not _better(side, bound, price)) and (top is None or _better(side, top[0], price))
        ]
        yield from sorted(deeper, reverse=side is Side.BUY)


def _better(side: Side, price: float, than: float) -> bool:
    """Whether ``price`` stands strictly before ``than`` on ``side``."""
    return price > than if side is Side.BUY else price < than
