"""Paradex's listing as instruments. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from perpbot.core.errors import ParseError
from perpbot.core.instruments import ContractKind, Instrument, MarketStatus
from perpbot.core.money import ONE, ZERO
from perpbot.core.names import Symbol
from perpbot.exchanges.fields import LEAST, MOST, Fields, shown
from perpbot.exchanges.paradex import wire

EXCHANGE: Final = "paradex"
MAKER_FEE: Final = Decimal("0.00003")
TAKER_FEE: Final = Decimal("0.00045")
"""Of an API order ("Pro") below every volume tier, where the listing does not say (docs.paradex.trade, "Trading fees",
mid-2026); the account's own are told by ``GET /v1/account/info``."""
FUNDING_HOURS: Final = Decimal(8)
"""Where the listing does not say (docs.paradex.trade, "Funding mechanism")."""
SETTLEMENT: Final = "USDC"

_SUFFIX = "-PERP"
_HOUR = 3600
_SHOWN_BYTES = 60
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation)


def instruments(raw: bytes, noted: Counter[str] | None = None) -> list[Instrument]:
    """All perpetuals of ``GET /v1/markets``, in whatever status.

    ``noted`` counts what is not as documented, by kind: other products, fields and values that are unknown, absent or
    unreadable, and markets left out for it (without a name, tick or size step). What decides whether a market may be
    opened and is not told makes its status unknown. Raises :class:`~perpbot.core.errors.ParseError` only if it is no
    listing at all: nothing is concluded from that.
    """
    noted = Counter() if noted is None else noted
    found: dict[Symbol, Instrument] = {}
    for listed in _listed(raw, noted):
        instrument = _instrument(Fields(listed, "", noted), noted)
        if instrument and instrument.symbol in found:
            noted["market listed twice"] += 1
        elif instrument:
            found[instrument.symbol] = instrument
    return list(found.values())


def _listed(raw: bytes, noted: Counter[str]) -> Iterator[Mapping[str, Any]]:
    try:
        answer = _decode(raw)
    except _UNREADABLE as error:
        raise ParseError(f"the markets of Paradex are not JSON ({error})") from None
    listed = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        start = raw[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
        raise ParseError(f"the markets of Paradex are no listing but {shown(start)}")
    for each in listed:
        if isinstance(each, dict):
            yield each
        else:
            noted["market unreadable"] += 1


def _instrument(fields: Fields, noted: Counter[str]) -> Instrument | None:
    fields.note_unknown(wire.MARKET_FIELDS)
    native = fields.text("symbol")
    kind = fields.word("asset_kind", wire.ASSET_KINDS) or None
    if kind is not None and kind != wire.PERPETUAL:
        noted[f"product {shown(kind)}"] += 1
        return None
    if kind is None and native and not native.endswith(_SUFFIX):
        noted["product of no stated kind"] += 1
        return None
    symbol = _symbol(native)
    tick, step = (fields.number(name) for name in ("price_tick_size", "order_size_increment"))
    if symbol is None or tick is None or step is None:
        noted["market left out"] += 1
        return None
    min_notional = fields.number("min_notional", ZERO, MOST)
    maker, taker = _fees(fields.part("fee_config"))
    hours = fields.number("funding_period_hours", ONE, Decimal(8760)) or FUNDING_HOURS
    return Instrument(
        exchange=EXCHANGE,
        symbol=symbol,
        native=native,
        tick=tick,
        step=step,
        min_size=step,
        min_notional=min_notional or ZERO,
        kind=ContractKind.LINEAR,
        multiplier=ONE,
        quote=fields.text("settlement_currency") or SETTLEMENT,
        maker_fee_pct=maker,
        taker_fee_pct=taker,
        funding_interval_seconds=int(hours * _HOUR),
        max_leverage=_leverage(fields.part("delta1_cross_margin_params")),
        status=MarketStatus.UNKNOWN if min_notional is None else _status(fields),
    )


def _symbol(native: str) -> Symbol | None:
    """``kBONK-USD-PERP`` as ``KBONK-USD-PERP``; what a unified name cannot hold is dropped."""
    base, _, quote = native.removesuffix(_SUFFIX).upper().rpartition("-")
    base, quote = ("".join(each for each in part if each.isascii() and each.isalnum()) for part in (base, quote))
    return f"{base}-{quote}{_SUFFIX}" if base and quote else None


def _fees(config: Fields) -> tuple[Decimal, Decimal]:
    """Maker's and taker's fee of an order that comes over the API; a rebate is negative."""
    config.note_unknown(wire.FEE_FIELDS)
    api = config.part("api_fee")
    maker, taker = (api.part(name).number("fee", -ONE, ONE) for name in ("maker_fee", "taker_fee"))
    return MAKER_FEE if maker is None else maker, TAKER_FEE if taker is None else taker


def _leverage(margin: Fields) -> Decimal:
    """1 / initial margin, in whole numbers as it is set; 1 if that is not told."""
    margin.note_unknown(wire.MARGIN_FIELDS)
    initial = margin.number("imf_base", LEAST, ONE)
    return ONE if initial is None else Decimal(int(1 / initial))


def _status(fields: Fields) -> MarketStatus:
    """By the way it is traded, standard where an older listing does not say; unknown of a perpetual that is to end."""
    fields.word("market_kind", wire.MARKET_KINDS)
    mode = fields.word("trading_mode", wire.TRADING_MODES)
    ends = fields.number("expiry_at", ZERO, MOST)
    if ends:
        return MarketStatus.UNKNOWN
    return MarketStatus.OPEN if mode is None else wire.TRADING_MODES.get(mode, MarketStatus.UNKNOWN)


_decode = msgspec.json.Decoder(float_hook=Decimal).decode
