"""The figures of a report."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.records import tables
from perpbot.records.database import Database
from perpbot.records.reports import report

PAIR = {
    "symbol": "BTC-USD-PERP",
    "strategy": "arbitrage",
    "buy_exchange": "a",
    "sell_exchange": "b",
    "size": Decimal(1),
    "notional": Decimal(100),
    "buy_open": Decimal(0),
    "sell_open": Decimal(0),
    "planned_ns": 1,
    "ever_hedged": True,
    "repaired": False,
}
FILL = {
    "exchange": "a",
    "symbol": "BTC-USD-PERP",
    "leg": "buy",
    "purpose": "entry",
    "side": "BUY",
    "size": Decimal(1),
    "contracts": Decimal(1),
    "fee": Decimal(0),
    "fee_currency": "USD",
    "liquidity": "TAKER",
    "time_ns": 1,
    "order_id": "1",
    "client_order_id": "1",
    "price": Decimal(100),
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.create(tmp_path / "a.db", "demo")
    yield made
    made.close()


def insert(database: Database, table: Any, *rows: dict[str, Any]) -> None:
    with database.writing() as connection:
        for row in rows:
            connection.execute(table.insert().values(**row))


def pair(database: Database, number: int, state: str, price: str, fee: str = "0", expected: str = "1") -> None:
    insert(database, tables.pairs, PAIR | {"pair_id": f"p{number}", "state": state, "expected_pnl": Decimal(expected)})
    realized = {"realized_usd": Decimal(price), "fee_usd": Decimal(fee)}
    insert(database, tables.fills, FILL | realized | {"trade_id": str(number), "pair_id": f"p{number}"})


def mark(database: Database, time_ns: int, **equity: str) -> None:
    nothing = {"balance": Decimal(0), "unrealized": Decimal(0)}
    rows = [{"time_ns": time_ns, "exchange": name, "equity": Decimal(usd), **nothing} for name, usd in equity.items()]
    insert(database, tables.equity, *rows)


def test_an_empty_database_has_a_report(database: Database) -> None:
    """Nothing is known, nothing fails."""
    figures = report(database)
    assert (figures["period"], figures["win_rate"], figures["slippage_bps"]["mean"]) == (None, None, None)
    assert set(figures["pairs"].values()) == {0}


def test_the_win_rate_is_of_closed_pairs_after_all_costs(database: Database) -> None:
    """One that only its fee turned into a loss has not won; what is open or failed is not counted."""
    pair(database, 1, "CLOSED", "2", fee="1")
    pair(database, 2, "CLOSED", "1", fee="1")
    pair(database, 3, "CLOSED", "1", fee="3", expected="2")
    pair(database, 4, "HEDGED", "5")
    pair(database, 5, "FAILED", "-1")
    figures = report(database)
    assert (figures["won"], figures["win_rate"]) == (1, round(1 / 3, 6))
    assert (figures["expected_pnl"], figures["closed_pnl"]) == (Decimal(4), Decimal(-1))
    assert figures["pnl"]["total"] == Decimal(3)
    assert {name: figures["pairs"][name] for name in ("attempted", "closed", "open", "failed")} == {
        "attempted": 5,
        "closed": 3,
        "open": 1,
        "failed": 1,
    }
    assert figures["by_symbol"]["BTC-USD-PERP"]["total"] == Decimal(3)


def test_drawdown_is_of_all_exchanges_together(database: Database) -> None:
    """What one loses and the other gains at the same moment is none."""
    mark(database, 1, a="100", b="100")
    mark(database, 2, a="80", b="120")
    mark(database, 3, a="80", b="110")
    mark(database, 4, a="95", b="125")
    assert report(database)["max_drawdown"] == {"usd": Decimal(10), "pct": Decimal("0.05")}


def test_a_withdrawal_is_no_drawdown(database: Database) -> None:
    """Nor does a deposit hide one."""
    mark(database, 1, a="100")
    transfer = {"exchange": "a", "time_ns": 2}
    insert(database, tables.transfers, transfer | {"amount": Decimal(-50), "transfer_id": "1"})
    mark(database, 2, a="50")
    insert(database, tables.transfers, transfer | {"amount": Decimal(50), "transfer_id": "2", "time_ns": 3})
    mark(database, 3, a="90")
    assert report(database)["max_drawdown"]["usd"] == Decimal(10)
