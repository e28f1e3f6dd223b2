"""Queries: what commands and reports read."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from perpbot.core.pairs import PairState
from perpbot.ledger.accounts import Accounts
from perpbot.records import queries
from perpbot.records.database import Database
from perpbot.records.journal import MemoryJournal
from perpbot.records.projector import rebuild
from perpbot.records.queries import VerdictCount
from tests.unit.records.scenes import PAIR, StepClock, life


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.create(tmp_path / "db", "replay")
    journal = MemoryJournal(StepClock())
    for event in life():
        journal.append(event)
    rebuild(journal.records(), made)
    yield made
    made.close()


def test_pnl_is_the_sum_of_all_accounts(database: Database) -> None:
    """Payments that are no pair's are in it too."""
    expected = Accounts(Decimal("9.95"), Decimal("60.05"), Decimal("-0.75"), Decimal("0.01"))
    assert queries.pnl(database) == expected
    assert queries.transferred(database) == -100


def test_pairs_and_orders_can_be_narrowed_down(database: Database) -> None:
    """By state, and by pair."""
    assert [row["pair_id"] for row in queries.pairs(database, PairState.CLOSED)] == [PAIR]
    assert queries.pairs(database, PairState.HEDGED) == []
    assert len(queries.orders(database, PAIR)) == 4
    assert queries.orders(database, "e-2") == []  # type: ignore[arg-type] # as typed on a command line


def test_the_newest_trades_come_in_order(database: Database) -> None:
    """The last two, the older first."""
    assert [row["client_order_id"] for row in queries.trades(database, limit=2)] == ["e-1-b1", "e-1-s1"]


def test_events_can_be_asked_for_by_kind(database: Database) -> None:
    """In the order they happened."""
    assert [row["kind"] for row in queries.events(database)] == ["run_started", "state_changed", "run_stopped"]
    (changed,) = queries.events(database, "state_changed")
    assert changed["data"] == {"before": "ACTIVE", "after": "REDUCING", "actor": "signal", "reason": "stop"}


def test_the_funnel_comes_back_by_frequency_and_is_replaced_as_a_whole(database: Database) -> None:
    """Figures of the nearest miss are exact; a reason without figures has none."""
    rare = VerdictCount(
        "BTC-USD-PERP", "execution", "slippage", "max_slippage_pct", 3, 7, Decimal(3), Decimal(2), Decimal(1)
    )
    frequent = VerdictCount("BTC-USD-PERP", "scanner", "basis_warming", "", 900, 5)
    other = VerdictCount("ETH-USD-PERP", "scanner", "basis_warming", "", 10, 5)
    queries.save_verdicts(database, [rare, frequent, other])
    assert queries.verdicts(database) == [frequent, other, rare]
    assert queries.verdicts(database, "ETH-USD-PERP") == [other]
    queries.save_verdicts(database, [rare])
    assert queries.verdicts(database) == [rare]
    queries.save_verdicts(database, [])
    assert queries.verdicts(database) == []


def test_a_document_is_kept_as_json_has_it_and_replaced_by_name(database: Database) -> None:
    """Decimals are plain strings in it."""
    queries.save_document(database, "capital", 1, {"paradex": {"equity": Decimal("1E+2")}})
    queries.save_document(database, "capital", 2, {"paradex": {"equity": Decimal("1E-8"), "pools": (1, 2)}})
    assert queries.document(database, "capital") == {"paradex": {"equity": "0.00000001", "pools": [1, 2]}}
    assert queries.document(database, "risk") is None
