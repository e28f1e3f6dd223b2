"""One process at a time trades an exchange account, whatever state folder it keeps its memory in.

A lock file an account stands in a folder that all of a user's state folders share. The system lets go of it with the
process, so one that a killed process left is no obstacle.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from perpbot.core.errors import InputError
from perpbot.exchanges.base import ExchangeBase

_LONGEST = 4096


class AccountLocks:
    """The accounts this process holds; ``state_folder`` is what another process is told of this one."""

    def __init__(self, environ: Mapping[str, str], state_folder: Path | None = None) -> None:
        self._environ = environ
        self._state_folder = state_folder
        self._held: list[int] = []

    def take(self, exchange: ExchangeBase) -> None:
        """Hold the account that ``exchange`` trades on, until :meth:`release` or the end of the process.

        Nothing is to hold where it states none, or may not trade. Raises :class:`InputError` if another process has it,
        or if there is no folder for the lock.
        """
        account = exchange.account_id
        if account is None or not exchange.capabilities.trading:
            return
        opened = _open(self._environ, type(exchange).__qualname__, account)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            told = os.pread(opened, _LONGEST, 0).decode("utf-8", "replace")
            os.close(opened)
            raise InputError(_refusal(exchange.name, account, told)) from None
        os.ftruncate(opened, 0)
        os.pwrite(opened, f"{os.getpid()}\n{self._state_folder or ''}\n".encode(), 0)
        self._held.append(opened)

    def release(self) -> None:
        """Let go of all. Twice is fine."""
        while self._held:
            os.close(self._held.pop())


def shortened(account: str) -> str:
    """Enough of an account's id to know it again, and no more."""
    return f"{account[:4]}…{account[-2:]}" if len(account) > 8 else f"{account[:1]}…"


def _refusal(exchange: str, account: str, told: str) -> str:
    pid, _, folder = told.strip().partition("\n")
    who = f"process {pid}" if pid.isdigit() else "another process"
    where = f" (state folder {folder})" if folder else ""
    return f"account {shortened(account)} on {exchange} is traded by {who}{where}: stop that one first"


def _open(environ: Mapping[str, str], kind: str, account: str) -> int:
    """The lock file of one account, open; its name is a hash, so that it does not show the account."""
    name = sha256(f"{kind}\n{account}".encode()).hexdigest()[:40] + ".lock"
    why = ""
    for folder in _folders(environ):
        try:
            _make(folder)
            return os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            why = f"{folder}: {error.strerror}"
    raise InputError(f"{why}; the account's lock needs a folder that can be written: set XDG_STATE_HOME")


def _folders(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where locks may stand, the best first: the same for all of a user's processes."""
    stated = environ.get("XDG_STATE_HOME")
    if stated and Path(stated).is_absolute():
        yield Path(stated) / "perpbot" / "locks"
    else:
        with suppress(RuntimeError):  # a user without a home
            yield Path.home() / ".local" / "state" / "perpbot" / "locks"
    yield Path(tempfile.gettempdir()) / f"perpbot-{os.getuid()}" / "locks"


def _make(folder: Path) -> None:
    """Make the folder for its owner only. Raises ``OSError`` where it is somebody else's."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(1, "it is not this user's folder")
    folder.chmod(0o700)
