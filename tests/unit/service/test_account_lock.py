"""One account is traded by one process, in whatever state folder; what a dead one left is no obstacle."""

import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from perpbot.core.errors import InputError
from perpbot.service.account_lock import AccountLocks, shortened

ACCOUNT = "0x12345678abcdef"


class Mine:
    def __init__(self, account: str | None = ACCOUNT, *, trading: bool = True, name: str = "mine") -> None:
        self.name = name
        self.account_id = account
        self.capabilities = SimpleNamespace(trading=trading)


class Other(Mine):
    """Another exchange."""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def take(environ: dict[str, str], exchange: Any, folder: str = "/home/a") -> AccountLocks:
    locks = AccountLocks(environ, Path(folder))
    locks.take(exchange)
    return locks


def test_the_second_is_told_who_has_it(environ: dict[str, str]) -> None:
    """REGRESSIONS 22, also where the exchange has another name there; the id is not shown whole."""
    held = take(environ, Mine())
    told = (
        rf"^account 0x12…ef on again is traded by process {os.getpid()} \(state folder /home/a\): stop that one first$"
    )
    with pytest.raises(InputError, match=told):
        take(environ, Mine(name="again"), "/home/b")
    held.release()
    held.release()
    take(environ, Mine()).release()


def test_others_are_no_obstacle(environ: dict[str, str]) -> None:
    """Another account, another exchange, one that states no account or may not trade."""
    every = [Mine(), Mine("0x99"), Other(), Mine(None), Mine(None), Mine(trading=False)]
    for held in [take(environ, exchange) for exchange in every]:
        held.release()


def test_a_file_of_a_dead_process_does_not_matter(environ: dict[str, str], tmp_path: Path) -> None:
    """What counts is the lock, which the system let go of."""
    take(environ, Mine()).release()
    (lock,) = (tmp_path / "state" / "perpbot" / "locks").iterdir()
    lock.write_text("1\n/home/dead\n")
    take(environ, Mine()).release()
    assert lock.read_text() == f"{os.getpid()}\n/home/a\n"


def test_the_files_are_their_owners_alone_and_do_not_name_the_account(environ: dict[str, str], tmp_path: Path) -> None:
    """Whatever the umask."""
    before = os.umask(0)
    try:
        take(environ, Mine()).release()
    finally:
        os.umask(before)
    folder = tmp_path / "state" / "perpbot" / "locks"
    (lock,) = folder.iterdir()
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(lock.stat().st_mode)) == (0o700, 0o600)
    assert ACCOUNT not in lock.name + lock.read_text()


def test_where_the_usual_folder_cannot_be_made_the_temporary_one_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For all of a user's processes alike; where neither can, nothing is traded."""
    (tmp_path / "state").write_text("a file")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    held = take(environ, Mine())
    with pytest.raises(InputError, match="is traded by"):
        take(environ, Mine())
    held.release()
    ours = tmp_path / "temporary" / f"perpbot-{os.getuid()}"
    (ours / "locks").rename(ours / "gone")
    (ours / "locks").symlink_to(ours / "gone")
    with pytest.raises(InputError, match="it is not this user's folder; .*set XDG_STATE_HOME"):
        take(environ, Mine())


@pytest.mark.parametrize(("account", "shown"), [("0x12345678ab", "0x12…ab"), ("12345", "1…"), ("", "…")])
def test_an_account_is_shown_in_part(account: str, shown: str) -> None:
    """Enough to know it again."""
    assert shortened(account) == shown
