"""The database file: who may read it, whose it is, and how it is made and upgraded."""

import sqlite3
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import OperationalError

from perpbot.core.errors import InputError
from perpbot.core.events import RunStarted
from perpbot.records import tables
from perpbot.records.database import Database, mode_of, refuse_foreign, remove_run
from perpbot.records.journal import FileJournal
from perpbot.records.migrations import runner
from perpbot.records.queries import document, save_document
from tests.unit.records.scenes import StepClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "demo.db"


def journal_of(path: Path, mode: str) -> Path:
    journal = FileJournal(path, StepClock())
    journal.append(RunStarted(mode, "e", "0.1.0"))
    journal.close()
    return path


def test_a_new_database_is_its_owners_alone_and_in_wal_mode(path: Path) -> None:
    """State files have mode 0600, what SQLite puts beside them too."""
    database = Database.create(path, "demo")
    with database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
        beside = sorted(file.name for file in path.parent.iterdir())
        assert beside == ["demo.db", "demo.db-shm", "demo.db-wal"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    database.close()


def test_migrations_make_exactly_the_tables_the_program_uses(path: Path) -> None:
    """A changed table without a migration, or the other way round, is a difference here."""
    database = Database.create(path, "demo")
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []
        made = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
    database.close()
    exact = {name for name, sql in made for line in sql.splitlines() if "COLLATE decimal" in line}
    expected = {
        table.name
        for table in tables.metadata.tables.values()
        if any(getattr(column.type, "collation", None) or "Exact" in repr(column.type) for column in table.columns)
    }
    assert exact == expected != set()


def test_an_existing_file_is_never_made_anew(path: Path) -> None:
    """Create is for what is not there."""
    Database.create(path, "demo").close()
    with pytest.raises(InputError, match="exists already: name another"):
        Database.create(path, "demo")


def test_a_creation_that_was_killed_is_no_database_and_does_not_stop_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P1: at its place stands a whole database or none; a log that was left beside it never reaches the new one."""

    def kill(_: Database) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(Database, "upgrade", kill)
        with pytest.raises(KeyboardInterrupt):
            Database.create(path, "demo")
    assert not path.exists()
    path.with_name("demo.db-wal").write_bytes(b"left by another")
    path.with_name("demo.db.new-journal").write_bytes(b"left by the killed")
    database = Database.create(path, "demo")
    assert database.mode == "demo"
    database.close()
    assert [file.name for file in path.parent.iterdir()] == ["demo.db"]


def test_opening_makes_what_is_not_there_and_opens_what_is(path: Path) -> None:
    """The same call at every start."""
    first = Database.open(path, "paper")
    save_document(first, "capital", 1, {"total": 1})
    first.close()
    again = Database.open(path, "paper")
    assert document(again, "capital") == {"total": 1}
    again.close()


def test_the_database_of_another_mode_is_refused(path: Path) -> None:
    """DESIGN §10: each mode has its own; paper never counts as live."""
    Database.create(path, "paper").close()
    with pytest.raises(InputError, match="is the database of mode paper, not live"):
        Database.open(path, "live")


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to be taken for one" * 40])
def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """One line, and no table in somebody's file."""
    path = tmp_path / "db"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not a PerpBot database: name another"):
        Database.open(path, "demo")
    with pytest.raises(InputError, match="is not a PerpBot database: name another"):
        Database.read(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"damaged" * 999], ids=["empty", "damaged"])
def test_a_damaged_database_with_its_journal_can_be_made_anew(tmp_path: Path, content: bytes) -> None:
    """Nothing is lost that the journal holds, and the line says how to get it back."""
    path = tmp_path / "demo.db"
    journal = FileJournal(path.with_name("demo.db.journal"), StepClock())
    journal.append(RunStarted("demo", "e1", "0"))
    journal.close()
    path.write_bytes(content)
    way = "is damaged: move it away, and the next start fills a new one from the journal beside it"
    with pytest.raises(InputError, match=way):
        Database.read(path)
    with pytest.raises(InputError, match=way):
        refuse_foreign(path, "demo", journal.path)
    with pytest.raises(InputError, match="was not made by a live and is not overwritten"):
        refuse_foreign(path, "live", journal.path)


def test_what_the_system_refuses_is_not_taken_for_a_damaged_file(tmp_path: Path) -> None:
    """A folder that cannot be written has no room for the files that SQLite needs beside a database."""
    path = tmp_path / "demo.db"
    path.mkdir()
    with pytest.raises(InputError, match=r"demo.db: unable to open database file; file and folder must be yours"):
        Database.read(path)


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """Being SQLite is not enough."""
    other = sqlite3.connect(tmp_path / "db")
    other.execute("CREATE TABLE meta (key, value)")
    other.commit()
    other.close()
    with pytest.raises(InputError, match="is not a PerpBot database"):
        Database.open(tmp_path / "db", "demo")


def test_what_is_not_there_cannot_be_read(path: Path) -> None:
    """Reports make no files."""
    with pytest.raises(InputError, match="no such database"):
        Database.read(path)
    assert not path.parent.exists()


def test_reports_cannot_change_anything(path: Path) -> None:
    """They may look at the database of a bot that is running."""
    Database.create(path, "demo").close()
    reader = Database.read(path)
    assert reader.mode == "demo"
    with pytest.raises(OperationalError, match="readonly"):
        save_document(reader, "capital", 1, {})
    reader.close()


def test_reports_see_what_was_written_while_they_were_open(path: Path) -> None:
    """WAL: the writer is never blocked by them, nor they by it."""
    writer = Database.create(path, "demo")
    reader = Database.read(path)
    save_document(writer, "capital", 1, {"used": "1.5"})
    with reader.reading() as connection, writer.writing() as busy:
        assert connection.exec_driver_sql("SELECT count(*) FROM documents").scalar() == 1
        busy.execute(tables.documents.delete())
        assert connection.exec_driver_sql("SELECT count(*) FROM documents").scalar() == 1
    assert document(reader, "capital") is None
    reader.close()
    writer.close()


def test_an_error_in_a_transaction_leaves_nothing_of_it(path: Path) -> None:
    """All or nothing, table changes included."""
    database = Database.create(path, "demo")

    def half() -> None:
        with database.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE half (id)")
            connection.execute(tables.meta.insert(), [{"key": "k", "value": "v"}])
            raise KeyError("half way")

    with pytest.raises(KeyError):
        half()
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = 'half'").scalar() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM meta WHERE key = 'k'").scalar() == 0
    database.close()


def test_tables_of_a_newer_version_are_refused(path: Path) -> None:
    """DESIGN §10: a downgrade is refused."""
    Database.create(path, "demo").close()
    newer = sqlite3.connect(path)
    newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.commit()
    newer.close()
    with pytest.raises(InputError, match=r"made by a newer PerpBot \(tables 9999\)"):
        Database.open(path, "demo")
    with pytest.raises(InputError, match=r"made by a newer PerpBot \(tables 9999\)"):
        Database.read(path)


def test_an_upgrade_backs_up_first_and_reports_ask_for_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN §10. The step to come is stood in for."""
    Database.create(path, "demo").close()
    monkeypatch.setattr(runner, "newest", lambda: "0003")
    monkeypatch.setattr(runner, "upgrade", lambda connection: connection.exec_driver_sql("CREATE TABLE later (id)"))
    with pytest.raises(InputError, match="made by an older PerpBot: start it once"):
        Database.read(path)
    Database.open(path, "demo").close()
    backup = path.with_name("demo.db.before-0003")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    for file, tables_found in ((path, 1), (backup, 0)):
        opened = sqlite3.connect(file)
        assert opened.execute("SELECT count(*) FROM sqlite_master WHERE name = 'later'").fetchone() == (tables_found,)
        opened.close()


class TestReplays:
    def test_a_replay_makes_room_for_the_next(self, path: Path) -> None:
        """Its database with all that SQLite put beside it, and its journal."""
        kept_open = Database.create(path, "replay")
        journal = journal_of(path.with_suffix(".journal"), "replay")
        assert mode_of(path) == "replay"
        remove_run(path, "replay", journal)
        assert list(path.parent.iterdir()) == []
        kept_open.close()

    def test_nothing_to_remove_is_fine(self, path: Path) -> None:
        """The first replay."""
        remove_run(path, "replay", path.with_suffix(".journal"))

    @pytest.mark.parametrize("what", ["demo", "text"])
    def test_a_file_no_replay_made_is_never_removed(self, path: Path, what: str) -> None:
        """CONTRACTS §2: whatever --db says."""
        if what == "demo":
            Database.create(path, "demo").close()
        else:
            path.parent.mkdir()
            path.write_text("my thesis")
        before = path.read_bytes()
        with pytest.raises(InputError, match="was not made by a replay and is not overwritten"):
            remove_run(path, "replay")
        assert path.read_bytes() == before

    def test_what_a_run_left_that_was_killed_at_once_is_removed(self, path: Path) -> None:
        """A journal without a run, or not even a header, holds nothing to keep."""
        path.parent.mkdir()
        for content in (b"", bytes(4096)):
            journal = path.with_suffix(".journal")
            journal.write_bytes(content)
            remove_run(path, "demo", journal)
            assert not journal.exists()

    @pytest.mark.parametrize("what", ["demo", "text"])
    def test_nor_is_a_journal_no_replay_wrote(self, path: Path, what: str) -> None:
        """And the database stays beside it."""
        Database.create(path, "replay").close()
        journal = path.with_suffix(".journal")
        if what == "demo":
            journal_of(journal, "demo")
        else:
            journal.write_text("my thesis")
        with pytest.raises(InputError, match=r"demo\.journal was not made by a replay"):
            remove_run(path, "replay", journal)
        assert journal.exists()
        assert path.exists()
