"""The order book of one exchange and symbol, built from a snapshot and the changes that follow it.

The rules are Binance's (developers.binance.com, "How to manage a local order book correctly"), which hold for every
exchange whose changes are numbered: changes that come before the snapshot wait for it; those that the snapshot already
has are dropped; the first applied must reach back to the snapshot; each later one must follow the one before. A change
that does not follow means that something is missing: the book is dropped until the next snapshot.
"""

from collections import deque
from collections.abc import Iterator
from math import inf
from typing import Literal

from perpbot.core.market_data import BookDelta, BookSnapshot, Level, MarketEvent, TopOfBook
from perpbot.core.names import ExchangeName, Symbol
from perpbot.market.side import BookSide

_WAITING = 4096
"""Changes kept while there is no snapshot; a snapshot older than all of them is refused anyway."""


class OrderBook:
    """Full depth, with the newest ticker on top while it is newer than the depth.

    ``bid``, ``bid_size``, ``ask`` and ``ask_size`` are 0.0 where there is none. ``ready``: built from a snapshot,
    nothing missing since. ``sequence`` is that of the top and never goes back (but for :meth:`reset`). ``engine_ns``
    is the newest exchange time of what was accepted, ``None`` if that carried none; ``received_ns`` is our time of the
    last accepted change, 0 before the first. ``version`` counts changes, losses included; ``gaps`` counts losses of the
    book, ``last_gap`` says why the last one was; ``ignored`` counts what was too old or made no sense.
    """

    __slots__ = (
        "_chained",
        "_depth_sequence",
        "_ticker",
        "_waiting",
        "ask",
        "ask_size",
        "asks_depth",
        "bid",
        "bid_size",
        "bids_depth",
        "engine_ns",
        "exchange",
        "gaps",
        "ignored",
        "last_gap",
        "ready",
        "received_ns",
        "sequence",
        "symbol",
        "version",
    )

    def __init__(self, exchange: ExchangeName, symbol: Symbol) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.bids_depth = BookSide(buying=True)
        self.asks_depth = BookSide(buying=False)
        self.version = 0
        self.gaps = 0
        self.ignored = 0
        self.last_gap: str | None = None
        self.received_ns = 0
        self._clear()

    @property
    def depth_sequence(self) -> int:
        """The sequence of the depth alone, without the ticker on top; −1 before the first snapshot."""
        return self._depth_sequence

    def reset(self) -> None:
        """Forget what is known: the stream begins anew, and its numbers may."""
        self._clear()
        self.version += 1

    def _clear(self) -> None:
        self.bid = self.bid_size = self.ask = self.ask_size = 0.0
        self.ready = False
        self.sequence = -1
        self.engine_ns: int | None = None
        self._depth_sequence = -1
        self._chained = False
        self._ticker: TopOfBook | None = None
        self._waiting: deque[BookDelta] = deque(maxlen=_WAITING)
        self.bids_depth.clear()
        self.asks_depth.clear()

    def apply(self, event: MarketEvent, received_ns: int) -> bool:
        """Take an event in; whether it changed the book (trades never do, nor does what is too old)."""
        kind = type(event)
        if kind is TopOfBook:
            accepted = self._apply_ticker(event)  # type: ignore[arg-type]
        elif kind is BookDelta:
            accepted = self._apply_delta(event)  # type: ignore[arg-type]
        elif kind is BookSnapshot:
            accepted = self._apply_snapshot(event)  # type: ignore[arg-type]
        else:
            return False
        if accepted:
            self.version += 1
            self.received_ns = received_ns
            engine_ns, newest = event.engine_ns, self.engine_ns
            if engine_ns is None or newest is None or engine_ns > newest:
                self.engine_ns = engine_ns
        return accepted

    def bids(self) -> Iterator[Level]:
        """Bids as (price, size), best first."""
        return self._levels(self.bids_depth, self.bid, self.bid_size)

    def asks(self) -> Iterator[Level]:
        """Asks as (price, size), best first."""
        return self._levels(self.asks_depth, self.ask, self.ask_size)

    def depth_within(self, side: Literal["bid", "ask"], fraction: float) -> float:
        """Contracts on one side no further than ``fraction`` of the best price from it."""
        total = 0.0
        if side == "bid":
            limit = self.bid * (1.0 - fraction)
            for price, size in self.bids():
                if price < limit:
                    break
                total += size
        else:
            limit = self.ask * (1.0 + fraction)
            for price, size in self.asks():
                if price > limit:
                    break
                total += size
        return total

    def _levels(self, side: BookSide, price: float, size: float) -> Iterator[Level]:
        if self._ticker is None:
            yield from side.levels()
        elif size:
            yield price, size
            yield from side.behind(price)

    def _apply_ticker(self, ticker: TopOfBook) -> bool:
        sequence, bid, ask = ticker.sequence, ticker.bid, ticker.ask
        if sequence <= self.sequence or not _makes_sense(ticker):
            self.ignored += 1
            return False
        self._ticker = ticker
        self.sequence = sequence
        self.bid_size, self.ask_size = ticker.bid_size, ticker.ask_size
        self.bid = bid if self.bid_size else 0.0
        self.ask = ask if self.ask_size else 0.0
        return True

    def _apply_snapshot(self, snapshot: BookSnapshot) -> bool:
        known = self._depth_sequence
        if snapshot.sequence < known or (self.ready and snapshot.sequence == known):
            self.ignored += 1
            return False
        if not (self.bids_depth.replace(snapshot.bids) and self.asks_depth.replace(snapshot.asks)):
            return self._drop(f"snapshot {snapshot.sequence} has an impossible price or size")
        self._depth_sequence = snapshot.sequence
        self._chained = False
        self.ready = True
        return self._catch_up(snapshot.sequence) and self._settle()

    def _catch_up(self, sequence: int) -> bool:
        """Apply the changes that waited for the snapshot of ``sequence``."""
        waiting = self._waiting
        while waiting:
            delta = waiting[0]
            if delta.last >= sequence:
                if not self._follow(delta):
                    return False
                if delta.engine_ns is not None:
                    self.engine_ns = max(delta.engine_ns, self.engine_ns or 0)
            waiting.popleft()
        return True

    def _apply_delta(self, delta: BookDelta) -> bool:
        if not self.ready:
            self._waiting.append(delta)
            return False
        known = self._depth_sequence
        if (delta.last < known or (delta.last == known and self._chained)) and delta.previous != known:
            self.ignored += 1  # the book already has it
            return False
        if self._follow(delta):
            return self._settle()
        self._waiting.append(delta)
        return False

    def _follow(self, delta: BookDelta) -> bool:
        """Apply a delta if it follows; else the book is dropped."""
        known = self._depth_sequence
        before = delta.first - 1 if delta.previous is None else delta.previous
        # Between the last update of one change and the first of the next there is nothing, so what a snapshot needs is
        # that the change before its first one ended at it or earlier; afterwards each must end where the next begins.
        if before != known and (self._chained or before > known):
            return self._drop(f"change {delta.first}-{delta.last} (previous {before}) does not follow {known}")
        if not (self.bids_depth.apply(delta.bids) and self.asks_depth.apply(delta.asks)):
            return self._drop(f"change {delta.first}-{delta.last} has an impossible price or size")
        self._depth_sequence = delta.last
        self._chained = True
        return True

    def _settle(self) -> bool:
        """Bring the top up to date after the depth moved; drop a book that is crossed in the open."""
        ticker = self._ticker
        if ticker is not None and ticker.sequence > self._depth_sequence:
            return True
        self._ticker = None
        self.sequence = max(self.sequence, self._depth_sequence)
        bid, ask = self.bids_depth.best(), self.asks_depth.best()
        if ask and bid >= ask:
            return self._drop(f"crossed at {self._depth_sequence}: bid {bid:.15g} is not below ask {ask:.15g}")
        self.bid, self.bid_size = bid, self.bids_depth.sizes.get(bid, 0.0)
        self.ask, self.ask_size = ask, self.asks_depth.sizes.get(ask, 0.0)
        return True

    def _drop(self, reason: str) -> bool:
        """Lose the depth; a ticker that stands stays."""
        self.gaps += 1
        self.last_gap = f"{self.exchange} {self.symbol}: {reason}"
        self.version += 1
        self.ready = False
        self.bids_depth.clear()
        self.asks_depth.clear()
        if self._ticker is None:
            self.bid = self.bid_size = self.ask = self.ask_size = 0.0
        return False


def _makes_sense(ticker: TopOfBook) -> bool:
    """Finite, nothing negative, not crossed; a side without size is absent."""
    bid, ask = ticker.bid, ticker.ask
    bid_size, ask_size = ticker.bid_size, ticker.ask_size
    if not (0.0 <= bid_size < inf and 0.0 <= ask_size < inf and 0.0 <= bid < inf and 0.0 <= ask < inf):
        return False
    if (bid_size and not bid) or (ask_size and not ask):
        return False
    return not (bid_size and ask_size and bid >= ask)
