"""What charts are drawn from."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from perpbot.records import tables
from perpbot.records.curves import STRETCHES, Outcome, Point, Sums, outcomes, read_curve, sums
from perpbot.records.database import Database
from tests.unit.records.test_reports import insert, mark

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.create(tmp_path / "a.db", "demo")
    yield made
    made.close()


def fill(database: Database, totals: list[int], start_ns: int = SECOND, step_ns: int = SECOND) -> None:
    columns = {"exchange": "a", "balance": Decimal(0), "unrealized": Decimal(0)}
    rows = [
        {"time_ns": start_ns + number * step_ns, "equity": Decimal(total), **columns}
        for number, total in enumerate(totals)
    ]
    with database.writing() as connection:
        connection.execute(tables.equity.insert(), rows)


def test_a_database_without_marks_has_no_curve(database: Database) -> None:
    """Nothing is drawn, nothing is lost."""
    curve = read_curve(database)
    assert not curve.points
    assert curve.deepest is None
    assert curve.max_drawdown == 0


def test_a_single_mark_is_a_run_of_one_point(database: Database) -> None:
    """Its drawdown is none."""
    mark(database, 5, a="100", b="50")
    (run,) = read_curve(database).runs
    assert run == (Point(5, Decimal(150), Decimal(0), Decimal(0)),)


def test_a_long_curve_is_thinned_and_keeps_every_extreme(database: Database) -> None:
    """One mark of ten thousand that stands out is still there, and so is the end."""
    totals = [1000 + number % 7 for number in range(10_000)]
    totals[4321], totals[7777] = 1500, 200
    fill(database, totals)
    curve = read_curve(database)
    shown = [point.equity for point in curve.points]
    assert len(shown) <= 5 * (STRETCHES + 2)
    assert [max(shown), min(shown), shown[0], shown[-1]] == [1500, 200, 1000, totals[-1]]
    assert curve.max_drawdown == 1300
    assert curve.deepest is not None
    assert [curve.deepest.time_ns, curve.deepest.drawdown] == [7778 * SECOND, 1300]
    times = [point.time_ns for point in curve.points]
    assert times == sorted(set(times))


def test_a_fall_within_a_stretch_in_which_equity_rose_is_kept(database: Database) -> None:
    """The deepest point of a stretch is neither its lowest nor its highest equity."""
    totals = [100, 500, 150, 160] + [170 + number for number in range(4_000)]
    fill(database, totals)
    assert max(point.drawdown for point in read_curve(database).points) == 350


def test_no_run_reaches_across_a_time_in_which_the_bot_was_stopped(database: Database) -> None:
    """Days later another run begins; drawdown is counted on from the same peak."""
    fill(database, [100, 120, 110])
    fill(database, [90, 95], start_ns=5 * DAY)
    curve = read_curve(database)
    assert [[point.equity for point in run] for run in curve.runs] == [[100, 120, 110], [90, 95]]
    assert curve.max_drawdown == 30


def test_a_slow_loop_is_no_stop(database: Database) -> None:
    """A loop may turn once a minute."""
    fill(database, [1, 2, 3], step_ns=60 * SECOND)
    assert len(read_curve(database).runs) == 1


def test_a_deposit_is_no_gain(database: Database) -> None:
    """The curve stands where it stood."""
    mark(database, 1, a="100")
    transfer = {"exchange": "a", "time_ns": 2, "amount": Decimal(50), "transfer_id": "1"}
    insert(database, tables.transfers, transfer)
    mark(database, 2, a="150")
    assert [point.equity for point in read_curve(database).points] == [100, 100]


def test_outcomes_are_the_closed_pairs_in_the_order_they_closed() -> None:
    """What is open has no outcome yet."""
    pair = {"symbol": "BTC-USD-PERP", "expected_pnl": Decimal(1), "total": Decimal(2)}
    rows = [
        {**pair, "pair_id": "late", "state": "CLOSED", "closed_ns": 9},
        {**pair, "pair_id": "open", "state": "HEDGED", "closed_ns": None},
        {**pair, "pair_id": "soon", "state": "CLOSED", "closed_ns": 3},
    ]
    assert [outcome.pair_id for outcome in outcomes(rows)] == ["soon", "late"]


def test_the_sums_of_thousands_of_pairs_are_few_and_end_where_all_end() -> None:
    """The worst moment between stays too."""
    found = [Outcome(f"{n}", "X", n, Decimal(1), Decimal(-5000 if n == 1234 else 1)) for n in range(5_000)]
    added = sums(found)
    assert len(added) <= 2 * STRETCHES + 4
    assert added[0] == Sums(0, Decimal(0), Decimal(0))
    assert added[-1] == Sums(5000, Decimal(5000), Decimal(-1))
    assert min(each.realised for each in added) == 1234 - 5000
