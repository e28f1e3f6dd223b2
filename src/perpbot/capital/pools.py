"""The three pools of an exchange, and which strategy draws on which."""

from typing import Final

from perpbot.core.errors import InputError
from perpbot.core.settings import unknown

WASH: Final = "wash"
ARB: Final = "arb"
RESERVE: Final = "reserve"
POOLS: Final = (WASH, ARB, RESERVE)
"""All pools; free capital that is missing is taken from the earlier ones first."""

EMERGENCY: Final = "emergency"
"""What repairs and exits reserve as."""

STRATEGY_POOLS: Final = {
    "wash_trade": WASH,
    "arbitrage": ARB,
    "hft": ARB,
    "flash": ARB,
    "stat": ARB,
    "mid_freq": ARB,
    "funding": RESERVE,
    EMERGENCY: RESERVE,
}


def pool_of(strategy: str) -> str:
    """The pool ``strategy`` draws on. Raises :class:`InputError` naming the nearest strategy."""
    pool = STRATEGY_POOLS.get(strategy)
    if pool is None:
        raise InputError(f"strategy {strategy!r} {unknown(strategy, STRATEGY_POOLS)}")
    return pool
