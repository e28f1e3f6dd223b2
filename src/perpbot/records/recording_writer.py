"""Writes recordings that `Dataset` reads: events as frames in the form of Binance's combined streams.

A long recording is split into parts within a disk budget, and the oldest part is removed when it is used up. Each part
but the first begins each of its files with what the book was, in frames marked as carried over: a dataset whose first
parts are gone begins with them, one that is whole passes over them (`recorded_stream`).
"""

import json
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from perpbot.core.errors import InputError
from perpbot.core.instruments import Instrument
from perpbot.core.market_data import BookDelta, BookSnapshot, Level, MarketEvent, TopOfBook
from perpbot.core.money import plain
from perpbot.core.names import ExchangeName, Symbol
from perpbot.market.book import OrderBook
from perpbot.records.dataset_file import FILE_NAME
from perpbot.records.recorded_stream import CARRIED
from perpbot.records.recording_parts import CompressedFile, Reserve

log = structlog.get_logger(__name__)

_NS_PER_MS = 1_000_000
_PARTS = 8
"""A part takes this share of the budget: so much is lost when the oldest is removed."""
_SLACK_LINES = 4
"""A part ends with the line that fills it, and the files' ends and ``dataset.yaml`` take some room too."""
_RESERVE_BYTES = 65_536
"""For each market: what its file may still need to be ended."""

Key = tuple[ExchangeName, Symbol]


@dataclass(slots=True)
class _Market:
    """What a market's book is, so that a part can begin with it."""

    book: OrderBook
    depth_engine_ns: int | None = None
    ticker: TopOfBook | None = None

    def take(self, event: MarketEvent, received_ns: int) -> None:
        accepted = self.book.apply(event, received_ns)
        if isinstance(event, TopOfBook):
            self.ticker = event if accepted else self.ticker
        elif accepted:
            self.depth_engine_ns = event.engine_ns

    def carried(self) -> list[MarketEvent]:
        """The book as events: its depth, and the ticker that stands on it. Nothing while it is not known."""
        book, ticker = self.book, self.ticker
        if not book.ready:
            return []
        bids, asks = tuple(book.bids_depth.levels()), tuple(book.asks_depth.levels())
        depth = BookSnapshot(book.exchange, book.symbol, bids, asks, book.depth_sequence, self.depth_engine_ns)
        return [depth, ticker] if ticker is not None and ticker.sequence > book.depth_sequence else [depth]


class RecordingWriter:
    """Files of one gzipped stream a market, opened with its first event, and ``dataset.yaml``, which lists those that
    are complete: it is written when a part ends.

    With a budget, all files together stay within it. A disk that is full ends the recording in order, is said once in
    the log, and never raises.
    """

    def __init__(
        self,
        folder: Path,
        instruments: Iterable[Instrument],
        reference_only: Collection[ExchangeName] = (),
        budget_bytes: int | None = None,
    ) -> None:
        self._folder = folder
        self._instruments = {(instrument.exchange, instrument.symbol): instrument for instrument in instruments}
        self._reference_only = frozenset(reference_only)
        self._markets = {key: _Market(OrderBook(*key)) for key in self._instruments}
        self._budget = budget_bytes
        self._number = 1
        self._open: dict[Key, CompressedFile] = {}
        self._parts: list[dict[Key, CompressedFile]] = []
        self._retired: list[CompressedFile] = []
        self._longest = 0
        self._ended = False
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder}: is not an empty folder; name a new one to record into")
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._reserve = Reserve(folder / ".reserve", self._reserve_bytes())
        except OSError as error:
            raise InputError(f"{folder}: {error.strerror}; name a folder that can be written") from None

    def record(self, event: MarketEvent, received_ns: int) -> None:
        """Write an event of one of the instruments; nothing once the recording has ended."""
        if self._ended:
            return
        key = event.exchange, event.symbol
        if self._part_is_full():
            self._end_part()
        try:
            file = self._open.get(key) or self._begin_file(key, received_ns)
        except OSError as error:
            self._give_up(error.strerror or type(error).__name__)
            return
        line = _line(received_ns, frame_of(event, self._instruments[key].native))
        self._longest = max(self._longest, len(line))
        file.put(line)
        self._markets[key].take(event, received_ns)
        if file.trouble:
            self._give_up(file.trouble)

    def close(self) -> None:
        """End all files and describe them. Twice is fine."""
        if not self._ended:
            self._ended = True
            self._reserve.give_back()
            self._end_part()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # parts

    def _reserve_bytes(self) -> int:
        wanted = _RESERVE_BYTES * len(self._instruments)
        return wanted if self._budget is None else min(wanted, self._budget // _PARTS)

    def _part_is_full(self) -> bool:
        if self._budget is None:
            return False
        return sum(file.size for file in self._open.values()) >= self._budget // _PARTS

    def _begin_file(self, key: Key, received_ns: int) -> CompressedFile:
        file = CompressedFile(self._folder / _file_name(*key, self._number))
        self._open[key] = file
        if self._number > 1:
            for event in self._markets[key].carried():
                frame = frame_of(event, self._instruments[key].native)
                file.put(_line(received_ns, frame.removesuffix(b"}") + CARRIED))
        return file

    def _end_part(self) -> None:
        """Close the files that are open and make room for the next part.

        ``dataset.yaml`` is written before anything is removed: it never lists what is not there.
        """
        part, self._open = self._open, {}
        self._number += 1
        whole = {key: file for key, file in part.items() if file.close()}
        for key in part.keys() - whole.keys():
            log.error("recording lost a file", file=part[key].path.name, reason=part[key].trouble)
            part[key].remove()
        if whole:
            self._parts.append(whole)
        self._retire()
        try:
            self._describe()
        except OSError as error:
            log.error("recording not described", folder=str(self._folder), reason=error.strerror)  # noqa: TRY400 - no bug
            return
        while self._retired:
            self._retired.pop().remove()

    def _retire(self) -> None:
        """Take the oldest parts off the list until another part fits."""
        if self._budget is None:
            return
        next_part = 0 if self._ended else self._budget // _PARTS + self._reserve.size
        room = self._budget - next_part - _SLACK_LINES * self._longest
        while len(self._parts) > 1 and sum(file.size for part in self._parts for file in part.values()) > room:
            self._retired.extend(self._parts.pop(0).values())

    def _give_up(self, reason: str) -> None:
        log.error("recording ended, trading goes on", folder=str(self._folder), reason=reason)
        self.close()

    # dataset.yaml

    def _describe(self) -> None:
        files: dict[Key, list[str]] = {}
        for part in self._parts:
            for key, file in part.items():
                files.setdefault(key, []).append(file.path.name)
        rows = [self._row(self._instruments[key], files[key]) for key in self._instruments if key in files]
        lines = [f"name: {json.dumps(self._folder.resolve().name)}", "streams:", *(f"  - {row}" for row in rows)]
        fresh = self._folder / f".{FILE_NAME}"
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as opened:
            opened.write("\n".join(lines) + "\n")
        fresh.replace(self._folder / FILE_NAME)

    def _row(self, instrument: Instrument, files: list[str]) -> str:
        """A stream of ``dataset.yaml``; JSON is YAML."""
        row = {
            **({"file": files[0]} if len(files) == 1 else {"files": files}),
            "exchange": instrument.exchange,
            "market": instrument.native,
            "symbol": instrument.symbol,
            "contract": {"kind": instrument.kind.value, "size": plain(instrument.multiplier)},
            "tick": plain(instrument.tick),
            "step": plain(instrument.step),
            "min_notional": plain(instrument.min_notional),
            "quote": instrument.quote,
            "reference_only": instrument.exchange in self._reference_only,
        }
        return json.dumps(row)


def frame_of(event: MarketEvent, market: str) -> bytes:
    """An event as the frame that decodes to it; exchange times are whole milliseconds there."""
    time = {} if event.engine_ns is None else {"T": event.engine_ns // _NS_PER_MS}
    if isinstance(event, BookSnapshot):
        sides = {"bids": _rows(event.bids), "asks": _rows(event.asks)}
        return _json({"lastUpdateId": event.sequence, **time, "symbol": market, **sides})
    if isinstance(event, TopOfBook):
        bid = {"b": repr(event.bid), "B": repr(event.bid_size)}
        ask = {"a": repr(event.ask), "A": repr(event.ask_size)}
        return _stream(market, "bookTicker", {"u": event.sequence, **bid, **ask, **time})
    if isinstance(event, BookDelta):
        previous = {} if event.previous is None else {"pu": event.previous}
        sides = {"b": _rows(event.bids), "a": _rows(event.asks)}
        return _stream(market, "depthUpdate", {**time, "U": event.first, "u": event.last, **previous, **sides})
    traded = {"t": event.trade_id, "p": repr(event.price), "q": repr(event.size), "m": event.buyer_is_maker}
    return _stream(market, "trade", {**time, **traded})


def _stream(market: str, kind: str, data: dict[str, Any]) -> bytes:
    return _json({"stream": f"{market.lower()}@{kind}", "data": {"e": kind, "s": market, **data}})


def _rows(levels: Sequence[Level]) -> list[list[str]]:
    return [[repr(price), repr(size)] for price, size in levels]


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _line(received_ns: int, frame: bytes) -> bytes:
    return b"%d %s\n" % (received_ns, frame)


def _file_name(exchange: ExchangeName, symbol: Symbol, number: int) -> str:
    part = f".{number:04}" if number > 1 else ""
    return f"{exchange}_{symbol.lower()}{part}.gz"
