"""One archive of all that a bot keeps, made while it runs, and how its files come back.

The order of copying matters. The database is filled from the journal, and the journal tells what the exchange was asked
for: so the database is copied first, then the journal, then the paper exchanges' accounts. Each holds at least what the
one before it needs; what is more is what a power cut leaves, and a start settles that with the exchange.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import IO

import msgspec

from perpbot import __version__
from perpbot.core.errors import InputError
from perpbot.records import chain, database, segments
from perpbot.records.journal import identity
from perpbot.records.packing import untouched
from perpbot.service.half_restored import note_path, noted, refuse_half_restored
from perpbot.service.staging import folder_in
from perpbot.service.store import take_lock
from perpbot.simulation.paper.resetting import journal_of, kept

FORMAT = 1
MODES = ("demo", "paper", "live", "replay")
MANIFEST = "manifest.json"
CONFIGURATION = "perpbot.yaml"
DATABASE, JOURNAL, PAPER, MARKET, LATCH = "database", "journal", "paper", "market", "latch"
_EXCHANGE = (".paper", ".market")
"""What stands for an exchange, which does not travel back in time with the bot's memory."""
_LARGEST_MANIFEST = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class File:
    """One file of an archive."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds, and what wrote it. ``records`` are the journal's."""

    format: int
    perpbot: str
    mode: str
    created_ns: int
    journal_format: int
    records: int
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: ``aside`` is the folder with what stood there before, ``None`` if there was nothing."""

    manifest: Manifest
    aside: Path | None
    exchange_kept: bool
    configuration: Path | None


def default_name(mode: str, now_ns: int) -> str:
    """The name of an archive made now."""
    return f"{mode}-{_stamp(now_ns)}.tar.gz"


def back_up(path: Path, target: Path, now_ns: int, configuration: Path | None = None) -> Manifest:
    """Write all that the bot with the database at ``path`` keeps into the archive ``target`` (0600).

    Raises :class:`InputError` if there is no such database, if ``target`` exists, or if a journal is not sound.
    """
    mode = database.mode_of(path) if path.is_file() else None
    if mode is None:
        raise InputError(f"{path}: no database of PerpBot; name one with --db")
    refuse_half_restored(path)
    if os.path.lexists(target):
        raise InputError(f"{target} exists already and is not overwritten; name another file")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with folder_in(target.parent) as staged:
        records = _copy_all(path, staged, configuration)
        files = tuple(_described(each) for each in sorted(staged.iterdir()))
        made = Manifest(FORMAT, __version__, mode, now_ns, chain.VERSION, records, files)
        _write(staged / MANIFEST, msgspec.json.encode(made))
        _pack(staged, [MANIFEST, *(each.name for each in files)], target)
    return made


def mode_in(archive: Path) -> str:
    """The mode of the bot whose files ``archive`` holds."""
    with _reading(archive), tarfile.open(archive, "r:gz") as opened:
        return _manifest(archive, opened).mode


def restore(archive: Path, path: Path, now_ns: int, *, with_exchange: bool = False, home: Path) -> Restored:
    """Put the files of ``archive`` in the place of those of the bot with the database at ``path``, which move into
    ``<path>.before-restore-<UTC time>``.

    Everything is unpacked beside them and checked before anything moves. Paper accounts and their market stay as they
    are where there are some, unless ``with_exchange``; a latch that is set stays set; the configuration in ``home`` is
    never replaced. Raises :class:`InputError` for an archive that is not sound, or while a bot runs, and
    :class:`Refused` while its journal is tidied.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = take_lock(path)
    try:
        with untouched(journal_of(path)), folder_in(path.parent) as staged:
            manifest = _unpack(archive, staged)
            _check(archive, staged, manifest, path)
            keep = not with_exchange and path.with_name(path.name + _EXCHANGE[0]).exists()
            with noted(path, archive, with_exchange=with_exchange):
                aside = _move_aside(path, now_ns, keep_exchange=keep)
                _move_in(staged, path, keep_exchange=keep)
                return Restored(manifest, aside, keep, _configure(staged, home))
    finally:
        os.close(lock)


# making


def _copy_all(path: Path, staged: Path, configuration: Path | None) -> int:
    """Copy the files in the order that the module's text explains; returns how many records the journal has."""
    database.backup(path, staged / DATABASE)
    journal = journal_of(path)
    records = _copy_journal(journal, staged / JOURNAL) if segments.files(journal)[0].exists() else 0
    paper = path.with_name(f"{path.name}.paper")
    if paper.exists():
        _copy_journal(paper, staged / PAPER)
    for source, name in ((".market", MARKET), (".latch", LATCH)):
        with suppress(FileNotFoundError):
            _write(staged / name, path.with_name(path.name + source).read_bytes())
    if configuration is not None and configuration.is_file():
        _write(staged / CONFIGURATION, configuration.read_bytes())
    return records


def _copy_journal(source: Path, target: Path) -> int:
    """Copy all files of a journal that may be written meanwhile, each unpacked, the last up to its last whole record.

    Returns how many records it has. Raises :class:`InputError` if it is not sound.
    """
    for file, lines in segments.all_files(source):
        name = target.name + file.name.removeprefix(source.name).removesuffix(".gz")
        with _made(target.with_name(name)) as copy:
            shutil.copyfileobj(lines, copy)
    newest = segments.verify_file(target)
    if newest.ok or newest.torn_tail_bytes:  # reserved space, or the record that is being written
        os.truncate(target, newest.good_bytes)
    found = segments.verify(target)
    if not found.ok and found.reason != chain.EMPTY:
        raise InputError(f"{source}: {chain.unsound(found.reason)}")
    return found.records


def _described(file: Path) -> File:
    with file.open("rb") as opened:
        return File(file.name, file.stat().st_size, _hash(opened))


def _pack(staged: Path, names: list[str], target: Path) -> None:
    unfinished = staged / "archive"
    with _made(unfinished) as file:
        with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
            for name in names:
                archive.add(staged / name, name, recursive=False, filter=_plain)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(target)
    segments.flush_folder(target.parent)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing of the machine it was made on."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


# unpacking


def _unpack(archive: Path, staged: Path) -> Manifest:
    """Write the files that the manifest names into ``staged``: no others, none larger than it says, no links."""
    with _reading(archive), tarfile.open(archive, "r:gz") as opened:
        manifest = _manifest(archive, opened)
        expected = {each.name: each for each in manifest.files}
        _refuse_too_large(archive, manifest, staged)
        for member in opened:
            if member.name == MANIFEST:
                continue
            file = expected.pop(member.name, None)
            if file is None or not member.isreg() or member.size != file.size or not _known(member.name):
                raise InputError(f"{archive}: {member.name!r} does not belong into a backup; use another archive")
            _take(opened, member, staged / file.name, file, archive)
        if expected:
            raise InputError(f"{archive}: {', '.join(sorted(expected))} is missing in it; use another archive")
    return manifest


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Whatever is wrong with an archive is one line."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{archive}: no such file; name a backup") from None
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"{archive}: is no backup of PerpBot, or damaged ({error}); use another archive") from None


def _manifest(archive: Path, opened: tarfile.TarFile) -> Manifest:
    first = opened.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > _LARGEST_MANIFEST:
        raise InputError(f"{archive}: is no backup of PerpBot; name one that `perpbot backup` made")
    content = opened.extractfile(first)
    assert content is not None
    manifest = msgspec.json.decode(content.read(), type=Manifest)
    if manifest.format > FORMAT or manifest.journal_format > chain.VERSION:
        raise InputError(f"{archive} was made by a newer PerpBot ({manifest.perpbot}): use that one")
    if manifest.mode not in MODES:
        raise InputError(f"{archive}: mode {manifest.mode!r} is none of PerpBot's; use another archive")
    return manifest


def _refuse_too_large(archive: Path, manifest: Manifest, staged: Path) -> None:
    size, free = sum(max(each.size, 0) for each in manifest.files), shutil.disk_usage(staged).free
    if size > free:
        raise InputError(f"{archive}: unpacked it takes {size:,} bytes, {free:,} are free; make room")


def _known(name: str) -> bool:
    """Whether a file of this name is one of ours: no path, and no other file."""
    base, _, number = name.partition(".")
    return name in {DATABASE, JOURNAL, PAPER, MARKET, LATCH, CONFIGURATION} or (
        base in {JOURNAL, PAPER} and re.fullmatch(r"[0-9]{5,}(\.condensed)?", number) is not None
    )


def _take(opened: tarfile.TarFile, member: tarfile.TarInfo, target: Path, file: File, archive: Path) -> None:
    content = opened.extractfile(member)
    assert content is not None
    with _made(target) as out:
        shutil.copyfileobj(content, out)
        out.flush()
        os.fsync(out.fileno())
    if _described(target) != file:
        raise InputError(f"{archive}: {file.name} is not what was backed up; use another archive")


def _check(archive: Path, staged: Path, manifest: Manifest, path: Path) -> None:
    """Whether what was unpacked is sound, of one piece, and may take the place of what stands at ``path``."""
    mode = database.mode_of(staged / DATABASE) if (staged / DATABASE).exists() else None
    if mode != manifest.mode or mode is None:
        raise InputError(f"{archive}: its database is none of mode {manifest.mode}; use another archive")
    if path.exists() and database.mode_of(path) != mode:
        raise InputError(f"{path} was not made by a {mode} and is not replaced: name another file with --db")
    database.refuse_newer(staged / DATABASE)
    for name in (JOURNAL, PAPER):
        if (staged / name).exists():
            found = segments.verify(staged / name)
            if not found.ok and found.reason != chain.EMPTY:
                raise InputError(f"{archive}: its {name} is not sound ({found.reason}); use another archive")
    filled = database.journals_of(staged / DATABASE)
    if filled and ((staged / JOURNAL).exists() is False or identity(staged / JOURNAL) not in filled):
        raise InputError(f"{archive}: its database was filled from another journal; use another archive")


# moving


def _move_aside(path: Path, now_ns: int, *, keep_exchange: bool) -> Path | None:
    left = [path.name + ending for ending in _EXCHANGE] if keep_exchange else []
    left += [f"{path.name}.latch", note_path(path).name]
    gone = [file for file in kept(path) if not file.name.startswith(tuple(left))]
    if not gone:
        return None
    aside = path.with_name(f"{path.name}.before-restore-{_stamp(now_ns)}")
    aside.mkdir(mode=0o700)
    for file in gone:
        file.rename(aside / file.name)
    return aside


def _move_in(staged: Path, path: Path, *, keep_exchange: bool) -> None:
    for file in sorted(staged.iterdir()):
        target = path if file.name == DATABASE else path.with_name(f"{path.name}.{file.name}")
        if file.name == CONFIGURATION or (keep_exchange and target.name.startswith(f"{path.name}.paper")):
            continue
        if file.name == MARKET and keep_exchange:
            continue
        if file.name == LATCH and target.exists():
            continue
        file.rename(target)


def _configure(staged: Path, home: Path) -> Path | None:
    """Where the archive's configuration was put, if it is not the one that is there."""
    if not (staged / CONFIGURATION).exists():
        return None
    content, target = (staged / CONFIGURATION).read_bytes(), home / CONFIGURATION
    if target.exists():
        if target.read_bytes() == content:
            return None
        target = home / f"{CONFIGURATION}.restored"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.unlink(missing_ok=True)
    _write(target, content)
    return target


# files


def _made(file: Path) -> IO[bytes]:
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _write(file: Path, content: bytes) -> None:
    with _made(file) as opened:
        opened.write(content)


def _hash(opened: IO[bytes]) -> str:
    found = sha256()
    while chunk := opened.read(1 << 20):
        found.update(chunk)
    return found.hexdigest()


def _stamp(now_ns: int) -> str:
    return f"{_EPOCH + timedelta(microseconds=now_ns // 1000):%Y%m%dT%H%M%S.%fZ}"


def described(manifest: Manifest) -> dict[str, object]:
    """The manifest for JSON."""
    return asdict(manifest)
