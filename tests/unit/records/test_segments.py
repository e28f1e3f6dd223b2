"""A journal in several files: one chain, of which nothing may be missing, and old formats that are read on."""

import gzip
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from perpbot.core.errors import InputError, SystemStopped
from perpbot.core.events import RunStarted
from perpbot.records import chain, packing, segments
from perpbot.records.database import remove_run
from perpbot.records.journal import FileJournal, identity, read, verify
from tests.unit.records.scenes import StepClock, life

EVENT = RunStarted("replay", "e", "0.1.0")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed journal in four files."""
    journal = FileJournal(tmp_path / "j", StepClock(), segment_bytes=6000)
    for event in life() * 2:
        journal.append(event)
        journal.flush()
    journal.close()
    assert [each.name for each in segments.files(tmp_path / "j")] == ["j.00001", "j.00002", "j.00003", "j.00004", "j"]
    return tmp_path / "j"


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def test_a_full_file_is_finished_and_the_chain_goes_on(path: Path) -> None:
    """All records come back in order, from every file; only their numbers tell where another file begins."""
    records = list(read(path))
    assert [record.event for record in records[1:]] == life() * 2
    found = verify(path)
    assert (found.ok, found.files, found.number) == (True, 5, found.records)
    assert found.records == len(records) + 4
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}


def test_a_restart_goes_on_in_the_file_that_is_written_and_knows_its_journal(path: Path) -> None:
    """The identity is that of the first header, whatever file is looked at."""
    before = verify(path)
    journal = FileJournal(path, StepClock(), segment_bytes=6000)
    assert journal.identity == next(read(path)).seal == identity(path)
    assert journal.append(EVENT) == before.number
    journal.close()
    assert verify(path).ok


def test_finished_files_are_compressed_and_read_alike(path: Path) -> None:
    """For their owner only; what is written is left alone, and a second time there is nothing to do."""
    before = list(read(path))
    assert packing.compress(path) == 4
    assert packing.compress(path) == 0
    assert names(path) == ["j", "j.00001.gz", "j.00002.gz", "j.00003.gz", "j.00004.gz"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    assert list(read(path)) == before
    assert verify(path).ok
    assert packing.size(path) == sum(each.stat().st_size for each in path.parent.iterdir()) - path.stat().st_size


def test_a_kill_while_compressing_loses_nothing(path: Path) -> None:
    """Half a compressed file does not count, and of both forms the plain one does."""
    (path.parent / "j.00001.gz.unfinished").write_bytes(b"half")
    with gzip.open(path.parent / "j.00002.gz", "wb") as packed:
        packed.write((path.parent / "j.00002").read_bytes())
    assert verify(path).ok
    assert packing.compress(path) == 4
    assert names(path) == ["j", "j.00001.gz", "j.00002.gz", "j.00003.gz", "j.00004.gz"]


@pytest.mark.parametrize("lost", ["j.00001", "j.00002", "j.00004", "j"])
def test_a_missing_file_is_named(path: Path, lost: str) -> None:
    """History that a restart needs is not left out in silence."""
    (path.parent / lost).unlink()
    found = verify(path)
    assert not found.ok
    assert found.reason is not None
    last = "line 1: record 37: file 4 of the journal is missing before it"
    told = {"j": "j itself is missing, its earlier files are there", "j.00004": last}
    assert found.reason == told.get(lost, f"its file {lost} is missing")
    with pytest.raises(InputError, match="is missing.*restore a backup"):
        list(read(path))


def test_a_file_of_another_journal_does_not_pass(path: Path, tmp_path: Path) -> None:
    """Each file names the seal of the one before."""
    other = tmp_path / "k"
    journal = FileJournal(other, StepClock(), segment_bytes=6000)
    for event in [EVENT, *life()]:
        journal.append(event)
        journal.flush()
    journal.close()
    (path.parent / "k.00002").replace(path.parent / "j.00002")
    before = segments.verify_file(path.parent / "j.00001").records
    found = verify(path)
    assert (found.first_bad_line, found.file) == (1, str(path.parent / "j.00002"))
    assert found.reason == f"line 1: record {before}: the file does not go on where the one before it ended"


@pytest.mark.parametrize("compressed", [False, True])
def test_a_changed_byte_in_a_finished_file_is_named_with_file_and_line(path: Path, compressed: bool) -> None:
    """However it is stored; nobody reads on behind it."""
    content = (path.parent / "j.00001").read_bytes().replace(b'"size":"0.5"', b'"size":"0.6"', 1)
    (path.parent / "j.00001").write_bytes(content)
    if compressed:
        packing.compress(path)
    found = verify(path)
    assert (found.ok, found.first_bad_line) == (False, 5)
    assert Path(found.file).name.startswith("j.00001")
    with pytest.raises(InputError, match=r"j\.00001(\.gz)?: line 5: record 4: .*changed or damaged"):
        list(read(path))


def test_a_damaged_compressed_file_is_found(path: Path) -> None:
    """Also where it cannot be unpacked."""
    packing.compress(path)
    packed = path.parent / "j.00002.gz"
    packed.write_bytes(packed.read_bytes()[:-40])
    assert "cannot be unpacked" in (verify(path).reason or "")
    with pytest.raises(InputError, match=r"j\.00002\.gz: it cannot be unpacked.*damaged"):
        list(read(path))


def test_the_end_of_a_finished_file_is_never_torn(path: Path) -> None:
    """It was whole when the next one began: what lacks was taken away."""
    (path.parent / "j.00002").write_bytes((path.parent / "j.00002").read_bytes()[:-5])
    found = verify(path)
    assert (found.ok, found.torn_tail_bytes) == (False, 0)
    with pytest.raises(InputError):
        list(read(path))


@pytest.mark.parametrize("killed_at", ["before", "between"])
def test_a_kill_while_a_file_is_put_aside_is_completed_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    """P1: at each moment all records are there, in one chain."""
    journal = FileJournal(tmp_path / "j", StepClock(), segment_bytes=1)
    journal.append(EVENT)
    rename = Path.rename

    def die(source: Path, target: Path) -> Any:
        if killed_at == "between" and source.name == "j":
            return rename(source, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(Path, "rename", die)
        with pytest.raises(KeyboardInterrupt):
            journal.flush()
    os.close(journal._fd)
    assert (tmp_path / "j.next").exists()
    again = FileJournal(tmp_path / "j", StepClock())
    again.append(EVENT)
    again.close()
    assert not (tmp_path / "j.next").exists()
    assert verify(tmp_path / "j").ok
    assert [record.event for record in list(read(tmp_path / "j"))[1:]] == [EVENT, EVENT]


def test_a_disk_without_space_for_the_next_file_lets_this_one_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trading does not end for it."""

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    journal = FileJournal(tmp_path / "j", StepClock(), segment_bytes=1)
    monkeypatch.setattr(segments, "begin_next", fail)
    journal.append(EVENT)
    journal.flush()
    journal.append(EVENT)
    journal.close()
    assert verify(tmp_path / "j").records == 3


def test_a_file_that_cannot_be_put_aside_kills_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what stands where: nothing more is written."""

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    journal = FileJournal(tmp_path / "j", StepClock(), segment_bytes=1)
    journal.append(EVENT)
    monkeypatch.setattr(segments, "put_aside", fail)
    with pytest.raises(SystemStopped, match="nothing may be sent"):
        journal.flush()
    journal.close()


def test_a_replay_removes_all_files_of_the_one_before(path: Path) -> None:
    """Or its records would be taken for those of the next."""
    packing.compress(path)
    remove_run(path.with_suffix(".db"), "replay", path)
    assert names(path) == []


class TestFormats:
    def newer(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As if this were a PerpBot of format 2, which calls an epoch by another name."""

        def step(kind: str, data: chain.Data) -> chain.Data:
            return {**data, "epoch": data["epoch"] + "!"} if kind == EVENT.kind else data

        monkeypatch.setattr(chain, "VERSION", 2)
        monkeypatch.setitem(chain.STEPS, 1, step)

    def test_an_older_one_is_backed_up_read_through_its_step_and_gone_on_with(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """DESIGN §10: what was sealed stays as it was; the next records are of the new format."""
        path = tmp_path / "j"
        old = FileJournal(path, StepClock())
        old.append(EVENT)
        old.close()
        content, name = path.read_bytes(), old.identity
        self.newer(path, monkeypatch)
        journal = FileJournal(path, StepClock())
        journal.append(EVENT)
        journal.close()
        assert journal.identity == name
        assert names(path) == ["j", "j.00001", "j.before-format-2"]
        assert (tmp_path / "j.before-format-2").read_bytes() == (tmp_path / "j.00001").read_bytes() == content
        assert stat.S_IMODE((tmp_path / "j.before-format-2").stat().st_mode) == 0o600
        assert [record.data["epoch"] for record in list(read(path))[1:]] == ["e!", "e"]
        assert verify(path).ok
        FileJournal(path, StepClock()).close()
        assert names(path) == ["j", "j.00001", "j.before-format-2"]

    def test_a_backup_that_cannot_be_written_stops_the_upgrade(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The journal stays as it is."""
        path = tmp_path / "j"
        FileJournal(path, StepClock()).close()
        content = path.read_bytes()
        self.newer(path, monkeypatch)
        (tmp_path / "j.before-format-2").mkdir()
        with pytest.raises(InputError, match=r"before-format-2: .*upgraded once it can be backed up"):
            FileJournal(path, StepClock())
        assert path.read_bytes() == content

    @pytest.mark.parametrize("version", [0, "1"])
    def test_one_that_never_was_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: object
    ) -> None:
        """No step leads here from there."""
        made = chain.Chain()
        with monkeypatch.context() as odd:
            odd.setattr(chain, "VERSION", 0)
            line = made.header(1)
        if version != 0:
            made = chain.Chain()
            line = made._line(1, "journal", b'{"version":"1"}')
        (tmp_path / "j").write_bytes(line)
        with pytest.raises(InputError, match="which no PerpBot wrote"):
            FileJournal(tmp_path / "j", StepClock())


@pytest.mark.parametrize("length", [1, 5, 40, 130])
@pytest.mark.parametrize("reserved", [0, 4096])
def test_a_header_cut_short_is_set_aside_and_the_journal_begun(tmp_path: Path, length: int, reserved: int) -> None:
    """A power cut at creation leaves nothing worth keeping."""
    path = tmp_path / "j"
    torn = chain.Chain().header(1_723_075_200_123_456_789)[:length]
    path.write_bytes(torn + b"\0" * reserved)
    journal = FileJournal(path, StepClock())
    assert journal.append(EVENT) == 1
    journal.close()
    assert verify(path).ok
    assert (tmp_path / "j.torn").read_bytes() == torn + b"\n"


def test_a_nul_in_the_first_line_of_a_journal_is_no_torn_header(path: Path) -> None:
    """What stands behind it is not thrown away."""
    content = bytearray((path.parent / "j.00001").read_bytes())
    content[70] = 0
    alone = path.parent / "alone"
    alone.write_bytes(content)
    with pytest.raises(InputError):
        FileJournal(alone, StepClock())
    assert alone.read_bytes() == content


def test_nuls_far_from_the_end_are_damage_and_no_torn_tail(tmp_path: Path) -> None:
    """P6: a power cut takes the last moments, not a day."""
    journal = FileJournal(tmp_path / "j", StepClock())
    for _ in range(3000):
        journal.append(EVENT)
    journal.close()
    content = bytearray((tmp_path / "j").read_bytes())
    content[1000] = 0
    (tmp_path / "j").write_bytes(content)
    assert verify(tmp_path / "j").torn_tail_bytes == 0
    with pytest.raises(InputError, match="changed or damaged"):
        FileJournal(tmp_path / "j", StepClock())
