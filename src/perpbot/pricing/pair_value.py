"""PnL of an open pair, both legs together, at prices it could be closed at."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.instruments import Instrument
from perpbot.core.money import ONE
from perpbot.core.orders import Leg
from perpbot.core.pairs import PairLeg


def leg_pnl(instrument: Instrument, leg: Leg, held: PairLeg, price: Decimal) -> Decimal:
    """USD gained by one leg if the rest of it were closed at ``price``, before fees.

    What was closed already counts at its own exit value.
    """
    settled = held.exit_value + instrument.settlement_value(held.open, price)
    gain = leg.entry_side.sign * (settled - held.entry_value)
    return instrument.to_usd(-gain if instrument.inverse else gain, price)


def exit_fee(instrument: Instrument, held: PairLeg, price: Decimal, fee_pct: Decimal) -> Decimal:
    """USD of fee for closing the rest of a leg at ``price``."""
    return instrument.to_usd(instrument.fee(held.open, price, fee_pct), price)


def close_gap(buy_bid: Decimal, sell_ask: Decimal) -> Decimal:
    """What closing costs at the touch: the sold leg is bought back at its ask, the bought leg sold at its bid."""
    return sell_ask / buy_bid - ONE


def residual_pct(buy_base: Decimal, sell_base: Decimal) -> Decimal:
    """How far apart two legs are in coins, as a fraction of the larger one; 0 if both are empty."""
    larger = max(buy_base, sell_base)
    return abs(buy_base - sell_base) / larger if larger else larger
