"""What may be sent now: trading state, latch, freezes and blocked exchanges."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from perpbot.core.commands import TradingState
from perpbot.core.errors import SystemStopped
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.ports import Clock, Latch

log = structlog.get_logger(__name__)

StateListener = Callable[[TradingState, TradingState, str, str], None]
EVERYTHING: Symbol = "*"


class MemoryLatch:
    """A latch for runs that end with their process: replay and tests."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def is_set(self) -> bool:
        return self.reason is not None

    def why(self) -> str:
        return self.reason or ""

    def set(self, reason: str) -> None:
        self.reason = self.reason or reason

    def clear(self) -> None:
        self.reason = None


class TradingStatus:
    """The trading state and everything else that forbids openings. Closings are never forbidden here."""

    def __init__(self, clock: Clock, latch: Latch, initial: TradingState, listener: StateListener) -> None:
        self._clock = clock
        self._latch = latch
        self._listener = listener
        self._state = initial
        self._frozen: dict[Symbol, int] = {}
        self._blocked: dict[ExchangeName, dict[str, str]] = {}
        self.reason = "initial state"
        self.since_ns = clock.now_ns()

    @property
    def state(self) -> TradingState:
        """The state; the latch alone makes it ``HALTED``, whoever set it."""
        if self._state is not TradingState.HALTED and self._latch.is_set():
            why = self._latch.why()
            self.move(TradingState.HALTED, "latch", "the halt latch was found set" + (f" ({why})" if why else ""))
        return self._state

    @property
    def reducing_only(self) -> bool:
        return self.state is not TradingState.ACTIVE

    def move(self, state: TradingState, actor: str, reason: str) -> None:
        """Enter ``state``; entering it again only renews the reason."""
        before, self._state = self._state, state
        self.reason = reason
        if before is not state:
            self.since_ns = self._clock.now_ns()
            self._tell(before, state, actor, reason)

    def _tell(self, before: TradingState, after: TradingState, actor: str, reason: str) -> None:
        try:
            self._listener(before, after, actor, reason)
        except SystemStopped:  # the state holds although the journal is dead
            log.exception("change of state not journaled", state=after, reason=reason)

    def halt(self, actor: str, reason: str) -> None:
        """Set the latch and stop opening for good."""
        self._latch.set(f"{actor}: {reason}")
        self.move(TradingState.HALTED, actor, reason)

    def clear_latch(self, actor: str, reason: str) -> None:
        """Lift the latch; openings wait for a start."""
        self._latch.clear()
        self.move(TradingState.REDUCING, actor, reason)

    def freeze(self, symbols: Iterable[Symbol], until_ns: int) -> None:
        """No openings in ``symbols`` (all if empty) until ``until_ns``."""
        for symbol in tuple(symbols) or (EVERYTHING,):
            self._frozen[symbol] = max(until_ns, self._frozen.get(symbol, 0))

    def thaw(self) -> None:
        """End all freezes."""
        self._frozen.clear()

    def frozen(self) -> list[Symbol]:
        """Symbols frozen now; ``*`` stands for all."""
        now = self._clock.now_ns()
        return sorted(symbol for symbol, until in self._frozen.items() if until > now)

    def block(self, exchange: ExchangeName, cause: str, reason: str) -> None:
        """No openings on ``exchange`` while ``cause`` (an order, a pair, a read) stands; ``reason`` is its code."""
        self._blocked.setdefault(exchange, {})[cause] = reason

    def unblock(self, exchange: ExchangeName, cause: str) -> None:
        """``cause`` no longer stands."""
        self._blocked.get(exchange, {}).pop(cause, None)

    def blocks(self, exchange: ExchangeName) -> dict[str, str]:
        """What forbids openings on ``exchange``: cause → reason code."""
        return dict(self._blocked.get(exchange, {}))

    def opening_refusal(self, symbol: Symbol, exchanges: Iterable[ExchangeName]) -> tuple[str, str] | None:
        """Reason code and detail of what forbids an opening now, or ``None``."""
        state = self.state
        if state is TradingState.HALTED:
            return "latched", self.reason
        if state is TradingState.REDUCING:
            return "not_active", f"{state}: {self.reason}"
        if self._frozen and not {symbol, EVERYTHING}.isdisjoint(self.frozen()):
            return "frozen", symbol
        for exchange in exchanges:
            for cause, reason in self._blocked.get(exchange, {}).items():
                return reason, f"{exchange}: {cause}"
        return None
