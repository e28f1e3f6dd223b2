"""What the operator is told of, and the words for it: pure, from what happened to a `Notice`, or to nothing.

A notice leaves as one JSON object with these keys, all always there; ``null`` where one does not apply:

==================  ====================================================================================
``text``            one line for people that says it all (chat programs show a key of this name)
``kind``            ``pair_quarantined``, ``halted``, ``pair_failed`` or ``order_unknown``
``severity``        ``critical`` (a quarantine, a halt), ``high`` (an unknown order) or ``medium``
``mode``            ``demo``, ``paper`` or ``live``: whose money it is
``time``            when it happened, ISO 8601 in UTC with nanoseconds
``time_ns``         the same in nanoseconds since 1970, a number
``epoch``           the run of the bot that says so
``reason``          reason code, as in ``perpbot why``
``message``         the reason in English
``message_zh``      the reason in Chinese
``detail``          what else is known, secrets masked; may be empty
``action``          what to do, one sentence
``action_zh``       the same in Chinese
``pair_id``         the pair, or ``null``
``symbol``          the symbol, or ``null``
``exchanges``       the exchanges concerned, a list, empty for a halt
``order_id``        the exchange's id of the order, or ``null``
``client_order_id`` our id of the order, or ``null``
``dropped``         how many earlier notices this channel lost since the last that it delivered, a number
==================  ====================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from perpbot.config.secrets import redact_text
from perpbot.core.commands import TradingState
from perpbot.core.events import Event, PairMoved, StateChanged
from perpbot.core.names import ClientOrderId, ExchangeName, OrderId, PairId, Symbol
from perpbot.core.orders import Order
from perpbot.core.pairs import PairState
from perpbot.core.reasons import message

_LONGEST_DETAIL = 300


class Severity(StrEnum):
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class NoticeKind(StrEnum):
    PAIR_QUARANTINED = "pair_quarantined"
    HALTED = "halted"
    PAIR_FAILED = "pair_failed"
    ORDER_UNKNOWN = "order_unknown"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who speaks: the mode, so that demo and live cannot be confused, and the run (epoch)."""

    mode: str
    epoch: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing the operator is told. ``time_ns`` is our clock, ``detail`` as it was said; `body` masks secrets."""

    kind: NoticeKind
    origin: Origin
    time_ns: int
    reason: str
    detail: str = ""
    pair_id: PairId | None = None
    symbol: Symbol | None = None
    exchanges: tuple[ExchangeName, ...] = ()
    order_id: OrderId | None = None
    client_order_id: ClientOrderId | None = None

    @property
    def severity(self) -> Severity:
        return _WORDS[self.kind].severity

    @property
    def critical(self) -> bool:
        """Whether trading waits for the operator: such a notice is never lost in favour of another kind."""
        return self.severity is Severity.CRITICAL

    @property
    def action(self) -> str:
        """What to do, one sentence."""
        return _WORDS[self.kind].action.format(pair=self.pair_id, exchanges=", ".join(self.exchanges))

    @property
    def action_zh(self) -> str:
        """The same in Chinese."""
        return _WORDS[self.kind].action_zh.format(pair=self.pair_id, exchanges="、".join(self.exchanges))

    @property
    def text(self) -> str:
        """One line for people."""
        about = " ".join(filter(None, (self.pair_id or self.client_order_id, self.symbol)))
        where = f" on {', '.join(self.exchanges)}" if self.exchanges else ""
        said = f" ({self.shown_detail})" if self.shown_detail else ""
        what = f"{_WORDS[self.kind].what} {about}".strip()
        return (
            f"[{self.origin.mode}] {self.severity.upper()}: {what}{where}: {message(self.reason)}{said}. {self.action}"
        )

    @property
    def shown_detail(self) -> str:
        """The detail on one line, short, and without what looks like a secret."""
        return " ".join(redact_text(self.detail).split())[:_LONGEST_DETAIL]


def body(notice: Notice, dropped: int = 0) -> bytes:
    """The notice as JSON, UTF-8; ``dropped`` is how many the channel has lost since the last it delivered."""
    return json.dumps(content(notice, dropped), ensure_ascii=False).encode("utf-8", "backslashreplace")


def content(notice: Notice, dropped: int = 0) -> dict[str, Any]:
    """The keys and values of a notice's JSON."""
    return {
        "text": notice.text,
        "kind": notice.kind.value,
        "severity": notice.severity.value,
        "mode": notice.origin.mode,
        "time": _iso(notice.time_ns),
        "time_ns": notice.time_ns,
        "epoch": notice.origin.epoch,
        "reason": notice.reason,
        "message": message(notice.reason),
        "message_zh": message(notice.reason, "zh"),
        "detail": notice.shown_detail,
        "action": notice.action,
        "action_zh": notice.action_zh,
        "pair_id": notice.pair_id,
        "symbol": notice.symbol,
        "exchanges": list(notice.exchanges),
        "order_id": notice.order_id,
        "client_order_id": notice.client_order_id,
        "dropped": dropped,
    }


def notice_of(event: Event, time_ns: int, origin: Origin) -> Notice | None:
    """What the operator is told of one journaled event; of most events nothing."""
    trigger = _TRIGGERS.get(type(event))
    return trigger(event, time_ns, origin) if trigger is not None else None


def halted(detail: str, time_ns: int, origin: Origin) -> Notice:
    """Trading is halted; ``detail`` says who did it and why."""
    return Notice(NoticeKind.HALTED, origin, time_ns, "latched", detail)


def order_unknown(order: Order, seconds: int, time_ns: int, origin: Origin) -> Notice:
    """An order was sent, and nobody has said for so many seconds what became of it."""
    return Notice(
        NoticeKind.ORDER_UNKNOWN,
        origin,
        time_ns,
        "unknown_order",
        f"for {seconds} s; {order.reason}" if order.reason else f"for {seconds} s",
        order.request.pair_id,
        order.symbol,
        (order.exchange,),
        order.order_id,
        order.client_order_id,
    )


def _of_pair(event: PairMoved, time_ns: int, origin: Origin) -> Notice | None:
    pair = event.pair
    told = _PAIR_STATES.get(pair.state)
    if told is None or event.before is pair.state:
        return None
    kind, unsaid = told
    reason = pair.reason or unsaid
    return Notice(kind, origin, time_ns, reason, "", pair.pair_id, pair.symbol, pair.exchanges)


def _of_state(event: StateChanged, time_ns: int, origin: Origin) -> Notice | None:
    if event.after is not TradingState.HALTED or event.before is TradingState.HALTED:
        return None
    return halted(f"{event.actor}: {event.reason}", time_ns, origin)


def _iso(time_ns: int) -> str:
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


@dataclass(frozen=True, slots=True)
class _Words:
    severity: Severity
    what: str
    action: str
    action_zh: str


_WORDS = {
    NoticeKind.PAIR_QUARANTINED: _Words(
        Severity.CRITICAL,
        "pair quarantined",
        "Look at {exchanges}: close it with `perpbot close {pair}`, or once they show flat end it with "
        "`perpbot resolve {pair} --note TEXT`.",
        "请到 {exchanges} 核对：用 `perpbot close {pair}` 平仓，或确认无持仓后用 "
        "`perpbot resolve {pair} --note TEXT` 结束隔离。",
    ),
    NoticeKind.HALTED: _Words(
        Severity.CRITICAL,
        "trading halted",
        "Find the cause with `perpbot journal show`, then `perpbot clear-halt --reason TEXT` and `perpbot start`.",
        "用 `perpbot journal show` 查明原因，再执行 `perpbot clear-halt --reason TEXT` 和 `perpbot start`。",
    ),
    NoticeKind.PAIR_FAILED: _Words(
        Severity.MEDIUM,
        "pair failed",
        "Nothing of it is open and the bot cools down by itself; if it repeats, look at `perpbot pairs` and "
        "`perpbot risk`.",
        "该配对已无持仓，系统自动冷却；若反复出现，请查看 `perpbot pairs` 和 `perpbot risk`。",
    ),
    NoticeKind.ORDER_UNKNOWN: _Words(
        Severity.HIGH,
        "order of unknown outcome",
        "The bot keeps asking and opens nothing on {exchanges} meanwhile; if it lasts, look the order up there.",
        "系统会持续查询，期间不在 {exchanges} 开仓；若持续未决，请到交易所核对该订单。",
    ),
}
_PAIR_STATES = {
    PairState.QUARANTINED: (NoticeKind.PAIR_QUARANTINED, "quarantined"),
    PairState.FAILED: (NoticeKind.PAIR_FAILED, "execution_error"),
}
_TRIGGERS: dict[type[Any], Callable[[Any, int, Origin], Notice | None]] = {
    PairMoved: _of_pair,
    StateChanged: _of_state,
}
