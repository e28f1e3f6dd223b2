"""The life cycle of a pair."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpbot.core.errors import IllegalTransition
from perpbot.core.names import PairId
from perpbot.core.pairs import PAIR_EDGES, Pair, PairLeg, PairState

S = PairState


def pair(state: PairState = S.PLANNED, *, hedged: bool = False) -> Pair:
    return Pair(
        pair_id=PairId("t-1"),
        symbol="BTC-USD-PERP",
        strategy="arbitrage",
        buy=PairLeg("alpha"),
        sell=PairLeg("beta"),
        size=Decimal(1),
        notional=Decimal(100),
        expected_pnl=Decimal("0.1"),
        planned_ns=0,
        state=state,
        ever_hedged=hedged,
    )


def test_a_pair_needs_two_exchanges() -> None:
    """Both legs on one exchange would be a wash trade."""
    with pytest.raises(IllegalTransition, match="needs two exchanges"):
        Pair(PairId("t-1"), "X", "s", PairLeg("alpha"), PairLeg("alpha"), Decimal(1), Decimal(1), Decimal(0), 0)


@pytest.mark.parametrize("before", list(S))
@pytest.mark.parametrize("after", list(S))
def test_a_pair_moves_along_its_edges_only(before: PairState, after: PairState) -> None:
    """Every move that is not in the table is an error."""
    ends_otherwise = before is S.UNWINDING and after is S.CLOSED  # it never was hedged
    if after in PAIR_EDGES[before] and not ends_otherwise:
        assert pair(before).to(after).state is after
    else:
        with pytest.raises(IllegalTransition):
            pair(before).to(after)


def test_what_was_never_hedged_is_unwound_to_failed_and_what_was_to_closed() -> None:
    """A pair that stood and was taken apart has had its life; one that never stood has failed."""
    assert pair(S.UNWINDING).to(S.FAILED).state is S.FAILED
    assert pair(S.UNWINDING, hedged=True).to(S.CLOSED).state is S.CLOSED
    with pytest.raises(IllegalTransition):
        pair(S.UNWINDING, hedged=True).to(S.FAILED)


def test_a_pair_remembers_that_it_was_hedged() -> None:
    """Through all that follows."""
    assert pair(S.SENT).to(S.HEDGED).to(S.CLOSING).to(S.CLOSING).ever_hedged
    assert not pair(S.SENT).to(S.BALANCING).ever_hedged


def test_four_states_are_final_and_quarantine_is_not_one() -> None:
    """A quarantined pair waits for the operator, its capital reserved."""
    assert {state for state in S if state.final} == {S.REFUSED, S.MISSED, S.FAILED, S.CLOSED}


def test_a_refused_pair_was_never_an_attempt() -> None:
    """Nothing of it was sent."""
    assert {state for state in S if not state.sent} == {S.PLANNED, S.RESERVED, S.JOURNALED, S.REFUSED}


def test_what_a_leg_holds_is_what_entered_less_what_left() -> None:
    """In contracts, unsigned."""
    assert PairLeg("alpha", entered=Decimal(5), exited=Decimal(2)).open == Decimal(3)
