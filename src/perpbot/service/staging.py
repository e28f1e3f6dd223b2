"""Where files are made before they move to their place: a folder beside it, for its owner only."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

_PREFIX = ".perpbot-"


@contextmanager
def folder_in(parent: Path) -> Iterator[Path]:
    """A folder in ``parent`` that is removed again with what is left in it; those of processes that were killed go,
    too."""
    folder, held = _begun(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(held)


def _begun(parent: Path) -> tuple[Path, int]:
    """A new folder, locked. While that happens nobody else looks for those that no process holds."""
    alone = os.open(parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(alone, fcntl.LOCK_EX)
        for left in parent.glob(f"{_PREFIX}*"):
            _remove_unheld(left)
        folder = Path(mkdtemp(prefix=_PREFIX, dir=parent))
        held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(held, fcntl.LOCK_SH)  # shared with those who read a journal that is made in it
        return folder, held
    finally:
        os.close(alone)


def _remove_unheld(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    except BlockingIOError:
        return
    finally:
        os.close(opened)
