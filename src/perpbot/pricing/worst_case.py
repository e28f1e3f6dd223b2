"""The loss that a two-leg trade may bring before its first leg goes out."""

from __future__ import annotations

from decimal import Decimal


def worst_case_loss(
    notional: Decimal, *, adverse_move_pct: Decimal, unwind_slippage_pct: Decimal, taker_fees_pct: Decimal
) -> Decimal:
    """USD lost if one leg of ``notional`` USD fills, stands alone as long as it can, and is unwound.

    ``adverse_move_pct`` is the move against it over that time, ``taker_fees_pct`` the fees of entering and unwinding.
    """
    return notional * (adverse_move_pct + unwind_slippage_pct + taker_fees_pct)
