"""The kill switch as a file: anyone may create it, it survives the process, and only an operator removes it."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from perpbot.core.words import one_line

log = structlog.get_logger(__name__)

_LONGEST_REASON = 500


class FileLatch:
    """Set while the file at ``path`` exists, or once :meth:`set` was called; what cannot be looked at counts as set."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = str(path)
        self._set = False

    def is_set(self) -> bool:
        """Looks at the disk each time: another process may just have set it."""
        if self._set:
            return True
        try:
            os.stat(self._name)
        except FileNotFoundError:
            return False
        except OSError:
            log.exception("latch cannot be looked at", path=self._name)
        return True

    def why(self) -> str:
        """What whoever set it wrote into the file, on one line; empty if that was nothing, or cannot be read."""
        try:
            with self.path.open(encoding="utf-8", errors="replace") as file:
                return one_line(file.read(_LONGEST_REASON))
        except OSError:
            return ""

    def set(self, reason: str) -> None:
        """As :meth:`write`, for a run: it holds on a full disk too."""
        self._set = True
        try:
            self.write(reason)
        except OSError:
            log.exception("latch not written", path=self._name)

    def write(self, reason: str) -> None:
        """Create the file with ``reason`` in it, mode 0600; the first reason stands. Raises :class:`OSError`."""
        try:
            opened = os.open(self._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            os.stat(self._name)
            return
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write(reason + "\n")

    def clear(self) -> None:
        """Remove the file; an operator's act."""
        self.path.unlink(missing_ok=True)
        self._set = False
