"""Exports: the public columns, plain numbers, nothing invented for what is not known."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from perpbot.core.errors import InputError
from perpbot.records.database import Database
from perpbot.records.exports import COLUMNS, export
from perpbot.records.journal import MemoryJournal
from perpbot.records.projector import rebuild
from tests.unit.records.scenes import StepClock, life

CONTRACT = {
    "fills": "pair_id, leg, purpose, exchange, symbol, side, price, size, contracts, fee, fee_currency, liquidity, "
    "time_ns, order_id, client_order_id, trade_id",
    "pairs": "pair_id, symbol, buy_exchange, sell_exchange, strategy, state, opened_ns, closed_ns, size, expected_pnl, "
    "price_pnl, fees, funding, gas, total, exit_reason",
    "orders": "pair_id, leg, purpose, exchange, symbol, side, price, size, filled_size, order_type, time_in_force, "
    "reduce_only, status, reason, order_id, client_order_id, created_ns, updated_ns",
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.create(tmp_path / "db", "replay")
    journal = MemoryJournal(StepClock())
    for event in life():
        journal.append(event)
    rebuild(journal.records(), made)
    yield made
    made.close()


def exported(database: Database, what: str) -> list[str]:
    out = io.StringIO()
    count = export(database, what, out)
    lines = out.getvalue().splitlines()
    assert count == len(lines) - 1
    return lines


@pytest.mark.parametrize("what", CONTRACT)
def test_the_columns_are_those_of_the_contract(what: str) -> None:
    """CONTRACTS §2: other people's tools read them."""
    assert ", ".join(COLUMNS[what]) == CONTRACT[what]


def test_fills_are_in_base_units_and_in_contracts_with_the_fee_as_it_was_charged(database: Database) -> None:
    """In the order they were booked."""
    assert exported(database, "fills")[1:3] == [
        (
            "e-1,buy,entry,linear_house,BTC-USD-PERP,BUY,60000,0.5,0.5,15,USD,TAKER,1723075200123456796,"
            "xe-1-b0,e-1-b0,te-1-b0"
        ),
        (
            "e-1,sell,entry,inverse_house,BTC-USD-PERP,SELL,60010,0.499916680553241126,300,0.00025,BTC,TAKER,"
            "1723075200123456796,xe-1-s0,e-1-s0,te-1-s0"
        ),
    ]


def test_orders_are_in_contracts_and_leave_empty_what_is_not_known(database: Database) -> None:
    """A reason that was not given is no text."""
    lines = exported(database, "orders")
    assert len(lines) == 5
    assert lines[1] == (
        "e-1,buy,entry,linear_house,BTC-USD-PERP,BUY,60000.1,0.5,0.5,LIMIT,IOC,false,FILLED,,"
        "xe-1-b0,e-1-b0,1723075200123456789,1723075200123456794"
    )
    assert ",true,FILLED,," in lines[2]


def test_pairs_say_what_was_expected_and_what_was_realised(database: Database) -> None:
    """total = price_pnl + funding − fees − gas."""
    assert exported(database, "pairs")[1:] == [
        (
            "e-1,BTC-USD-PERP,linear_house,inverse_house,arbitrage,CLOSED,1723075200123456797,1723075200123456798,0.5,"
            "12.5,9.95,60.05,-0.75,0.01,-50.86,gap_vanished"
        ),
    ]


def test_trades_and_equity_have_a_line_each(database: Database) -> None:
    """One trade a fill, one mark an exchange."""
    assert exported(database, "trades")[3] == (
        "2024-08-08T00:00:00.123456796Z,1723075200123456796,e-1,arbitrage,linear_house,BTC-USD-PERP,SELL,60100,0.5,"
        "30050,15.025,50,te-1-b1,e-1-b1"
    )
    assert exported(database, "equity") == [
        "time_ns,exchange,equity,balance,unrealized",
        "1723075200123456789,linear_house,9984.25,9984.25,0",
    ]


def test_an_unknown_export_names_those_there_are(database: Database) -> None:
    """One line, and what to do."""
    with pytest.raises(InputError, match=r"'loans' cannot be exported \(allowed: fills, orders, pairs, trades, equity"):
        export(database, "loans", io.StringIO())
