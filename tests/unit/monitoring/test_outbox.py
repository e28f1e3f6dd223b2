"""Bounded, critical first, and honest about what was lost."""

from hypothesis import given
from hypothesis import strategies as st

from perpbot.monitoring.notices import Notice, notice_of
from perpbot.monitoring.outbox import Outbox
from tests.unit.monitoring.scenes import ORIGIN, START, failed, quarantined


def ordinary(number: int) -> Notice:
    notice = notice_of(failed(number), START + number, ORIGIN)
    assert notice is not None
    return notice


def critical(number: int) -> Notice:
    notice = notice_of(quarantined(number), START + number, ORIGIN)
    assert notice is not None
    return notice


def drained(outbox: Outbox) -> list[Notice]:
    taken = []
    while (notice := outbox.take()) is not None:
        taken.append(notice)
    return taken


def test_critical_notices_go_first_each_kind_oldest_first() -> None:
    """A halt does not wait behind the failures that led to it."""
    outbox = Outbox()
    for notice in (ordinary(1), critical(2), ordinary(3), critical(4)):
        outbox.put(notice)
    assert drained(outbox) == [critical(2), critical(4), ordinary(1), ordinary(3)]


def test_when_it_is_full_the_oldest_that_is_not_critical_is_dropped() -> None:
    """And counted."""
    outbox = Outbox(3)
    for notice in (critical(1), ordinary(2), ordinary(3), ordinary(4), critical(5)):
        outbox.put(notice)
    assert outbox.dropped == 2
    assert drained(outbox) == [critical(1), critical(5), ordinary(4)]


def test_a_critical_notice_is_never_dropped_in_favour_of_another_kind() -> None:
    """With nothing but critical ones waiting, an ordinary one is the one that is lost."""
    outbox = Outbox(2)
    for notice in (critical(1), critical(2), ordinary(3)):
        outbox.put(notice)
    assert outbox.dropped == 1
    outbox.put(critical(4))
    assert drained(outbox) == [critical(2), critical(4)]


@given(st.lists(st.sampled_from("cot")), st.integers(1, 5))
def test_memory_is_bounded_and_every_notice_is_accounted_for(steps: list[str], capacity: int) -> None:
    """What was put is waiting, taken or counted as dropped; a critical one is dropped by critical ones alone."""
    outbox, put, taken, critical_put, critical_taken = Outbox(capacity), 0, 0, 0, 0
    for number, step in enumerate(steps):
        if step == "t":
            notice = outbox.take()
            taken += notice is not None
            critical_taken += notice is not None and notice.critical
        else:
            put, critical_put = put + 1, critical_put + (step == "c")
            outbox.put(critical(number) if step == "c" else ordinary(number))
        assert len(outbox) <= capacity
        assert put == taken + len(outbox) + outbox.dropped
        if critical_put <= capacity:
            assert critical_put == critical_taken + sum(notice.critical for notice in outbox._critical)
