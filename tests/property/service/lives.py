"""Random lives of a bot: what markets, exchanges and the operator do to it, and the deaths in between."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from perpbot.core.commands import (
    ChangeSetting,
    ClearHalt,
    Command,
    EndSafeMode,
    Freeze,
    Halt,
    Override,
    Pause,
    Reduce,
    ResetPeak,
    Start,
)
from perpbot.simulation.paper.faults import Fault
from tests.property.execution.histories import faults
from tests.world import ALPHA, BETA, BTC, GAMMA

NAMES = (ALPHA, BETA, GAMMA)
START = Start()
COMMANDS: tuple[Command, ...] = (
    Pause(),
    START,
    Reduce(),
    Freeze((BTC,)),
    Freeze(),
    Freeze(("ETH-USD-PERP",)),
    Halt(),
    Halt(flatten=True),
    ClearHalt(),
    Override(minutes=0.1),
    Override(trades=2),
    Override(),
    ResetPeak(),
    EndSafeMode(GAMMA),
    ChangeSetting("position.max_position_size", "900", confirm=True),
    ChangeSetting("position.max_position_size", "5000"),
    ChangeSetting("risk.max_risk_pct", "0.06", confirm=True),
    ChangeSetting("execution.max_unhedged_seconds", "1"),
    ChangeSetting("capital", "{wash_budget_pct: 0.1, arb_budget_pct: 0.6, reserve_pct: 0.3}", confirm=True),
)


@dataclass(frozen=True)
class Step:
    """After ``wait`` seconds ``act`` is done; what it does not need of the rest stays unused.

    ``exchange`` is a place in :data:`NAMES`, ``move`` USD, ``number`` chooses among ways to do it, and ``key`` is the
    idempotency key of ``command``.
    """

    wait: float
    act: str
    exchange: int = 0
    move: float = 0.0
    coins: str = "0.010"
    number: int = 0
    command: Command = START
    key: str = ""
    broken: tuple[Fault | None, ...] = ()


@dataclass(frozen=True)
class LifeStory:
    """``probe`` is the record after which the journal is read back in the middle of it all."""

    steps: tuple[Step, ...]
    probe: int


ACTS = (
    *("open",) * 8,
    *("open_inverse",) * 4,
    *("close",) * 3,
    *("quote",) * 3,
    *("break_sends",) * 4,
    *("break_reads",) * 2,
    *("command",) * 6,
    *("go",) * 4,
    *("resolve",) * 2,
    "quarantine",
    *("end_safe_mode",) * 2,
    "buy",
    "rest",
    "sell_own",
    "look",
    "stop",
    "die",
    "die_torn",
    "trade_by_hand",
    "transfer",
)
steps = st.builds(
    Step,
    wait=st.sampled_from([0.001, 0.006, 0.02, 0.3, 0.3, 1.1, 2.5, 6.0]),
    act=st.sampled_from(ACTS),
    exchange=st.sampled_from(range(3)),
    move=st.sampled_from([0.0, 5.0, -5.0, 60.0, -60.0, 150.0, -150.0]),
    coins=st.sampled_from(["0.010", "0.004", "0.013", "0.016"]),
    number=st.sampled_from(range(12)),
    command=st.sampled_from(COMMANDS),
    key=st.sampled_from(["", "a", "b", "c"]),
    broken=st.lists(faults, min_size=1, max_size=4).map(tuple),
)
life_stories = st.builds(LifeStory, st.lists(steps, min_size=4, max_size=16).map(tuple), st.integers(30, 250))
