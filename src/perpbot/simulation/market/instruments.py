"""What the demo's exchanges list: steps, minimums, fees and funding intervals as the real ones have them.

Symbols without a row of their own get a tick of about one basis point and sizes in tenths of a coin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.names import ExchangeName, Symbol, base_of
from perpbot.simulation.market.calibration import EXCHANGES

_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class _Listing:
    """Terms that hold for all markets of one exchange."""

    native: Callable[[str], str]
    quote: str
    maker: str
    taker: str
    funding_seconds: int


_LISTINGS: Mapping[ExchangeName, _Listing] = {
    "paradex": _Listing("{}-USD-PERP".format, "USDC", "0.00003", "0.00045", 8 * _HOUR),
    "extended": _Listing("{}-USD".format, "USD", "0", "0.00025", _HOUR),
    "okx": _Listing("{}-USDT-SWAP".format, "USDT", "0.0002", "0.0005", 8 * _HOUR),
    "binance": _Listing("{}USDT".format, "USDT", "0.0002", "0.0005", 8 * _HOUR),
}

# tick, size step, minimum size (contracts), minimum notional (USD), coins per contract
_Terms = tuple[str, str, str, str, str]
_TERMS: Mapping[tuple[ExchangeName, str], _Terms] = {
    ("paradex", "BTC"): ("0.1", "0.00001", "0.00001", "10", "1"),
    ("paradex", "ETH"): ("0.01", "0.0001", "0.0001", "10", "1"),
    ("paradex", "SUI"): ("0.0001", "0.1", "0.1", "10", "1"),
    ("paradex", "KAITO"): ("0.0001", "0.1", "0.1", "10", "1"),
    ("paradex", "BERA"): ("0.001", "0.1", "0.1", "10", "1"),
    ("extended", "BTC"): ("1", "0.00001", "0.0001", "0", "1"),
    ("extended", "ETH"): ("0.1", "0.001", "0.01", "0", "1"),
    ("extended", "SUI"): ("0.0001", "1", "10", "0", "1"),
    ("extended", "KAITO"): ("0.0001", "1", "10", "0", "1"),
    ("extended", "BERA"): ("0.0001", "1", "10", "0", "1"),
    ("okx", "BTC"): ("0.1", "0.01", "0.01", "0", "0.01"),
    ("okx", "ETH"): ("0.01", "0.01", "0.01", "0", "0.1"),
    ("binance", "BTC"): ("0.1", "0.001", "0.001", "100", "1"),
    ("binance", "ETH"): ("0.01", "0.001", "0.001", "20", "1"),
}
_DEFAULT_TERMS: _Terms = ("0.0001", "0.1", "0.1", "5", "1")
_UNKNOWN_TERMS: _Terms = ("0.001", "0.1", "0.1", "5", "1")
_PRICED_BELOW_TWO_USD = ("SUI", "KAITO", "BERA")


def instruments(symbols: Iterable[Symbol]) -> dict[tuple[ExchangeName, Symbol], Instrument]:
    """The demo's instruments by exchange and symbol, for every symbol on every exchange."""
    return {(row.name, symbol): _instrument(row.name, symbol) for symbol in symbols for row in EXCHANGES}


def _instrument(exchange: ExchangeName, symbol: Symbol) -> Instrument:
    base = base_of(symbol)
    fallback = _DEFAULT_TERMS if base in _PRICED_BELOW_TWO_USD else _UNKNOWN_TERMS
    tick, step, min_size, min_notional, multiplier = map(Decimal, _TERMS.get((exchange, base), fallback))
    listing = _LISTINGS[exchange]
    return Instrument(
        exchange=exchange,
        symbol=symbol,
        native=listing.native(base),
        tick=tick,
        step=step,
        min_size=min_size,
        min_notional=min_notional,
        kind=ContractKind.LINEAR,
        multiplier=multiplier,
        quote=listing.quote,
        maker_fee_pct=Decimal(listing.maker),
        taker_fee_pct=Decimal(listing.taker),
        funding_interval_seconds=listing.funding_seconds,
    )
