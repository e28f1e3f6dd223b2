"""A demo that is killed again and again while it trades loses nothing, sends nothing twice, and goes on.

``PERPBOT_KILLS`` says how often; ``python -m tests.e2e.kills`` does the same and prints a report.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.audit import Files, problems, settled
from tests.e2e.evidence import Line
from tests.e2e.kills import Killer, report

KILLS = int(os.environ.get("PERPBOT_KILLS", "3"))


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killer:
    """A demo after all kills, settled and stopped."""
    killer = Killer(tmp_path_factory.mktemp("kills") / "home", seed=7, count=KILLS)
    killer.run()
    return killer


def test_after_every_kill_the_next_start_takes_everything_up(killed: Killer) -> None:
    """No order twice, no pair forgotten, capital as open, balances as the fills make them, identity and chain exact."""
    told = report(killed)
    assert told["problems"] == []
    assert told["counted"] == KILLS
    assert told["starts"] > told["counted"]
    assert told["pairs_hit"] >= 1
    assert not {*told["pairs_ended"]} - {"CLOSED", "FAILED", "MISSED", "REFUSED", "PLANNED", "QUARANTINED"}
    assert all(told["quarantined"].values()), "each has its reason"


Change = Callable[[list[Line]], list[Line]]


def _last(lines: list[Line], kind: str) -> int:
    return max(number for number, line in enumerate(lines) if line["k"] == kind)


def _without_last(kind: str) -> Change:
    return lambda lines: [line for number, line in enumerate(lines) if number != _last(lines, kind)]


def _twice(kind: str) -> Change:
    return lambda lines: [*lines, lines[_last(lines, kind)]]


def _order_twice(lines: list[Line]) -> list[Line]:
    return [*lines, next(line for line in reversed(lines) if line["k"] == "account_turn" and line["d"]["accepted"])]


def _another_price(lines: list[Line]) -> list[Line]:
    lines[_last(lines, "order_filled")]["d"]["fill"]["price"] = "1"
    return lines


def _another_balance(lines: list[Line]) -> list[Line]:
    lines[_last(lines, "equity_marked")]["d"]["balance"] = "20000.00000001"
    return lines


def _still_open(lines: list[Line]) -> list[Line]:
    """A pair's end is missing, so the capital that it held should be allocated still."""
    ends = (number for number, line in enumerate(lines) if line["k"] == "pair_moved")
    last = max(number for number in ends if lines[number]["d"]["pair"]["state"] in ("CLOSED", "FAILED", "MISSED"))
    return lines[:last] + lines[last + 1 :]


@pytest.mark.parametrize(
    ("suffix", "change", "words"),
    [
        (".paper", _order_twice, "was taken twice"),
        (".paper", _order_twice, "came again"),
        (".journal", _without_last("order_intended"), "is at its exchange and not in the journal"),
        (".journal", _twice("order_intended"), "was meant twice"),
        (".journal", _without_last("order_filled"), "is not booked"),
        (".journal", _twice("order_filled"), "was booked twice"),
        (".journal", _another_price, "is booked otherwise than it happened"),
        (".journal", _another_balance, "its fills and payments make"),
        (".journal", _still_open, "allocated at"),
        (".journal", _twice("pair_planned"), "was planned twice"),
        (".journal", _twice("run_started"), "came again"),
    ],
)
def test_the_audit_finds_what_is_wrong(killed: Killer, tmp_path: Path, suffix: str, change: Change, words: str) -> None:
    """Each fault, planted in the files, is named."""
    copy = tmp_path / "demo.db"
    for end in ("", ".journal", ".paper"):
        shutil.copy(f"{killed.bot.db}{end}", f"{copy}{end}")
    spoiled = tmp_path / f"demo.db{suffix}"
    lines = [json.loads(line) for line in spoiled.read_text().splitlines()]
    spoiled.write_text("".join(f"{json.dumps(line)}\n" for line in change(lines)))
    files = Files(copy)
    assert any(words in problem for problem in (*problems(files), *settled(files)))
