"""Where a running bot listens, and whether a process has its store: what a program beside it has to know."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

LONGEST_LINE = 65_536
"""Bytes of one request to a bot."""
_LONGEST_PATH = 100
"""Bytes; the system takes 108, some take 104."""


def socket_path(database: Path) -> Path:
    """Where the bot that writes ``database`` listens: beside it, or where that name is too long for a socket, under a
    short one in the user's own temporary folder."""
    beside = database.absolute().with_name(database.name + ".sock")
    if len(os.fsencode(beside)) <= _LONGEST_PATH:
        return beside
    folder = Path(tempfile.gettempdir()) / f"perpbot-{os.getuid()}"
    return folder / f"{sha256(os.fsencode(beside)).hexdigest()[:24]}.sock"


def lock_path(database: Path) -> Path:
    """The file that a process holds locked while it uses the store; its process id is in it."""
    return database.with_name(database.name + ".lock")


def latch_path(database: Path) -> Path:
    """The kill switch of the bot that writes ``database``."""
    return database.with_name(database.name + ".latch")


def holder(database: Path) -> int | None:
    """The id of the process that has the store of ``database``, ``None`` if no process has.

    Raises :class:`OSError` for a store that may not be looked at: whether somebody has it is not known then.
    """
    path = lock_path(database)
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        pid = int(os.pread(opened, 20, 0) or b"0")
        return pid if _alive(pid) and _locked(opened) else None
    except ValueError:
        return None
    finally:
        os.close(opened)


def _alive(pid: int) -> bool:
    """Asked first: to try the lock would get in the way of a bot that starts at that moment."""
    if pid <= 0:
        return False
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True


def _locked(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False
