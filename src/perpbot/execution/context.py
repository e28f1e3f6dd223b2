"""What the parts of execution share, and what they ask of risk and the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from perpbot.core.errors import Refused
from perpbot.core.instruments import Instrument
from perpbot.core.names import ExchangeName, Symbol, client_order_id
from perpbot.core.orders import Leg, OrderRequest, OrderType, Purpose, Side, TimeInForce
from perpbot.core.pairs import Pair
from perpbot.core.ports import Journal, PriceView, Spawn, Timers
from perpbot.core.verdicts import Level, Verdict, refuse
from perpbot.execution.backing import Backing
from perpbot.execution.gate import SendGate
from perpbot.execution.invariants import Invariants
from perpbot.execution.pairbook import PairBook
from perpbot.execution.settings import ExecutionSettings
from perpbot.execution.status import TradingStatus
from perpbot.execution.tracker import OrderTracker

NANOSECONDS = 1_000_000_000
MedianCloseGap = Callable[[Symbol, ExchangeName, ExchangeName], float | None]


class PairOutcomes(Protocol):
    """Told how pairs fare; each is called once per pair and kind."""

    def hedged(self, pair: Pair) -> None:
        """Both legs stand: a success at entry."""

    def missed(self, pair: Pair) -> None:
        """Both entry legs ended unfilled; the pair is over."""

    def failed(self, pair: Pair) -> None:
        """The entry failed; the pair is over and nothing is held."""

    def closed(self, pair: Pair) -> None:
        """The pair was hedged and is flat again."""

    def quarantined(self, pair: Pair) -> None:
        """The pair could not be settled: its capital stays reserved and the operator must look."""


@dataclass(slots=True)
class ExecutionContext:
    """Handed to everything that sends orders of pairs. Of it only the settings ever change, by :meth:`adopt`."""

    clock: Timers
    spawn: Spawn
    journal: Journal
    gate: SendGate
    tracker: OrderTracker
    pairs: PairBook
    status: TradingStatus
    invariants: Invariants
    prices: PriceView
    median_close_gap: MedianCloseGap
    instrument_of: Callable[[ExchangeName, Symbol], Instrument]
    backing: Backing
    outcomes: PairOutcomes
    settings: ExecutionSettings
    _allowance: Decimal = field(init=False)

    def __post_init__(self) -> None:
        self._allowance = _residual_allowance(self.settings)

    def adopt(self, settings: ExecutionSettings) -> None:
        """Take new settings; they hold for the next order, and for repairs under way.

        A pair that was hedged by the older bounds stays so: a tighter limit must not turn it into one to be repaired.
        """
        self.settings = settings
        self._allowance = max(self._allowance, _residual_allowance(settings))

    def build(
        self,
        pair: Pair,
        leg: Leg,
        side: Side,
        contracts: Decimal,
        price: Decimal,
        purpose: Purpose,
        decision_price: Decimal,
    ) -> OrderRequest:
        """A price-protected IOC order of a leg that expires at the exchange; reduce-only if it closes the leg."""
        now = self.clock.now_ns()
        before = self.pairs.last_attempt(pair.pair_id, leg)
        attempt = self.pairs.next_attempt(pair.pair_id, leg)
        return OrderRequest(
            client_order_id=client_order_id(pair.pair_id, leg, attempt),
            exchange=pair.leg(leg).exchange,
            symbol=pair.symbol,
            side=side,
            size=contracts,
            price=price,
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.IOC,
            reduce_only=side is not leg.entry_side,
            created_ns=now,
            expires_ns=now + seconds_ns(self.settings.order_expiry_seconds),
            pair_id=pair.pair_id,
            leg=leg,
            purpose=purpose,
            decision_price=decision_price,
            strategy=pair.strategy,
            replaces=client_order_id(pair.pair_id, leg, before) if before else None,
        )

    def touch(self, exchange: ExchangeName, symbol: Symbol, side: Side) -> Decimal | None:
        """The price an order of ``side`` would meet first."""
        touch = self.prices.touch(exchange, symbol)
        return touch and touch[side is Side.BUY]

    def deadline_ns(self, request: OrderRequest) -> int:
        """When an order must be over: its expiry and the skew, or the fill deadline of one that may rest."""
        if request.expires_ns is not None:
            return request.expires_ns + seconds_ns(self.settings.max_skew_seconds)
        return request.created_ns + seconds_ns(self.settings.fill_timeout_seconds)

    def give_up_ns(self, request: OrderRequest) -> int:
        """When an order that still has no known end is given up as unknown."""
        return self.deadline_ns(request) + seconds_ns(self.settings.max_unhedged_seconds + self.settings.poll_seconds)

    def hedged(self, pair: Pair) -> bool:
        """Whether both legs hold something and differ by no more than the allowed residual.

        The size was chosen at the planned prices; a fill may be off them by the slippage limit, and an inverse leg's
        coins with it.
        """
        return pair.buy.open > 0 and pair.sell.open > 0 and self.pairs.residual_pct(pair) <= self._allowance

    def send(self, pair: Pair, requests: list[OrderRequest]) -> Verdict:
        """Send a repair or an exit through the gate, all orders or none, with capital for what it needs beyond
        the pair's own."""
        try:
            verdict = self.gate.send(self.gate.prepare(requests))
        except Refused as error:
            return refuse(Level.GATE, "prepare", "order_invalid", detail=str(error))
        for request in requests if verdict.approved else ():
            if request.leg is not None:
                self.backing.cover(request, pair.leg(request.leg).open)
        return verdict


def _residual_allowance(settings: ExecutionSettings) -> Decimal:
    return settings.max_residual_pct + settings.max_slippage_pct


def seconds_ns(seconds: float) -> int:
    """Seconds as nanoseconds."""
    return round(seconds * NANOSECONDS)
