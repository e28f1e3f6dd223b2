"""The journal on disk: what was meant and what happened, written before anything is sent.

The hot write is one ``pwrite`` into space reserved beforehand. With durability ``process`` a record has reached the
operating system when :meth:`FileJournal.append` returns, and the disk with the next :meth:`FileJournal.flush`, which
the owner calls every :data:`FLUSH_SECONDS`; with ``power`` it has reached the disk.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import structlog

from perpbot.core.errors import InputError, Refused, SystemStopped
from perpbot.core.events import RunStarted
from perpbot.core.ports import Clock
from perpbot.records import chain as lines
from perpbot.records import segments
from perpbot.records.chain import EMPTY, TORN_HEADER, Chain, Record, Verification, records, unsound, verify_lines
from perpbot.records.encoding import Fact
from perpbot.records.segments import flush_folder, read, verify, verify_file

__all__ = [
    "FLUSH_SECONDS",
    "Durability",
    "FileJournal",
    "Listener",
    "MemoryJournal",
    "identity",
    "read",
    "run_mode",
    "verify",
]

Durability = Literal["process", "power"]
Listener = Callable[[int, int, Any], None]
"""Told number, time and event of every record, once it is written."""

FLUSH_SECONDS = 0.05
"""How often the owner of a journal with durability ``process`` has it reach the disk."""

log = structlog.get_logger(__name__)

_CHUNK_BYTES = 4 << 20
_RESERVE_BYTES = 256 << 10


class FileJournal:
    """A journal on disk, mode 0600, written by one process at a time. Continues a file that exists.

    A torn tail (a power cut during the last write) is cut off and its length kept in :attr:`torn_tail_bytes`. Raises
    :class:`InputError` if the file was changed or damaged, :class:`Refused` if another process writes it.

    With ``segment_bytes`` a file that has grown to that size is finished by the next :meth:`flush` and another begun;
    a file of an older format is finished at once, after a copy of it (``<name>.before-format-<version>``).

    ``crowded`` turns true when the disk has no more space: the reserve then holds what closing still has to write.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        durability: Durability = "process",
        listener: Listener | None = None,
        *,
        segment_bytes: int | None = None,
    ) -> None:
        self.path = path
        self.crowded = False
        self.torn_tail_bytes = 0
        self.identity = ""
        """The first header's hash: which journal this is."""
        self._clock = clock
        self._power = durability == "power"
        self._listener = listener
        self._segment_bytes = segment_bytes
        self._full_at: int | None = None
        self._failure: str | None = None
        self._chain = Chain()
        self._segment = 1
        self._offset = self._allocated = 0
        segments.finish_change(path)
        self._fd = _open_alone(path)
        try:
            self._begin()
        except BaseException:
            os.close(self._fd)
            raise

    @property
    def number(self) -> int:
        """The number the next record will have."""
        return self._chain.number

    @property
    def size(self) -> int:
        """Bytes written so far, to the file that is written."""
        return self._offset

    def append(self, event: Fact) -> int:
        """Write ``event`` and return its number.

        Raises :class:`SystemStopped` if it could not be written: the journal is dead then, and stays so.
        """
        if self._failure:
            raise SystemStopped(self._failure)
        number, time_ns = self._chain.number, self._clock.now_ns()
        self._write(self._chain.line(time_ns, event))
        if self._listener:
            self._listener(number, time_ns, event)
        return number

    def flush(self) -> None:
        """Have all records reach the disk; a file that is full is finished then, and the next one begun."""
        if self._failure:
            raise SystemStopped(self._failure)
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise self._fail(error) from None
        if self._full_at is not None and self._offset >= self._full_at:
            self._begin_segment()

    def take_place_of(self, other: FileJournal) -> None:
        """Stand where ``other`` stands, kept as durably, once all records are on the disk: who opens that path finds
        the one or the other, whole. ``other`` takes no more records, and its space is free once it is closed.

        Raises :class:`SystemStopped`, and nothing has changed, if the records or the new name cannot be written.
        """
        self.flush()
        try:
            self.path.rename(other.path)
        except OSError as error:
            raise self._fail(error) from None
        self.path, self._power = other.path, other._power
        other._failure = f"journal {other.path} was replaced"
        try:
            flush_folder(self.path.parent)
        except OSError as error:
            self._fail(error)  # told by the next append: until then nothing is lost

    def close(self) -> None:
        """Have all records reach the disk, give back the space reserved, and close the file. Twice is fine."""
        if self._fd < 0:
            return
        try:
            if not self._failure:
                self._full_at = None
                os.ftruncate(self._fd, self._offset)
                self.flush()
        finally:
            os.close(self._fd)
            self._fd = -1
            self._failure = self._failure or f"journal {self.path} is closed"

    def records(self) -> Iterator[Record]:
        """All records that are still there, a header first."""
        return read(self.path)

    def history(self) -> Iterator[Record]:
        """What a restart needs, a header first: with a condensed file, that one in place of those it stands for."""
        return read(self.path, whole=False)

    def verify(self) -> Verification:
        """Check everything written so far."""
        return verify(self.path)

    def _begin(self) -> None:
        if os.fstat(self._fd).st_size:
            self._continue()
        elif segments.finished(self.path) or segments.condensed(self.path):
            raise InputError(f"{self.path}: {unsound('it is empty, its earlier files are there')}")
        if not self._chain.number:
            self._write(self._chain.header(self._clock.now_ns()))
            self.identity = self._chain.seal.decode()
            self.flush()
            flush_folder(self.path.parent)
        self._full_at = self._segment_bytes

    def _continue(self) -> None:
        found = verify_file(self.path)
        torn = bool(found.torn_tail_bytes) and (found.records > 0 or found.reason == TORN_HEADER)
        if not found.ok and not torn and found.reason != EMPTY:
            raise InputError(f"{self.path}: {unsound(found.reason)}")
        if found.condensed:
            raise InputError(f"{self.path}: {unsound('a condensed file stands in its place')}")
        self._offset = self._allocated = found.good_bytes
        if found.torn_tail_bytes:
            self._set_aside(found.torn_tail_bytes)
        os.ftruncate(self._fd, self._offset)
        if found.records:
            self._chain = Chain(found.number, found.seal.encode())
            self.identity, self._segment = found.journal, found.segment
            if found.version < lines.VERSION:
                self._upgrade()

    def _upgrade(self) -> None:
        """Write on in today's format: in a new file, so that what was sealed stays as it was."""
        kept = self.path.with_name(f"{self.path.name}.before-format-{lines.VERSION}")
        try:
            kept.unlink(missing_ok=True)
            with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as copy:
                with self.path.open("rb") as original:
                    shutil.copyfileobj(original, copy)
                copy.flush()
                os.fsync(copy.fileno())
        except OSError as error:
            raise InputError(f"{kept}: {error.strerror}; {self.path} is upgraded once it can be backed up") from None
        self._begin_segment()
        log.warning("journal upgraded", path=str(self.path), format=lines.VERSION, backup=str(kept))

    def _begin_segment(self) -> None:
        """Finish the file and begin the next; if there is no space for it, the file grows on."""
        chain = Chain(self._chain.number, self._chain.seal)
        header = chain.header(self._clock.now_ns(), self.identity, self._segment + 1)
        try:
            fd = segments.begin_next(self.path, header)
        except OSError as error:
            self._full_at = self._offset + (self._segment_bytes or 0)
            log.warning("journal: no new file begun, it grows on", path=str(self.path), reason=error.strerror)
            return
        try:
            os.ftruncate(self._fd, self._offset)
            os.fdatasync(self._fd)
            segments.put_aside(self.path, self._segment)
        except BaseException as error:
            os.close(fd)
            if isinstance(error, OSError):
                raise self._fail(error) from None
            raise
        os.close(self._fd)
        self._fd, self._chain, self._segment = fd, chain, self._segment + 1
        self._offset = self._allocated = len(header)
        self._full_at = self._segment_bytes

    def _set_aside(self, size: int) -> None:
        """Keep what a torn tail held in ``<name>.torn`` before it is cut off: it is evidence."""
        self.torn_tail_bytes = size
        fd = os.open(f"{self.path}.torn", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, os.pread(self._fd, size, self._offset) + b"\n")
        finally:
            os.close(fd)

    def _write(self, line: bytes) -> None:
        end = self._offset + len(line)
        try:
            if end > self._allocated - _RESERVE_BYTES and not self.crowded:
                self._reserve(end)
            if os.pwrite(self._fd, line, self._offset) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - handled like any other failure below
            if self._power:
                os.fdatasync(self._fd)
        except OSError as error:
            raise self._fail(error) from None
        self._offset = end

    def _reserve(self, end: int) -> None:
        try:
            _allocate(self._fd, self._allocated, end + _CHUNK_BYTES)
        except OSError:
            self.crowded = True
        else:
            self._allocated = end + _CHUNK_BYTES

    def _fail(self, error: OSError) -> SystemStopped:
        # After a failed sync nobody knows what is on the disk: trying again would only hide that.
        self._failure = (
            f"journal {self.path} cannot be written ({error.strerror or error}): nothing may be sent; make room or "
            "mend the disk, then stop the bot and start it again"
        )
        return SystemStopped(self._failure)


class MemoryJournal:
    """The same journal without a file: for tests, and for runs that keep nothing."""

    def __init__(self, clock: Clock, listener: Listener | None = None) -> None:
        self.crowded = False
        self.torn_tail_bytes = 0
        self._clock = clock
        self._listener = listener
        self._closed = False
        self._chain = Chain()
        self._content = bytearray(self._chain.header(clock.now_ns()))

    @property
    def identity(self) -> str:
        """The header's hash: which journal this is."""
        return next(self.records()).seal

    @property
    def number(self) -> int:
        """The number the next record will have."""
        return self._chain.number

    def append(self, event: Fact) -> int:
        """Write ``event`` and return its number."""
        if self._closed:
            raise SystemStopped("the journal is closed")
        number, time_ns = self._chain.number, self._clock.now_ns()
        self._content += self._chain.line(time_ns, event)
        if self._listener:
            self._listener(number, time_ns, event)
        return number

    def flush(self) -> None:
        """Nothing has further to go."""
        if self._closed:
            raise SystemStopped("the journal is closed")

    def close(self) -> None:
        """Take no more records. Twice is fine."""
        self._closed = True

    def records(self) -> Iterator[Record]:
        """All records written so far, the header first."""
        return records(BytesIO(bytes(self._content)), "journal in memory")

    def verify(self) -> Verification:
        """Check everything written so far."""
        return verify_lines(BytesIO(bytes(self._content)))


def identity(path: Path) -> str | None:
    """Which journal stands at ``path``, ``None`` if none does or it was never begun.

    Raises :class:`InputError` if its first line is not sound.
    """
    try:
        first = next(read(path, whole=False), None)
    except InputError:
        if path.exists() and verify(path).reason not in {EMPTY, TORN_HEADER}:
            raise
        return None
    return first.journal if first is not None else None


def run_mode(path: Path) -> str | None:
    """The mode of the first run in the journal at ``path``, ``None`` if it holds none.

    Raises :class:`InputError` if it is no journal, or damaged before that.
    """
    record = None
    for record in read(path, whole=False):
        if record.kind == RunStarted.kind:
            return str(record.data["mode"])
    if record is None:
        raise InputError(f"{path}: not a record of a journal")
    return None


def _open_alone(path: Path) -> int:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; the journal needs a file it may write") from None
    try:
        os.fchmod(fd, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(fd), os.stat(path)):
            raise OSError("its writer has just begun another file")  # noqa: TRY301 - handled like any other below
    except OSError:
        os.close(fd)
        raise Refused(f"{path} is being written by another process: stop that one first") from None
    return fd


def _allocate(fd: int, start: int, end: int) -> None:
    """Reserve the bytes, so that the hot write neither grows the file nor finds the disk full."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, start, end - start)
    else:
        os.ftruncate(fd, end)
