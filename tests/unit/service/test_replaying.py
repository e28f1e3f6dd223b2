"""A replay that is interrupted, and one into a store that is in use."""

import signal
from pathlib import Path

import pytest

from perpbot.core.errors import InputError
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.service import replaying
from perpbot.service.configuration import load_settings
from perpbot.service.replaying import replay
from perpbot.service.store import Store
from perpbot.service.system import SystemClock
from tests.e2e.recording import FRAMES, record

EXCHANGES = ("binance_usdm", "binance_coinm")


def test_an_interrupted_replay_keeps_what_came_of_its_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends it; the database answers for the frames so far."""
    settings, _ = load_settings(exchanges=EXCHANGES)
    monkeypatch.setattr(replaying, "_PROGRESS_FRAMES", 100)

    def interrupt(frames: int, total: int) -> None:
        assert total == FRAMES
        if frames == 300:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        replay(record(tmp_path / "small"), settings, tmp_path / "a.db", progress=interrupt)
    database = Database.read(tmp_path / "a.db")
    kept = queries.document(database, "result")
    database.close()
    assert kept["interrupted"] is True
    assert 300 <= kept["frames"] < FRAMES


def test_a_store_in_use_is_not_replaced(tmp_path: Path) -> None:
    """The run that holds it goes on; the other is told to take another file."""
    with Store(tmp_path / "a.db", "replay") as store:
        store.open_journal(SystemClock())
        with pytest.raises(InputError, match=r"is in use by process \d+: .*--db"):
            Store(tmp_path / "a.db", "replay")
        store.flush()
    Store(tmp_path / "a.db", "replay").__exit__()
