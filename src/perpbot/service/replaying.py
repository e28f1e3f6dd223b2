"""Runs a recording through the service that trades live, in virtual time, as fast as the machine goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from perpbot.core.errors import InputError
from perpbot.core.events import InstrumentListed, TaskDied
from perpbot.core.market_data import MarketEvent, TopOfBook
from perpbot.core.names import ExchangeName
from perpbot.execution.status import MemoryLatch
from perpbot.market.gaps import GapCounter
from perpbot.records.recorded_stream import BadFrame, RecordedStream
from perpbot.records.recordings import Dataset
from perpbot.service.bootstrap import build
from perpbot.service.checks import reconcile
from perpbot.service.configuration import Settings, adjust
from perpbot.service.parts import Outside
from perpbot.service.recording_faults import RecordingFaults
from perpbot.service.store import Store
from perpbot.service.summary import summarize
from perpbot.service.supervisor import Supervisor
from perpbot.service.system import RunIds, SystemClock
from perpbot.service.trading import TradingService
from perpbot.simulation import clock as virtual
from perpbot.simulation.clock import VirtualClock
from perpbot.simulation.paper.opening import PaperTerms, open_paper
from perpbot.simulation.replay import LEAST_LATENCY_SECONDS, play, recorded_listings

LEAD_SECONDS = 1.0
"""How long before the first frame the service opens, beside the time it takes to read its accounts."""
EPOCH = "replay"
REPLAY = "replay"
"""The mode of a replay's store."""
_PROGRESS_FRAMES = 2_000
Progress = Callable[[int, int], None]


class Replay:
    """One run of one dataset. ``progress`` is called now and then with the number of frames so far and of all."""

    def __init__(
        self,
        dataset: Dataset,
        settings: Settings,
        store: Store,
        *,
        until_seconds: float | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._dataset = dataset
        self._settings = settings
        self._store = store
        self._progress = progress
        start = dataset.start_ns
        self._start_ns = start
        self._until_ns = None if until_seconds is None else start + round(until_seconds * 1_000_000_000)
        self._gaps = GapCounter()
        self._frames = 0
        self._faults: RecordingFaults
        self._task_error: str | None = None

    def run(self) -> dict[str, Any]:
        """Replay and return what came of it; equal on every run."""
        return virtual.run(self._main, self._start_ns - self._lead_ns())

    def _lead_ns(self) -> int:
        """Accounts are read one after the other, each with both latencies, before the first frame comes."""
        latencies = sum(self._latency_seconds(name) for name in self._trading())
        return round((LEAD_SECONDS + 2 * latencies) * 1_000_000_000)

    def _latency_seconds(self, name: ExchangeName) -> float:
        return max(self._settings.exchange(name).latency_seconds, LEAST_LATENCY_SECONDS)

    async def _main(self, clock: VirtualClock) -> dict[str, Any]:
        journal = self._store.open_journal(clock)
        async with Supervisor(clock, self._on_death) as supervisor:
            outside = self._outside(clock, supervisor, journal)
            service = build(self._settings, "replay", outside)
            for instrument in outside.instruments.values():
                journal.append(InstrumentListed(instrument))
            for exchange in outside.exchanges.values():
                await exchange.start()  # type: ignore[attr-defined]
            await service.open()
            try:
                await play(self._dataset, clock, self._listener(service), until_ns=self._until_ns)
            except asyncio.CancelledError:
                self._keep(service, interrupted=True)
                raise
            await service.stop(reason="end of the recording")
            await reconcile(service.parts)
            service.mark(last=True)
            return self._keep(service)

    def _keep(self, service: TradingService, **more: Any) -> dict[str, Any]:
        """Save what the run came to so far, and return it."""
        result = self._result(service) | more
        self._store.save(service.parts, {"result": result, "capital": result["capital"]})
        return result

    def _outside(self, clock: VirtualClock, supervisor: Supervisor, journal: Any) -> Outside:
        settings, dataset = self._settings, self._dataset
        instruments = {key: adjust(listed, settings.exchange(key[0])) for key, listed in dataset.instruments.items()}
        terms = PaperTerms(
            deposit=settings.capital.wu_size,
            latency_seconds=self._latency_seconds,
            funding_rate=lambda name: settings.exchange(name).funding_rate,
            prefix=EPOCH,
        )
        exchanges = open_paper(recorded_listings(dataset, instruments, self._trading()), clock, terms)
        return Outside(
            clock=clock,
            supervisor=supervisor,
            ids=RunIds(EPOCH),
            journal=journal,
            latch=MemoryLatch(),
            exchanges=exchanges,
            instruments=instruments,
        )

    def _trading(self) -> list[ExchangeName]:
        names = dict.fromkeys(s.spec.exchange for s in self._dataset.streams if not s.reference_only)
        trading = [name for name in names if self._settings.exchange(name).trading is not False]
        trading = [name for name in trading if self._settings.exchange(name).enabled]
        if not trading:
            raise InputError(f"dataset {self._dataset.name}: no exchange in it trades; enable one under `exchanges`")
        return trading

    def _listener(
        self, service: TradingService
    ) -> Callable[[int, RecordedStream, MarketEvent | BadFrame | None], None]:
        on_ticker, on_market = self._gaps.on_ticker, service.on_market
        book, streams = service.parts.market.book, self._dataset.streams
        books = {stream.spec.file: book(stream.spec.exchange, stream.spec.symbol) for stream in streams}
        self._faults = RecordingFaults(self._dataset, books)
        note, total = self._faults.note, self._dataset.frames

        def listen(received_ns: int, stream: RecordedStream, event: MarketEvent | BadFrame | None) -> None:
            self._frames += 1
            if event is not None and not isinstance(event, BadFrame):
                if type(event) is TopOfBook and not stream.reference_only:
                    on_ticker(event.exchange, event.symbol, event.bid, event.ask)
                on_market(event, received_ns)
            note(stream, event)
            if self._progress is not None and self._frames % _PROGRESS_FRAMES == 0:
                self._progress(self._frames, total)

        return listen

    def _on_death(self, death: TaskDied) -> None:
        self._task_error = f"{death.task}: {death.error}"

    def _by_symbol(self, counts: Mapping[str, Any]) -> dict[str, Any]:
        """In the order of the dataset."""
        symbols = dict.fromkeys(symbol for _, symbol in self._dataset.instruments)
        return {symbol: counts[symbol] for symbol in symbols if symbol in counts}

    def _result(self, service: TradingService) -> dict[str, Any]:
        parts = service.parts
        return {
            "dataset": self._dataset.name,
            "frames": self._frames,
            "updates": self._by_symbol(self._gaps.updates),
            "gaps_bps": self._by_symbol(self._gaps.gaps_bps),
            **summarize(parts),
            "assumed": assumptions(self._dataset),
            "problems": self._faults.report(),
            **({"error": self._task_error} if self._task_error else {}),
        }


def assumptions(dataset: Dataset) -> list[str]:
    """What the figures rest on that no recording says: funding rates, and what a USDT is worth."""
    quotes = {stream.spec.quote for stream in dataset.streams if not stream.reference_only}
    return ["funding_rate", *(["usdt_usd"] if "USDT" in quotes else [])]


def replay(
    folder: Path,
    settings: Settings,
    store: Store | Path,
    *,
    until_seconds: float | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Replay the dataset in ``folder``; with a path as ``store`` in a new store there, once all files could be read.

    Raises :class:`InputError` naming what is wrong with the dataset. All but ``elapsed_seconds`` and
    ``events_per_second`` is equal on every run.
    """
    clock = SystemClock()
    began = clock.now_ns()
    dataset = Dataset.open(folder)
    dataset.read()  # only then an older replay's store is replaced
    if progress is not None:
        progress(0, dataset.frames)
    with (
        nullcontext(store)
        if isinstance(store, Store)
        else Store(store, REPLAY, settings.journal.durability, fresh=True) as kept
    ):
        result = Replay(dataset, settings, kept, until_seconds=until_seconds, progress=progress).run()
    seconds = (clock.now_ns() - began) / 1_000_000_000
    return result | {"elapsed_seconds": round(seconds, 3), "events_per_second": round(result["frames"] / seconds)}


def _fresh(path: Path, settings: Settings) -> Store:
    """Each replay replaces its own store."""
    return Store(path, REPLAY, settings.journal.durability, fresh=True)
