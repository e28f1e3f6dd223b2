"""A recording as a market: simulated exchanges that stand where the real ones stood, and the frames as they came in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from perpbot.core.instruments import Instrument
from perpbot.core.market_data import MarketEvent
from perpbot.core.names import ExchangeName, Symbol
from perpbot.records.recorded_stream import BadFrame, RecordedStream, VenueFrames
from perpbot.records.recordings import Dataset
from perpbot.simulation.clock import VirtualClock
from perpbot.simulation.venue.market import Listing

LEAST_LATENCY_SECONDS = 0.004
FrameListener = Callable[[int, RecordedStream, "MarketEvent | BadFrame | None"], None]


class RecordedFeed:
    """One recorded market in the venue's own order; times are the venue's clock."""

    def __init__(self, stream: RecordedStream) -> None:
        self._frames: VenueFrames = stream.venue()
        self._offset_ns = stream.engine_offset_ns or 0

    def advance(self, to_ns: int) -> Iterator[MarketEvent]:
        """All events with venue time at or before ``to_ns`` that were not handed out yet."""
        for frame in self._frames.until(to_ns + self._offset_ns):
            yield frame.event


def recorded_listings(
    dataset: Dataset, instruments: Mapping[tuple[ExchangeName, Symbol], Instrument], trading: Iterable[ExchangeName]
) -> dict[ExchangeName, list[Listing]]:
    """What each of ``trading`` lists, on the recorded books at the engines' own time."""
    listings: dict[ExchangeName, list[Listing]] = {name: [] for name in trading}
    for stream in dataset.streams:
        key = (stream.spec.exchange, stream.spec.symbol)
        if key[0] in listings and not stream.reference_only:
            offset_ns = stream.engine_offset_ns or 0
            listings[key[0]].append(Listing(instruments[key], RecordedFeed(stream), offset_ns))
    return listings


async def play(
    dataset: Dataset, clock: VirtualClock, listener: FrameListener, *, until_ns: int | None = None
) -> int | None:
    """Hand every frame to ``listener`` at its receive time; returns the time of the last one."""
    last = None
    jump, advance = clock.jump, clock.advance
    for received_ns, stream, event in dataset.merged():
        if until_ns is not None and received_ns > until_ns:
            break
        if not jump(received_ns):
            await advance(received_ns)
        listener(received_ns, stream, event)
        last = received_ns
    return last
