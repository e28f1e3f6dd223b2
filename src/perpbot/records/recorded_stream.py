"""One market of a recording: its frames, in the order they came and in the order the exchange made them.

They stand in one file or in several parts that follow each other. A part may begin with what the book was when it
began, in frames marked as carried over, so that it can be the first once older ones are gone; after another part they
are passed over.
"""

import gzip
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Protocol

from perpbot.core.errors import InputError, ParseError
from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.market_data import MarketEvent
from perpbot.exchanges.binance import parse
from perpbot.records.dataset_file import StreamSpec

CARRIED = b',"carried":true}'
"""How a frame ends that only repeats what the book was when a part of a recording began."""

_LATEST_NS = 9_223_372_036_854_775_807

_SHARED_EVENTS = 20_000
"""Decoded events kept for the other of the two who read a file in different orders, so that memory stays bounded."""

_QUANTILE = 100
"""One frame in so many is faster than the fastest message that counts."""


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame that cannot be decoded, and where it stands."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class VenueFrame:
    """What happened at the exchange at ``at_ns`` of the recording's receive clock."""

    at_ns: int
    event: MarketEvent


@dataclass(frozen=True, slots=True)
class Lines:
    """A stream's lines: receive times, never going back, and frames."""

    received: "array[int]"
    frames: list[bytes]
    reversals: int
    """how often the recorder's clock went back; such a frame counts as received with the one before it"""
    parts: tuple[tuple[int, int], ...] = ((0, 0),)
    """of each file the first of these frames that is in it, and how many lines before it were passed over"""


class Decoder(Protocol):
    """Turns frames into events; raises ``ParseError``."""

    def decode(self, raw: bytes) -> MarketEvent | None: ...


class RecordedStream:
    """One market of a recording. It is read when its frames are first asked for; frames are decoded one by one."""

    def __init__(self, folder: Path, spec: StreamSpec, maker_fee_pct: Decimal, taker_fee_pct: Decimal) -> None:
        self.spec = spec
        self.paths = tuple(folder / name for name in spec.parts)
        self.instrument = _instrument(spec, maker_fee_pct, taker_fee_pct)
        self._decode = parse.FrameParser(spec.exchange, {spec.market: spec.symbol}).decode
        self._shared: dict[int, MarketEvent | BadFrame | None] | None = None
        for path in self.paths:
            if not path.is_file():
                raise InputError(f"{path}: no such file, though the dataset lists it")

    @cached_property
    def lines(self) -> Lines:
        """All lines. Raises :class:`~perpbot.core.errors.InputError` naming file and line."""
        return _joined([_split(path, _read(path), follows=path != self.paths[0]) for path in self.paths])

    def place(self, index: int) -> tuple[Path, int]:
        """File and line (from 1) of the frame at ``index`` (from 0)."""
        parts = self.lines.parts
        part = bisect_right(parts, index, key=lambda each: each[0]) - 1
        first, passed = parts[part]
        return self.paths[part], index - first + passed + 1

    @property
    def reference_only(self) -> bool:
        """Whether the market is for looking at, not for trading."""
        return self.spec.reference_only

    def decode(self, index: int) -> MarketEvent | BadFrame | None:
        """The event of the frame at ``index`` (from 0); ``None`` if it carries none."""
        shared = self._shared
        if shared is not None and index in shared:
            return shared.pop(index)
        event: MarketEvent | BadFrame | None
        try:
            event = self._decode(self.lines.frames[index])
        except ParseError as error:
            path, line = self.place(index)
            event = BadFrame(path.name, line, str(error))
        if shared is not None and len(shared) < _SHARED_EVENTS:
            shared[index] = event
        return event

    @cached_property
    def engine_offset_ns(self) -> int | None:
        """Receive − exchange time of this file's fastest message; ``None`` if no frame carries a time.

        Of the n frames that do, in the order of that difference, it is the one at n // 100, counted from 0: the 1 %
        quantile, so that one odd stamp does not set the clock.
        """
        times, _ = self._stamps
        received = self.lines.received
        delays = sorted(received[i] - time for i, time in enumerate(times) if time >= 0)
        return delays[len(delays) // _QUANTILE] if delays else None

    def venue(self) -> "VenueFrames":
        """The frames as the exchange made them; from now on each is decoded once for both orders where it can be."""
        self._shared = {}
        received, offset_ns = self.lines.received, self.engine_offset_ns
        times, sequences = self._stamps
        at = array("q", (received[i] if time < 0 else time + (offset_ns or 0) for i, time in enumerate(times)))
        order = sorted(range(len(at)), key=lambda i: (at[i], sequences[i]))
        return VenueFrames(self, array("q", (at[i] for i in order)), array("q", order))

    @cached_property
    def _stamps(self) -> tuple["array[int]", "array[int]"]:
        """Exchange time in ns (−1 if none) and update id (0 of a trade: it comes before what it changed) by frame."""
        times, sequences = array("q"), array("q")
        for frame in self.lines.frames:
            try:
                time, sequence = parse.stamp(frame)
            except ParseError:  # counted and named when it is decoded
                time, sequence = None, 0
            times.append(-1 if time is None else time)
            sequences.append(sequence)
        return times, sequences


class VenueFrames:
    """A cursor over one file's frames in the exchange's order: (time, update id), ties as recorded.

    Times are the exchange's own, put on the receive clock by the file's fastest message; a frame without one has its
    receive time.
    """

    def __init__(self, stream: RecordedStream, at: "array[int]", order: "array[int]") -> None:
        self._stream = stream
        self._at = at
        self._order = order
        self._next = 0

    @property
    def next_ns(self) -> int | None:
        """When the next frame happens, ``None`` after the last."""
        return self._at[self._next] if self._next < len(self._at) else None

    def until(self, now_ns: int) -> Iterator[VenueFrame]:
        """The frames not handed out yet that happened at ``now_ns`` or before; what cannot be decoded is left out."""
        at, order, decode = self._at, self._order, self._stream.decode
        while self._next < len(at) and at[self._next] <= now_ns:
            position = self._next
            self._next += 1
            event = decode(order[position])
            if event is not None and not isinstance(event, BadFrame):
                yield VenueFrame(at[position], event)


def _instrument(spec: StreamSpec, maker_fee_pct: Decimal, taker_fee_pct: Decimal) -> Instrument:
    return Instrument(
        exchange=spec.exchange,
        symbol=spec.symbol,
        native=spec.market,
        tick=spec.tick,
        step=spec.step,
        min_size=spec.step,
        min_notional=spec.min_notional,
        kind=ContractKind(spec.contract.kind),
        multiplier=spec.contract.size,
        quote=spec.quote,
        maker_fee_pct=maker_fee_pct,
        taker_fee_pct=taker_fee_pct,
    )


def _read(path: Path) -> bytes:
    try:
        with gzip.open(path) as opened:
            content = opened.read()
    except EOFError:
        raise InputError(f"{path}: ends in the middle of its compressed data; fetch or record it again") from None
    except (OSError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read as gzip ({error})") from None
    if not content.strip():
        raise InputError(f"{path}: is empty; a recording holds a frame a line")
    if not content.isascii():
        _refuse_undecodable(path, content)
    return content


def _refuse_undecodable(path: Path, content: bytes) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: not UTF-8 text; frames are JSON as received") from None


def _joined(parts: list[Lines]) -> Lines:
    """The lines of files that follow each other."""
    if len(parts) == 1:
        return parts[0]
    received, frames = array("q"), list[bytes]()
    reversals, firsts = 0, list[tuple[int, int]]()
    for part in parts:
        newest = received[-1] if received else 0
        firsts.append((len(frames), part.parts[0][1]))
        reversals += part.reversals + sum(time < newest for time in part.received)
        received.extend(max(time, newest) for time in part.received)
        frames.extend(part.frames)
    return Lines(received, frames, reversals, tuple(firsts))


def _split(path: Path, content: bytes, *, follows: bool = False) -> Lines:
    """The lines of one file; what it only carries over is passed over where another part comes before it."""
    received, frames = array("q"), list[bytes]()
    newest = reversals = passed = 0
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        stamp, _, frame = line.partition(b" ")
        time = int(stamp) if stamp.isdigit() and len(stamp) < 20 else -1
        if not 0 <= time <= _LATEST_NS:
            raise InputError(f"{path}:{number}: no receive time; a line is <receive time in ns> <frame>")
        if time < newest:
            reversals += 1
        else:
            newest = time
        if follows and not frames and frame.endswith(CARRIED):
            passed += 1
            continue
        received.append(newest)
        frames.append(frame)
    return Lines(received, frames, reversals, ((0, passed),))
