"""Invented pulses: gaps that no recording shows, so that the demo has something to trade. They are labelled as such."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.ports import Rng
from perpbot.simulation.market.chance import lognormal, pick
from perpbot.simulation.market.schedule import SECOND, Schedule
from perpbot.simulation.market.settings import DemoSettings
from perpbot.simulation.market.stream import Stream

_HEIGHT_LOG_STD = 0.2
_LIFE_LOG_STD = 0.9
_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Pulse:
    """One invented gap: ``bps`` (up or down) on one exchange from ``start_ns`` to ``end_ns``, engine time."""

    exchange: ExchangeName
    symbol: Symbol
    start_ns: int
    end_ns: int
    bps: float


@dataclass(frozen=True, slots=True)
class PulseParameters:
    """Pulses per minute and symbol, and the medians of their height and life."""

    per_minute: float
    median_bps: float
    median_seconds: float


class PulseLog:
    """How many pulses there were, with what parameters, and the latest of them."""

    def __init__(self, settings: DemoSettings, count: int = 0) -> None:
        self.parameters = PulseParameters(settings.pulses_per_minute, settings.pulse_bps, settings.pulse_seconds)
        self.count = count
        self.latest: deque[Pulse] = deque(maxlen=_REMEMBERED)

    def add(self, pulse: Pulse) -> None:
        """Count ``pulse``."""
        self.count += 1
        self.latest.append(pulse)


class Pulses:
    """The pulses of one symbol: one at a time, each on one trading exchange, up or down."""

    def __init__(self, symbol: Symbol, streams: Sequence[Stream], log: PulseLog, rng: Rng, schedule: Schedule) -> None:
        self._symbol = symbol
        self._streams = streams
        self._log = log
        self._rng = rng
        self._schedule = schedule
        self._free_ns = 0

    def start(self, at_ns: int) -> None:
        """Let pulses come from now on, if there are to be any."""
        if self._log.parameters.per_minute > 0 and self._streams:
            pause = self._rng.expovariate(self._log.parameters.per_minute / 60.0)
            self._schedule.at(at_ns + int(pause * SECOND), self._arrive)

    def _arrive(self, at_ns: int) -> None:
        self.start(at_ns)
        stream = self._streams[pick(self._rng, len(self._streams))]
        bps = lognormal(self._rng, self._log.parameters.median_bps, _HEIGHT_LOG_STD)
        if self._rng.random() < 0.5:
            bps = -bps
        life_ns = int(lognormal(self._rng, self._log.parameters.median_seconds, _LIFE_LOG_STD) * SECOND)
        start_ns = max(at_ns, self._free_ns)  # one at a time: it waits for the one before it
        self._free_ns = start_ns + life_ns
        pulse = Pulse(stream.exchange.name, self._symbol, start_ns, self._free_ns, bps)
        self._schedule.at(start_ns, partial(self._begin, pulse, stream))
        self._schedule.at(self._free_ns, partial(stream.pulse, 0.0))

    def _begin(self, pulse: Pulse, stream: Stream, at_ns: int) -> None:
        self._log.add(pulse)
        stream.pulse(pulse.bps, at_ns)
