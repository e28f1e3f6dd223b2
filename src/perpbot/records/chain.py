"""The journal's line format: numbered records, each sealed by a hash over the one before it.

One record a line: ``{"n":…,"t":…,"k":kind,"d":{…},"h":"…"}``. ``n`` counts from 0, ``t`` is nanoseconds since 1970,
``h`` is SHA-256 over the previous record's ``h`` and this line up to ``,"h"``. The first line of a file is its header:
kind ``journal`` with the format's version, and in a file that continues another, which journal that is (``journal``),
the how manieth file (``segment``) and the last seal of the one before (``after``). Behind the last line there may be
NULs: space reserved on the disk.

A condensed file stands for all files up to its ``segment`` and holds what of them is still needed, under the numbers it
had, in a chain of its own. Its header says (``condensed``) how many records follow and where the files end that it
stands for: the number of the record to come and the last seal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from perpbot.core.errors import InputError
from perpbot.core.events import Event
from perpbot.records.encoding import Fact, decode, encode_json

VERSION = 1
HEADER = "journal"
GENESIS = b"0" * 64
EMPTY = "the journal is empty: it has not even its header"
_FIRST = "line 1: record 0"
TORN_HEADER = f"{_FIRST}: the header was not written to its end"
_SEAL = b',"h":"'
_SEAL_LENGTH = len(_SEAL) + 64 + len(b'"}')
_BEGINS = b'{"n":0,"t":'
_LONGEST_HEADER = 400
_LONGEST_TORN = 256 << 10
"""Bytes that a power cut may tear: far more than is written between two times that the disk is told to keep it."""

Data = dict[str, Any]
STEPS: dict[int, Callable[[str, Data], Data]] = {}
"""Format version → what makes the data of one of its records, by kind, that of the next version. The lines of an old
file stay as they were sealed: it is read through these."""


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    n: int
    t: int
    k: str
    d: Data
    h: str


_decode_line = msgspec.json.Decoder(_Line).decode


@dataclass(frozen=True, slots=True)
class Condensed:
    """What a condensed file says of itself: how many ``records`` it holds beside its header, and the number and seal
    that the next file goes on with."""

    records: int
    number: int
    seal: str


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a journal: ``number`` counts from 0 (the header), ``time_ns`` is our clock."""

    number: int
    time_ns: int
    kind: str
    data: Data
    seal: str

    @property
    def event(self) -> Event:
        """The event it holds. Raises :class:`InputError` for the header and for kinds of a newer version."""
        return decode(self.kind, self.data)

    @property
    def journal(self) -> str:
        """Of a header: which journal this is, the seal of its very first line."""
        return str(self.data.get("journal", self.seal))

    @property
    def segment(self) -> int:
        """Of a header: the how manieth file of its journal it begins, from 1."""
        segment = self.data.get("segment", 1)
        return segment if isinstance(segment, int) else 1

    @property
    def condensed(self) -> Condensed | None:
        """Of the header of a condensed file: what it stands for."""
        told = self.data.get("condensed")
        try:
            return msgspec.convert(told, Condensed) if told is not None else None
        except msgspec.ValidationError:
            return None

    @property
    def stands_for(self) -> End | None:
        """Of the header of a condensed file: where the files end that it stands for."""
        told = self.condensed
        return End(told.number, told.seal, self.segment) if told else None


@dataclass(frozen=True, slots=True)
class End:
    """Where a file ended, and the next one goes on: the number of the record to come, the last seal, and the how
    manieth file it was."""

    number: int = 0
    seal: str = GENESIS.decode()
    segment: int = 0


@dataclass(frozen=True, slots=True)
class Verification:
    """What reading a journal, or one file of it, found.

    ``records`` are the good ones before the first bad line (counted from 1 in its ``file``), headers included, and
    ``number`` is that of the record that follows them, or should. ``torn_tail_bytes`` is a last line that was not
    written to its end (a power cut): the records before it are good. ``version`` is the format's, ``newer`` that it is
    not ours yet, ``condensed`` that the file is a condensed one.
    """

    records: int
    ok: bool
    first_bad_line: int | None = None
    reason: str | None = None
    torn_tail_bytes: int = 0
    seal: str = ""
    good_bytes: int = 0
    number: int = 0
    journal: str = ""
    segment: int = 1
    version: int = VERSION
    newer: bool = False
    condensed: bool = False
    file: str = ""
    files: int = 1

    @property
    def end(self) -> End:
        """Where the next file goes on."""
        return End(self.number, self.seal, self.segment)


class Chain:
    """Seals records one after the other."""

    def __init__(self, number: int = 0, seal: bytes = GENESIS) -> None:
        self.number = number
        self.seal = seal

    def header(self, time_ns: int, journal: str = "", segment: int = 1) -> bytes:
        """The first line of a file: of a new journal, or of the next ``segment`` of ``journal``."""
        if segment == 1:
            return self._line(time_ns, HEADER, b'{"version":%d}' % VERSION)
        link = b'{"version":%d,"journal":"%s","segment":%d,"after":"%s"}'
        return self._line(time_ns, HEADER, link % (VERSION, journal.encode(), segment, self.seal))

    def condensed_header(self, time_ns: int, journal: str, segment: int, told: Condensed) -> bytes:
        """The first line of a condensed file."""
        data = {"version": VERSION, "journal": journal, "segment": segment, "condensed": told}
        return self._line(time_ns, HEADER, msgspec.json.encode(data))

    def again(self, record: Record) -> bytes:
        """The line of a record that keeps its number, time and data, for a condensed file."""
        self.number = record.number
        return self._line(record.time_ns, record.kind, msgspec.json.encode(record.data))

    def line(self, time_ns: int, event: Fact) -> bytes:
        """The next line, with its newline."""
        return self._line(time_ns, event.kind, encode_json(event))

    def _line(self, time_ns: int, kind: str, data: bytes) -> bytes:
        body = b'{"n":%d,"t":%d,"k":"%s","d":%s' % (self.number, time_ns, kind.encode(), data)
        self.seal = sha256(self.seal + body).hexdigest().encode()
        self.number += 1
        return body + _SEAL + self.seal + b'"}\n'


def records(lines: Iterable[bytes], source: object, after: End | None = None) -> Iterator[Record]:
    """The records of one file's ``lines`` in order, in today's format, up to a torn tail.

    ``after`` is where the file before it ended. Raises :class:`InputError` at a line that is not sound.
    """
    version = VERSION
    for record, problem, torn in _walk(lines, after):
        if record is None:
            if not torn:
                raise InputError(f"{source}: {unsound(problem)}")
        elif record.kind == HEADER:
            version = record.data["version"]
            yield record
        else:
            yield record if version == VERSION else _of_today(record, version)


def unsound(problem: str | None) -> str:
    """What is wrong with a journal, and what to do."""
    if problem and "newer PerpBot" in problem:
        return problem
    return (
        f"{problem}; the journal was changed or damaged: restore a backup (perpbot restore), or move the database and "
        "all files of its journal away to begin anew; see perpbot journal verify"
    )


def verify_lines(lines: Iterable[bytes], after: End | None = None) -> Verification:
    """Read all of one file's ``lines`` and say whether they are one unbroken, unchanged chain, which goes on ``after``
    the file before."""
    count, size, seal, number = 0, 0, "", after.number if after else 0
    head: dict[str, Any] = {}
    end: End | None = None
    for record, problem, torn in _walk(lines, after):
        if record is None:
            newer = "newer PerpBot" in problem
            return Verification(count, False, count + 1, problem, torn, seal, size, number, **head, newer=newer)
        if record.kind == HEADER:
            head = {"journal": record.journal, "segment": record.segment, "version": record.data["version"]}
            head["condensed"] = record.condensed is not None
            end = record.stands_for
        count, size, seal, number = count + 1, size + torn, record.seal, record.number + 1
    if not count:
        return Verification(0, False, 1, EMPTY)
    if end is not None:
        number, seal = end.number, end.seal
    return Verification(count, True, None, None, 0, seal, size, number, **head)


def _walk(lines: Iterable[bytes], after: End | None) -> Iterator[tuple[Record | None, str, int]]:
    """Each line as a record with its length, or at last what is wrong with one (and how long a torn tail is)."""
    rest = iter(lines)
    first = after.number if after else 0
    expected, seal, count = first, GENESIS, 0
    condensed: Condensed | None = None
    for line in rest:
        body = line[: -_SEAL_LENGTH - 1]
        found = _record(line)
        if count == 0 and found:
            (expected, seal), condensed = _begins(found), found.condensed
        begun = End(expected, seal.decode(), found.segment - 1) if count == 0 and found else None
        seal = sha256(seal + body).hexdigest().encode()
        record = found if line[len(body) :] == _SEAL + seal + b'"}\n' else None
        problem = "" if record else "the hash does not match what is written"
        if record and condensed and not begun:
            expected = max(expected - 1, record.number)  # numbers are left out, and the first repeats the header's
        if record:
            problem = _misplaced(record, expected, begun, after)
        if problem:
            torn = _torn_bytes(line, rest)
            if condensed and torn:
                torn, problem = None, "not written to its end"
            if torn != 0:
                place = f"line {count + 1}: record {expected if count or after is None else first}"
                yield None, _told(place, problem, line, torn), torn or 0
            return
        assert record is not None
        expected, count = expected + 1, count + 1
        yield record, "", len(line)
    if condensed and count != condensed.records + 1:
        yield None, f"line {count + 1}: {condensed.records + 1 - count} records are missing at the end", 0


def _begins(header: Record) -> tuple[int, bytes]:
    """Number and previous seal by the header's own word; its hash says whether that is true."""
    after = header.data.get("after")
    if header.kind != HEADER or not isinstance(after, str):
        return 0, GENESIS
    return header.number, after.encode()


def _misplaced(record: Record, expected: int, begun: End | None, after: End | None) -> str:
    """Why a sound ``record`` does not belong where it stands; ``begun`` is where the file that it heads begins."""
    if record.number != expected or (record.kind == HEADER) != (begun is not None):
        return "the record is not the one that belongs here"
    if begun is None:
        return ""
    if after is not None and begun.segment > after.segment:
        return f"file {after.segment + 1} of the journal is missing before it"
    if after is not None and begun != after:
        return "the file does not go on where the one before it ended"
    return _foreign(record.data.get("version"))


def _foreign(version: Any) -> str:
    if isinstance(version, int) and version > VERSION:
        return f"format version {version}, this PerpBot reads {VERSION}: use the newer PerpBot"
    if not isinstance(version, int) or any(step not in STEPS for step in range(version, VERSION)):
        return f"format version {version}, which no PerpBot wrote"
    return ""


def _of_today(record: Record, version: int) -> Record:
    data = record.data
    for each in range(version, VERSION):
        data = STEPS[each](record.kind, data)
    return Record(record.number, record.time_ns, record.kind, data, record.seal)


def _told(place: str, problem: str, line: bytes, torn: int | None) -> str:
    if torn is None:
        return f"{place}: {problem}"
    half_a_header = place == _FIRST and torn < _LONGEST_HEADER and _begun_alike(line[:torn])
    return TORN_HEADER if half_a_header else f"{place}: not written to its end"


def _begun_alike(line: bytes) -> bool:
    """Whether ``line`` begins as a new journal's header does, and is not somebody's text."""
    return line.startswith(_BEGINS) or _BEGINS.startswith(line)


def _torn_bytes(line: bytes, rest: Iterator[bytes]) -> int | None:
    """How long the tail is that begins with ``line``: 0 if it is reserved space, ``None`` if it was written whole.

    No line holds a NUL, so one that does was never written to its end: a power cut loses blocks, not only the end. With
    more behind it than a power cut can tear it is damage: what follows is not cut off.
    """
    if line.endswith(b"\n") and b"\0" not in line:
        return None
    size = end = 0
    for part in (line, *rest):
        if part.strip(b"\0"):
            end = size + len(part.rstrip(b"\0"))
        if end > _LONGEST_TORN:
            return None
        size += len(part)
    return end


def _record(line: bytes) -> Record | None:
    try:
        found = _decode_line(line)
    except ValueError:  # no JSON, not even text, or other fields
        return None
    return Record(found.n, found.t, found.k, found.d, found.h)
