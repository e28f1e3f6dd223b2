"""A log file that never outgrows its budget and never stops who writes to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

MEGABYTE = 1_000_000
PARTS = 5
"""The budget is that of so many files: the one being written, and ``<name>.1`` (newest) to ``<name>.4``."""


class LogFile:
    """Appends lines to a file for its owner only (0600), and begins a new one when a part of the budget is used up.

    A line that cannot be written (a full disk, a folder that is gone) is lost and counted in `lost`; the first of a
    row is told to ``complain``, and the line that gets through again says how many: see `untold`. A file that someone
    moved away or deleted is made anew.
    """

    def __init__(self, path: Path, budget_bytes: int, complain: Callable[[str], None] | None = None) -> None:
        self.path = path
        self.lost = 0
        self.untold = 0
        """Lines lost since the last that could be written."""
        self._part_bytes = budget_bytes // PARTS
        self._complain = complain or _to_standard_error
        self._torn = False
        self._fd = -1

    def write(self, text: str) -> int:
        """Append one whole line."""
        line = text.encode("utf-8", "backslashreplace")
        try:
            self._append(line)
        except OSError as error:
            self._lose(f"{type(error).__name__}: {error.strerror}")
        else:
            self.untold = 0
        return len(text)

    def flush(self) -> None:
        """Every line has reached the system when `write` returns."""

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        """Let go of the file; the next line opens it again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def _append(self, line: bytes) -> None:
        if len(line) >= self._part_bytes:
            raise OSError(0, f"a line of {len(line)} bytes is beyond the budget of the logs")
        if not self._in_place():
            self._open()
        if os.fstat(self._fd).st_size + len(line) + 1 > self._part_bytes:
            self._begin_anew()
        if self._torn:  # half a line stands there, of a full disk or a power cut
            line = b"\n" + line
        written = os.write(self._fd, line)
        self._torn = written < len(line)
        if self._torn:
            raise OSError(0, "the write was cut short")

    def _in_place(self) -> bool:
        """Whether what is open still is the file at the path."""
        if self._fd < 0:
            return False
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(self._fd))

    def _open(self) -> None:
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchmod(self._fd, 0o600)
        size = os.fstat(self._fd).st_size
        self._torn = size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"
        self._remove_oldest()

    def _begin_anew(self) -> None:
        """Put the file aside as ``.1``, those before it one further, and the last away."""
        for number in range(PARTS - 1, 0, -1):
            younger = self._part(number - 1)
            if younger.exists():
                younger.replace(self._part(number))
        self._open()

    def _remove_oldest(self) -> None:
        """Keep what the budget allows beside the file being written: it may be less than last time."""
        left = self._part_bytes * (PARTS - 1)
        for number in range(1, PARTS):
            part = self._part(number)
            left -= part.stat().st_size if part.exists() else 0
            if left < 0:
                part.unlink(missing_ok=True)

    def _part(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}") if number else self.path

    def _lose(self, reason: str) -> None:
        self.lost += 1
        self.untold += 1
        if self.untold == 1:
            self._complain(f"log lines are lost: {self.path}: {reason}; trading goes on")


def _to_standard_error(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(f"perpbot: {text}\n")
