"""Makes a journal's finished files small: compressed, condensed into one, and the oldest removed.

To be called beside trading, in a process of its own that is :func:`alone` at it: it takes seconds a file. A kill at
any moment loses nothing.
"""

from __future__ import annotations

import fcntl
import gzip
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from perpbot.core.errors import InputError, Refused
from perpbot.records.chain import Chain, Condensed, Record
from perpbot.records.encoding import Fact
from perpbot.records.segments import (
    CONDENSED,
    UNFINISHED,
    beside,
    condensed,
    finished,
    flush_folder,
    locked,
    packing_seal,
    verify_file,
)

_LEVEL = 6
_UNFINISHED = ".unfinished"


@contextmanager
def untouched(path: Path) -> Iterator[None]:
    """Hold the files of the journal at ``path`` against a process that tidies them: that of a bot that was killed may
    outlive it. Raises :class:`Refused` while one does."""
    if not tidying_path(path).exists():
        yield
        return
    with alone(path) as first:
        if not first:
            raise Refused(f"{path} is being tidied by a process that an earlier run left: try again in a minute")
        yield


def tidying_path(path: Path) -> Path:
    """What who tidies the journal at ``path`` holds."""
    return path.with_name(f"{path.name}.tidying")


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Hold ``<path>.tidying``: whether nobody else does, who would change the files under us."""
    opened = os.open(tidying_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(opened)


def compress(path: Path) -> int:
    """Compress the finished files of the journal at ``path`` that are not yet; returns how many that were.

    Takes seconds a file: to be called beside trading, in a process of its own. A kill at any moment loses nothing.
    """
    for left in beside(path, UNFINISHED):  # by a process that was killed
        left.path.unlink()
    waiting = [segment for segment in finished(path) if not segment.compressed]
    for segment in waiting:
        with segment.path.open("rb") as source:
            _pack(segment.path.with_name(segment.path.name + ".gz"), iter(lambda: source.read(1 << 20), b""))
        segment.path.unlink()
    return len(waiting)


def write_condensed(path: Path, follows: Record, told: Fact, count: int, kept: Iterable[Record]) -> None:
    """Make the condensed file that stands for all before the file that the header ``follows`` begins.

    It holds ``told``, what those left out came to, and the ``count`` records of ``kept``. Takes the place of the one
    before. Raises :class:`InputError` if the records are not as many.
    """
    number = follows.segment - 1
    end = Condensed(count + 1, follows.number, str(follows.data["after"]))
    before = beside(path, CONDENSED)
    target = path.with_name(f"{path.name}.{number:05d}.condensed.gz")
    _pack(target, _condensed_lines(follows, number, end, told, kept))
    if not verify_file(target).ok:
        target.unlink()
        raise InputError(f"{target}: the records changed while it was written; it is made again later")
    with locked(path.parent, fcntl.LOCK_EX):
        for segment in before:
            segment.path.unlink()


def _condensed_lines(
    follows: Record, number: int, end: Condensed, told: Fact, kept: Iterable[Record]
) -> Iterator[bytes]:
    chain = Chain()
    yield chain.condensed_header(follows.time_ns, follows.journal, number, end)
    chain.number = 0
    yield chain.line(follows.time_ns, told)
    for record in kept:
        yield chain.again(record)


def remove_oldest(path: Path, budget_bytes: int) -> int:
    """Remove the oldest finished files that the condensed one stands for while all take more than ``budget_bytes``;
    returns how many."""
    short, removed = condensed(path), 0
    if short is None:
        return 0
    with locked(path.parent, fcntl.LOCK_EX):
        for segment in finished(path):
            if segment.number > short.number or size(path) <= budget_bytes:
                break
            segment.path.unlink()
            removed += 1
        flush_folder(path.parent)
    return removed


def _pack(target: Path, chunks: Iterable[bytes]) -> None:
    """Write ``chunks`` compressed to ``target``, which is there whole or not at all."""
    unfinished = target.with_name(target.name + _UNFINISHED)
    opened = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "wb") as raw:
        with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=_LEVEL, mtime=0, filename="") as out:
            for chunk in chunks:
                out.write(chunk)
        raw.flush()
        raw.write(packing_seal(unfinished, raw.tell()))
        raw.flush()
        os.fsync(raw.fileno())
    unfinished.rename(target)
    flush_folder(target.parent)


def size(path: Path) -> int:
    """Bytes that the finished files of the journal at ``path`` take, and the condensed one."""
    total = 0
    for segment in (*beside(path, CONDENSED), *finished(path)):
        try:
            total += segment.path.stat().st_size
        except FileNotFoundError:  # just compressed: counted at the next look
            continue
    return total
