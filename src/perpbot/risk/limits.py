"""Comparisons that a number which is none can never pass."""

from __future__ import annotations

import math
from decimal import Decimal

from perpbot.core.money import exact, realised

NAN = Decimal("NaN")
_LARGEST_EXPONENT = 15


def within(measured: Decimal, limit: Decimal) -> bool:
    """Whether both are finite numbers and ``measured`` is not above ``limit``."""
    return measured.is_finite() and limit.is_finite() and measured <= limit


def sound(value: Decimal) -> bool:
    """Whether ``value`` can be a price or a size: finite and above zero."""
    return value.is_finite() and value > 0


def decimal(value: float) -> Decimal:
    """``value`` for a verdict; NaN and infinities stay what they are."""
    return exact(value) if math.isfinite(value) else NAN


def shown(measured: Decimal | None) -> Decimal | None:
    """``measured`` as a verdict states it: to 1e-8, after it was compared as it is; ``None`` for what is no number."""
    if measured is None or not measured.is_finite():
        return None
    return measured if measured.adjusted() > _LARGEST_EXPONENT else realised(measured)
