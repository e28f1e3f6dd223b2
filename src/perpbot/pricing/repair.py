"""What repairing a one-sided pair is worth, both ways, so that the larger value wins."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.instruments import Instrument
from perpbot.core.money import ONE
from perpbot.core.orders import Leg


def completing_value(
    *, base: Decimal, buy_price: Decimal, sell_price: Decimal, close_gap_pct: Decimal, fees_pct: Decimal
) -> Decimal:
    """USD that completing ``base`` coins is worth: the gap − the median close gap − the fees still to pay.

    One of the prices is the filled leg's average, the other the missing leg's executable price. ``fees_pct`` are the
    missing entry's fee and both exit fees; the filled leg's entry fee is paid either way.
    """
    return (sell_price / buy_price - ONE - close_gap_pct - fees_pct) * buy_price * base


def unwinding_value(
    instrument: Instrument, leg: Leg, *, contracts: Decimal, entry_price: Decimal, exit_price: Decimal, fee_pct: Decimal
) -> Decimal:
    """USD that closing ``contracts`` of the over-filled ``leg`` at ``exit_price`` brings, after its fee."""
    held = contracts * leg.entry_side.sign
    gain = instrument.gain(held, instrument.settlement_value(held, entry_price), exit_price)
    fee = instrument.fee(contracts, exit_price, fee_pct)
    return instrument.to_usd(gain, exit_price) - instrument.to_usd(fee, exit_price)
