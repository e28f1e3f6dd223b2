"""The file in which paper exchanges keep their accounts: like a real exchange's database, it outlives the process.

Sealed lines as in the journal: first what the file is, then one record a turn. A record has reached the operating
system before anyone is told of what it holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
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
from perpbot.simulation.venue.turns import AccountTurn

log = structlog.get_logger(__name__)

VERSION = 1
_ADVICE = "use the PerpBot that wrote it, or begin anew with `perpbot paper reset`"


@dataclass(frozen=True, slots=True)
class AccountsBegun:
    """The first record: what the file is."""

    kind: ClassVar[str] = "paper_accounts"
    version: int


class AccountFile:
    """The accounts of all paper exchanges of one store, in one file (0600) that one process at a time has.

    Continues a file that exists; a record that was not written to its end was never told of and is cut off. Raises
    :class:`InputError` if the file was changed, damaged, is none of these or of a newer version, ``Refused`` if
    another process has it. Use as a context manager, or :meth:`close` it.
    """

    def __init__(self, path: Path, clock: Clock, durability: Durability = "process") -> None:
        self.path = path
        try:
            self._journal = FileJournal(path, clock, durability)
        except InputError as error:
            raise InputError(f"{str(error).rpartition(';')[0]}; {_ADVICE}") from None
        try:
            self._turns = self._read()
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

    def turns(self, exchange: ExchangeName) -> Sequence[AccountTurn]:
        """What happened at ``exchange`` before this file was opened, oldest first. Can be asked once."""
        return self._turns.pop(exchange, ())

    def keep(self, turn: AccountTurn) -> None:
        """Write ``turn``. Raises :class:`~perpbot.core.errors.SystemStopped` if it cannot be: then and from then on."""
        self._journal.append(turn)

    def flush(self) -> None:
        """Have all records reach the disk."""
        self._journal.flush()

    def close(self) -> None:
        """Have all records reach the disk and let go of the file. Twice is fine."""
        self._journal.close()

    def _read(self) -> dict[ExchangeName, list[AccountTurn]]:
        turns: dict[ExchangeName, list[AccountTurn]] = defaultdict(list)
        begun = False
        for record in self._journal.records():
            if record.kind == HEADER:
                continue
            if begun:
                turn = self._turn(record)
                turns[turn.exchange].append(turn)
            else:
                self._check(record)
                begun = True
        if not begun:
            self._journal.append(AccountsBegun(VERSION))
        return dict(turns)

    def _check(self, record: Record) -> None:
        if record.kind != AccountsBegun.kind:
            raise InputError(f"{self.path}: holds no paper accounts but {record.kind}; name another file with --db")
        version = record.data.get("version")
        if version != VERSION:
            raise InputError(
                f"{self.path}: paper accounts of version {version}, this PerpBot reads {VERSION}; {_ADVICE}"
            )

    def _turn(self, record: Record) -> AccountTurn:
        try:
            return msgspec.convert(record.data, AccountTurn)
        except msgspec.ValidationError as error:
            raise InputError(f"{self.path}: record {record.number} cannot be read: {error}; {_ADVICE}") from None
