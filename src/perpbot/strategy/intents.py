"""What a strategy wants: intents. A strategy returns them and never sends an order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from perpbot.core.money import exact
from perpbot.core.names import ExchangeName, PairId, Symbol
from perpbot.core.pairs import ExitReason


@dataclass(frozen=True, slots=True)
class OpenPair:
    """Buy ``size`` coins on one exchange and sell them on another; ``strategy`` names the capital pool."""

    symbol: Symbol
    buy_exchange: ExchangeName
    sell_exchange: ExchangeName
    size: Decimal
    strategy: str = "arbitrage"

    def __post_init__(self) -> None:
        if self.buy_exchange == self.sell_exchange:
            raise ValueError(f"a pair needs two exchanges, both legs are on {self.buy_exchange}")
        _require_size(self.size)


@dataclass(frozen=True, slots=True)
class ClosePair:
    """Close both legs of an open pair."""

    pair_id: PairId
    reason: ExitReason = ExitReason.OPERATOR


@dataclass(frozen=True, slots=True)
class ClosePosition:
    """Close a strategy's position, reduce-only; all of it, or ``size`` coins."""

    exchange: ExchangeName
    symbol: Symbol
    strategy: str
    size: Decimal | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.size is not None:
            _require_size(self.size)


Intent: TypeAlias = OpenPair | ClosePair | ClosePosition


def _require_size(size: Decimal) -> None:
    if not exact(size) > 0:
        raise ValueError(f"size must be more than 0 coins, not {size}")
