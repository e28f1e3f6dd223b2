"""The generated market with exchanges that trade on it: what the demo runs against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from perpbot.core.instruments import Instrument
from perpbot.core.market_data import MarketEvent
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.ports import Timers
from perpbot.simulation.market import DemoSettings, GeneratedMarket
from perpbot.simulation.market.emissions import VenueFeed
from perpbot.simulation.market.generator import RngOf
from perpbot.simulation.market.saved import MarketFile
from perpbot.simulation.paper.exchange import PaperExchange
from perpbot.simulation.venue.market import Listing

MarketListener = Callable[[MarketEvent, int], None]


def market_going_on(
    file: MarketFile,
    settings: DemoSettings,
    rng: RngOf,
    start_ns: int,
    instruments: Mapping[tuple[ExchangeName, Symbol], Instrument] | None = None,
) -> GeneratedMarket:
    """The market that ``file`` kept, from there on; a new one if it kept none.

    It is saved at once: who is killed before the next save does not see the same chances again.
    """
    market = GeneratedMarket(settings, rng, start_ns, instruments=instruments, state=file.load())
    file.save(market.state())
    return market


class GeneratedFeed:
    """One generated market in the venue's order."""

    def __init__(self, feed: VenueFeed) -> None:
        self._feed = feed

    def advance(self, to_ns: int) -> Iterator[MarketEvent]:
        """All events with venue time at or before ``to_ns`` that were not handed out yet."""
        return (emission.event for emission in self._feed.events_at_engine(to_ns))


def generated_listings(market: GeneratedMarket, trading: Iterable[ExchangeName]) -> dict[ExchangeName, list[Listing]]:
    """What each of ``trading`` lists, on the generated books at the engines' time."""
    listings: dict[ExchangeName, list[Listing]] = {name: [] for name in trading}
    for (exchange, symbol), instrument in market.instruments.items():
        if exchange in listings:
            listings[exchange].append(Listing(instrument, GeneratedFeed(market.venue_feed(exchange, symbol))))
    return listings


class Pump:
    """Hands the generated frames to the bot as they arrive, and keeps the venues' books from falling behind."""

    def __init__(self, market: GeneratedMarket, exchanges: Iterable[PaperExchange], timers: Timers) -> None:
        self._feeds = [market.bot_feed(*key) for key in market.instruments]
        self._engines = [exchange.engine for exchange in exchanges]
        self._timers = timers

    def deliver(self, listener: MarketListener) -> None:
        """Everything that has arrived by now, in the order of arrival."""
        now_ns = self._timers.now_ns()
        arrived = [emission for feed in self._feeds for emission in feed.events_received(now_ns)]
        arrived.sort(key=lambda emission: emission.received_ns)
        for emission in arrived:
            listener(emission.event, emission.received_ns)

    def catch_up(self) -> None:
        """Bring the venues' books to now, so that what nobody trades on is not kept waiting for ever."""
        for engine in self._engines:
            engine.advance(self._timers.now_ns())
