"""A venue opened again from a checkpoint and what came after it is the one that never stopped."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from perpbot.core.instruments import Instrument
from perpbot.core.orders import OrderReport
from perpbot.records.encoding import encode_json
from perpbot.simulation.venue.turns import Kept
from tests.property.simulation.test_restored_venue import (
    DEPOSIT,
    FIRST_BOOK,
    MARK,
    RATE,
    Told,
    opened_again,
    told,
)
from tests.property.simulation.test_venue import ACCOUNTS, KINDS, STEPS, History, Step
from tests.unit.simulation.venue.scene import SECOND, Scene

LONG = 5_000 * SECOND
"""How long what is over is remembered here: shorter than most of these lives."""


@dataclass
class Life:
    """A venue that wrote a checkpoint while it went on, taking one piece of it after each step."""

    history: History
    turns: list[Kept]
    """Everything from its first turn on."""
    short: list[Kept]
    """The checkpoint and what came after it."""


def lived(instrument: Instrument, steps: list[Step], at: int, *, forgetting: bool = False) -> Life:
    """A life of ``steps``, with a checkpoint begun before the one ``at``."""
    turns: list[Kept] = []
    scene = Scene(
        instrument,
        funding_rate=RATE,
        deposit=DEPOSIT,
        accounts=(),
        resume=lambda engine: engine.resume((), turns.append),
    )
    history = History(scene)
    for account in ACCOUNTS:
        scene.engine.open_account(account, Decimal(DEPOSIT))
    pieces: Iterator[Kept] = iter(())
    short: list[Kept] = []
    begun = 0
    for number, step in enumerate((FIRST_BOOK, *steps)):
        if number == at:
            if forgetting:
                while scene.engine.forget(scene.now_ns - LONG, 3):
                    pass
            pieces, begun = scene.engine.checkpoint(), len(turns)
        history.take(step)
        short += islice(pieces, 1)
    return Life(history, turns, [*short, *pieces, *turns[begun:]])


def written(past: list[Kept]) -> list[Kept]:
    """``past`` as it comes back from a file."""
    return [msgspec.convert(msgspec.json.decode(encode_json(each)), type(each)) for each in past]


def note(expected: list[Told]) -> None:
    event(f"funding paid: {any(account.funding for account in expected)}")
    event(f"something rests: {any(account.resting for account in expected)}")
    event(f"positions: {any(account.holdings for account in expected)}")


@KINDS
@settings(max_examples=60)
@given(steps=STEPS, at=st.integers(0, 40))
def test_it_knows_everything_to_the_last_digit(instrument: Instrument, steps: list[Step], at: int) -> None:
    """Wherever the checkpoint was begun, and though the venue went on while it was written."""
    life = lived(instrument, steps, at)
    expected = told(life.history.scene.engine)
    assert told(opened_again(life.history.scene, written(life.short)).engine) == expected
    note(expected)


@KINDS
@settings(max_examples=60)
@given(steps=STEPS, at=st.integers(0, 40), more=STEPS)
def test_it_goes_on_as_one_opened_from_all_its_turns(
    instrument: Instrument, steps: list[Step], at: int, more: list[Step]
) -> None:
    """With all that rests: the same fills, reports and payments, ids and all."""
    life = lived(instrument, steps, at)
    again = [History(opened_again(life.history.scene, past)) for past in (written(life.short), written(life.turns))]
    for history in again:
        for step in (FIRST_BOOK, MARK, *more):
            history.take(step)
    assert_alike(*again)


@KINDS
@settings(max_examples=60)
@given(steps=STEPS, at=st.integers(0, 40), more=STEPS)
def test_it_goes_on_as_if_it_had_never_stopped(
    instrument: Instrument, steps: list[Step], at: int, more: list[Step]
) -> None:
    """Also when both have forgotten what was over long before the checkpoint; with no order left whose place in the
    queue it cannot know."""
    life = lived(instrument, steps, at, forgetting=True)
    again = History(opened_again(life.history.scene, written(life.short)))
    for history in (life.history, again):
        for account in ACCOUNTS:
            history.scene.engine.cancel_all(account, history.scene.now_ns)
            history.scene.engine.collect(account)
        for said in (history.fills, history.reports, history.funding):
            for account in ACCOUNTS:
                said[account].clear()
        for step in (FIRST_BOOK, MARK, *more):
            history.take(step)
    assert_alike(life.history, again)


@KINDS
@settings(max_examples=60)
@given(steps=STEPS)
def test_what_is_forgotten_was_over_and_nothing_else_changes(instrument: Instrument, steps: list[Step]) -> None:
    """Orders that may fill stay, however old, and all that happened since; balances and positions are as before."""
    life = lived(instrument, steps, 0)
    engine, since_ns = life.history.scene.engine, life.history.scene.now_ns - LONG
    before = told(engine)
    while engine.forget(since_ns, 3):
        pass
    after = told(engine)
    for old, new in zip(before, after, strict=True):
        orders = [(each, fills) for each, fills in zip(old.orders, old.fills, strict=True) if recent(each[1], since_ns)]
        assert list(zip(new.orders, new.fills, strict=True)) == orders
        assert new.funding == [paid for paid in old.funding if paid.timestamp_ns >= since_ns]
        assert (new.balance, new.holdings, new.resting) == (old.balance, old.holdings, old.resting)
    event(f"forgotten: {min(5, sum(len(each.orders) for each in before) - sum(len(each.orders) for each in after))}")


def recent(report: OrderReport, since_ns: int) -> bool:
    return not report.status.final or report.timestamp_ns >= since_ns


def assert_alike(one: History, other: History) -> None:
    """They tell the same, and have told the same."""
    assert told(one.scene.engine) == told(other.scene.engine)
    assert (one.fills, one.reports, one.funding) == (other.fills, other.reports, other.funding)
    event(f"fills after: {min(3, sum(map(len, one.fills.values())))}")
    event(f"funding after: {any(one.funding.values())}")
