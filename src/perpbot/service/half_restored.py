"""A note beside a database while its files give way to those of an archive: who finds it is told how to end that."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from perpbot.core.errors import InputError


def note_path(database: Path) -> Path:
    """The note; what it holds is the command that ends the restore."""
    return database.with_name(f"{database.name}.restoring")


@contextmanager
def noted(database: Path, archive: Path, *, with_exchange: bool) -> Iterator[None]:
    """Have the note there until all is done. If anything fails it stays: some files are the old ones, some the new."""
    from perpbot.records.segments import flush_folder  # noqa: PLC0415 - those who only look for the note start fast

    words = ["perpbot", "restore", str(archive.absolute()), "--db", str(database.absolute())]
    command = shlex.join([*words, *(["--with-exchange"] if with_exchange else [])])
    note = note_path(database)
    with os.fdopen(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(command)
        file.flush()
        os.fsync(file.fileno())
    flush_folder(database.parent)
    yield
    flush_folder(database.parent)
    note.unlink()
    flush_folder(database.parent)


def refuse_half_restored(database: Path) -> None:
    """Raises :class:`InputError` if a restore of ``database`` did not come to its end."""
    with suppress(FileNotFoundError):
        command = note_path(database).read_text() or "perpbot restore"
        raise InputError(
            f"{database}: a restore was killed before all files were in their place; run `{command}` again"
        )
