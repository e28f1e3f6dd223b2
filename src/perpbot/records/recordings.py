"""Recordings: a folder of ``dataset.yaml`` and gzipped files with ``<receive ns> <frame>`` a line."""

from array import array
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Self

from perpbot.core.errors import InputError
from perpbot.core.instruments import Instrument
from perpbot.core.market_data import MarketEvent
from perpbot.core.names import ExchangeName, Symbol
from perpbot.records.dataset_file import read_dataset_file
from perpbot.records.recorded_stream import BadFrame, RecordedStream

LONGEST_BREAK_NS = 86_400_000_000_000
_MAKER_FEE_PCT = Decimal("0.0002")
_TAKER_FEE_PCT = Decimal("0.0005")


class Dataset:
    """A recording of several markets, received by one clock."""

    def __init__(self, name: str, streams: tuple[RecordedStream, ...]) -> None:
        self.name = name
        self.streams = streams

    @classmethod
    def open(
        cls, folder: Path, maker_fee_pct: Decimal = _MAKER_FEE_PCT, taker_fee_pct: Decimal = _TAKER_FEE_PCT
    ) -> Self:
        """Read what the folder holds; the files' frames are read when first asked for.

        The fees are those of instruments of exchanges that do not say theirs, as fractions of notional. Raises
        :class:`~perpbot.core.errors.InputError`, one line naming file and place.
        """
        spec = read_dataset_file(folder)
        streams = (RecordedStream(folder, stream, maker_fee_pct, taker_fee_pct) for stream in spec.streams)
        return cls(spec.name or folder.resolve().name, tuple(streams))

    @property
    def instruments(self) -> Mapping[tuple[ExchangeName, Symbol], Instrument]:
        """The recorded markets, in the order of ``dataset.yaml``, reference only ones included."""
        return {(stream.spec.exchange, stream.spec.symbol): stream.instrument for stream in self.streams}

    def read(self) -> None:
        """Read all files. Raises :class:`~perpbot.core.errors.InputError` naming file and line.

        A break of more than a day is refused: nearly always a receive time is wrong, and a replay would tick through
        all of it.
        """
        received, owners, starts, order = self._order
        for earlier, later in pairwise(order):
            if received[later] - received[earlier] > LONGEST_BREAK_NS:
                number = owners[later]
                path, line = self.streams[number].place(later - starts[number])
                raise InputError(
                    f"{path}:{line}: received more than a day after the "
                    "frame before it; correct its time, or cut the recording there"
                )

    @property
    def frames(self) -> int:
        """Number of frames in all files."""
        return sum(len(stream.lines.frames) for stream in self.streams)

    @property
    def start_ns(self) -> int:
        """When the first frame was received."""
        return min(stream.lines.received[0] for stream in self.streams)

    @property
    def end_ns(self) -> int:
        """When the last frame was received."""
        return max(stream.lines.received[-1] for stream in self.streams)

    def merged(self) -> Iterator[tuple[int, RecordedStream, MarketEvent | BadFrame | None]]:
        """All frames as (receive time in ns, file, event), by receive time, then order in ``dataset.yaml``, then line.

        The event is ``None`` where a frame carries none, and a `BadFrame` where it cannot be decoded. Where the
        recorder's clock went back within a file, the file's order stands: the frame counts as received together with
        the one before it, so that time never goes back.
        """
        received, owners, starts, order = self._order
        for position in order:
            number = owners[position]
            stream = self.streams[number]
            yield received[position], stream, stream.decode(position - starts[number])

    @cached_property
    def _order(self) -> "tuple[array[int], array[int], list[int], list[int]]":
        """Receive times and files of all frames one file after the other, where each file begins, and their order."""
        received, owners, starts = array("q"), array("H"), list[int]()
        for number, stream in enumerate(self.streams):
            starts.append(len(received))
            received.extend(stream.lines.received)
            owners.extend([number] * len(stream.lines.received))
        return received, owners, starts, sorted(range(len(received)), key=received.__getitem__)
