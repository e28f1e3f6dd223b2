"""One account on the venue: balance, positions at average cost, and what they are worth."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from perpbot.core.instruments import Instrument
from perpbot.core.money import HALF, ZERO
from perpbot.core.names import Symbol
from perpbot.core.orders import Fill, Side
from perpbot.simulation.venue.orders import AVERAGE_DIGITS, AccountName

MAINTENANCE_SHARE = HALF
"""Maintenance margin as a share of the initial margin, which is notional ÷ the instrument's largest leverage."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One position: ``contracts`` (short is negative) and their settlement value at entry, signed alike."""

    instrument: Instrument
    contracts: Decimal
    entry_value: Decimal

    @property
    def entry_price(self) -> Decimal:
        """The average cost."""
        return AVERAGE_DIGITS.plus(self.instrument.average_price(self.contracts, self.entry_value))

    def unrealised(self, mark: Decimal) -> Decimal:
        """USD gained if closed at ``mark``, before fees."""
        return self.instrument.to_usd(self.instrument.gain(self.contracts, self.entry_value, mark), mark)

    def initial_margin(self, mark: Decimal) -> Decimal:
        """USD that the position binds at ``mark``."""
        return self.instrument.notional(abs(self.contracts), mark) / self.instrument.max_leverage

    def equity_slope(self) -> Decimal:
        """USD of equity per USD of price: coins of a linear position, coins at entry of an inverse one."""
        instrument = self.instrument
        return self.entry_value if instrument.inverse else self.contracts * instrument.multiplier


class Account:
    """Balance and positions, all in USD; moves only by fills, funding and transfers."""

    def __init__(self, name: AccountName) -> None:
        self.name = name
        self.balance = ZERO
        self.holdings: dict[Symbol, Holding] = {}

    def contracts(self, symbol: Symbol) -> Decimal:
        """The signed position."""
        holding = self.holdings.get(symbol)
        return holding.contracts if holding else ZERO

    def closable(self, symbol: Symbol, side: Side) -> Decimal:
        """Contracts that an order on ``side`` can close."""
        return max(ZERO, -side.sign * self.contracts(symbol))

    def book(self, instrument: Instrument, fill: Fill) -> None:
        """Book ``fill``: its gain on what it closes, its fee, and what it opens."""
        closing = min(fill.size, self.closable(instrument.symbol, fill.side))
        if closing:
            self._close(instrument, closing, fill.price)
        if fill.size > closing:
            self._open(instrument, fill.side.sign * (fill.size - closing), fill.price)
        self.balance -= instrument.to_usd(fill.fee, fill.price)

    def _open(self, instrument: Instrument, contracts: Decimal, price: Decimal) -> None:
        held = self.holdings.get(instrument.symbol)
        value = instrument.settlement_value(contracts, price)
        if held is not None:
            contracts, value = held.contracts + contracts, held.entry_value + value
        self.holdings[instrument.symbol] = Holding(instrument, contracts, value)

    def _close(self, instrument: Instrument, size: Decimal, price: Decimal) -> None:
        held = self.holdings.pop(instrument.symbol)
        closed = size if held.contracts > 0 else -size
        entry_value = held.entry_value * closed / held.contracts
        self.balance += instrument.to_usd(instrument.gain(closed, entry_value, price), price)
        if held.contracts != closed:
            rest = Holding(instrument, held.contracts - closed, held.entry_value - entry_value)
            self.holdings[instrument.symbol] = rest
