"""The journal, on disk and in memory: one suite for both, then what only a file can suffer."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perpbot.core.errors import InputError, Refused, SystemStopped
from perpbot.core.events import Event, RunStarted, RunStopped
from perpbot.records import journal as journals
from perpbot.records.chain import GENESIS, Chain
from perpbot.records.journal import FileJournal, MemoryJournal, read, run_mode, verify
from tests.unit.records.scenes import NOW, StepClock, life

Journal = FileJournal | MemoryJournal
EVENT = RunStarted("demo", "e", "0.1.0")


@pytest.fixture(params=["file", "power", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Journal]]:
    """Opens the journal under test; what was opened is closed."""
    made: list[Journal] = []

    def open_journal(listener: Callable[[int, int, Event], None] | None = None) -> Journal:
        if request.param == "memory":
            made.append(MemoryJournal(StepClock(), listener))
        else:
            durability: journals.Durability = "power" if request.param == "power" else "process"
            made.append(FileJournal(tmp_path / "journal", StepClock(), durability, listener))
        return made[-1]

    yield open_journal
    for journal in made:
        journal.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed journal of a whole run."""
    journal = FileJournal(tmp_path / "journal", StepClock())
    for event in life():
        journal.append(event)
    journal.close()
    return tmp_path / "journal"


class TestEveryJournal:
    def test_gives_back_what_was_appended_numbered_from_one_behind_its_header(
        self, opened: Callable[..., Journal]
    ) -> None:
        """Numbers are contiguous (I27), times the clock's, and events equal to the last digit."""
        journal = opened()
        numbers = [journal.append(event) for event in life()]
        header, *records = journal.records()
        assert numbers == [record.number for record in records] == list(range(1, len(life()) + 1))
        assert [record.event for record in records] == life()
        assert (header.number, header.kind, header.data) == (0, "journal", {"version": 1})
        assert [record.time_ns for record in records] == [NOW + 1000 * (number + 1) for number in numbers]
        assert journal.number == len(life()) + 1

    def test_verifies(self, opened: Callable[..., Journal]) -> None:
        """While it is written as well as afterwards."""
        journal = opened()
        journal.append(EVENT)
        assert (journal.verify().ok, journal.verify().records) == (True, 2)
        journal.append(EVENT)
        assert journal.verify().records == 3

    def test_tells_its_listener_every_record_once_it_is_written(self, opened: Callable[..., Journal]) -> None:
        """The database is filled from what the journal has, never from what it may yet get."""
        heard: list[tuple[int, int, Event, int]] = []

        def listen(number: int, time_ns: int, event: Event) -> None:
            heard.append((number, time_ns, event, journal.verify().records))

        journal = opened(listen)
        journal.append(EVENT)
        assert heard == [(1, NOW + 2000, EVENT, 2)]

    def test_takes_nothing_once_closed_and_may_be_closed_twice(self, opened: Callable[..., Journal]) -> None:
        """A record that cannot be written is an error, so that nothing is sent on its strength."""
        journal = opened()
        journal.close()
        journal.close()
        with pytest.raises(SystemStopped, match="closed"):
            journal.append(EVENT)
        with pytest.raises(SystemStopped, match="closed"):
            journal.flush()

    def test_has_an_identity_and_can_be_flushed(self, opened: Callable[..., Journal]) -> None:
        """The header's hash names the journal, so that a database knows how far it has read which."""
        journal = opened()
        journal.append(EVENT)
        journal.flush()
        assert journal.identity == next(journal.records()).seal != GENESIS.decode()


class TestFile:
    def test_is_only_the_owners_to_read(self, path: Path) -> None:
        """State files have mode 0600."""
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_has_reached_the_operating_system_when_append_returns(self, tmp_path: Path) -> None:
        """Durability process: another process reads it at once, whatever becomes of this one."""
        journal = FileJournal(tmp_path / "j", StepClock())
        journal.append(EVENT)
        assert [record.kind for record in read(tmp_path / "j")] == ["journal", "run_started"]
        journal.close()

    @pytest.mark.parametrize(("durability", "syncs"), [("process", 0), ("power", 1)])
    def test_waits_for_the_disk_only_where_a_power_cut_must_not_lose_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: journals.Durability, syncs: int
    ) -> None:
        """Durability power syncs before append returns; process leaves that to flush."""
        journal = FileJournal(tmp_path / "j", StepClock(), durability)
        synced: list[int] = []
        monkeypatch.setattr(os, "fdatasync", synced.append)
        journal.append(EVENT)
        assert len(synced) == syncs
        journal.flush()
        assert len(synced) == syncs + 1
        journal.close()

    def test_reserves_space_while_open_and_gives_it_back_when_closed(self, tmp_path: Path) -> None:
        """A reader in between sees NULs behind the last line and takes them for what they are."""
        journal = FileJournal(tmp_path / "j", StepClock())
        journal.append(EVENT)
        assert (tmp_path / "j").read_bytes().endswith(b"\0" * 1000)
        found = verify(tmp_path / "j")
        assert (found.ok, found.torn_tail_bytes) == (True, 0)
        journal.close()
        assert (tmp_path / "j").stat().st_size == found.good_bytes

    def test_goes_on_where_it_ended(self, path: Path) -> None:
        """After a restart the chain is one."""
        before = verify(path)
        journal = FileJournal(path, StepClock())
        assert journal.append(EVENT) == before.records
        journal.close()
        assert verify(path).ok
        assert verify(path).records == before.records + 1

    def test_goes_on_after_the_process_died(self, tmp_path: Path) -> None:
        """Crash-only: reserved space behind the last record is no damage."""
        died = FileJournal(tmp_path / "j", StepClock())
        died.append(EVENT)
        os.close(died._fd)
        died._fd = -1
        journal = FileJournal(tmp_path / "j", StepClock())
        assert journal.torn_tail_bytes == 0
        assert journal.append(EVENT) == 2
        journal.close()

    @pytest.mark.parametrize("tail", [b'{"n":24,"t":1,"k":"run_st', b'{"n":24\0\0\0\0,"h":"1"}\n{"n":25,"t"', b"\0\0x"])
    def test_reports_a_torn_tail_cuts_it_off_and_keeps_it_aside(self, path: Path, tail: bytes) -> None:
        """P3: a power cut tears the last write, or loses a block of it; the records before are good."""
        good = verify(path)
        with path.open("ab") as file:
            file.write(tail)
        found = verify(path)
        assert (found.ok, found.records, found.torn_tail_bytes) == (False, good.records, len(tail))
        assert found.reason == f"line {good.records + 1}: record {good.records}: not written to its end"
        journal = FileJournal(path, StepClock())
        assert journal.torn_tail_bytes == len(tail)
        assert journal.append(EVENT) == good.records
        journal.close()
        assert verify(path).ok
        assert path.with_name("journal.torn").read_bytes() == tail + b"\n"

    def test_that_was_changed_in_the_middle_is_named_by_line_and_not_continued(self, path: Path) -> None:
        """P6: damage in the middle is no torn tail; nothing is cut off, nobody goes on as if nothing were."""
        content = path.read_bytes().replace(b'"size":"0.5"', b'"size":"0.6"', 1)
        path.write_bytes(content)
        found = verify(path)
        assert (found.ok, found.first_bad_line, found.records) == (False, 5, 4)
        assert found.reason == "line 5: record 4: the hash does not match what is written"
        with pytest.raises(InputError, match="line 5: record 4: the hash"):
            list(read(path))
        with pytest.raises(InputError, match=r"line 5: .*away to begin anew"):
            FileJournal(path, StepClock())
        assert path.read_bytes() == content

    @pytest.mark.parametrize("how", ["swapped", "dropped", "repeated"])
    def test_that_lacks_swaps_or_repeats_a_record_does_not_verify(self, path: Path, how: str) -> None:
        """I27: each record is sealed over the one before it."""
        lines = path.read_bytes().splitlines(keepends=True)
        changed = {
            "swapped": [*lines[:5], lines[6], lines[5], *lines[7:]],
            "dropped": lines[:5] + lines[6:],
            "repeated": lines[:6] + lines[5:],
        }
        path.write_bytes(b"".join(changed[how]))
        assert verify(path).first_bad_line == (7 if how == "repeated" else 6)

    def test_whose_numbers_skip_does_not_verify_however_well_it_is_sealed(self, tmp_path: Path) -> None:
        """I27: who can seal a line can also leave one out; numbers are contiguous."""
        chain = Chain()
        lines = chain.header(1)
        chain.number = 2
        (tmp_path / "j").write_bytes(lines + chain.line(2, EVENT))
        assert verify(tmp_path / "j").reason == "line 2: record 1: the record is not the one that belongs here"

    @pytest.mark.parametrize("content", [b"", b"\0" * 100])
    def test_that_is_empty_does_not_verify_and_is_started(self, tmp_path: Path, content: bytes) -> None:
        """A crash between making the file and its header leaves nothing worth keeping."""
        (tmp_path / "j").write_bytes(content)
        assert verify(tmp_path / "j").reason == "the journal is empty: it has not even its header"
        journal = FileJournal(tmp_path / "j", StepClock())
        assert journal.append(EVENT) == 1
        journal.close()
        assert verify(tmp_path / "j").ok

    @pytest.mark.parametrize("content", [b"dear diary", b"dear diary\n", b'{"n":0}\n', b"PK\x03\x04\0\0\0\n\0\0x"])
    def test_that_is_no_journal_is_left_as_it_is(self, tmp_path: Path, content: bytes) -> None:
        """Somebody else's file is never cut."""
        (tmp_path / "j").write_bytes(content)
        with pytest.raises(InputError, match="away to begin anew"):
            FileJournal(tmp_path / "j", StepClock())
        assert (tmp_path / "j").read_bytes() == content

    def test_of_a_newer_format_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """P14: a downgrade is refused in words."""
        with monkeypatch.context() as newer:
            newer.setattr("perpbot.records.chain.VERSION", 2)
            FileJournal(tmp_path / "j", StepClock()).close()
        with pytest.raises(InputError, match="format version 2, this PerpBot reads 1"):
            FileJournal(tmp_path / "j", StepClock())

    def test_is_written_by_one_process_at_a_time(self, path: Path) -> None:
        """REGRESSIONS 22: a second instance is told so."""
        journal = FileJournal(path, StepClock())
        with pytest.raises(Refused, match="another process"):
            FileJournal(path, StepClock())
        journal.close()

    def test_that_cannot_be_opened_is_one_clear_line(self, tmp_path: Path) -> None:
        """What, where, and what to do."""
        for attempt in (lambda: verify(tmp_path / "none"), lambda: FileJournal(tmp_path / "no" / "j", StepClock())):
            with pytest.raises(InputError, match="No such file or directory; "):
                attempt()

    def test_knows_the_mode_of_its_runs(self, path: Path, tmp_path: Path) -> None:
        """A file that no replay made is never overwritten by one."""
        assert run_mode(path) == "replay"
        FileJournal(tmp_path / "begun", StepClock()).close()
        assert run_mode(tmp_path / "begun") is None
        (tmp_path / "diary").write_text("dear diary")
        with pytest.raises(InputError, match="diary: not a record of a journal"):
            run_mode(tmp_path / "diary")


class TestDisk:
    """P4 and P5: the journal write fails, so nothing is sent."""

    def failing(self, monkeypatch: pytest.MonkeyPatch, call: str, code: int) -> None:
        def fail(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, call, fail)

    def test_a_write_that_fails_kills_the_journal_for_good(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is on the disk then nobody knows: there is no second try."""
        journal = FileJournal(tmp_path / "j", StepClock())
        with monkeypatch.context() as full:
            self.failing(full, "pwrite", errno.ENOSPC)
            with pytest.raises(SystemStopped, match=r"No space left on device\): nothing may be sent"):
                journal.append(EVENT)
        with pytest.raises(SystemStopped, match="nothing may be sent"):
            journal.append(EVENT)
        journal.close()
        assert verify(tmp_path / "j").records == 1

    def test_a_sync_that_fails_is_not_tried_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """After EIO the kernel may have thrown the pages away: a second sync would lie."""
        journal = FileJournal(tmp_path / "j", StepClock())
        with monkeypatch.context() as broken:
            self.failing(broken, "fdatasync", errno.EIO)
            with pytest.raises(SystemStopped, match="Input/output error"):
                journal.flush()
        with pytest.raises(SystemStopped, match="Input/output error"):
            journal.flush()
        journal.close()

    def test_a_write_cut_short_is_a_failure(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Half a record is none."""
        journal = FileJournal(tmp_path / "j", StepClock())
        whole = os.pwrite
        with monkeypatch.context() as short:
            short.setattr(os, "pwrite", lambda fd, line, offset: whole(fd, line[:10], offset))
            with pytest.raises(SystemStopped, match="No space left"):
                journal.append(EVENT)
        journal.close()

    def test_a_full_disk_leaves_the_reserve_for_what_closing_has_to_write(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It says so in time: openings can stop while closings are still journaled."""
        monkeypatch.setattr(journals, "_CHUNK_BYTES", 8192)
        monkeypatch.setattr(journals, "_RESERVE_BYTES", 4096)
        journal = FileJournal(tmp_path / "j", StepClock())
        self.failing(monkeypatch, "posix_fallocate", errno.ENOSPC)
        written = 0
        while not journal.crowded:
            written += 1
            journal.append(EVENT)
        assert os.fstat(journal._fd).st_size - journal._offset > 3000
        journal.append(RunStopped("the disk is full"))
        journal.close()
        assert verify(tmp_path / "j").records == written + 2


class TestTakingAPlace:
    """A file written anew beside another takes its place."""

    def two(self, folder: Path) -> tuple[FileJournal, FileJournal]:
        old, new = FileJournal(folder / "j", StepClock(), "power"), FileJournal(folder / "j.new", StepClock())
        old.append(EVENT)
        for _ in range(2):
            new.append(EVENT)
        return old, new

    def test_whoever_opens_the_path_finds_the_new_one_and_the_old_takes_no_more(self, tmp_path: Path) -> None:
        """It is written on there, and one process at a time has it."""
        old, new = self.two(tmp_path)
        new.take_place_of(old)
        assert [each.name for each in tmp_path.iterdir()] == ["j"]
        with pytest.raises(SystemStopped, match="was replaced"):
            old.append(EVENT)
        old.close()
        new.append(EVENT)
        with pytest.raises(Refused):
            FileJournal(tmp_path / "j", StepClock())
        new.close()
        assert (tmp_path / "j").stat().st_size == new.size
        assert verify(tmp_path / "j").records == 4

    def test_it_is_kept_as_durably(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each record reaches the disk if each did before."""
        old, new = self.two(tmp_path)
        new.take_place_of(old)
        synced: list[int] = []
        monkeypatch.setattr(os, "fdatasync", synced.append)
        new.append(EVENT)
        assert len(synced) == 1
        monkeypatch.undo()
        new.close()
        old.close()

    def test_a_name_that_does_not_reach_the_disk_ends_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The next record is refused: nobody knows which file a power cut would leave."""

        def fail(_: Path) -> None:
            raise OSError(errno.EIO, "Input/output error")

        old, new = self.two(tmp_path)
        monkeypatch.setattr(journals, "flush_folder", fail)
        new.take_place_of(old)
        with pytest.raises(SystemStopped, match="Input/output error"):
            new.append(EVENT)
        new.close()
        old.close()

    def test_one_who_opened_the_old_file_just_before_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The lock it then gets is on a file that is none any more."""
        old, new = self.two(tmp_path)
        lock = fcntl.flock

        def late(fd: int, how: int) -> None:
            new.take_place_of(old)
            old.close()
            lock(fd, how)

        monkeypatch.setattr(fcntl, "flock", late)
        with pytest.raises(Refused, match="is being written by another process"):
            FileJournal(tmp_path / "j", StepClock())
        monkeypatch.undo()
        new.close()
