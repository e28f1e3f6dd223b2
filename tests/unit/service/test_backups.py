"""A backup holds what belongs together, and comes back only whole, beside what was there."""

import io
import json
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from perpbot.core.errors import InputError, Refused
from perpbot.core.events import RunStarted
from perpbot.records import packing
from perpbot.records.journal import FileJournal, verify
from perpbot.service.backups import MANIFEST, back_up, restore
from perpbot.service.store import Store
from perpbot.service.system import SystemClock
from perpbot.simulation.paper.accounts import AccountFile

NOW = 1_764_000_000_000_000_000
EVENT = RunStarted("demo", "e", "0.1.0")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with a journal in several files, accounts, a market and a configuration."""
    database = tmp_path / "home" / "demo.db"
    database.parent.mkdir()
    (database.parent / "perpbot.yaml").write_text("journal:\n  durability: power\n")
    grow(database, 40)
    packing.compress(database.with_name("demo.db.journal"))
    grow(database, 5)
    AccountFile(database.with_name("demo.db.paper"), SystemClock()).close()
    database.with_name("demo.db.market").write_text("prices")
    return database


def grow(database: Path, count: int) -> None:
    with Store(database, "demo") as store:
        journal = store.open_journal(SystemClock())
        journal._full_at = journal._segment_bytes = 3000
        for _ in range(count):
            journal.append(EVENT)
            journal.flush()


def backed_up(path: Path) -> Path:
    archive = path.parent / "backups" / "a.tar.gz"
    back_up(path, archive, NOW, path.parent / "perpbot.yaml")
    return archive


def test_it_holds_everything_for_its_owner_only(path: Path) -> None:
    """With what wrote it, and each file's size and hash."""
    archive = backed_up(path)
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert stat.S_IMODE(archive.parent.stat().st_mode) == 0o700
    assert [each.name for each in archive.parent.iterdir()] == ["a.tar.gz"]
    with tarfile.open(archive) as opened:
        first, *rest = opened.getmembers()
        content = opened.extractfile(first)
        assert content is not None
        manifest = json.load(content)
    assert first.name == MANIFEST
    assert [each["name"] for each in manifest["files"]] == [each.name for each in rest]
    assert {"database", "journal", "journal.00001", "paper", "market", "perpbot.yaml"} <= {each.name for each in rest}
    assert manifest["mode"] == "demo"
    assert manifest["records"] == verify(path.with_name("demo.db.journal")).records


def test_it_comes_back_whole_elsewhere(path: Path, tmp_path: Path) -> None:
    """A new machine: database, journal, accounts, market and configuration, each 0600, and a start goes on."""
    other = tmp_path / "other" / "demo.db"
    before = verify(path.with_name("demo.db.journal"))
    done = restore(backed_up(path), other, NOW, home=other.parent)
    assert (done.aside, done.exchange_kept) == (None, False)
    assert verify(other.with_name("demo.db.journal")).seal == before.seal
    assert other.with_name("demo.db.market").read_text() == "prices"
    assert done.configuration == other.parent / "perpbot.yaml"
    assert {stat.S_IMODE(each.stat().st_mode) for each in other.parent.iterdir()} == {0o600}
    with Store(other, "demo") as store:
        assert store.open_journal(SystemClock()).number == before.number


def test_what_was_there_moves_aside_and_the_exchange_stays(path: Path) -> None:
    """It does not travel back in time; a latch that is set stays set, the configuration is the operator's."""
    archive = backed_up(path)
    grow(path, 7)
    after = verify(path.with_name("demo.db.journal")).records
    path.with_name("demo.db.paper").write_bytes(b"newer")
    path.with_name("demo.db.latch").write_text("halted since")
    (path.parent / "perpbot.yaml").write_text("# mine\n")
    done = restore(archive, path, NOW, home=path.parent)
    assert done.aside is not None
    assert verify(done.aside / "demo.db.journal").records == after
    assert verify(path.with_name("demo.db.journal")).records == done.manifest.records < after
    assert done.exchange_kept
    assert path.with_name("demo.db.paper").read_bytes() == b"newer"
    assert path.with_name("demo.db.latch").read_text() == "halted since"
    assert (path.parent / "perpbot.yaml").read_text() == "# mine\n"
    assert done.configuration == path.parent / "perpbot.yaml.restored"
    assert not [each for each in path.parent.iterdir() if each.name.startswith(".perpbot-")]


def test_the_exchange_comes_back_too_if_asked_for(path: Path) -> None:
    """Its newer accounts are set aside like the rest."""
    archive = backed_up(path)
    path.with_name("demo.db.paper").write_bytes(b"newer")
    done = restore(archive, path, NOW, with_exchange=True, home=path.parent)
    assert done.aside is not None
    assert (done.aside / "demo.db.paper").read_bytes() == b"newer"
    AccountFile(path.with_name("demo.db.paper"), SystemClock()).close()


def test_a_running_bot_is_backed_up_and_never_restored_over(path: Path) -> None:
    """The journal that is copied has at least what the copied database has."""
    with Store(path, "demo") as store:
        journal = store.open_journal(SystemClock())
        journal.append(EVENT)
        store.flush()
        archive = backed_up(path)
        with pytest.raises(InputError, match=r"in use by process \d+"):
            restore(archive, path, NOW, home=path.parent)
    restore(archive, path, NOW, home=path.parent)
    with Store(path, "demo") as store:
        store.open_journal(SystemClock())


def test_it_waits_for_the_process_that_a_killed_bot_left(path: Path) -> None:
    """It still packs the files that give way, and would change those that take their place."""
    archive = backed_up(path)
    with packing.alone(path.with_name("demo.db.journal")):
        before = sorted(path.parent.iterdir())
        with pytest.raises(Refused, match="is being tidied by a process that an earlier run left: try again"):
            restore(archive, path, NOW, home=path.parent)
        assert sorted(path.parent.iterdir()) == before
    restore(archive, path, NOW, home=path.parent)


def test_nothing_is_overwritten(path: Path) -> None:
    """Not by a backup, and not what no bot of its mode made."""
    archive = backed_up(path)
    with pytest.raises(InputError, match="exists already"):
        back_up(path, archive, NOW)
    other = path.with_name("thesis.db")
    other.write_text("mine")
    with pytest.raises(InputError, match="was not made by a demo and is not replaced"):
        restore(archive, other, NOW, home=path.parent)
    assert other.read_text() == "mine"


def test_a_damaged_journal_is_not_backed_up_as_if_it_were_sound(path: Path) -> None:
    """Nor is half an archive left."""
    journal = path.with_name("demo.db.journal")
    content = bytearray(journal.read_bytes())
    content[50] ^= 1
    journal.write_bytes(content)
    with pytest.raises(InputError, match="changed or damaged"):
        backed_up(path)
    assert list((path.parent / "backups").iterdir()) == []


def repacked(archive: Path, change: Callable[[tarfile.TarInfo, bytes], list[tuple[tarfile.TarInfo, bytes]]]) -> None:
    """The archive with each member as ``change`` makes it."""
    with tarfile.open(archive) as opened:
        found = [(each, (opened.extractfile(each) or io.BytesIO()).read()) for each in opened.getmembers()]
    with tarfile.open(archive, "w:gz") as out:
        for member, content in found:
            for made, inside in change(member, content):
                made.size = len(inside) if made.isreg() else 0
                out.addfile(made, io.BytesIO(inside) if made.isreg() else None)


def _changed(member: tarfile.TarInfo, content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(member, content[:-1] + bytes([content[-1] ^ 1]) if member.name == "market" else content)]


def _left_out(member: tarfile.TarInfo, content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [] if member.name == "journal.00002" else [(member, content)]


def _longer(member: tarfile.TarInfo, content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(member, content + b"x" * 10 if member.name == "paper" else content)]


def _climbing(member: tarfile.TarInfo, content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    if member.name == MANIFEST:
        return [(member, content.replace(b'"market"', b'"../out"'))]
    member.name = "../out" if member.name == "market" else member.name
    return [(member, content)]


def _link(member: tarfile.TarInfo, content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    if member.name == "market":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return [(member, content)]


def _newer(member: tarfile.TarInfo, content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(member, content.replace(b'"format":1', b'"format":2') if member.name == MANIFEST else content)]


def _mode(member: tarfile.TarInfo, content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(member, content.replace(b'"demo"', b'"../x"') if member.name == MANIFEST else content)]


def _huge(member: tarfile.TarInfo, content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(member, content.replace(b'"size":6', b'"size":600000000000000') if member.name == MANIFEST else content)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_changed, "market is not what was backed up"),
        (_left_out, r"journal\.00002 is missing in it"),
        (_longer, "'paper' does not belong"),
        (_climbing, r"'\.\./out' does not belong"),
        (_link, "'market' does not belong"),
        (_newer, "was made by a newer PerpBot"),
        (_mode, r"mode '\.\./x' is none"),
        (_huge, "make room"),
    ],
)
def test_an_archive_that_was_tampered_with_moves_nothing(path: Path, change: Callable[..., object], told: str) -> None:
    """Hashes, names, kinds and sizes are checked before anything happens; nothing lands outside."""
    archive = backed_up(path)
    repacked(archive, change)  # type: ignore[arg-type] # one of those above
    before = {each.name: each.read_bytes() for each in path.parent.iterdir() if each.is_file()}
    with pytest.raises(InputError, match=told):
        restore(archive, path, NOW, home=path.parent)
    after = {each.name: each.read_bytes() for each in path.parent.iterdir() if each.is_file()}
    assert {name: after[name] for name in after if not name.endswith(".lock")} == {
        name: before[name] for name in before if not name.endswith(".lock")
    }
    assert not (path.parent.parent / "out").exists()


@pytest.mark.parametrize("content", [b"", b"my thesis", b"\x1f\x8b" + b"x" * 50])
def test_what_is_no_archive_is_one_line(tmp_path: Path, content: bytes) -> None:
    """Whatever it is."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match="is no backup of PerpBot"):
        restore(tmp_path / "a", tmp_path / "demo.db", NOW, home=tmp_path)
    with pytest.raises(InputError, match="no such file"):
        restore(tmp_path / "none", tmp_path / "demo.db", NOW, home=tmp_path)


def test_a_chain_that_was_resealed_for_another_database_is_refused(path: Path, tmp_path: Path) -> None:
    """Sound files that do not belong together are no backup."""
    for each in path.parent.glob("demo.db.journal*"):
        each.unlink()
    FileJournal(path.with_name("demo.db.journal"), SystemClock()).close()
    archive = backed_up(path)
    with pytest.raises(InputError, match="was filled from another journal"):
        restore(archive, tmp_path / "b.db", NOW, home=tmp_path)
