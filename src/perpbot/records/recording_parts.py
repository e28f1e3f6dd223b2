"""The files of a recording's part: one a market, compressed, for their owner only."""

from __future__ import annotations

import gzip
import os
from contextlib import suppress
from pathlib import Path


class CompressedFile:
    """A gzip file that never raises while it is written: what does not fit on the disk waits, and `trouble` says why.

    `size` is the most that the file may come to: what was handed over and may still be compressed counts in full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble: str | None = None
        self._written = 0
        self._taken = 0
        self._waiting = bytearray()
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._gzip = gzip.GzipFile("", "wb", fileobj=self, mtime=0)

    @property
    def size(self) -> int:
        return self._written + len(self._waiting) + self._taken

    def put(self, line: bytes) -> None:
        """Add a line."""
        self._taken += len(line)
        self._gzip.write(line)

    def write(self, data: bytes) -> int:
        """Take compressed bytes: what the compressor calls. Until it does, it holds back what it was given."""
        if data:
            self._waiting += data
            self._taken = 0
            self._drain()
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back that could be written."""

    def close(self) -> bool:
        """End the file; whether all of it is on the disk."""
        self._gzip.close()
        self._taken = 0
        self._drain()
        os.close(self._fd)
        return not self._waiting

    def remove(self) -> None:
        """Delete the file; that it cannot be is no further trouble."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _drain(self) -> None:
        try:
            while self._waiting:
                written = os.write(self._fd, self._waiting)
                self._written += written
                del self._waiting[:written]
        except OSError as error:
            self.trouble = error.strerror or type(error).__name__


class Reserve:
    """Space set aside on the disk, given back when it is full so that what is open can be ended in order."""

    def __init__(self, path: Path, size: int) -> None:
        self.size = size
        self._path = path
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, bytes(size))
        finally:
            os.close(fd)

    def give_back(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
