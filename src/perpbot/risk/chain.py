"""The chain asks capital, account, position and execution. Asking capital is reserving; a refusal releases at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from perpbot.capital.orchestrator import CapitalOrchestrator
from perpbot.core.errors import ReadFailed, Refused
from perpbot.core.money import BOOKED_STEP, ZERO, floor_to
from perpbot.core.names import ExchangeName, ReservationId, Symbol
from perpbot.core.opportunities import ArbitrageOpportunity
from perpbot.core.pairs import Pair
from perpbot.core.positions import CapitalReservation, TradeResult
from perpbot.core.verdicts import Level, Verdict, approve, refuse
from perpbot.risk.account import RiskManager
from perpbot.risk.execution import ExecutionGuard
from perpbot.risk.exposure import ExposureBook, Holding
from perpbot.risk.limits import NAN, sound
from perpbot.risk.position import PositionGuard
from perpbot.risk.trades import DirectionalTrade


@dataclass(frozen=True, slots=True)
class ChainAnswer:
    """``verdicts`` are all answers up to the first refusal; ``reason`` is the last one's.

    An approved answer holds a live ``reservation``: its owner gives it back through :meth:`RiskChain.release`.
    ``worst_case_loss`` is USD, NaN if it was not reached.
    """

    approved: bool
    reason: str
    verdicts: tuple[Verdict, ...]
    reservation: CapitalReservation | None
    worst_case_loss: Decimal

    @property
    def verdict(self) -> Verdict:
        """The one that decided."""
        return self.verdicts[-1]


class RiskChain:
    """Asks the four levels in order, in one synchronous turn.

    ``exposure`` is the same book that ``manager`` and ``guard`` read: an approved pair counts there from the moment of
    its approval until its release.
    """

    def __init__(
        self,
        capital: CapitalOrchestrator,
        manager: RiskManager,
        guard: PositionGuard,
        execution: ExecutionGuard,
        exposure: ExposureBook,
    ) -> None:
        self._capital = capital
        self._manager = manager
        self._guard = guard
        self._execution = execution
        self._exposure = exposure

    def ask(self, opportunity: ArbitrageOpportunity) -> ChainAnswer:
        """Whether the pair may be opened. A refusal leaves capital and exposure as they were."""
        unsound = _find_unsound(opportunity)
        if unsound:
            return _refuse_invalid(f"{unsound} is not above zero")
        try:
            reservation = self._capital.reserve_for_strategy(
                opportunity.exchanges, opportunity.notional, opportunity.strategy
            )
        except Refused as error:
            return _refuse_invalid(str(error))
        verdicts = [_capital_verdict(reservation)]
        approved = False
        try:
            if reservation.approved:
                approved = self._ask_risk(opportunity, verdicts)
        finally:
            if not approved:
                self._capital.release(reservation)
        if not approved:
            return ChainAnswer(False, verdicts[-1].reason, tuple(verdicts), None, NAN)
        loss = self._execution.worst_case_loss(opportunity)
        self._hold(opportunity, reservation)
        return ChainAnswer(True, "approved", tuple(verdicts), reservation, loss)

    def ask_single(self, trade: DirectionalTrade, pool_strategy: str) -> ChainAnswer:
        """Whether a position may be opened on one exchange: capital, account and position are asked.

        ``pool_strategy`` names the pool it draws on. The books are looked at where the order is sent. A refusal leaves
        capital and exposure as they were.
        """
        for name in ("size", "price"):
            if not sound(getattr(trade, name)):
                return _refuse_invalid(f"{name} is not above zero")
        try:
            reservation = self._capital.reserve_for_strategy([trade.exchange], trade.notional, pool_strategy)
        except Refused as error:
            return _refuse_invalid(str(error))
        verdicts = [_capital_verdict(reservation)]
        approved = False
        try:
            approved = reservation.approved and self._ask_position(trade, verdicts)
        finally:
            if not approved:
                self._capital.release(reservation)
        if not approved:
            return ChainAnswer(False, verdicts[-1].reason, tuple(verdicts), None, NAN)
        holding = Holding(trade.symbol, {trade.exchange: trade.notional}, trade.side)
        self._exposure.add(reservation.reservation_id, holding)
        return ChainAnswer(True, "approved", tuple(verdicts), reservation, NAN)

    def max_notional(
        self, buy_exchange: ExchangeName, sell_exchange: ExchangeName, symbol: Symbol, strategy: str = "arbitrage"
    ) -> Decimal:
        """The largest notional of the larger leg that pools and limits leave room for now (USD), for sizing.

        Zero where there is none or where an account cannot be read; :meth:`ask` then says why.
        """
        exchanges = (buy_exchange, sell_exchange)
        try:
            room = min(
                self._manager.max_notional(symbol),
                *(self._guard.max_notional(exchange, symbol) for exchange in exchanges),
                self._execution.max_notional(exchanges, symbol),
                *(self._capital.available(exchange, strategy) for exchange in exchanges),
            )
        except ReadFailed:
            return ZERO
        return max(floor_to(room, BOOKED_STEP), ZERO)

    def restore(
        self, pair: Pair, reservation_id: ReservationId, legs: Mapping[ExchangeName, Decimal]
    ) -> CapitalReservation:
        """Hold capital and exposure of a pair of an earlier run again; it exists, so nobody is asked. ``legs`` are its
        notionals (USD)."""
        held = self._capital.restore(reservation_id, pair.exchanges, pair.notional, pair.strategy)
        self._exposure.add(reservation_id, Holding(pair.symbol, legs))
        return held

    def restore_single(
        self, trade: DirectionalTrade, pool_strategy: str, reservation_id: ReservationId
    ) -> CapitalReservation:
        """Hold capital and exposure of a single order of an earlier run that may still fill."""
        held = self._capital.restore(reservation_id, [trade.exchange], trade.notional, pool_strategy)
        self._exposure.add(reservation_id, Holding(trade.symbol, {trade.exchange: trade.notional}, trade.side))
        return held

    def release(
        self, reservation: CapitalReservation, result: TradeResult | Iterable[TradeResult] | None = None
    ) -> bool:
        """The pair is over: its capital and its exposure are free, once; whether they still were held."""
        released = self._capital.release(reservation, result)
        if released:
            self._exposure.remove(reservation.reservation_id)
        return released

    def record_trade(self) -> None:
        """What was approved has left: it is one of the trades that an override allows."""
        self._manager.record_trade()

    def _ask_risk(self, opportunity: ArbitrageOpportunity, verdicts: list[Verdict]) -> bool:
        """Ask account, position and execution, adding each answer to ``verdicts``; whether all approved."""
        verdicts.append(_as_verdict(self._manager.check(opportunity)))
        for exchange, size, price in opportunity.legs:
            if verdicts[-1].approved:
                verdicts.append(self._guard.can_open_position(exchange, opportunity.symbol, size, price))
        if verdicts[-1].approved:
            verdicts.append(self._execution.check(opportunity))
        return verdicts[-1].approved

    def _ask_position(self, trade: DirectionalTrade, verdicts: list[Verdict]) -> bool:
        """Ask account and position, adding each answer to ``verdicts``; whether both approved."""
        verdicts.append(_as_verdict(self._manager.check(trade)))
        if verdicts[-1].approved:
            verdicts.append(self._guard.can_open_position(trade.exchange, trade.symbol, trade.size, trade.price))
        return verdicts[-1].approved

    def _hold(self, opportunity: ArbitrageOpportunity, reservation: CapitalReservation) -> None:
        legs = {exchange: size * price for exchange, size, price in opportunity.legs}
        self._exposure.add(reservation.reservation_id, Holding(opportunity.symbol, legs))


def _refuse_invalid(detail: str) -> ChainAnswer:
    verdict = refuse(Level.CAPITAL, "figures", "order_invalid", detail=detail)
    return ChainAnswer(False, verdict.reason, (verdict,), None, NAN)


def _find_unsound(opportunity: ArbitrageOpportunity) -> str | None:
    """The first figure no order could be made of."""
    names = ("size", "buy_contracts", "sell_contracts", "buy_price", "sell_price", "buy_touch", "sell_touch")
    return next((name for name in names if not sound(getattr(opportunity, name))), None)


def _capital_verdict(reservation: CapitalReservation) -> Verdict:
    if reservation.approved:
        return approve(Level.CAPITAL, "capital")
    reason = reservation.reason
    return refuse(Level.CAPITAL, reason, reason, reservation.measured, reservation.limit, reservation.detail)


def _as_verdict(answer: object) -> Verdict:
    """What a rule answered; a bare ``(ok, reason)`` becomes a verdict ``custom``, anything else a refusal."""
    if isinstance(answer, Verdict):
        return answer
    match answer:
        case (True, _):
            return approve(Level.ACCOUNT, "custom")
        case (False, reason):
            return refuse(Level.ACCOUNT, "custom", "custom", detail=str(reason))
        case _:
            return refuse(Level.ACCOUNT, "custom", "custom", detail=f"the rule answered {answer!r}")
