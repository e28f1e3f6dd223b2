"""What is wrong with a recording: frames that cannot be read, gaps in a book's sequence, streams without a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perpbot.core.market_data import BookSnapshot, MarketEvent, TopOfBook, TradePrint
from perpbot.market.book import OrderBook
from perpbot.records.recorded_stream import BadFrame, RecordedStream
from perpbot.records.recordings import Dataset

_NAMED = 5
"""So many faults of a kind are named; all are counted."""


@dataclass(slots=True)
class _Watched:
    """One file, how far it was read and what became of its book."""

    stream: RecordedStream
    book: OrderBook | None
    line: int = 0
    snapshots: int = 0
    gaps: int = 0
    last_gap: str = ""


class RecordingFaults:
    """Follows a replay frame by frame, after the book has taken each."""

    def __init__(self, dataset: Dataset, books: dict[str, OrderBook | None]) -> None:
        """``books`` are the books by file name."""
        self._files = {stream.spec.file: _Watched(stream, books.get(stream.spec.file)) for stream in dataset.streams}
        self._bad = 0
        self._named: list[str] = []

    def note(self, stream: RecordedStream, event: MarketEvent | BadFrame | None) -> None:
        """Take the next frame of a file."""
        watched = self._files[stream.spec.file]
        watched.line += 1
        kind = type(event)
        if kind is TopOfBook or kind is TradePrint or event is None:
            return
        if isinstance(event, BadFrame):
            self._bad += 1
            if len(self._named) < _NAMED:
                self._named.append(str(event))
            return
        if kind is BookSnapshot:
            watched.snapshots += 1
        book = watched.book
        if book is not None and book.gaps != watched.gaps:
            watched.gaps = book.gaps
            path, line = stream.place(watched.line - 1)
            watched.last_gap = f"{path.name}:{line}: {book.last_gap}"

    def report(self) -> dict[str, Any]:
        """All faults, empty where there were none."""
        gaps: dict[str, dict[str, Any]] = {}
        for watched in self._files.values():
            if watched.gaps:
                spec = watched.stream.spec
                of_exchange = gaps.setdefault(spec.exchange, {})
                of_exchange[spec.symbol] = {"count": watched.gaps, "last": watched.last_gap}
        return {
            "sequence_gaps": gaps,
            "bad_frames": {"count": self._bad, "first": list(self._named)},
            "no_snapshot": [_name(watched.stream) for watched in self._files.values() if not watched.snapshots],
            "clock_reversals": {
                file: watched.stream.lines.reversals
                for file, watched in self._files.items()
                if watched.stream.lines.reversals
            },
        }


def _name(stream: RecordedStream) -> str:
    return f"{stream.spec.exchange} {stream.spec.symbol} ({stream.spec.file})"
