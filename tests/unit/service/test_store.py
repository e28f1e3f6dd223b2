"""A store belongs to one run at a time and never takes the place of what another made."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from perpbot.core.errors import InputError
from perpbot.core.events import GasPaid, RunStarted
from perpbot.records import packing
from perpbot.records.chain import Chain
from perpbot.records.database import Database
from perpbot.service.store import Store
from perpbot.service.system import SystemClock

GAS = GasPaid("paradex", Decimal("0.1"), "0x1", "p1", 7)


def test_a_store_is_taken_from_its_first_moment_to_its_last(tmp_path: Path) -> None:
    """REGRESSIONS 22: of two runs begun together one is told so, even before the other has its journal."""
    path = tmp_path / "demo.db"
    with Store(path, "demo"), pytest.raises(InputError, match=r"demo\.db is in use by process \d+: .*--db"):
        Store(path, "demo")
    Store(path, "demo").__exit__()


@pytest.mark.parametrize("mode", ["demo", "replay"])
def test_a_journal_that_no_run_of_the_mode_wrote_is_kept(tmp_path: Path, mode: str) -> None:
    """Also where the database beside it is gone: it may be all that is left of a live run."""
    journal = tmp_path / "a.db.journal"
    journal.write_text("dear diary\n")
    with pytest.raises(InputError, match=rf"a\.db\.journal was not made by a {mode}"):
        Store(tmp_path / "a.db", mode)
    assert journal.read_text() == "dear diary\n"
    assert list(tmp_path.iterdir()) == [journal]


@pytest.mark.parametrize("content", ["", "my thesis"])
def test_a_file_of_something_else_is_kept_and_nothing_is_put_beside_it(tmp_path: Path, content: str) -> None:
    """Whatever --db says."""
    path = tmp_path / "thesis.txt"
    path.write_text(content)
    with pytest.raises(InputError, match=r"thesis\.txt was not made by a demo"):
        Store(path, "demo")
    assert path.read_text() == content
    assert list(tmp_path.iterdir()) == [path]


def test_the_database_of_another_mode_is_kept(tmp_path: Path) -> None:
    """A demo never stands in for a live run's memory."""
    path = tmp_path / "live.db"
    Database.create(path, "live").close()
    with pytest.raises(InputError, match=r"live\.db was not made by a demo"):
        Store(path, "demo")
    assert path.exists()


def test_the_database_is_let_go_of_although_the_journal_cannot_be_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk ends one run, not the next."""

    def fail() -> None:
        raise OSError("full")

    path = tmp_path / "demo.db"
    store = Store(path, "demo")
    journal = store.open_journal(SystemClock())
    with monkeypatch.context() as full:
        full.setattr(journal, "close", fail)
        with pytest.raises(OSError, match="full"):
            store.__exit__()
    journal.close()
    Store(path, "demo").__exit__()


def test_trading_goes_on_while_another_holds_the_database(tmp_path: Path) -> None:
    """The journal is what trading rests on: what is new waits, and reaches the database when it is free."""
    path = tmp_path / "demo.db"
    with Store(path, "demo") as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        journal = store.open_journal(SystemClock())
        other.execute("BEGIN IMMEDIATE")
        journal.append(GAS)
        store.flush()
        assert other.execute("SELECT count(*) FROM gas").fetchone() == (0,)
        other.execute("ROLLBACK")
        store.flush()
        assert other.execute("SELECT count(*) FROM gas").fetchone() == (1,)


def test_what_cannot_be_written_at_the_end_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that lacks the last trades must not pass for whole."""
    monkeypatch.setattr("perpbot.records.database._BUSY_SECONDS", 0.01)
    path = tmp_path / "demo.db"
    store = Store(path, "demo")
    store.open_journal(SystemClock()).append(GAS)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            store.__exit__()


class TestJournalAndDatabase:
    """They go together: where one is not the other's, nothing begins."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A store in which one thing was journaled."""
        with Store(tmp_path / "demo.db", "demo") as store:
            store.open_journal(SystemClock()).append(RunStarted("demo", "e", "0.1.0"))
        return tmp_path / "demo.db"

    def start(self, path: Path) -> None:
        with Store(path, "demo") as store:
            store.open_journal(SystemClock())

    def test_a_journal_that_is_gone_is_missed_and_none_is_begun(self, path: Path) -> None:
        """What it knew of open orders is needed."""
        path.with_name("demo.db.journal").unlink()
        told = r"demo\.db was filled from another journal .*is gone.*restore both from one backup.*perpbot paper reset"
        with pytest.raises(InputError, match=told):
            self.start(path)
        assert not path.with_name("demo.db.journal").exists()

    def test_the_journal_of_another_store_is_refused(self, path: Path, tmp_path: Path) -> None:
        """Although it is sound in itself."""
        with Store(tmp_path / "other.db", "demo") as other:
            other.open_journal(SystemClock()).append(RunStarted("demo", "f", "0.1.0"))
        (tmp_path / "other.db.journal").replace(path.with_name("demo.db.journal"))
        with pytest.raises(InputError, match=r"demo\.db was filled from another journal .*is another"):
            self.start(path)

    def test_an_older_copy_of_the_journal_is_refused(self, path: Path) -> None:
        """The database has seen more of it."""
        journal = path.with_name("demo.db.journal")
        old = journal.read_bytes()
        with Store(path, "demo") as store:
            store.open_journal(SystemClock()).append(GAS)
        journal.write_bytes(old)
        with pytest.raises(InputError, match="one of them is an older copy; restore both from one backup"):
            self.start(path)

    def test_a_database_that_is_gone_is_filled_anew(self, path: Path) -> None:
        """The journal has it all, also in several files."""
        with Store(path, "demo", journal_mb=1) as store:
            journal = store.open_journal(SystemClock())
            for number in range(700):
                journal.append(GasPaid("paradex", Decimal("0.1"), f"0x{number}", "p1", 7))
                journal.flush()
            packing.compress(store.journal_path)
        assert path.with_name("demo.db.journal.00001.gz").exists()
        path.unlink()
        self.start(path)
        with closing(sqlite3.connect(path)) as opened:
            assert opened.execute("SELECT count(*) FROM gas").fetchone() == (700,)
            assert opened.execute("SELECT count(*) FROM runs").fetchone() == (1,)

    def test_a_journal_over_its_budget_says_so_once_and_keeps_everything(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A restart needs its history: nothing of it is removed."""
        with Store(path, "demo", journal_mb=1) as store:
            monkeypatch.setattr(store, "_journal_bytes", 1000)
            journal = store.open_journal(SystemClock())
            for number in range(40):
                journal.append(GasPaid("paradex", Decimal("0.1"), f"0x{number}", "p1", 7))
                journal.flush()
            assert store.untidy()
            packing.compress(store.journal_path)
            store.check_budget()
            store.check_budget()
            assert not store.untidy()
            assert journal.verify().ok
        assert capsys.readouterr().out.count("storage.journal_mb") == 1

    def test_a_journal_of_a_newer_perpbot_is_refused_in_words(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """P14: not as a file of somebody else."""
        with monkeypatch.context() as newer:
            newer.setattr("perpbot.records.chain.VERSION", 2)
            path.with_name("demo.db.journal").write_bytes(Chain().header(1))
        with pytest.raises(
            InputError, match=r"\.journal: line 1: record 0: format version 2, .*use the newer PerpBot$"
        ):
            self.start(path)

    def test_a_change_in_the_middle_of_the_journal_is_refused_in_words(self, path: Path) -> None:
        """Done when 4: with the line, and what to do."""
        with Store(path, "demo") as store:
            store.open_journal(SystemClock()).append(GAS)
        journal = path.with_name("demo.db.journal")
        journal.write_bytes(journal.read_bytes().replace(b'"epoch":"e"', b'"epoch":"f"'))
        with pytest.raises(InputError, match=r"\.journal: line 2: .*restore a backup .*journal verify$"):
            self.start(path)
