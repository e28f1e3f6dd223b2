"""Sharing one payment out to several owners so that nothing is lost to rounding."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext

from perpbot.core.money import ZERO, realised
from perpbot.ledger.lots import WIDE


def share_out(amount: Decimal, contracts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """``amount`` by signed ``contracts`` of each owner; the shares add up to ``amount`` exactly.

    A payment is made on the net position, so an owner on the other side of it gets the opposite sign. Where the
    owners cancel out they share by size. The rounding remainder goes to the largest (the first of equals).
    """
    with localcontext(WIDE):
        net = sum(contracts.values(), ZERO)
        weights = dict(contracts) if net else {owner: abs(held) for owner, held in contracts.items()}
        whole = sum(weights.values(), ZERO)
        shares = {owner: realised(amount * weight / whole) for owner, weight in weights.items()}
        largest = max(weights, key=lambda owner: abs(weights[owner]))
        shares[largest] += amount - sum(shares.values(), ZERO)
    return shares
