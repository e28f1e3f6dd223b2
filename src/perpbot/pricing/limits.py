"""Protection prices: how much worse than the quote's touch an order may fill."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from perpbot.core.instruments import Instrument
from perpbot.core.money import HALF, ONE, ZERO
from perpbot.core.orders import Side

LimitMode = Literal["edge", "slippage"]
FULL_CONCESSION_ATTEMPT = 4


def limit_price(instrument: Instrument, side: Side, touch: Decimal, concession_pct: Decimal) -> Decimal:
    """The limit ``concession_pct`` worse than ``touch``, on the tick grid: a buy never rounds up, a sell never down."""
    buying = side is Side.BUY
    return instrument.round_price(touch * (ONE + side.sign * concession_pct), buying=buying)


def entry_concession(mode: LimitMode, net_profit_pct: Decimal, max_slippage_pct: Decimal) -> Decimal:
    """What each entry leg may give up: ``edge`` at most half the net edge, and never more than the slippage limit."""
    if mode == "slippage":
        return max_slippage_pct
    return min(max(net_profit_pct, ZERO) * HALF, max_slippage_pct)


def repair_concession(attempt: int, max_slippage_pct: Decimal) -> Decimal:
    """What attempt 1, 2, … of an exit or repair may give up: a quarter more each time, all from the fourth on."""
    return max_slippage_pct * min(attempt, FULL_CONCESSION_ATTEMPT) / FULL_CONCESSION_ATTEMPT
