"""What the generator puts out, and the two ways to see it: at the engine's time and at the bot's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from perpbot.core.market_data import MarketEvent


@dataclass(frozen=True, slots=True)
class Emission:
    """One market event: true on the exchange at ``engine_ns``, seen by the bot at ``received_ns``."""

    engine_ns: int
    received_ns: int
    event: MarketEvent


class _Feed:
    def __init__(self, advance: Callable[[int], object]) -> None:
        self._advance = advance
        self._waiting: deque[Emission] = deque()

    def put(self, emission: Emission) -> None:
        """Keep ``emission`` until it is asked for."""
        self._waiting.append(emission)


class VenueFeed(_Feed):
    """One exchange and symbol as its engine sees it."""

    def events_at_engine(self, to_ns: int) -> list[Emission]:
        """All events that hold by ``to_ns``, not handed out yet, in order; what is missing is generated."""
        self._advance(to_ns)
        due: list[Emission] = []
        while self._waiting and self._waiting[0].engine_ns <= to_ns:
            due.append(self._waiting.popleft())
        return due


class BotFeed(_Feed):
    """One exchange and symbol as its frames arrive; frames of one stream never overtake each other."""

    def events_received(self, to_ns: int) -> list[Emission]:
        """All events that arrive up to ``to_ns``, not handed out yet, in order; what is missing is generated."""
        self._advance(to_ns)
        due: list[Emission] = []
        while self._waiting and self._waiting[0].received_ns <= to_ns:
            due.append(self._waiting.popleft())
        return due

    @property
    def next_received_ns(self) -> int | None:
        """When the next frame arrives, as far as generated; ``None`` if nothing is under way."""
        return self._waiting[0].received_ns if self._waiting else None
