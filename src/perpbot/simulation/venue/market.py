"""One symbol's market on the venue: others' liquidity and the orders that rest there.

A resting order joins behind everything shown at its price and moves up conservatively: by trades at its price and
when the level shrinks below what stood ahead of it, never by guessing which orders left. It fills when trades go past
what is ahead of it, when a trade prints beyond its price, or when others' opposite orders stand at or beyond it; each
time by no more than what traded or stands there.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeAlias

from perpbot.core.instruments import Instrument, MarketStatus
from perpbot.core.market_data import MarketEvent, TradePrint
from perpbot.core.money import ZERO, exact
from perpbot.core.orders import Side
from perpbot.simulation.venue.book import VenueBook
from perpbot.simulation.venue.feeds import BookFeed
from perpbot.simulation.venue.orders import VenueOrder

NANOSECONDS = 1_000_000_000

FillResting: TypeAlias = Callable[[VenueOrder, Decimal, int], Decimal]
"""Fill a resting order at its own price by up to a size at a time; returns what it filled."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol on the venue. ``clock_offset_ns`` is our clock minus the venue's: where it stands on our time line."""

    instrument: Instrument
    feed: BookFeed
    clock_offset_ns: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """What an incoming order can trade with: others' level, or a resting order of an account (``maker``)."""

    price: Decimal
    size: Decimal
    maker: VenueOrder | None = None


class VenueMarket:
    """Book and resting orders of one symbol. All times are our clock.

    ``unsettled_ns`` are funding settlements that passed over positions and are not paid yet.
    """

    def __init__(self, listing: Listing) -> None:
        self.instrument = listing.instrument
        self.book = VenueBook()
        self.resting: list[VenueOrder] = []
        self.now_ns: int | None = None
        self.unsettled_ns: list[int] = []
        self._feed = listing.feed
        self._offset_ns = listing.clock_offset_ns

    def set_status(self, status: MarketStatus) -> None:
        """Open, halt or restrict the market."""
        self.instrument = replace(self.instrument, status=status)

    def mark(self) -> Decimal | None:
        """The venue's mark: the mid, else the last trade."""
        return self.book.mark()

    def next_settlement_ns(self) -> int:
        """The next funding settlement: a whole multiple of the interval since 1970 by the venue's clock."""
        interval_ns = self.instrument.funding_interval_seconds * NANOSECONDS
        now_ns = (self.now_ns or 0) - self._offset_ns
        return (now_ns // interval_ns + 1) * interval_ns + self._offset_ns

    def settled_ns(self) -> int | None:
        """Up to when settlements were dealt with; ``None`` before the first look at the market."""
        return self.unsettled_ns[0] - 1 if self.unsettled_ns else self.now_ns

    def next_expiry_ns(self) -> int | None:
        """When the first resting order expires."""
        times = (order.request.expires_ns for order in self.resting if order.live)
        return min((each for each in times if each is not None), default=None)

    def advance(self, to_ns: int, fill: FillResting) -> None:
        """Bring the book up to date, filling resting orders on the way; time never goes back."""
        for event in self._feed.advance(to_ns - self._offset_ns):
            self.book.apply(event)
            if self.resting:
                self._meet(event, self._time_of(event, to_ns), fill)
        self.now_ns = max(to_ns, self.now_ns or to_ns)

    def offers(self, side: Side, limit: Decimal | None) -> Iterator[Offer]:
        """What an incoming order on ``side`` meets: best price first; others' size before our accounts' orders."""
        external = (
            (-side.opposite.sign * price, 0, Offer(price, size))
            for price, size in self.book.levels(side.opposite, limit)
        )
        own = (
            (-side.opposite.sign * _limit(order), order.number, Offer(_limit(order), order.remaining, order))
            for order in self._queue(side.opposite)
            if limit is None or side.sign * _limit(order) <= side.sign * limit
        )
        for _, _, offer in heapq.merge(external, own, key=lambda each: each[:2]):
            yield offer

    def rest(self, order: VenueOrder) -> None:
        """Put ``order`` on the book, behind all that is shown at its price."""
        order.ahead = self.book.displayed(order.side, _limit(order))
        self.resting.append(order)

    def forget_ended(self) -> None:
        """Take orders that are no longer live off the book."""
        self.resting = [order for order in self.resting if order.live]

    def _time_of(self, event: MarketEvent, to_ns: int) -> int:
        stated = to_ns if event.engine_ns is None else event.engine_ns + self._offset_ns
        return min(to_ns, max(stated, self.now_ns or stated))

    def _queue(self, side: Side) -> list[VenueOrder]:
        """Live orders resting on ``side``, by price and time."""
        live = [order for order in self.resting if order.side is side and order.live]
        return sorted(live, key=lambda order: (-side.sign * _limit(order), order.number))

    def _meet(self, event: MarketEvent, at_ns: int, fill: FillResting) -> None:
        if isinstance(event, TradePrint):
            self._meet_trade(event, at_ns, fill)
        else:
            for side in Side:
                self._meet_book(side, at_ns, fill)
        self.forget_ended()

    def _meet_trade(self, trade: TradePrint, at_ns: int, fill: FillResting) -> None:
        side = Side.BUY if trade.buyer_is_maker else Side.SELL
        price, left = exact(trade.price), exact(trade.size)
        for order in self._queue(side):
            if side.sign * _limit(order) < side.sign * price or left <= 0:
                break
            passed = min(order.ahead, left) if _limit(order) == price else ZERO
            order.ahead = order.ahead - passed if _limit(order) == price else ZERO
            if left > passed:
                left -= fill(order, left - passed, at_ns)

    def _meet_book(self, side: Side, at_ns: int, fill: FillResting) -> None:
        for order in self._queue(side):
            limit = _limit(order)
            if order.ahead.is_infinite() and self.book.touch() is None:
                continue  # restored, and there is no book yet that says where its back is
            order.ahead = min(order.ahead, self.book.displayed(side, limit))
            if not self.book.reaches(side.opposite, limit):
                continue
            for price, size in list(self.book.levels(side.opposite, limit)):
                order.ahead = ZERO
                self.book.take(side.opposite, price, fill(order, size, at_ns))
                if not order.live:
                    break


def _limit(order: VenueOrder) -> Decimal:
    assert order.limit is not None, "only orders with a limit rest"
    return order.limit
