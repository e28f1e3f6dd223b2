"""The demo: the service in real time on embedded exchanges and a generated market."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from perpbot.core.errors import InputError, SystemStopped
from perpbot.core.events import InstrumentListed, TaskDied
from perpbot.core.instruments import Instrument
from perpbot.core.market_data import MarketEvent
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.pairs import Pair
from perpbot.core.ports import Timers
from perpbot.execution.notes import note
from perpbot.pricing.basis import SAMPLE_INTERVAL_NS
from perpbot.records.journal import FLUSH_SECONDS, FileJournal
from perpbot.records.latch import FileLatch
from perpbot.records.recording_writer import RecordingWriter
from perpbot.service.adoption import with_changes
from perpbot.service.bootstrap import build
from perpbot.service.configuration import Settings, adjust
from perpbot.service.host import SAVE_SECONDS, Host
from perpbot.service.parts import Outside
from perpbot.service.past import Past, look_back
from perpbot.service.recall import Memory
from perpbot.service.store import Store
from perpbot.service.summary import summarize
from perpbot.service.supervisor import Restart, Supervisor
from perpbot.service.system import RunIds, SystemClock, own_signals, rng, stop_on_signals
from perpbot.service.tidying import tidy_on
from perpbot.service.trading import TradingService
from perpbot.simulation.generated import MarketListener, Pump, generated_listings, market_going_on
from perpbot.simulation.market import GeneratedMarket
from perpbot.simulation.market.instruments import instruments as demo_instruments
from perpbot.simulation.market.saved import MarketFile
from perpbot.simulation.paper.accounts import AccountFile
from perpbot.simulation.paper.exchange import PaperExchange
from perpbot.simulation.paper.opening import PaperTerms, open_paper
from perpbot.simulation.paper.rewriting import keep_short

MODE = "demo"
TRADING: tuple[ExchangeName, ...] = ("paradex", "extended")
"""The demo's other exchanges, okx and binance, are reference only."""
PUMP_SECONDS = 0.002
DRAW_SECONDS = 1.0
"""Drawing takes time from trading: once a second is often enough for an eye."""
EXTRA_HISTORY_SECONDS = 5.0
Listener = Callable[["Demo"], None]

log = structlog.get_logger(__name__)


class Demo:
    """One demo. ``on_frame`` is called about once a second with the running demo, for a screen."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        clock: Timers,
        seed: int,
        seconds: float | None = None,
        on_frame: Listener | None = None,
        record: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """``record`` is a folder that takes what the bot receives, as a dataset that ``replay`` reads."""
        self.settings = settings
        self.seed = seed
        self.clock = clock
        self.started_ns = clock.now_ns()
        self._store = store
        self._seconds = seconds
        self._on_frame = on_frame
        self._record = record
        self._environ = environ or {}
        self._ending: asyncio.Event = asyncio.Event()
        self._flatten = False
        self._saved_market = MarketFile(store.beside(".market"))
        self._market_behind = False
        self._error: str | None = None
        self.left: list[Pair] = []
        self.market: GeneratedMarket
        self.service: TradingService
        self.host: Host

    async def run(self) -> dict[str, Any]:
        """Trade until the time is over or a signal comes; returns what the run came to."""
        journal = self._store.open_journal(self.clock)
        with self._recorder() as recorder, closing(self._accounts()) as accounts:
            return await self._run(journal, accounts, recorder)

    async def _run(
        self, journal: FileJournal, accounts: AccountFile, recorder: RecordingWriter | None
    ) -> dict[str, Any]:
        past = look_back(self._store.history())
        self._take_changes(past)
        epoch = past.next_epoch(self.started_ns)
        async with Supervisor(self.clock, self._on_death) as supervisor:
            self.market = self._market()
            exchanges = self._exchanges(accounts, epoch)
            self.service = build(self.settings, MODE, self._outside(supervisor, journal, exchanges, epoch))
            memory = self.service.recall((each.time_ns, each.event) for each in self._store.history())
            self.host = self._host(supervisor, memory)
            for instrument in self.market.instruments.values():
                journal.append(InstrumentListed(instrument))
            self._warm_up()
            pump = Pump(self.market, exchanges.values(), self.clock)
            for exchange in exchanges.values():
                await exchange.start()
            self._keep_tasks(supervisor, pump, self._listener(recorder), accounts)
            await self.host.open()
            try:
                await self.service.open()
                self.host.save()
                await self._until_end(supervisor)
                self.left = await self.service.stop(flatten=self._flatten, reason=self._error or "stopped")
            finally:
                await self.host.close()
            return self._result()

    def end(self, flatten: bool = False) -> None:
        """End the run, in order; ``flatten`` closes what is hedged."""
        self._flatten = self._flatten or flatten
        self._ending.set()

    def signal(self) -> None:
        """A stop signal came."""
        if hasattr(self, "host"):
            self.host.signal()
        else:
            self.end()

    # making

    def _accounts(self) -> AccountFile:
        """The paper exchanges' accounts, which outlive the process as a real exchange's do."""
        return AccountFile(self._store.beside(".paper"), self.clock, self.settings.journal.durability)

    def _take_changes(self, past: Past) -> None:
        """What was changed while running stays changed, on top of file and environment."""
        if self.settings.loaded is None or not past.changes:
            return
        replayed = with_changes(self.settings, self.settings.loaded, past.changes)
        self.settings = replayed.settings
        for warning in replayed.warnings:
            log.warning("a change is left out", why=warning)

    def _market(self) -> GeneratedMarket:
        settings, instruments = self.settings.demo, self._instruments()
        return market_going_on(self._saved_market, settings, rng(self.seed), self.started_ns, instruments)

    def _host(self, supervisor: Supervisor, memory: Memory) -> Host:
        return Host(
            self.service,
            self._store,
            supervisor,
            memory,
            summary=self.summary,
            end=self.end,
            environ=self._environ,
        )

    def _instruments(self) -> dict[tuple[ExchangeName, Symbol], Instrument]:
        """The demo's markets at the configured fees."""
        listed = demo_instruments(self.settings.demo.symbols)
        return {key: adjust(listed[key], self.settings.exchange(key[0])) for key in listed}

    def _exchanges(self, accounts: AccountFile, epoch: str) -> dict[ExchangeName, PaperExchange]:
        settings = self.settings
        trading = [name for name in TRADING if settings.exchange(name).enabled]
        trading = [name for name in trading if settings.exchange(name).trading is not False]
        if not trading:
            raise InputError("the demo trades on paradex and extended: enable one of them under `exchanges`")
        terms = PaperTerms(
            deposit=settings.capital.wu_size,
            latency_seconds=lambda name: settings.exchange(name).latency_seconds,
            funding_rate=lambda name: settings.exchange(name).funding_rate,
            prefix=epoch,
        )
        return open_paper(generated_listings(self.market, trading), self.clock, terms, accounts)

    def _outside(
        self, supervisor: Supervisor, journal: FileJournal, exchanges: dict[ExchangeName, PaperExchange], epoch: str
    ) -> Outside:
        return Outside(
            clock=self.clock,
            supervisor=supervisor,
            ids=RunIds(epoch),
            journal=journal,
            latch=FileLatch(self._store.latch_path),
            exchanges=exchanges,
            instruments=self.market.instruments,
            state_folder=self._store.path.absolute().parent,
        )

    def _warm_up(self) -> None:
        """Feed enough generated history for the basis to be warm."""
        parts = self.service.parts
        seconds = float(self.settings.arbitrage.basis_warmup_seconds) + EXTRA_HISTORY_SECONDS
        due = (self.started_ns - round(seconds * 1e9)) // SAMPLE_INTERVAL_NS * SAMPLE_INTERVAL_NS
        frames = sorted(self.market.history(seconds), key=lambda emission: emission.received_ns)
        for emission in frames:
            while due < emission.received_ns:
                parts.basis.sample(due)
                due += SAMPLE_INTERVAL_NS
            parts.market.apply(emission.event, emission.received_ns)

    # running

    def _recorder(self) -> AbstractContextManager[RecordingWriter | None]:
        """The recording, if one is wanted; it stays open until all tasks have ended."""
        if self._record is None:
            return nullcontext()
        instruments = self._instruments()
        reference = [name for name, _ in instruments if name not in TRADING]
        budget = self.settings.storage.recordings_mb * 1_000_000
        return RecordingWriter(self._record, instruments.values(), reference_only=reference, budget_bytes=budget)

    def _listener(self, recorder: RecordingWriter | None) -> MarketListener:
        """What takes the market events: the service, and the recording if there is one."""
        on_market = self.service.on_market
        if recorder is None:
            return on_market

        def listen(event: MarketEvent, received_ns: int) -> None:
            recorder.record(event, received_ns)
            on_market(event, received_ns)

        return listen

    def _keep_tasks(self, supervisor: Supervisor, pump: Pump, listener: MarketListener, accounts: AccountFile) -> None:
        async def deliver() -> None:
            while True:
                pump.deliver(listener)
                await self.clock.sleep(PUMP_SECONDS)

        async def save() -> None:
            while True:
                await self.clock.sleep(SAVE_SECONDS)
                self._save_market()

        async def flush() -> None:
            while True:
                accounts.flush()
                await self.clock.sleep(FLUSH_SECONDS)

        async def draw() -> None:
            while self._on_frame is not None:
                self._on_frame(self)
                await self.clock.sleep(DRAW_SECONDS)

        _ = supervisor.keep(deliver, name="market", restart=Restart.FATAL)
        _ = supervisor.keep(save, name="market file", restart=Restart.ALWAYS)
        _ = supervisor.keep(lambda: tidy_on(self._store, self.clock), name="journal files", restart=Restart.ALWAYS)
        _ = supervisor.keep(flush, name="paper accounts", restart=Restart.FATAL)
        short = partial(keep_short, accounts, self.clock, lambda: self.service.recovered)
        _ = supervisor.keep(short, name="paper accounts' file", restart=Restart.ALWAYS)
        _ = supervisor.keep(draw, name="screen", restart=Restart.ALWAYS)
        self.service.hooks.append(pump.catch_up)

    async def _until_end(self, supervisor: Supervisor) -> None:
        """Wait for a signal, the time, or a task whose death ends the run."""
        if self._seconds is not None:
            self.clock.call_at(self.clock.now_ns() + round(self._seconds * 1e9), self.end)
        supervisor.on_fatal(self.end)
        await self._ending.wait()

    def _on_death(self, death: TaskDied) -> None:
        self._error = f"task {death.task} died: {death.error}"
        if hasattr(self, "service"):
            note(self.service.parts.outside.journal, death)

    # telling

    def summary(self) -> dict[str, Any]:
        """What the demo came to so far, as its JSON says it."""
        parts = self.service.parts
        told = summarize(parts)
        return {
            "seconds": round((self.clock.now_ns() - self.started_ns) / 1e9, 3),
            "seed": self.seed,
            "pulses": {**asdict(self.market.pulses.parameters), "count": self.market.pulses.count},
            "quotes": self.service.quotes,
            **told,
            "state": str(parts.status.state),
            "open_pairs": [pair.pair_id for pair in parts.pairs.live()],
            **({"error": self._error} if self._error else {}),
        }

    def _result(self) -> dict[str, Any]:
        with suppress(SystemStopped):  # a dead journal takes no mark, and has been told of
            self.service.mark(last=True)
        result = self.summary()
        self._store.save_at_end(self.service.parts, self.host.documents())
        self._save_market()
        return result

    def _save_market(self) -> None:
        """Keep the market as of now. If it cannot be, it goes on from where it was kept last: no reason to end."""
        try:
            self._saved_market.save(self.market.state())
        except OSError as error:
            if not self._market_behind:
                log.error("market not kept", path=str(self._saved_market.path), reason=error.strerror)  # noqa: TRY400 - no bug
            self._market_behind = True
        else:
            self._market_behind = False


def run_demo(
    settings: Settings,
    path: Path,
    *,
    seed: int,
    seconds: float | None = None,
    on_frame: Listener | None = None,
    record: Path | None = None,
) -> dict[str, Any]:
    """Run a demo on the store at ``path``, where the last one left it, until it ends; stop signals end it in order.

    Raises :class:`InputError` for a store or setting that cannot be used.
    """

    async def main() -> dict[str, Any]:
        clock = SystemClock()
        demo = Demo(
            settings,
            store,
            clock=clock,
            seed=seed,
            seconds=seconds,
            on_frame=on_frame,
            record=record,
            environ=os.environ,
        )
        stop_on_signals(demo.signal)
        return await demo.run()

    durability, journal_mb = settings.journal.durability, settings.storage.journal_mb
    kept = Store(path, "demo", durability, journal_mb=journal_mb)
    with own_signals(), kept as store, asyncio.Runner(loop_factory=_loop) as runner:
        return runner.run(main())


def _loop() -> asyncio.AbstractEventLoop:
    """uvloop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
