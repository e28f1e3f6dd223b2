"""The files of one journal: the one that is written, and finished ones beside it, ``<name>.00001`` and so on.

A finished file is never changed again, only compressed (``<name>.00001.gz``): the chain runs over all of them. One
condensed file (``<name>.00007.condensed.gz``) may stand for all up to its number: a restart reads it in their place,
and without the oldest of them nothing is forgotten.
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
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

from perpbot.core.errors import InputError
from perpbot.records.chain import (
    HEADER,
    End,
    Record,
    Verification,
    records,
    unsound,
    verify_lines,
)

_FINISHED = re.compile(r"\.(\d{5,})(\.gz)?")
CONDENSED = re.compile(r"\.(\d{5,})\.condensed(\.gz)?")
UNFINISHED = re.compile(r"\.(\d{5,})(\.condensed)?\.gz\.unfinished")
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
    """The finished files of the journal at ``path``, oldest first."""
    return beside(path, _FINISHED)


def condensed(path: Path) -> Segment | None:
    """The condensed file of the journal at ``path`` that stands for most, if there is one."""
    return next(reversed(beside(path, CONDENSED)), None)


def beside(path: Path, names: re.Pattern[str]) -> list[Segment]:
    """The files whose names are that of ``path`` and one of ``names``, by their numbers.

    Of one that was killed while being compressed both forms stand there: the first one counts.
    """
    found: dict[int, Segment] = {}
    try:
        there = sorted(path.parent.iterdir())
    except OSError:
        return []
    for each in there:
        told = names.fullmatch(each.name.removeprefix(path.name)) if each.name.startswith(path.name) else None
        if told is not None:
            found.setdefault(int(told[1]), Segment(int(told[1]), each))
    return [found[number] for number in sorted(found)]


def files(path: Path) -> list[Path]:
    """All files of the journal at ``path``, oldest first; the last one is that which is written."""
    finished_ones = [*beside(path, CONDENSED), *finished(path)]
    return [*(segment.path for segment in finished_ones), path]


def read(path: Path, *, whole: bool = True, until: int | None = None) -> Iterator[Record]:
    """The records of the journal at ``path``, a header first, up to a torn tail; headers of later files are left out.

    ``whole``: all records there are; else those that a restart needs. ``until`` is the last finished file to be read.
    Raises :class:`InputError` if a file is missing, or at the first line that is not sound.
    """
    after: End | None = None
    for file, lines in in_order(path, whole=whole, until=until):
        head: Record | None = None
        try:
            for record in records(lines, file, after):
                if record.kind != HEADER or after is None:
                    yield record
                head = record if record.kind == HEADER else head
                segment = head.segment if head else 1
                after = End(record.number + 1, record.seal, segment)
        except _UNREADABLE as error:
            raise InputError(f"{file}: {unsound(f'it cannot be unpacked ({error})')}") from None
        after = (head and head.stands_for) or after


def verify(path: Path) -> Verification:
    """Check the journal at ``path``: all its files as one chain, and what its condensed file stands for. Raises
    :class:`InputError` if there is no such file.

    What a chain cannot show is that whole records are missing at its end.
    """
    found = _verify_chain(path)
    short = condensed(path)
    if short is None or not found.ok:
        return found
    told = verify_file(short.path)
    if told.ok and not _goes_on(path, told.end):
        told = replace(told, ok=False, reason=f"{path.name} does not go on where it says")
    return found if told.ok else replace(told, records=found.records)


def _goes_on(path: Path, end: End) -> bool:
    """Whether the file that follows a condensed one begins where that one says."""
    follows = _segment(path, end.segment + 1)
    with _opened(follows.path if follows else path) as lines:
        head = next(records([next(iter(lines), b"")], path, None), None)
    return head is not None and (head.number, head.data.get("after")) == (end.number, end.seal)


def _verify_chain(path: Path) -> Verification:
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


def header(path: Path, number: int) -> Record:
    """The header of finished file ``number``, or of the file that is written if that comes next. Raises
    :class:`InputError` if it is not there or not sound."""
    while True:
        segment = _segment(path, number)
        file = segment.path if segment else path
        with _opened(file) as lines:
            head = next(records([next(iter(lines), b"")], file))
        if head.segment == number or segment is not None:
            return head
        # finished meanwhile: the file that is written is already the next one


def flush_folder(folder: Path) -> None:
    """Have the names in ``folder`` reach the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def verify_packing(file: Path) -> str | None:
    """What is wrong with the bytes of a packed ``file``, also those that unpacking does not look at; else ``None``."""
    length = file.stat().st_size - _PACKING_SEAL_BYTES
    if length > 0:
        with file.open("rb") as packed:
            packed.seek(length)
            if packed.read() == packing_seal(file, length):
                return None
    return "it was changed since it was packed"


def packing_seal(file: Path, length: int) -> bytes:
    """What ends a packed file: a gzip member with nothing in it but, as its comment, the hash of the ``length`` bytes
    before it."""
    found = sha256()
    with file.open("rb") as packed:
        while chunk := packed.read(min(_CHUNK_BYTES, length - packed.tell())):
            found.update(chunk)
    return _EMPTY_WITH_COMMENT % found.hexdigest().encode()


_CHUNK_BYTES = 1 << 20
_EMPTY_WITH_COMMENT = b"\x1f\x8b\x08\x10\0\0\0\0\0\xff%s\0\x03\0\0\0\0\0\0\0\0\0"
"""RFC 1952: magic, deflate, a comment follows, no time, no system; the comment, an empty block, its sum and length."""
_PACKING_SEAL_BYTES = len(_EMPTY_WITH_COMMENT % (b"0" * 64))
_UNREADABLE = (gzip.BadGzipFile, EOFError, zlib.error)


class _Missing(InputError):
    """A file of a journal is not there."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {unsound(what)}")
        self.what = what


def in_order(path: Path, *, whole: bool = True, until: int | None = None) -> Iterator[tuple[Path, BinaryIO]]:
    """Each file with its lines, oldest first, also while the one that is written is put aside or another compressed.

    ``whole`` and ``until`` are those of :func:`read`. No file is removed while it is at work.
    """
    with locked(path.parent, fcntl.LOCK_SH):
        short = _stand_in(path, whole=whole)
        number = _first(path, short)
        if short is not None:
            with _opened(short.path) as lines:
                yield short.path, lines
        while until is None or number <= until:
            current = _current(path)
            try:
                segment = _segment(path, number)
            except _Missing:
                _close(current)
                raise
            if segment is None:
                yield from _last(path, current, first=number == 1)
                return
            _close(current)
            with _opened(segment.path) as lines:
                yield segment.path, lines
            number += 1


def all_files(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Each file of the journal with its lines, the condensed one too. No file is removed while it is at work."""
    with locked(path.parent, fcntl.LOCK_SH):
        short = condensed(path)
        if short is not None and _stand_in(path, whole=True) is None:
            with _opened(short.path) as lines:
                yield short.path, lines
        yield from in_order(path)


def _stand_in(path: Path, *, whole: bool) -> Segment | None:
    """The condensed file, where it is read in place of those it stands for."""
    short, plain = condensed(path), finished(path)
    return None if short is None or (whole and plain and plain[0].number <= short.number) else short


def _first(path: Path, short: Segment | None) -> int:
    """The first file to be read (after the condensed one ``short``): the oldest, where a condensed file stands for
    those before it."""
    if short is not None:
        return short.number + 1
    plain = finished(path)
    return plain[0].number if condensed(path) and plain else 1


def _last(path: Path, current: BinaryIO | None, *, first: bool) -> Iterator[tuple[Path, BinaryIO]]:
    if current is None:
        if first:
            raise InputError(f"{path}: {os.strerror(errno.ENOENT)}; name a journal file")
        raise _Missing(path, f"{path.name} itself is missing, its earlier files are there")
    with current:
        yield path, current


@contextmanager
def locked(folder: Path, how: int) -> Iterator[None]:
    """Hold the folder against those who remove files from it while others read, and the other way round."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # nothing is there to be read, as will be said
        yield
        return
    try:
        fcntl.flock(opened, how)
        yield
    finally:
        os.close(opened)


def _close(file: BinaryIO | None) -> None:
    if file is not None:
        file.close()


def _current(path: Path) -> BinaryIO | None:
    try:
        return _unpacked(path)
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
    number = after.number if after else 0
    try:
        found = replace(verify_lines(lines, after), file=str(file))
    except _UNREADABLE as error:
        return Verification(0, False, 1, f"it cannot be unpacked ({error})", number=number, file=str(file))
    wrong = verify_packing(file) if found.ok and file.suffix == ".gz" else None
    return replace(found, ok=False, reason=f"{wrong}, its records were not") if wrong else found
