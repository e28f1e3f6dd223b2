"""The generated market: all symbols on all exchanges, in virtual time, on seeded random streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from perpbot.core.instruments import Instrument
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.ports import Rng
from perpbot.simulation.market.calibration import EXCHANGES, ExchangeRow, figures_of
from perpbot.simulation.market.emissions import BotFeed, Emission, VenueFeed
from perpbot.simulation.market.instruments import instruments as demo_instruments
from perpbot.simulation.market.prices import CommonPrice
from perpbot.simulation.market.pulses import PulseLog, Pulses
from perpbot.simulation.market.schedule import SECOND, Schedule
from perpbot.simulation.market.settings import DemoSettings
from perpbot.simulation.market.stream import Stream, StreamState

RngOf: TypeAlias = Callable[[str], Rng]
"""Makes the seeded random stream of the actor of that name."""

Key: TypeAlias = tuple[ExchangeName, Symbol]


@dataclass(frozen=True, slots=True)
class MarketState:
    """What a market needs to go on later: prices (bps over the first price), streams and the count of pulses.

    ``run`` counts how often it went on; it is part of the names of its random streams, so that no chance repeats.
    """

    run: int
    prices: Mapping[Symbol, float]
    streams: Mapping[Key, StreamState]
    pulses: int


class _Symbol:
    """One symbol: its common price, its streams and its pulses."""

    def __init__(self, symbol: Symbol, price: CommonPrice, streams: Sequence[Stream], pulses: Pulses) -> None:
        self.symbol = symbol
        self.price = price
        self.streams = streams
        self._pulses = pulses

    def begin(self, at_ns: int) -> None:
        for stream in self.streams:
            stream.begin(at_ns)
        self.price.begin(at_ns, self.streams)

    def go_live(self, at_ns: int) -> None:
        for stream in self.streams:
            stream.go_live(at_ns)
        self._pulses.start(at_ns)


class GeneratedMarket:
    """Generates the demo's market incrementally: :meth:`history` first if wanted, then :meth:`advance`, or the feeds.

    ``rng`` makes one seeded stream per actor, ``start_ns`` is when live generation begins (nanoseconds since 1970). The
    output depends on seed, settings and start alone, not on the steps in which it is asked for.
    """

    def __init__(
        self,
        settings: DemoSettings,
        rng: RngOf,
        start_ns: int,
        *,
        exchanges: Sequence[ExchangeRow] = EXCHANGES,
        instruments: Mapping[Key, Instrument] | None = None,
        state: MarketState | None = None,
    ) -> None:
        self.instruments = demo_instruments(settings.symbols) if instruments is None else instruments
        self.pulses = PulseLog(settings, state.pulses if state else 0)
        self._exchanges = exchanges
        self._start_ns = start_ns
        self._rng = rng
        self._run = state.run + 1 if state else 0
        self._schedule = Schedule()
        self._emitted: list[Emission] = []
        self._feeds: dict[Key, list[BotFeed | VenueFeed]] = {}
        self._symbols = [self._symbol(symbol, state) for symbol in settings.symbols]
        self._begun = False
        self._live = False

    def history(self, seconds: float) -> list[Emission]:
        """The ``seconds`` before the start: a first book per stream, then its top whenever a price moved.

        Prices, basis, lead and lag are those of the live market; sizes change with prices only, and there are no
        trades, no further depth and no pulses. Call it once, before anything else; feeds that exist get it too.
        """
        if self._begun:
            raise ValueError("history comes first, and once")
        self._begin(self._start_ns - int(seconds * SECOND))
        self._schedule.run(self._start_ns - 1)
        return self._collect()

    def advance(self, to_ns: int) -> list[Emission]:
        """All events up to and including ``to_ns`` that were not generated before, by the engines' time."""
        if not self._live and to_ns >= self._start_ns:
            self._go_live()
        self._schedule.run(to_ns)
        return self._collect()

    def bot_feed(self, exchange: ExchangeName, symbol: Symbol) -> BotFeed:
        """A new view of one stream by receive time; it sees what is generated from now on."""
        feed = BotFeed(self.advance)
        self._feeds[exchange, symbol].append(feed)
        return feed

    def venue_feed(self, exchange: ExchangeName, symbol: Symbol) -> VenueFeed:
        """A new view of one stream by the engine's time; it sees what is generated from now on."""
        feed = VenueFeed(self.advance)
        self._feeds[exchange, symbol].append(feed)
        return feed

    def state(self) -> MarketState:
        """Where the market stands, as far as it was generated; hand it to a new one to go on."""
        streams = {(s.exchange.name, item.symbol): s.state() for item in self._symbols for s in item.streams}
        return MarketState(
            self._run, {item.symbol: item.price.bps for item in self._symbols}, streams, self.pulses.count
        )

    def _begin(self, at_ns: int) -> None:
        self._begun = True
        for symbol in self._symbols:
            symbol.begin(at_ns)

    def _go_live(self) -> None:
        self._live = True
        if not self._begun:
            self._begin(self._start_ns)
        for symbol in self._symbols:
            symbol.go_live(self._start_ns)

    def _collect(self) -> list[Emission]:
        emitted, self._emitted = self._emitted, []
        for emission in emitted:
            for feed in self._feeds[emission.event.exchange, emission.event.symbol]:
                feed.put(emission)
        return emitted

    def _symbol(self, symbol: Symbol, state: MarketState | None) -> _Symbol:
        row = figures_of(symbol)
        first_bps = state.prices.get(symbol, 0.0) if state else 0.0
        price = CommonPrice(row.jumps, self._actor(symbol, "price"), self._schedule, first_bps)
        streams = [self._stream(exchange, symbol, price, state) for exchange in self._exchanges]
        trading = [stream for stream in streams if stream.exchange.trading]
        pulses = Pulses(symbol, trading, self.pulses, self._actor(symbol, "pulses"), self._schedule)
        return _Symbol(symbol, price, streams, pulses)

    def _stream(self, exchange: ExchangeRow, symbol: Symbol, price: CommonPrice, state: MarketState | None) -> Stream:
        key = (exchange.name, symbol)
        self._feeds[key] = []
        return Stream(
            exchange,
            self.instruments[key],
            figures_of(symbol),
            lambda: price.bps,
            self._actor(symbol, exchange.name),
            self._schedule,
            self._emitted_by,
            state.streams.get(key) if state else None,
        )

    def _emitted_by(self, emission: Emission) -> None:
        self._emitted.append(emission)

    def _actor(self, symbol: Symbol, name: str) -> Rng:
        return self._rng(f"market/{self._run}/{symbol}/{name}")
