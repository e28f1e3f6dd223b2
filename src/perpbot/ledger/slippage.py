"""Slippage per order: its average fill against what its own decision counted on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO, realised
from perpbot.core.names import ClientOrderId
from perpbot.core.orders import Fill, Leg, Purpose, Side

_BPS_PER_UNIT = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class OrderSlippage:
    """The fills of one order so far: ``base`` coins for ``usd``, where the decision counted on ``decision_price``."""

    client_order_id: ClientOrderId
    owner: str
    side: Side
    leg: Leg | None
    purpose: Purpose
    decision_price: Decimal
    base: Decimal = ZERO
    usd: Decimal = ZERO

    @property
    def bps(self) -> Decimal | None:
        """Basis points lost against the decision; worse is positive; ``None`` without fills."""
        if not self.base:
            return None
        average = self.usd / self.base
        return (average / self.decision_price - 1) * self.side.sign * _BPS_PER_UNIT

    def with_fill(self, fill: Fill, instrument: Instrument) -> OrderSlippage:
        return replace(
            self,
            base=self.base + instrument.base(fill.size, fill.price),
            usd=self.usd + instrument.notional(fill.size, fill.price),
        )


def slippage_usd(fill: Fill, instrument: Instrument, decision_price: Decimal) -> Decimal:
    """USD that ``fill`` cost more than at ``decision_price``; negative when it was better."""
    return realised(instrument.base(fill.size, fill.price) * (fill.price - decision_price) * fill.side.sign)
