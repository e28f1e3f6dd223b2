"""Where a run is kept: its journal and the database that is filled from it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import structlog
from sqlalchemy.exc import OperationalError

from perpbot.core.errors import InputError
from perpbot.core.ports import Clock
from perpbot.records import packing, queries, segments
from perpbot.records.chain import HEADER, Record
from perpbot.records.database import Database, journals_of, refuse_foreign, remove_run
from perpbot.records.journal import FileJournal, Listener, identity
from perpbot.records.projector import Projector
from perpbot.records.queries import VerdictCount
from perpbot.risk.verdicts import ReasonCount
from perpbot.service.address import latch_path, lock_path
from perpbot.service.funnel import recent_verdicts
from perpbot.service.half_restored import refuse_half_restored
from perpbot.service.parts import Parts
from perpbot.service.risk_state import risk_state
from perpbot.service.summary import as_json

log = structlog.get_logger(__name__)

Durability = Literal["process", "power"]

LARGEST_SEGMENT_BYTES = 64_000_000
SEGMENTS = 8
"""A file of the journal takes at most this part of what all may take."""
PAPER_MODES = ("demo", "paper")


class Store:
    """The journal and database of a bot's runs, or of one replay. Use as a context manager: leaving it writes what
    waits and closes both."""

    def __init__(
        self,
        path: Path,
        mode: str,
        durability: Durability = "process",
        *,
        fresh: bool = False,
        journal_mb: int | None = None,
    ) -> None:
        """The store at ``path``, with ``<path>.journal`` and ``<path>.latch`` beside it: gone on with, or made anew.

        ``journal_mb`` is what the journal's finished files should take: without it there is but one file, which grows.
        Raises :class:`InputError` if another run has it, or if there is a file that no run of this mode made.
        """
        self.path = path
        self.journal_path = path.with_name(path.name + ".journal")
        self.latch_path = latch_path(path)
        self.listeners: list[Listener] = []
        """Told number, time and event of every record, once it is written."""
        self._mode = mode
        self._durability: Durability = durability
        self._journal_bytes = journal_mb and journal_mb * 1_000_000
        self._over_budget = False
        self._journal: FileJournal | None = None
        self._projector: Projector | None = None
        self._behind = False
        refuse_half_restored(path)
        refuse_foreign(path, mode, self.journal_path)
        self._lock = take_lock(path)
        try:
            if fresh:
                remove_run(path, mode, self.journal_path)
                self.latch_path.unlink(missing_ok=True)
            self._database = Database.open(path, mode)
        except BaseException:
            os.close(self._lock)
            raise

    def beside(self, suffix: str) -> Path:
        """The file of this store that ends on ``suffix``, e.g. ``.paper``."""
        return self.path.with_name(self.path.name + suffix)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._journal is not None:
                self._journal.close()
            if not self._behind:  # else it was tried, and said: the next start brings it up to the journal
                self._project()
        finally:
            self._database.close()
            os.close(self._lock)

    def open_journal(self, clock: Clock) -> FileJournal:
        """The run's journal; the database takes every record from it."""
        self._refuse_other_journal()
        segment = self._journal_bytes and min(LARGEST_SEGMENT_BYTES, self._journal_bytes // SEGMENTS)
        journal = FileJournal(self.journal_path, clock, self._durability, self._take, segment_bytes=segment)
        self._projector = Projector(self._database, journal.identity)
        self._journal = journal
        if journal.torn_tail_bytes:
            log.warning(
                "journal: last record torn, cut off", bytes=journal.torn_tail_bytes, kept=f"{journal.path}.torn"
            )
        self._catch_up(journal)
        return journal

    def history(self) -> Iterator[Record]:
        """What a start needs of earlier runs, oldest first. To be read before the first record of this run."""
        found = self._journal.history() if self._journal is not None else iter(())
        return (record for record in found if record.kind != HEADER)

    def untidy(self) -> bool:
        """Whether a file of the journal was finished since the last look: it is not compressed yet."""
        return any(not segment.compressed for segment in segments.finished(self.journal_path))

    @property
    def journal_bytes(self) -> int:
        """What the journal's finished files should take at most; 0 without a limit."""
        return self._journal_bytes or 0

    def check_budget(self) -> None:
        """Say once that the journal's finished files take more than they should, also without what may be removed."""
        taken = packing.size(self.journal_path)
        if self._journal_bytes and taken > self._journal_bytes and not self._over_budget:
            log.warning(
                "journal takes more than storage.journal_mb: kept all the same, a restart needs it",
                path=str(self.journal_path),
                megabytes=taken // 1_000_000,
                budget=self._journal_bytes // 1_000_000,
            )
        self._over_budget = taken > (self._journal_bytes or taken)

    def _refuse_other_journal(self) -> None:
        """A database goes with one journal: where that is gone, or another stands in its place, nothing begins."""
        known = journals_of(self.path)
        here = identity(self.journal_path)
        if not known or here in known:
            return
        what = "is gone" if here is None else "is another"
        anew = "`perpbot paper reset`" if self._mode in PAPER_MODES else "name another with --db to begin anew"
        raise InputError(
            f"{self.path} was filled from another journal ({self.journal_path} {what}): restore both from one backup, "
            f"or {anew}"
        )

    def _catch_up(self, journal: FileJournal) -> None:
        """Feed the database what it missed: the run before may have died between journal and database."""
        assert self._projector is not None
        if self._projector.last >= journal.number:
            raise InputError(
                f"{self.path} knows records that {self.journal_path} does not have: one of them is an older copy; "
                "restore both from one backup"
            )
        if self._projector.last < journal.number - 1:
            for record in self._missed(journal):
                if record.number > self._projector.last and record.kind != HEADER:
                    self._projector.add(record.number, record.time_ns, record.event)
            self._project()

    def _missed(self, journal: FileJournal) -> Iterator[Record]:
        """The records that the database may not have, and those before them that are still there."""
        assert self._projector is not None
        first = next(journal.records())
        if not first.condensed and first.number <= self._projector.last + 1:
            return journal.records()
        log.warning(
            "database filled from a condensed journal: of what was removed from the journal it knows no single pairs",
            path=str(self.path),
        )
        return journal.history()

    def flush(self) -> None:
        """Bring the database up to the journal; while another process holds it, what is new waits."""
        self._attempt(self._project)

    def save(self, parts: Parts, documents: Mapping[str, Any]) -> None:
        """Keep the verdict funnel, risk, the newest verdicts and ``documents`` (capital, result) as of now."""
        self._project()
        now = parts.outside.clock.now_ns()
        shown = {"risk": risk_state(parts), "verdicts": recent_verdicts(parts.verdicts)}
        queries.save_verdicts(self._database, [_count(found, now) for found in parts.verdicts.funnel()])
        for name, body in {**shown, **documents}.items():
            queries.save_document(self._database, name, now, as_json(body))

    def save_meanwhile(self, parts: Parts, documents: Mapping[str, Any]) -> bool:
        """The same while trading goes on, which does not wait for the database: then the next call saves. Whether this
        one did."""
        return self._attempt(lambda: self.save(parts, documents))

    def save_at_end(self, parts: Parts, documents: Mapping[str, Any]) -> bool:
        """The same once trading has ended, which waits for the database as long as need be."""
        return self._tried(lambda: self.save(parts, documents))

    def _project(self) -> None:
        if self._projector is not None:
            self._projector.flush()

    def _attempt(self, write: Callable[[], None]) -> bool:
        """Write if the database can be written. Trading rests on the journal, and goes on if it cannot."""
        with self._database.impatient():
            return self._tried(write)

    def _tried(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except OperationalError as error:
            if not self._behind:
                reason = str(error.orig)
                log.error("database not written, the journal holds what is new", reason=reason)  # noqa: TRY400 - no bug
            self._behind = True
        else:
            self._behind = False
        return not self._behind

    def _take(self, number: int, time_ns: int, event: Any) -> None:
        if self._projector is not None:
            self._projector.add(number, time_ns, event)
        for listener in self.listeners:
            listener(number, time_ns, event)


def take_lock(path: Path) -> int:
    """Take ``<path>.lock`` for as long as the store is in use; the system lets go of it with the process.

    The file holds the process id. Raises :class:`InputError` if another process has it.
    """
    file = lock_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}; name another file with --db") from None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pid = os.pread(opened, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(opened)
        raise InputError(f"{path} is in use by process {pid}: stop that one, or name another --db") from None
    os.ftruncate(opened, 0)
    os.pwrite(opened, f"{os.getpid()}\n".encode(), 0)
    return opened


def _count(found: ReasonCount, now_ns: int) -> VerdictCount:
    nearest = found.nearest or found.last
    return VerdictCount(
        symbol=found.symbol,
        level=nearest.level,
        reason=found.reason,
        rule=nearest.rule,
        count=found.count,
        last_ns=now_ns,
        measured=_finite(nearest.measured),
        limit=_finite(nearest.limit),
        distance=_finite(nearest.distance),
        detail=nearest.detail,
    )


def _finite(value: Any) -> Any:
    return value if value is not None and value.is_finite() else None
