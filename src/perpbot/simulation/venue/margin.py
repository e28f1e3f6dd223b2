"""What an account is worth and may do: equity at the venue's marks, margin, liquidation.

All positions of an account share its equity. A position binds notional ÷ the instrument's largest leverage, a resting
order the same for what it would open. Equity below half of what the positions bind means liquidation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO, realised
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.orders import Side
from perpbot.core.positions import Position, PositionSide
from perpbot.simulation.venue.account import MAINTENANCE_SHARE, Account, Holding
from perpbot.simulation.venue.market import VenueMarket
from perpbot.simulation.venue.orders import VenueOrder


class Margin:
    """Values accounts at the marks of ``markets`` as of their last update; without a mark, at entry."""

    def __init__(self, markets: Mapping[Symbol, VenueMarket]) -> None:
        self._markets = markets

    def mark(self, holding: Holding) -> Decimal:
        """The price a position is valued at."""
        return self._markets[holding.instrument.symbol].mark() or holding.entry_price

    def equity(self, account: Account) -> Decimal:
        """Balance and unrealised gains."""
        return account.balance + sum((each.unrealised(self.mark(each)) for each in account.holdings.values()), ZERO)

    def used(self, account: Account) -> Decimal:
        """Initial margin of all positions."""
        return sum((each.initial_margin(self.mark(each)) for each in account.holdings.values()), ZERO)

    def available(self, account: Account, orders: Iterable[VenueOrder]) -> Decimal:
        """Equity that neither positions nor what live ``orders`` would open binds; never below zero."""
        free = self.equity(account) - self.used(account) - self._bound(account, orders)
        return max(ZERO, realised(free))

    def needed(self, instrument: Instrument, contracts: Decimal, price: Decimal) -> Decimal:
        """Initial margin to open ``contracts`` at ``price``."""
        return instrument.notional(contracts, price) / instrument.max_leverage

    def liquidates(self, account: Account) -> bool:
        """Whether equity has fallen below the maintenance margin."""
        return self.equity(account) < self.used(account) * MAINTENANCE_SHARE

    def position(self, account: Account, symbol: Symbol, exchange: ExchangeName) -> Position | None:
        """The position as the venue states it, ``None`` if flat."""
        held = account.holdings.get(symbol)
        if held is None:
            return None
        mark = self.mark(held)
        return Position(
            exchange,
            symbol,
            PositionSide.LONG if held.contracts > 0 else PositionSide.SHORT,
            abs(held.contracts),
            held.entry_price,
            mark,
            held.unrealised(mark),
            held.instrument.max_leverage,
            realised(held.initial_margin(mark)),
            self.liquidation_price(account, held),
        )

    def liquidation_price(self, account: Account, held: Holding) -> Decimal | None:
        """The mark at which the account would be liquidated if only this market moved; ``None`` if there is none."""
        mark, instrument = self.mark(held), held.instrument
        own = held.initial_margin(mark) * MAINTENANCE_SHARE
        others = self.used(account) * MAINTENANCE_SHARE - own
        own_slope, own_fixed = (ZERO, own) if instrument.inverse else (own / mark, ZERO)
        slope = held.equity_slope() - own_slope
        if not slope:
            return None
        price = (others + own_fixed - self.equity(account) + held.equity_slope() * mark) / slope
        return instrument.round_price(price, buying=held.contracts < 0) if price > 0 else None

    def _bound(self, account: Account, orders: Iterable[VenueOrder]) -> Decimal:
        """What ``orders`` would open once they have closed what there is to close, the oldest first."""
        bound = ZERO
        closable: dict[tuple[Symbol, Side], Decimal] = {}
        for order in orders:
            if order.request.reduce_only or order.limit is None:
                continue
            key = (order.request.symbol, order.side)
            left = closable.get(key, account.closable(*key))
            closable[key] = max(ZERO, left - order.remaining)
            bound += self.needed(order.instrument, max(ZERO, order.remaining - left), order.limit)
        return bound
