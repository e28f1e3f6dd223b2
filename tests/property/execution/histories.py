"""Random histories of one pair: what breaks on the way to the exchanges, and what the market does meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from perpbot.simulation.paper.faults import Fault
from tests.world import BETA, GAMMA

NOTHING = None
_delays = st.sampled_from([0.0, 0.02, 0.4, 1.1, 2.2, 2.6, 4.0, 6.0])
faults = st.one_of(
    st.just(NOTHING),
    st.just(Fault(lose_request=True)),
    st.just(Fault(lose_answer=True)),
    st.just(Fault(lose_events=True)),
    st.just(Fault(lose_answer=True, lose_events=True)),
    st.just(Fault(reject="insufficient_margin")),
    st.just(Fault(disconnect=True)),
    st.just(Fault(disconnect=True, lose_request=True)),
    st.builds(Fault, request_delay_seconds=_delays, answer_delay_seconds=_delays),
)


@dataclass(frozen=True)
class Plan:
    """What happens to the messages of one exchange, in order."""

    sends: tuple[Fault | None, ...]
    reads: tuple[Fault | None, ...]
    cancels: tuple[Fault | None, ...]


@dataclass(frozen=True)
class Step:
    """After ``wait`` seconds the book of ``exchange`` (0 or 1) is quoted anew, ``at_bot`` says whether the bot sees it.

    ``order`` is what the operator says: nothing, close the pair, pause, start, halt.
    """

    wait: float
    exchange: int
    mid: float
    bid_coins: float
    ask_coins: float
    at_bot: bool
    order: str


@dataclass(frozen=True)
class History:
    """``jumps`` are the two venues' moves in USD while the entry is under way; the bot does not see them in time."""

    sell: str
    size: str
    plans: tuple[Plan, Plan]
    jumps: tuple[float, float]
    steps: tuple[Step, ...]
    outage_seconds: float


plans = st.builds(
    Plan,
    st.lists(faults, max_size=4).map(tuple),
    st.lists(faults, max_size=4).map(tuple),
    st.lists(faults, max_size=2).map(tuple),
)
_jumps = st.sampled_from([0.0, 0.0, 0.0, 100.0, -100.0, 20.0, -20.0])
_coins = st.sampled_from([1.0, 1.0, 0.003, 0.0005, 0.0])
steps = st.builds(
    Step,
    st.sampled_from([0.001, 0.004, 0.006, 0.02, 0.02, 0.3, 1.0, 2.5]),
    st.integers(0, 1),
    st.floats(-0.01, 0.01).map(lambda move: float(round(60_000 * (1 + move)))),
    _coins,
    _coins,
    st.booleans(),
    st.sampled_from(["", "", "close", "close", "pause", "start", "halt"]),
)
histories = st.builds(
    History,
    st.sampled_from([BETA, GAMMA]),
    st.sampled_from(["0.001", "0.002", "0.010", "0.013"]),
    st.tuples(plans, plans),
    st.tuples(_jumps, _jumps),
    st.lists(steps, max_size=8).map(tuple),
    st.sampled_from([0.1, 1.0, 3.0, 8.0]),
)
