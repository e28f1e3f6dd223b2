"""Begin anew: everything that a store keeps goes into a folder beside it. Nothing is destroyed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from perpbot.core.errors import InputError, Refused
from perpbot.records.database import mode_of
from perpbot.records.packing import tidying_path, untouched

_EXACTLY = ("", "-wal", "-shm", "-journal")
_BEGINNING = (".journal", ".paper", ".market", ".latch", ".restoring")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SetAside:
    """What was moved, by name, and where to; ``folder`` is ``None`` if there was nothing."""

    folder: Path | None
    files: tuple[str, ...]


def kept(path: Path) -> list[Path]:
    """What stands beside the database at ``path`` and belongs to it, itself included: the bot's files alone."""
    exact = {path.name + ending for ending in _EXACTLY}
    begun = tuple(path.name + beginning for beginning in _BEGINNING)
    try:
        beside = sorted(path.parent.iterdir())
    except FileNotFoundError:
        return []
    lock = tidying_path(journal_of(path))
    return [each for each in beside if each.name in exact or (each.name.startswith(begun) and each != lock)]


def journal_of(path: Path) -> Path:
    """The journal that goes with the database at ``path``."""
    return path.with_name(f"{path.name}.journal")


def reset(path: Path, mode: str, now_ns: int) -> SetAside:
    """Move all that the bot of ``mode`` keeps at ``path`` into ``<path>.reset-<UTC time>``.

    Raises :class:`Refused` while a bot runs on it or its journal is tidied, :class:`InputError` if the database is not
    one of ``mode``.
    """
    if not kept(path):
        return SetAside(None, ())
    with _alone(path), untouched(journal_of(path)):
        if path.exists() and mode_of(path) != mode:
            raise InputError(
                f"{path} is no database of mode {mode}: name another file with --db, or its mode with --mode"
            )
        files = kept(path)
        folder = path.with_name(
            f"{path.name}.reset-{_EPOCH + timedelta(microseconds=now_ns // 1000):%Y%m%dT%H%M%S.%fZ}"
        )
        folder.mkdir(mode=0o700)
        for file in files:
            file.rename(folder / file.name)
        return SetAside(folder, tuple(file.name for file in files))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the store's lock: no bot runs on it, and none starts."""
    opened = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(opened, 20, 0).decode("ascii", "replace").strip()
        who = f"process {pid}" if pid.isdigit() else "a running bot"
        raise Refused(f"{path} is in use by {who}: stop it first, then reset") from None
    else:
        yield
    finally:
        os.close(opened)
