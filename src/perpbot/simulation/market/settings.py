"""Settings of the demo's market: section ``demo``."""

from __future__ import annotations

from dataclasses import dataclass

from perpbot.core.names import is_symbol
from perpbot.core.settings import setting, validate


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """Which symbols the demo generates, and how often, high and long its invented pulses are."""

    symbols: tuple[str, ...] = setting(
        ("BTC-USD-PERP", "ETH-USD-PERP", "SUI-USD-PERP", "KAITO-USD-PERP"), help="symbols that are generated"
    )
    pulses_per_minute: float = setting(3.0, ge=0, le=60, help="invented gaps per minute and symbol; 0 for none")
    pulse_bps: float = setting(30.0, gt=0, le=500, unit="bps", help="median height of a pulse")
    pulse_seconds: float = setting(0.3, gt=0, le=60, unit="seconds", help="median life of a pulse")

    def __post_init__(self) -> None:
        validate(self)
        if not self.symbols:
            raise ValueError("demo.symbols names no symbol")
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("demo.symbols names a symbol twice")
        for symbol in self.symbols:
            if not is_symbol(symbol):
                raise ValueError(f"demo.symbols has {symbol!r}, which is not of the form BASE-QUOTE-PERP")
