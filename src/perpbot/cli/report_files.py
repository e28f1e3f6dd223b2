"""The files that ``perpbot report`` writes: a page, a picture. Whole or not at all, and for their owner only."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from perpbot.core.errors import InputError


def check(path: Path, begin: bytes, option: str) -> None:
    """Refuse a place that a report cannot be written to, before it is made.

    A file that does not begin with ``begin`` is no earlier report, and is not overwritten.
    """
    if not path.parent.is_dir():
        raise InputError(f"{option} {path}: there is no folder {path.parent}; make it, or name another file")
    if path.is_dir():
        raise InputError(f"{option} {path} is a folder; name a file in it")
    if path.exists() and not _begins(path, begin):
        raise InputError(f"{option} {path} is no report and is not overwritten; name another file")


def write(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``, in place of what was there, readable by its owner only."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        opened = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(opened, "wb") as file:
            file.write(content)
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def _begins(path: Path, begin: bytes) -> bool:
    with path.open("rb") as file:
        first = file.read(len(begin))
    return not first or first == begin
