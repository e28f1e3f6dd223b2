"""Which symbols are scanned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable

from perpbot.arbitrage.settings import ArbitrageSettings
from perpbot.core.errors import InputError
from perpbot.core.names import ExchangeName, Symbol


def scanned_symbols(
    settings: ArbitrageSettings, listed: Iterable[tuple[ExchangeName, Symbol]], trading: Container[ExchangeName]
) -> tuple[Symbol, ...]:
    """The configured symbols, by default all that two or more trading exchanges list; sorted by name.

    Raises :class:`InputError` if symbols are configured and none of them is listed: nothing would ever trade.
    """
    exchanges = Counter(symbol for exchange, symbol in dict.fromkeys(listed) if exchange in trading)
    if settings.symbols != "auto":
        if not any(symbol in exchanges for symbol in settings.symbols):
            known = ", ".join(sorted(exchanges)) or "no symbol at all"
            raise InputError(
                f"arbitrage.symbols: no trading exchange lists {', '.join(settings.symbols)}; only {known}"
            )
        return tuple(dict.fromkeys(settings.symbols))
    return tuple(sorted(symbol for symbol, count in exchanges.items() if count > 1))
