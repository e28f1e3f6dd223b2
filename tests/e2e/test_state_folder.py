"""The state folder as its owner finds it: whose files they are, an old copy put back, one account for one process."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perpbot.records.journal import read, verify
from tests.e2e.audit import Files
from tests.e2e.conftest import ROOT, Perpbot
from tests.e2e.kills import PATIENCE_SECONDS, POLL_SECONDS, QUIET, Bot
from tests.e2e.test_demo_process import LASTING

ACCOUNT = "0x1234567890abcdef"


def until(look: Callable[[], Any], process: subprocess.Popen[Any]) -> Any:
    """What ``look`` finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE_SECONDS  # noqa: TID251 - of the machine
    while not (found := look()):
        assert process.poll() is None
        assert time.monotonic() < deadline  # noqa: TID251 - of the machine
        time.sleep(POLL_SECONDS)  # noqa: TID251 - a real process takes real time
    return found


def test_every_file_is_its_owners_alone_whatever_the_umask(home: Path, perpbot: Perpbot) -> None:
    """Files 0600, folders 0700: database with what SQLite puts beside it, journal, accounts, market, lock, door,
    latch, configuration, recording, backup."""
    seen: dict[str, int] = {}

    def look() -> bool:
        for each in [home, *home.rglob("*")]:
            try:
                seen[each.name] = each.lstat().st_mode
            except FileNotFoundError:
                continue
        return f"{home.name}/demo.db.market" in {f"{home.name}/{name}" for name in seen} and "demo.db.sock" in seen

    before = os.umask(0)
    try:
        assert perpbot("config", "init").code == 0
        environment = {name: each for name, each in os.environ.items() if not name.startswith("PERPBOT_")}
        command = [
            sys.executable,
            "-m",
            "perpbot",
            "demo",
            "--headless",
            "--seconds",
            "60",
            "--record",
            str(home / "taken"),
        ]
        with subprocess.Popen(
            command,
            env={**environment, "PERPBOT_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as bot:
            try:
                until(look, bot)
                assert perpbot("backup").code == 0
                assert perpbot("halt", "--reason", "look").code == 0
                until(lambda: look() and "demo.db.latch" in seen, bot)
            finally:
                bot.send_signal(signal.SIGTERM)
        look()
    finally:
        os.umask(before)
    assert {"perpbot.yaml", "demo.db", "demo.db-wal", "demo.db-shm", "demo.db.journal", "demo.db.paper"} <= seen.keys()
    assert {"demo.db.lock", "backups", "taken"} <= seen.keys()
    wrong = {
        name: oct(mode) for name, mode in seen.items() if stat.S_IMODE(mode) != (0o700 if stat.S_ISDIR(mode) else 0o600)
    }
    assert wrong == {}


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    bot = Bot(tmp_path / "home", seed=3)
    yield bot
    bot.kill()


def test_an_old_copy_put_back_is_compared_with_the_exchanges(bot: Bot) -> None:
    """The exchange did not travel back: what the copy does not know is taken over by its order's id, named, or
    quarantined; nothing is traded on it by itself, and nothing is violated."""
    archive = bot.home / "old.tar.gz"
    files = Files(bot.db)
    bot.start(LASTING)
    until(lambda: "HEDGED" in files.look().live().values(), bot.process)
    code, said = bot.ask("backup", str(archive))
    assert code == 0, said
    known = len(files.look().intents)
    until(lambda: len(files.look().intents) >= known + 4, bot.process)
    bot.stop()
    newest = verify(files.journal).number
    code, said = bot.ask("restore", str(archive), "--yes")
    assert code == 0, said
    journal = files.journal
    restored = verify(journal).number
    assert restored < newest
    bot.start(QUIET)
    until(lambda: any(each.kind == "recovered" and each.number > restored for each in read(journal)), bot.process)
    code, said = bot.ask("positions", "--json")
    assert code == 0, said
    bot.stop()
    after = [each for each in read(journal) if each.number >= restored]
    kinds = Counter(each.kind for each in after)
    assert kinds["invariant_broken"] == kinds["task_died"] == 0
    assert kinds["order_found"] + kinds["position_found"] > 0
    (recovered,) = [each for each in after if each.kind == "recovered"]
    held = set(recovered.data["quarantined"])
    sent = {each.data["request"]["pair_id"] for each in after if each.kind == "order_intended"}
    assert sent & held == set()
    planned = [each for each in after if each.kind == "pair_planned" and each.number > recovered.number]
    assert planned == []
    assert verify(journal).ok


def own_exchange(folder: Path) -> Path:
    """The example exchange, which states its account, in a folder of its own."""
    folder.mkdir(parents=True)
    for suffix in ("py", "yaml"):
        shutil.copy(ROOT / "examples" / f"exchange.{suffix}", folder)
    code = (folder / "exchange.py").read_text(encoding="utf-8")
    stated = f'class SwingExchange(ExchangeBase):\n    account_id = "{ACCOUNT}"\n'
    (folder / "exchange.py").write_text(code.replace("class SwingExchange(ExchangeBase):\n", stated), encoding="utf-8")
    return folder / "exchange.yaml"


def test_an_account_is_traded_by_one_process_whatever_its_state_folder(tmp_path: Path) -> None:
    """REGRESSIONS 22: the second is told whose it is before it connects; a killed one's lock is taken over."""
    config = own_exchange(tmp_path / "mine")
    environment = {name: each for name, each in os.environ.items() if not name.startswith("PERPBOT_")}
    environment["XDG_STATE_HOME"] = str(tmp_path / "state")

    def start(home: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "perpbot", "demo", "--headless", "--config", str(config), *arguments]
        inherited = {**environment, "PERPBOT_HOME": str(tmp_path / home)}
        return subprocess.Popen(command, env=inherited, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def opened(home: str) -> bool:
        journal = tmp_path / home / "demo.db.journal"
        return journal.exists() and any(each.kind == "recovered" for each in read(journal))

    first = start("a")
    try:
        until(lambda: opened("a"), first)
        second = start("b", "--seconds", "5")
        _, said = second.communicate(timeout=PATIENCE_SECONDS)
        assert second.returncode == 2, said
        whose = f"process {first.pid} (state folder {tmp_path / 'a'})"
        assert said.splitlines()[-1] == f"account 0x12…ef on swing is traded by {whose}: stop that one first"
        assert "Traceback" not in said
        assert not opened("b")
    finally:
        first.kill()
        first.communicate()
    third = start("b", "--seconds", "1")
    _, said = third.communicate(timeout=PATIENCE_SECONDS)
    assert third.returncode == 0, said
    assert opened("b")
