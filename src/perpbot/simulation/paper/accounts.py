"""The file in which paper exchanges keep their accounts: like a real exchange's database, it outlives the process.

Sealed lines as in the journal: first what the file is, then one record a turn. A record has reached the operating
system before anyone is told of what it holds. A file that has grown is written anew (``rewriting``): first a
checkpoint, then turns as before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import msgspec
import structlog

from perpbot.core.errors import InputError
from perpbot.core.names import ExchangeName
from perpbot.core.ports import Clock
from perpbot.records.chain import HEADER, Record
from perpbot.records.journal import Durability, FileJournal
from perpbot.simulation.venue.engine import VenueEngine
from perpbot.simulation.venue.turns import AccountTurn, Kept, PastTurn, VenueState

log = structlog.get_logger(__name__)

VERSION = 2
"""Files of version 1 have no checkpoint; they are read, and go on as they are."""
LIMIT_BYTES = 8_000_000
"""A smaller file is left alone: it is read in a second or so."""
GROWTH = 2
"""How many times what its checkpoint took a file grows to."""
_ADVICE = "use the PerpBot that wrote it, or begin anew with `perpbot paper reset`"


@dataclass(frozen=True, slots=True)
class AccountsBegun:
    """The first record: what the file is."""

    kind: ClassVar[str] = "paper_accounts"
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class CheckpointEnded:
    """The checkpoint is whole: it took so many bytes, and turns follow."""

    kind: ClassVar[str] = "paper_checkpoint"
    bytes: int


_KINDS: Mapping[str, type[Kept | CheckpointEnded]] = {
    each.kind: each for each in (AccountTurn, PastTurn, VenueState, CheckpointEnded)
}


class AccountFile:
    """The accounts of all paper exchanges of one store, in one file (0600) that one process at a time has.

    Continues a file that exists; a record that was not written to its end was never told of and is cut off. Raises
    :class:`InputError` if the file was changed, damaged, is none of these or of a newer version, ``Refused`` if
    another process has it. Use as a context manager, or :meth:`close` it.
    """

    def __init__(
        self, path: Path, clock: Clock, durability: Durability = "process", *, limit_bytes: int = LIMIT_BYTES
    ) -> None:
        self.path = path
        self.clock = clock
        self.venues: list[VenueEngine] = []
        """The exchanges that go on in it."""
        self.follower: Callable[[AccountTurn], None] | None = None
        """Handed every turn, once it is written."""
        self._limit_bytes = self._full_at = limit_bytes
        try:
            self._journal = FileJournal(path, clock, durability)
        except InputError as error:
            raise InputError(f"{str(error).rpartition(';')[0]}; {_ADVICE}") from None
        try:
            self._past = self._read()
        except BaseException:
            self._journal.close()
            raise
        if self._journal.torn_tail_bytes:
            log.warning(
                "paper accounts: last record torn, cut off", path=str(path), bytes=self._journal.torn_tail_bytes
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def past(self, exchange: ExchangeName) -> Sequence[Kept]:
        """What was kept of ``exchange`` before this file was opened, oldest first, until it is resumed."""
        return self._past.get(exchange, ())

    def idle(self) -> Iterator[Kept]:
        """What was kept of exchanges that were not resumed."""
        return (kept for past in list(self._past.values()) for kept in past)

    def resume(self, venue: VenueEngine) -> None:
        """Have ``venue`` go on with the accounts that it has here, and keep its turns. Once for each exchange.

        Raises :class:`InputError` if a kept position is of a market that is not listed any more.
        """
        venue.resume(self.past(venue.exchange), self.keep)
        self._past.pop(venue.exchange, None)
        self.venues.append(venue)

    def keep(self, turn: AccountTurn) -> None:
        """Write ``turn``. Raises :class:`~perpbot.core.errors.SystemStopped` if it cannot be: then and from then on."""
        self._journal.append(turn)
        if self.follower is not None:
            self.follower(turn)

    def flush(self) -> None:
        """Have all records reach the disk."""
        self._journal.flush()

    def close(self) -> None:
        """Have all records reach the disk and let go of the file. Twice is fine."""
        self._journal.close()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._journal.size

    @property
    def full(self) -> bool:
        """Whether the file has grown so much that it should be written anew."""
        return self.size >= self._full_at

    def go_on_in(self, journal: FileJournal, checkpoint_bytes: int) -> FileJournal:
        """Have ``journal``, which begins with a checkpoint and says all that this file does, take its place; returns
        the one before, to be closed.

        Raises :class:`~perpbot.core.errors.SystemStopped`, and goes on as it was, if that cannot be.
        """
        journal.take_place_of(self._journal)
        before, self._journal = self._journal, journal
        self._full_at = max(self._limit_bytes, GROWTH * checkpoint_bytes)
        return before

    def put_off(self) -> None:
        """Be full only when it has grown by as much again as a file may be small."""
        self._full_at = self.size + self._limit_bytes

    def _read(self) -> dict[ExchangeName, list[Kept]]:
        past: dict[ExchangeName, list[Kept]] = defaultdict(list)
        records = (record for record in self._journal.records() if record.kind != HEADER)
        first = next(records, None)
        if first is None:
            self._journal.append(AccountsBegun())
        else:
            self._check(first)
        unfinished = False
        for record in records:
            fact = self._fact(record)
            if isinstance(fact, CheckpointEnded):
                self._full_at = max(self._limit_bytes, GROWTH * fact.bytes)
            else:
                past[fact.exchange].append(fact)
            unfinished = isinstance(fact, PastTurn | VenueState) or (unfinished and type(fact) is AccountTurn)
        if unfinished:
            raise InputError(f"{self.path}: its checkpoint is not whole; {_ADVICE}")
        return dict(past)

    def _check(self, record: Record) -> None:
        if record.kind != AccountsBegun.kind:
            raise InputError(f"{self.path}: holds no paper accounts but {record.kind}; name another file with --db")
        version = record.data.get("version")
        if version not in range(1, VERSION + 1):
            raise InputError(
                f"{self.path}: paper accounts of version {version}, this PerpBot reads {VERSION}; {_ADVICE}"
            )

    def _fact(self, record: Record) -> Kept | CheckpointEnded:
        kind = _KINDS.get(record.kind)
        if kind is None:
            raise InputError(f"{self.path}: record {record.number} cannot be read: {record.kind}; {_ADVICE}")
        try:
            return msgspec.convert(record.data, kind)
        except msgspec.ValidationError as error:
            raise InputError(f"{self.path}: record {record.number} cannot be read: {error}; {_ADVICE}") from None
