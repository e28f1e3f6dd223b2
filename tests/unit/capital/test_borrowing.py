"""Pools that lend to each other, where the operator allows it."""

from decimal import Decimal
from typing import Any

import pytest

from perpbot.capital.orchestrator import CapitalOrchestrator
from perpbot.core.errors import ConfigError


def pool(capital: CapitalOrchestrator, name: str) -> dict[str, Any]:
    shown: dict[str, Any] = capital.current_snapshot()["paradex"]["pools"][name]
    return shown


@pytest.fixture
def capital() -> CapitalOrchestrator:
    return CapitalOrchestrator(borrow_from={"arb": ["wash", "reserve"]})


def test_nothing_is_borrowed_by_default() -> None:
    """A pool ends where it ends."""
    assert not CapitalOrchestrator().reserve_for_arb(["paradex"], 2001).approved


def test_a_loan_is_shown_on_both_sides(capital: CapitalOrchestrator) -> None:
    """What arb borrows is missing from wash, and allocated ≤ pool + borrowed."""
    assert capital.available("paradex", "arbitrage") == 2000 + 3500 + 500
    assert capital.reserve_for_arb(["paradex"], 3000).approved
    arb, wash = pool(capital, "arb"), pool(capital, "wash")
    assert (arb["allocated"], arb["pool"], arb["borrowed"], arb["available"]) == (3000, 2000, 1000, 0)
    assert (wash["allocated"], wash["lent"], wash["available"]) == (0, 1000, 6000)
    assert arb["used_pct"] == Decimal("1.5")


def test_a_lender_keeps_its_floor(capital: CapitalOrchestrator) -> None:
    """Half of each lender's own size stays free; the second lender gives what the first cannot."""
    assert capital.reserve_for_arb(["paradex"], 6000).approved
    assert (pool(capital, "wash")["lent"], pool(capital, "reserve")["lent"]) == (3500, 500)
    assert not capital.reserve_for_arb(["paradex"], 1).approved


def test_a_loan_is_returned_before_the_own_budget_is_used_again(capital: CapitalOrchestrator) -> None:
    """A release pays back first."""
    small, large = capital.reserve_for_arb(["paradex"], 1500), capital.reserve_for_arb(["paradex"], 1500)
    assert pool(capital, "arb")["borrowed"] == 1000
    capital.release(small)
    arb = pool(capital, "arb")
    assert (arb["borrowed"], arb["allocated"], arb["available"]) == (0, 1500, 500)
    assert pool(capital, "wash")["available"] == 7000
    capital.release(large)


def test_room_gained_by_equity_returns_the_loan(capital: CapitalOrchestrator) -> None:
    """More equity makes the own pool large enough."""
    capital.reserve_for_arb(["paradex"], 3000)
    capital.set_equity("paradex", 20_000)
    assert (pool(capital, "arb")["borrowed"], pool(capital, "wash")["lent"]) == (0, 0)


def test_nothing_is_borrowed_in_safe_mode() -> None:
    """A pool that stays usable there ends where it ends."""
    capital = CapitalOrchestrator(borrow_from={"wash": ["arb"]})
    capital.update_drawdown("paradex", "0.05")
    assert not capital.reserve_for_strategy(["paradex"], 7001, "wash_trade").approved
    assert capital.reserve_for_strategy(["extended"], 7001, "wash_trade").approved


def test_a_refused_request_borrows_nothing(capital: CapitalOrchestrator) -> None:
    """Not on the exchange that could have, when the other cannot."""
    capital.set_equity("paradex", 10_000)
    capital.set_equity("extended", 1000)
    before = capital.current_snapshot()
    assert not capital.reserve_for_arb(["paradex", "extended"], 3000).approved
    assert capital.current_snapshot() == before


@pytest.mark.parametrize(
    ("borrow_from", "words"),
    [
        ({"arb": ["arb"]}, "borrows from itself"),
        ({"arb": ["wash"], "wash": ["reserve"], "reserve": ["arb"]}, "borrows from itself"),
        ({"arbb": ["wash"]}, "did you mean arb"),
        ({"arb": ["wsh"]}, "one of wash, arb, reserve"),
    ],
)
def test_borrowing_in_a_circle_or_from_nobody_is_refused(borrow_from: dict[str, list[str]], words: str) -> None:
    """Such a configuration does not start."""
    with pytest.raises(ConfigError, match=words):
        CapitalOrchestrator(borrow_from=borrow_from)
