"""``perpbot capital`` as people read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from perpbot.cli.command_line import run
from perpbot.records import queries
from perpbot.records.database import Database

POOL = {"pool": "2000", "allocated": "996.8", "available": "1003.2", "used_pct": "0.4984"}
NOTHING = dict.fromkeys(("realized_pnl", "volume", "fees", "borrowed", "lent", "over_use"), "0")


def test_what_is_used_of_a_pool_is_shown_in_percent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``0.4984`` under a heading with ``pct`` would read as half a percent."""
    database = Database.create(tmp_path / "a.db", "demo")
    pools = {"arb": {"name": "arb", **POOL, **NOTHING}}
    account = {"equity": "10000", "drawdown_pct": "0", "safe_mode": False, "pools": pools}
    queries.save_document(database, "capital", 1, {"alpha": account})
    database.close()
    assert run(["capital", "--db", str(tmp_path / "a.db")]) == 0
    shown = capsys.readouterr().out
    assert "49.8%" in shown
    assert "0.4984" not in shown
