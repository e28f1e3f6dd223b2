"""Each thing is told once, and nothing again after a restart."""

import pytest

from perpbot.core.commands import TradingState
from perpbot.core.events import StateChanged
from perpbot.core.orders import Order, OrderStatus
from perpbot.monitoring.notices import NoticeKind
from perpbot.monitoring.watch import UNKNOWN_NS, NoticeWatch
from tests.unit.monitoring.scenes import ORIGIN, START, halt, order, quarantined

ACTIVE, REDUCING, HALTED = TradingState
UNKNOWN = order("a", OrderStatus.UNKNOWN, START)


@pytest.fixture
def watch() -> NoticeWatch:
    return NoticeWatch(ORIGIN)


def told(watch: NoticeWatch, now_ns: int, *orders: Order, state: TradingState = ACTIVE) -> list[NoticeKind]:
    return [notice.kind for notice in watch.look(state, "why", orders, now_ns)]


def test_an_order_is_told_of_once_when_it_is_unknown_for_over_five_seconds(watch: NoticeWatch) -> None:
    """Not at five seconds, and not at every look after."""
    assert told(watch, START + UNKNOWN_NS, UNKNOWN) == []
    assert told(watch, START + UNKNOWN_NS + 1, UNKNOWN) == [NoticeKind.ORDER_UNKNOWN]
    assert told(watch, START + 10 * UNKNOWN_NS, UNKNOWN) == []


def test_what_is_said_meanwhile_does_not_start_the_time_anew(watch: NoticeWatch) -> None:
    """The order is unknown since it became so, whatever renewed its time stamp."""
    told(watch, START + 1, UNKNOWN)
    renewed = order("a", OrderStatus.UNKNOWN, START + UNKNOWN_NS, "asked again")
    assert told(watch, START + UNKNOWN_NS + 1, renewed) == [NoticeKind.ORDER_UNKNOWN]


def test_an_order_that_was_known_again_in_between_is_not_counted_from_the_first_time(watch: NoticeWatch) -> None:
    """Only an unbroken time of not knowing counts."""
    told(watch, START + 1, UNKNOWN)
    told(watch, START + 2, order("a", OrderStatus.OPEN, START + 2))
    again = order("a", OrderStatus.UNKNOWN, START + UNKNOWN_NS)
    assert told(watch, START + UNKNOWN_NS + 1, again) == []


def test_orders_that_are_over_are_forgotten(watch: NoticeWatch) -> None:
    """Memory does not grow with the run."""
    for number in range(100):
        unknown = order(f"o{number}", OrderStatus.UNKNOWN, START)
        assert told(watch, START + UNKNOWN_NS + 1, unknown) == [NoticeKind.ORDER_UNKNOWN]
    told(watch, START + UNKNOWN_NS + 2)
    assert not watch._told_orders
    assert not watch._unknown_since


def test_a_halt_is_told_once_by_its_event(watch: NoticeWatch) -> None:
    """The look that follows finds nothing new; a second halt after a start is a new one."""
    assert watch.on_event(halt(), START) is not None
    assert told(watch, START, state=HALTED) == []
    assert watch.on_event(StateChanged(HALTED, REDUCING, "operator", "looked"), START) is None
    assert watch.on_event(halt(), START) is not None


def test_a_halt_that_no_event_told_of_is_seen_by_the_look(watch: NoticeWatch) -> None:
    """A dead journal halts trading and cannot say so."""
    assert told(watch, START, state=HALTED) == [NoticeKind.HALTED]
    assert told(watch, START, state=HALTED) == []
    assert told(watch, START, state=ACTIVE) == []
    assert told(watch, START, state=HALTED) == [NoticeKind.HALTED]


def test_nothing_is_repeated_after_a_restart(watch: NoticeWatch) -> None:
    """Neither a halt that stands, though the new run journals that it found the latch, nor an order told of before."""
    watch.remember(HALTED, [UNKNOWN], START + UNKNOWN_NS + 1)
    assert watch.on_event(halt("the halt latch was found set"), START) is None
    assert told(watch, START + 9 * UNKNOWN_NS, UNKNOWN, state=HALTED) == []


def test_what_an_earlier_run_had_no_time_to_tell_is_told(watch: NoticeWatch) -> None:
    """An order that became unknown just before the crash, and a latch that was set while nobody ran."""
    watch.remember(ACTIVE, [UNKNOWN], START + 1)
    assert watch.on_event(halt("the halt latch was found set"), START) is not None
    assert told(watch, START + UNKNOWN_NS + 1, UNKNOWN, state=HALTED) == [NoticeKind.ORDER_UNKNOWN]


def test_a_quarantine_at_the_restart_is_told(watch: NoticeWatch) -> None:
    """It is news: the pair could not be resumed."""
    watch.remember(ACTIVE, [], START)
    assert watch.on_event(quarantined(), START) is not None
