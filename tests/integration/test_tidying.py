"""The journal's finished files are kept small by a process of its own."""

import asyncio
import stat
from decimal import Decimal
from pathlib import Path

import pytest

from perpbot.core.errors import SystemStopped
from perpbot.core.events import GasPaid
from perpbot.records.segments import finished
from perpbot.service.store import Store
from perpbot.service.system import SystemClock
from perpbot.service.tidying import tidy


def test_finished_files_are_compressed_while_the_journal_is_written(tmp_path: Path) -> None:
    """For their owner only, and the chain stays whole."""
    with Store(tmp_path / "demo.db", "demo", journal_mb=1) as store:
        journal = store.open_journal(SystemClock())
        for number in range(700):
            journal.append(GasPaid("paradex", Decimal("0.1"), f"0x{number}", "p1", 7))
            journal.flush()
        asyncio.run(tidy(store))
        (segment,) = finished(store.journal_path)
        assert segment.compressed
        assert stat.S_IMODE(segment.path.stat().st_mode) == 0o600
        assert not store.untidy()
        assert journal.verify().ok


def test_what_cannot_be_compressed_is_said_and_kept(tmp_path: Path) -> None:
    """The task dies by one line; the next look tries again."""
    with Store(tmp_path / "demo.db", "demo", journal_mb=1) as store:
        store.open_journal(SystemClock())
        plain = store.beside(".journal.00001")
        plain.mkdir()
        with pytest.raises(SystemStopped, match="journal files not tidied: .*Is a directory"):
            asyncio.run(tidy(store))
