"""Where a venue's external liquidity comes from: recorded, generated or live."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

from perpbot.core.market_data import MarketEvent


class BookFeed(Protocol):
    """One symbol's market as it stood on the venue, handed out once and in the venue's order (time, then sequence)."""

    def advance(self, to_ns: int) -> Iterable[MarketEvent]:
        """All events with venue time at or before ``to_ns`` that were not handed out yet."""


class QueueFeed:
    """A feed that is pushed to as the market happens: generated and live markets."""

    def __init__(self) -> None:
        self._events: deque[tuple[int, MarketEvent]] = deque()

    def push(self, event: MarketEvent, venue_ns: int) -> None:
        """Queue ``event``; ``venue_ns`` must not go back."""
        self._events.append((venue_ns, event))

    def advance(self, to_ns: int) -> Iterator[MarketEvent]:
        """All queued events up to ``to_ns``."""
        while self._events and self._events[0][0] <= to_ns:
            yield self._events.popleft()[1]
