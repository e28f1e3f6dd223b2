"""The files of one journal: the one that is written, and finished ones beside it, ``<name>.00001`` and so on.

A finished file is never changed again, only compressed (``<name>.00001.gz``): the chain runs over all of them.
"""

from __future__ import annotations

import errno
import fcntl
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from perpbot.core.errors import InputError
from perpbot.records.chain import HEADER, End, Record, Verification, records, unsound, verify_lines

_FINISHED = re.compile(r"\.(\d{5,})(\.gz)?")
_LEVEL = 6
_NEXT = ".next"


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One finished file of a journal, the ``number``-th."""

    number: int
    path: Path

    @property
    def compressed(self) -> bool:
        return self.path.suffix == ".gz"


def finished(path: Path) -> list[Segment]:
    """The finished files of the journal at ``path``, oldest first.

    Of one that was killed while being compressed both forms stand there: the first one counts.
    """
    found: dict[int, Segment] = {}
    try:
        beside = sorted(path.parent.iterdir())
    except OSError:
        return []
    for each in beside:
        told = _FINISHED.fullmatch(each.name.removeprefix(path.name)) if each.name.startswith(path.name) else None
        if told is not None:
            found.setdefault(int(told[1]), Segment(int(told[1]), each))
    return [found[number] for number in sorted(found)]


def files(path: Path) -> list[Path]:
    """All files of the journal at ``path``, oldest first; the last one is that which is written."""
    return [*(segment.path for segment in finished(path)), path]


def read(path: Path) -> Iterator[Record]:
    """The records of the whole journal at ``path``, its header first, up to a torn tail; headers of later files are
    left out.

    Raises :class:`InputError` if a file is missing, or at the first line that is not sound.
    """
    after: End | None = None
    segment = 1
    for file, lines in in_order(path):
        try:
            for record in records(lines, file, after):
                if record.kind != HEADER or after is None:
                    yield record
                segment = record.segment if record.kind == HEADER else segment
                after = End(record.number + 1, record.seal, segment)
        except _UNREADABLE as error:
            raise InputError(f"{file}: {unsound(f'it cannot be unpacked ({error})')}") from None


def verify(path: Path) -> Verification:
    """Check the journal at ``path``, all its files as one chain. Raises :class:`InputError` if there is no such file.

    What a chain cannot show is that whole records are missing at its end.
    """
    good, count, found = 0, 0, Verification(0, True)
    try:
        for file, lines in in_order(path):
            found, count = _check(file, lines, found.end if count else None), count + 1
            good += found.records
            if not found.ok:
                break
    except _Missing as error:
        return replace(found, records=good, ok=False, reason=error.what, file=str(path), files=count)
    if found.torn_tail_bytes and found.file != str(path):  # of a finished file no power cut takes anything
        found = replace(found, torn_tail_bytes=0)
    return replace(found, records=good, files=count)


def verify_file(file: Path) -> Verification:
    """Check one file of a journal, which begins where its header says."""
    with _opened(file) as lines:
        return _check(file, lines, None)


def begin_next(path: Path, header: bytes) -> int:
    """Make the file that takes the place of ``path``, with ``header`` in it; returns it open, and locked like it."""
    fresh = path.with_name(path.name + _NEXT)
    fresh.unlink(missing_ok=True)
    opened = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.pwrite(opened, header, 0) != len(header):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - handled like any other failure below
        os.fdatasync(opened)
    except BaseException:
        os.close(opened)
        fresh.unlink(missing_ok=True)
        raise
    return opened


def put_aside(path: Path, number: int) -> None:
    """``path`` becomes finished file ``number``, the next one takes its place."""
    path.rename(path.with_name(f"{path.name}.{number:05d}"))
    path.with_name(path.name + _NEXT).rename(path)
    flush_folder(path.parent)


def finish_change(path: Path) -> None:
    """Complete what a kill between the two renames of :func:`put_aside` left, or drop a file not yet in its place."""
    fresh = path.with_name(path.name + _NEXT)
    if fresh.exists():
        if path.exists():
            fresh.unlink()
        else:
            fresh.rename(path)
            flush_folder(path.parent)


def compress(path: Path) -> int:
    """Compress the finished files of the journal at ``path`` that are not yet; returns how many that were.

    Takes seconds a file: to be called beside trading, in a thread. A kill at any moment loses nothing.
    """
    waiting = [segment for segment in finished(path) if not segment.compressed]
    for segment in waiting:
        packed = segment.path.with_name(segment.path.name + ".gz")
        unfinished = packed.with_name(packed.name + ".new")
        opened = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(opened, "wb") as target, segment.path.open("rb") as source:
            with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=_LEVEL, mtime=0, filename="") as out:
                while chunk := source.read(1 << 20):
                    out.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        unfinished.rename(packed)
        flush_folder(path.parent)
        segment.path.unlink()
    return len(waiting)


def size(path: Path) -> int:
    """Bytes that the finished files of the journal at ``path`` take."""
    total = 0
    for segment in finished(path):
        try:
            total += segment.path.stat().st_size
        except FileNotFoundError:  # just compressed: counted at the next look
            continue
    return total


def flush_folder(folder: Path) -> None:
    """Have the names in ``folder`` reach the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


_UNREADABLE = (gzip.BadGzipFile, EOFError, zlib.error)


class _Missing(InputError):
    """A file of a journal is not there."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {unsound(what)}")
        self.what = what


def in_order(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Each file with its lines, oldest first, also while the one that is written is put aside or another compressed."""
    number = 1
    while True:
        current = _current(path)
        try:
            segment = _segment(path, number)
            if segment is None:
                break
        except _Missing:
            _close(current)
            raise
        _close(current)
        with _opened(segment.path) as lines:
            yield segment.path, lines
        number += 1
    if current is None:
        if number == 1:
            raise InputError(f"{path}: {os.strerror(errno.ENOENT)}; name a journal file")
        raise _Missing(path, f"{path.name} itself is missing, its earlier files are there")
    with current:
        yield path, current


def _close(file: BinaryIO | None) -> None:
    if file is not None:
        file.close()


def _current(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a journal file") from None


def _segment(path: Path, number: int) -> Segment | None:
    """Finished file ``number``, ``None`` if the one that is written comes next."""
    rest = [segment for segment in finished(path) if segment.number >= number]
    if rest and rest[0].number != number:
        raise _Missing(path, f"its file {path.name}.{number:05d} is missing")
    return rest[0] if rest else None


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    """One finished file, unpacked; it may be compressed at this moment."""
    try:
        try:
            opened = _unpacked(file)
        except FileNotFoundError:
            opened = _unpacked(file.with_name(f"{file.name}.gz"))
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}; name a journal file") from None
    with opened:
        yield opened


def _unpacked(file: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(file, "rb")) if file.suffix == ".gz" else file.open("rb")


def _check(file: Path, lines: BinaryIO, after: End | None) -> Verification:
    try:
        return replace(verify_lines(lines, after), file=str(file))
    except _UNREADABLE as error:
        return Verification(0, False, 1, f"it cannot be unpacked ({error})", file=str(file))
