"""Whatever is tried, a pair only ever moves along its life cycle and stays at its end."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from perpbot.core.errors import IllegalTransition
from perpbot.core.names import PairId
from perpbot.core.pairs import PAIR_EDGES, Pair, PairLeg, PairState

PLANNED = Pair(
    PairId("t-1"), "X", "arbitrage", PairLeg("alpha"), PairLeg("beta"), Decimal(1), Decimal(1), Decimal(0), 0
)


@settings(max_examples=2000)
@given(st.lists(st.sampled_from(PairState), max_size=40))
def test_tried_moves_are_made_or_refused_and_nothing_else_happens(wanted: list[PairState]) -> None:
    """A refused move leaves the pair as it was; a final pair moves no more; hedged is never forgotten."""
    pair, path = PLANNED, [PairState.PLANNED]
    for state in wanted:
        before = pair
        try:
            pair = pair.to(state)
            path.append(state)
        except IllegalTransition:
            assert pair is before
        assert not (before.state.final and pair is not before)
    assert all(after in PAIR_EDGES[before] for before, after in pairwise(path))
    assert pair.ever_hedged == (PairState.HEDGED in path)
    if PairState.FAILED in path and PairState.QUARANTINED not in path:
        assert not pair.ever_hedged
