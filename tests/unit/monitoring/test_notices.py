"""What is told, in which words, and that no secret is among them."""

import json

import pytest

from perpbot.core.commands import TradingState
from perpbot.core.events import OrderChanged, PairMoved, StateChanged, TaskDied
from perpbot.core.orders import OrderStatus
from perpbot.core.pairs import PairState
from perpbot.core.reasons import REASONS
from perpbot.monitoring import notices
from perpbot.monitoring.notices import NoticeKind, body, content, halted, notice_of, order_unknown
from tests.unit.monitoring.scenes import BTC, ORIGIN, SECOND, START, failed, halt, order, pair, quarantined

KEY = "0x" + "7c62ab" * 10


def test_a_quarantined_pair_is_told_with_all_that_is_needed_to_end_it() -> None:
    """Every key that is documented is there, and nothing else."""
    notice = notice_of(quarantined(), START + 123_456_789, ORIGIN)
    assert notice is not None
    told = json.loads(body(notice, dropped=3))
    assert told == {
        "text": "[demo] CRITICAL: pair quarantined k3v9-7 BTC-USD-PERP on paradex, extended: one leg stood alone too "
        "long. Look at paradex, extended: close it with `perpbot close k3v9-7`, or once they show flat end it with "
        "`perpbot resolve k3v9-7 --note TEXT`.",
        "kind": "pair_quarantined",
        "severity": "critical",
        "mode": "demo",
        "time": "2025-11-24T16:00:00.123456789Z",
        "time_ns": START + 123_456_789,
        "epoch": "k3v9",
        "reason": "naked_leg",
        "message": "one leg stood alone too long",
        "message_zh": "单腿暴露超时",
        "detail": "",
        "action": notice.action,
        "action_zh": notice.action_zh,
        "pair_id": "k3v9-7",
        "symbol": BTC,
        "exchanges": ["paradex", "extended"],
        "order_id": None,
        "client_order_id": None,
        "dropped": 3,
    }
    assert all(f"``{key}``" in (notices.__doc__ or "") for key in told)


def test_a_halt_is_told_with_who_and_why() -> None:
    """It concerns no pair; the operator is told how it is lifted."""
    notice = notice_of(halt(), START, ORIGIN)
    assert notice is not None
    assert (notice.kind, notice.critical, notice.detail) == (NoticeKind.HALTED, True, "invariants: I10: unhedged")
    assert "perpbot clear-halt --reason" in notice.action
    assert notice.text.startswith(
        "[demo] CRITICAL: trading halted: halt latch is set (invariants: I10: unhedged). Find"
    )


def test_a_failed_pair_is_told_without_alarm() -> None:
    """Nothing of it is open."""
    notice = notice_of(failed(), START, ORIGIN)
    assert notice is not None
    assert (notice.kind, notice.severity, notice.reason) == (NoticeKind.PAIR_FAILED, "medium", "rejected")


def test_an_unknown_order_is_told_with_its_ids() -> None:
    """The exchange is named, because that is where to look."""
    told = content(order_unknown(order("k3v9-7-b0", OrderStatus.UNKNOWN, START, "timeout"), 6, START, ORIGIN))
    assert (told["kind"], told["severity"], told["detail"]) == ("order_unknown", "high", "for 6 s; timeout")
    assert (told["client_order_id"], told["pair_id"], told["exchanges"]) == ("k3v9-7-b0", "k3v9-7", ["paradex"])


@pytest.mark.parametrize("state", sorted(set(PairState) - {PairState.QUARANTINED, PairState.FAILED}))
def test_other_states_of_a_pair_are_not_told(state: PairState) -> None:
    """A miss is no failure, and what goes well is on the screen."""
    assert notice_of(PairMoved(pair(1, state), PairState.SENT), START, ORIGIN) is None


def test_what_is_no_change_is_not_told() -> None:
    """A halt while halted, the end of a halt, an order's progress, a task's death: others tell of those."""
    held = pair(1, PairState.QUARANTINED)
    for event in (
        PairMoved(held, PairState.QUARANTINED),
        StateChanged(TradingState.HALTED, TradingState.HALTED, "operator", "again"),
        StateChanged(TradingState.HALTED, TradingState.REDUCING, "operator", "looked"),
        OrderChanged(order("a", OrderStatus.UNKNOWN, START)),
        TaskDied("loop", "ValueError", 0),
    ):
        assert notice_of(event, START, ORIGIN) is None


def test_a_pair_without_a_reason_still_has_one_with_words() -> None:
    """Codes of our own are always among the reasons."""
    for event in (quarantined(reason=None), failed(reason=None), halt()):
        notice = notice_of(event, START, ORIGIN)
        assert notice is not None
        assert notice.reason in REASONS


def test_no_secret_and_no_second_line_leaves() -> None:
    """What an exchange or an operator wrote is masked and shortened, in the detail and in the line for people."""
    said = f"refused\nsignature={KEY} token: canary \udc80 {'x' * 1000}"
    told = body(halted(said, START, ORIGIN))
    assert b"7c62ab" not in told
    assert b"canary" not in told
    assert b"\n" not in told
    shown = json.loads(told)
    assert shown["detail"].startswith("refused signature=[hidden] token: [hidden]")
    assert len(shown["detail"]) == 300
    assert "\n" not in shown["text"]


def test_demo_and_live_cannot_be_confused() -> None:
    """The mode comes first in the line and has a key of its own."""
    told = content(halted("", START + SECOND, notices.Origin("live", "e")))
    assert told["mode"] == "live"
    assert told["text"].startswith("[live] ")
