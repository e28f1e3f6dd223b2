"""The database file: SQLite in WAL mode, made and upgraded by migrations, one for each mode."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from perpbot import __version__
from perpbot.core.errors import InputError
from perpbot.records import decimals, segments, tables
from perpbot.records.chain import EMPTY, TORN_HEADER
from perpbot.records.journal import run_mode, verify

_BUSY_SECONDS = 5.0
_IMPATIENT_SECONDS = 0.05
_REFUSED_BY_SYSTEM = {sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
_DAMAGED = "is damaged: move it away, and the next start fills a new one from the journal beside it"
_COMPANIONS = ("", "-wal", "-shm", "-journal")


class Database:
    """An open database. Make one with :meth:`create`, :meth:`open` or :meth:`read`."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self._engine = engine
        self._patience_seconds = _BUSY_SECONDS

    @classmethod
    def create(cls, path: Path, mode: str) -> Database:
        """A new database of ``mode``, file mode 0600. Raises :class:`InputError` if there is a file already.

        It is made beside its place and moved there when it is whole: who is killed meanwhile leaves nothing that looks
        like a database and is none.
        """
        if os.path.lexists(path):
            raise InputError(f"{path} exists already: name another file with --db")
        unfinished = path.with_name(f"{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for stale in (*_files(path), *_files(unfinished)):
                stale.unlink(missing_ok=True)
            os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; name another file with --db") from None
        with _opened(unfinished, _engine(unfinished, wal=False)) as database:  # without a log all is in the file itself
            database.upgrade()
            with database.writing() as connection:
                values = [{"key": "mode", "value": mode}, {"key": "version", "value": __version__}]
                connection.execute(tables.meta.insert(), values)
        database.close()
        with closing(sqlite3.connect(unfinished)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        unfinished.rename(path)
        return cls(path, _engine(path))

    @classmethod
    def open(cls, path: Path, mode: str) -> Database:
        """The database of ``mode`` at ``path``, made if there is none, upgraded (after a backup) if it is old.

        Raises :class:`InputError` if it belongs to another mode, is of a newer version, or is no database of ours.
        """
        if not path.exists():
            return cls.create(path, mode)
        found = _require_mode(path)
        if found != mode:
            raise InputError(f"{path} is the database of mode {found}, not {mode}: name another with --db")
        with _opened(path, _engine(path)) as database:
            database.upgrade()
        return database

    @classmethod
    def read(cls, path: Path) -> Database:
        """The database at ``path`` for reports: nothing in it can be changed through this."""
        if not path.exists():
            raise InputError(f"{path}: no such database; name one with --db")
        _require_mode(path)
        with _opened(path, _engine(path, read_only=True)) as database:
            if database.upgrade_needed():
                raise InputError(f"{path} was made by an older PerpBot: start it once to upgrade the database")
        return database

    @property
    def mode(self) -> str:
        """What the database was made for: demo, paper, live or replay."""
        return _require_mode(self.path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in one transaction: all of it is kept, or on an error nothing."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {self._patience_seconds * 1000:.0f}")
            yield connection

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """Writes inside hardly wait for another process that holds the database: trading would wait with them."""
        self._patience_seconds = _IMPATIENT_SECONDS
        try:
            yield
        finally:
            self._patience_seconds = _BUSY_SECONDS

    def upgrade_needed(self) -> bool:
        """Whether the tables are older than this PerpBot. Raises :class:`InputError` if they are newer."""
        from perpbot.records.migrations import runner  # noqa: PLC0415 - alembic is slow to import, and reports do without

        with self.reading() as connection:
            current = runner.current(connection)
        if current is not None and current not in runner.revisions():
            raise InputError(f"{self.path} was made by a newer PerpBot (tables {current}): use that one")
        return current != runner.newest()

    def upgrade(self) -> None:
        """Bring the tables to this version, after copying an existing database to ``<name>.before-<revision>``."""
        from perpbot.records.migrations import runner  # noqa: PLC0415 - as above

        if not self.upgrade_needed():
            return
        with self.reading() as connection:
            current = runner.current(connection)
        if current is not None:
            self._back_up(self.path.with_name(f"{self.path.name}.before-{runner.newest()}"))
        with self.writing() as connection:
            runner.upgrade(connection)

    def _back_up(self, target: Path) -> None:
        """Copy the database before it is changed. Raises :class:`InputError` if that cannot be: nothing is then."""
        try:
            backup(self.path, target)
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"{target}: {reason}; {self.path} is upgraded once it can be backed up there: make room"
            ) from None

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()


def mode_of(path: Path) -> str | None:
    """The mode of the database at ``path``, ``None`` if it is none of ours; the file stays as it is.

    Raises :class:`InputError` if the system does not let us look.
    """
    engine = _engine(path, read_only=True)
    try:
        with engine.connect() as connection:
            mode: str | None = connection.scalar(select(tables.meta.c.value).where(tables.meta.c.key == "mode"))
            return mode
    except DatabaseError as error:
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _REFUSED_BY_SYSTEM:
            raise InputError(f"{path}: {error.orig}; file and folder must be yours to read and write") from None
        return None
    finally:
        engine.dispose()


def refuse_newer(path: Path) -> None:
    """Raise :class:`InputError` if the tables at ``path`` are of a newer PerpBot; the file stays as it is."""
    with _opened(path, _engine(path, read_only=True)) as opened:
        opened.upgrade_needed()
    opened.close()


def journals_of(path: Path) -> frozenset[str]:
    """Identities of the journals that the database at ``path`` was filled from; the file stays as it is."""
    engine = _engine(path, read_only=True)
    try:
        with engine.connect() as connection:
            return frozenset(connection.scalars(select(tables.journals.c.journal)))
    finally:
        engine.dispose()


def refuse_foreign(path: Path, mode: str, journal: Path | None = None) -> None:
    """Raise :class:`InputError` if a database at ``path`` or a ``journal`` is there that no run of ``mode`` made."""
    if os.path.lexists(path) and (found := mode_of(path)) != mode:
        if found is None and _beside(path) == mode:
            raise InputError(f"{path} {_DAMAGED}")
        raise InputError(f"{path} was not made by a {mode} and is not overwritten: name another file with --db")
    if journal is not None and os.path.lexists(journal) and not _journal_of(journal, mode):
        raise InputError(f"{journal} was not made by a {mode} and is not overwritten: name another file with --db")


def remove_run(path: Path, mode: str, journal: Path | None = None) -> None:
    """Make room for a new run of ``mode``: remove the database at ``path`` and the ``journal`` of the one before.

    Raises :class:`InputError`, and removes nothing, if one of them is there and no run of ``mode`` made it.
    """
    refuse_foreign(path, mode, journal)
    for file in _files(path):
        file.unlink(missing_ok=True)
    if journal is not None:
        for file in segments.files(journal):
            file.unlink(missing_ok=True)


def _files(path: Path) -> list[Path]:
    """A database file and what SQLite keeps beside it."""
    return [path.with_name(path.name + companion) for companion in _COMPANIONS]


def _journal_of(path: Path, mode: str) -> bool:
    """Whether it is a journal of ``mode``, or one that was begun and holds no run yet.

    Raises :class:`InputError` for one that a newer PerpBot wrote, or of which a file is missing.
    """
    try:
        found = run_mode(path)
    except InputError:
        checked = verify(path)
        if checked.newer or checked.records:
            raise
        return checked.reason in {EMPTY, TORN_HEADER}
    return found in {None, mode}


def backup(source: Path, target: Path) -> None:
    """Copy a database in use to ``target``, file mode 0600."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as copy:
        original.backup(copy)


def _require_mode(path: Path) -> str:
    mode = mode_of(path)
    if mode is None and _beside(path):
        raise InputError(f"{path} {_DAMAGED}")
    if mode is None:
        raise InputError(f"{path} is not a PerpBot database: name another file with --db")
    return mode


def _beside(path: Path) -> str | None:
    """The mode of the runs in the journal beside a database, ``None`` if there is none, or nothing in it."""
    journal = path.with_name(path.name + ".journal")
    try:
        return run_mode(journal) if journal.is_file() else None
    except InputError:
        return None


@contextmanager
def _opened(path: Path, engine: Engine) -> Iterator[Database]:
    """The database, closed again if what is done first with it fails."""
    database = Database(path, engine)
    try:
        yield database
    except BaseException:
        database.close()
        raise


def _engine(path: Path, *, read_only: bool = False, wal: bool = True) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=None if not read_only else NullPool)

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # transactions begin where SQLAlchemy says, also around table changes
        decimals.install(connection)
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000:.0f}")
        connection.execute("PRAGMA foreign_keys = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        elif wal:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
