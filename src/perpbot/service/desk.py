"""The desk: what strategies see of the service, and the only way their intents become orders."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from decimal import Decimal

from perpbot.core.commands import TradingState
from perpbot.core.instruments import Instrument
from perpbot.core.market_data import Quote
from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.opportunities import ArbitrageOpportunity
from perpbot.core.orders import Side
from perpbot.core.pairs import Pair
from perpbot.core.positions import Position, PositionSide
from perpbot.core.results import ExecutionResult
from perpbot.execution.executor import at_once
from perpbot.pricing.limits import limit_price
from perpbot.service.parts import Parts
from perpbot.strategy.intents import ClosePair, ClosePosition, Intent, OpenPair


class ServiceDesk:
    """Implements :class:`perpbot.strategy.desk.Desk`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def submit(self, intent: Intent) -> Awaitable[ExecutionResult]:
        """Carry out an intent in this turn; the result says how it ended. Raises ``TypeError`` for what is none."""
        if isinstance(intent, OpenPair):
            return self._open_pair(intent)
        if isinstance(intent, ClosePair):
            return self._close_pair(intent)
        if isinstance(intent, ClosePosition):
            return self._close_position(intent)
        raise TypeError(f"{intent!r} is no intent: submit OpenPair, ClosePair or ClosePosition")

    @property
    def state(self) -> TradingState:
        return self._parts.status.state

    @property
    def pairs(self) -> Sequence[Pair]:
        """Pairs that are not over."""
        return self._parts.pairs.live()

    @property
    def positions(self) -> Sequence[Position]:
        """Open positions by our own books."""
        return open_positions(self._parts)

    def quote(self, exchange: ExchangeName, symbol: Symbol) -> Quote | None:
        return self._parts.market.quote(exchange, symbol)

    def instrument(self, exchange: ExchangeName, symbol: Symbol) -> Instrument | None:
        return self._parts.outside.instruments.get((exchange, symbol))

    def equity(self, exchange: ExchangeName) -> Decimal:
        return self._parts.account.equity(exchange)

    def _open_pair(self, intent: OpenPair) -> Awaitable[ExecutionResult]:
        parts = self._parts
        found = parts.scanner.price(
            intent.symbol, intent.buy_exchange, intent.sell_exchange, intent.size, intent.strategy
        )
        if not isinstance(found, ArbitrageOpportunity):
            return at_once(ExecutionResult(False, found.reason))
        return parts.executor.execute(found)

    def _close_pair(self, intent: ClosePair) -> Awaitable[ExecutionResult]:
        if self._parts.pairs.find(intent.pair_id) is None:
            return at_once(ExecutionResult(False, "unknown_pair", (), intent.pair_id))
        return self._parts.executor.close(intent.pair_id, intent.reason)

    def _close_position(self, intent: ClosePosition) -> Awaitable[ExecutionResult]:
        """Close what a strategy holds itself: never a leg of a pair."""
        parts = self._parts
        held = parts.ledger.lot(intent.exchange, intent.symbol, intent.strategy).contracts
        instrument = parts.outside.instruments.get((intent.exchange, intent.symbol))
        touch = parts.market.touch(intent.exchange, intent.symbol)
        if not held or instrument is None or touch is None:
            return at_once(ExecutionResult(not held, "book_not_ready" if held else "closed"))
        side = Side.SELL if held > 0 else Side.BUY
        at, contracts = touch[side is Side.BUY], abs(held)
        if intent.size is not None:
            contracts = min(contracts, instrument.round_size(instrument.contracts(intent.size, at)))
        price = limit_price(instrument, side, at, parts.settings.execution.max_slippage_pct)
        request = parts.singles.request(
            intent.exchange, intent.symbol, side, contracts, price, strategy=intent.strategy, reduce_only=True
        )
        return parts.singles.place(request)


def open_positions(parts: Parts) -> list[Position]:
    """All positions of our own books, at the market's mid."""
    found = []
    for exchange, symbol in parts.tracker.traded():
        contracts = parts.tracker.position(exchange, symbol)
        if contracts:
            found.append(_position(parts, exchange, symbol, contracts))
    return found


def _position(parts: Parts, exchange: ExchangeName, symbol: Symbol, contracts: Decimal) -> Position:
    instrument = parts.outside.instruments[exchange, symbol]
    lots = list(parts.ledger.lots(exchange, symbol))
    value = sum((lot.entry_value for lot in lots), ZERO)
    touch = parts.market.touch(exchange, symbol)
    entry = instrument.average_price(contracts, value)
    return Position(
        exchange=exchange,
        symbol=symbol,
        side=PositionSide.LONG if contracts > 0 else PositionSide.SHORT,
        size=abs(contracts),
        entry_price=entry,
        current_price=(touch[0] + touch[1]) / 2 if touch else entry,
        unrealized_pnl=sum((parts.ledger.unrealized(lot, parts.market) for lot in lots), ZERO),
    )
