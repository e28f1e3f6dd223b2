"""How pairs fare, told to risk: what counts as a failure, and that it counts once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpbot.core.names import PairId
from perpbot.core.pairs import Pair, PairLeg, PairState
from perpbot.service.outcomes import Outcomes


class Clock:
    def now_ns(self) -> int:
        return 7


class Manager:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def record_success(self) -> None:
        self.told.append("success")

    def record_failure(self) -> None:
        self.told.append("failure")

    def record_miss(self) -> None:
        self.told.append("miss")


class Guard:
    def __init__(self) -> None:
        self.cooling: list[tuple[str, str]] = []

    def record_failure(self, exchange: str, symbol: str) -> None:
        self.cooling.append((exchange, symbol))


def pair(state: PairState, *, ever_hedged: bool = False) -> Pair:
    legs = PairLeg("alpha"), PairLeg("beta")
    one = Decimal(1)
    return Pair(PairId("t-1"), "X", "arbitrage", *legs, one, one, one, 0, state=state, ever_hedged=ever_hedged)


@pytest.fixture
def told() -> tuple[Outcomes, Manager, Guard]:
    manager, guard = Manager(), Guard()
    return Outcomes(Clock(), manager, guard, lambda *_: None), manager, guard  # type: ignore[arg-type]


def test_a_failed_pair_cools_both_exchanges_in_its_symbol(told: tuple[Outcomes, Manager, Guard]) -> None:
    """FAILED is a failure in a row; both exchanges and the symbol rest."""
    outcomes, manager, guard = told
    outcomes.failed(pair(PairState.FAILED))
    assert manager.told == ["failure"]
    assert guard.cooling == [("alpha", "X"), ("beta", "X")]


def test_an_entry_that_ends_in_quarantine_is_a_failure_once(told: tuple[Outcomes, Manager, Guard]) -> None:
    """An unknown outcome is a failure, and is not counted again when the pair is unwound later."""
    outcomes, manager, _ = told
    outcomes.quarantined(pair(PairState.QUARANTINED))
    outcomes.failed(pair(PairState.FAILED))
    assert manager.told == ["failure"]


def test_an_exit_that_ends_in_quarantine_is_no_failed_entry(told: tuple[Outcomes, Manager, Guard]) -> None:
    """The entry was a success; the quarantine itself is loud enough."""
    outcomes, manager, guard = told
    outcomes.quarantined(pair(PairState.QUARANTINED, ever_hedged=True))
    assert manager.told == []
    assert guard.cooling == []


def test_a_miss_is_no_failure(told: tuple[Outcomes, Manager, Guard]) -> None:
    """Nothing was risked."""
    outcomes, manager, guard = told
    outcomes.missed(pair(PairState.MISSED))
    assert manager.told == ["miss"]
    assert guard.cooling == []
