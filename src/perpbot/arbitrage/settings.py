"""The section ``arbitrage`` of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from perpbot.core.names import is_symbol
from perpbot.core.settings import setting, validate


@dataclass(frozen=True, slots=True)
class ScoreWeights:
    """What each part of the score counts; the parts sum to 1."""

    profit: Decimal = setting("0.5", ge=0, le=1, live="either", help="weight of the net profit")
    liquidity: Decimal = setting("0.2", ge=0, le=1, live="either", help="weight of the depth")
    reliability: Decimal = setting("0.3", ge=0, le=1, live="either", help="weight of the exchanges' success rate")

    def __post_init__(self) -> None:
        validate(self)
        total = self.profit + self.liquidity + self.reliability
        if total != 1:
            raise ValueError(f"profit, liquidity and reliability must sum to 1, not {total}")


@dataclass(frozen=True, slots=True)
class ArbitrageSettings:
    """What counts as an opportunity and how it is sized and scored."""

    enabled: bool = setting(True, live="lower", help="whether pairs are opened")
    symbols: Literal["auto"] | tuple[str, ...] = setting(
        "auto", help="symbols to trade; auto: all that are listed on two or more trading exchanges"
    )
    min_profit_pct: Decimal = setting(
        "0.0005", ge=0, le=1, live="higher", help="least net profit, a fraction of notional"
    )
    candidate_gap_bps: Decimal = setting(
        "1",
        ge=0,
        le=10_000,
        unit="bps",
        live="higher",
        help="how far an open gap exceeds the median close gap to be priced",
    )
    basis_window_seconds: Decimal = setting("300", gt=0, le=86_400, unit="s", help="window of the median close gap")
    basis_warmup_seconds: Decimal = setting("60", ge=0, le=86_400, unit="s", help="samples needed before an entry")
    haircut_bps: Decimal = setting("0.5", ge=0, le=10_000, unit="bps", live="higher", help="taken off every edge")
    age_haircut_bps_per_second: Decimal = setting(
        "10", ge=0, le=10_000, unit="bps", live="higher", help="taken off per second of age of the older top"
    )
    depth_share: Decimal = setting("0.25", gt=0, le=1, live="lower", help="share of the thinner side's depth to take")
    max_concurrent: int = setting(3, ge=1, le=1000, live="lower", help="pairs in flight at once, one per symbol")
    full_score_profit_pct: Decimal = setting("0.001", gt=0, le=1, live="either", help="net profit that scores 10")
    score_weights: ScoreWeights = setting(ScoreWeights(), live="either", help="weights of the score's parts")

    def __post_init__(self) -> None:
        validate(self)
        if self.basis_warmup_seconds > self.basis_window_seconds:
            raise ValueError("basis_warmup_seconds is longer than basis_window_seconds")
        for symbol in () if self.symbols == "auto" else self.symbols:
            if not is_symbol(symbol):
                raise ValueError(f"symbols: {symbol!r} is not a symbol like BTC-USD-PERP")
