"""``perpbot why``: a quarantine is said before all counts, whatever symbol was asked about."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from perpbot.cli.command_line import run
from perpbot.records import tables
from perpbot.records.database import Database
from tests.unit.records.test_reports import PAIR, insert


def test_a_quarantined_pair_is_named_with_what_it_forbids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing opens on both its exchanges: that is the answer for every symbol."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    database = Database.create(tmp_path / "demo.db", "demo")
    stuck = {"pair_id": "e-3", "state": "QUARANTINED", "reason": "position_mismatch", "expected_pnl": Decimal(1)}
    insert(database, tables.pairs, PAIR | stuck)
    insert(database, tables.pairs, PAIR | {"pair_id": "e-4", "state": "CLOSED", "expected_pnl": Decimal(1)})
    database.close()
    assert run(["why"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(
        "QUARANTINED e-3 (BTC-USD-PERP): the exchange holds another position than our books; nothing opens on a and b "
        "until it is closed or resolved, see `perpbot status`"
    )
    assert run(["why", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["quarantined"]
    assert told == [
        {"pair_id": "e-3", "symbol": "BTC-USD-PERP", "exchanges": ["a", "b"], "reason": "position_mismatch"}
    ]
