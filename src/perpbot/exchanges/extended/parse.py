"""Extended's listing as instruments. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from perpbot.core.errors import ParseError
from perpbot.core.instruments import ContractKind, Instrument, MarketStatus
from perpbot.core.money import ZERO
from perpbot.core.names import Symbol
from perpbot.exchanges.extended import wire
from perpbot.exchanges.extended.ranges import FELT, U64
from perpbot.exchanges.extended.sign import Assets
from perpbot.exchanges.fields import Fields, shown

EXCHANGE: Final = "extended"
MAKER_FEE: Final = Decimal(0)
TAKER_FEE: Final = Decimal("0.00025")
"""Of an account without rebates (docs.extended.exchange, "Trading fees & rebates"); the account's own are told by
``GET /api/v1/user/fees``, the listing has none."""
FUNDING_SECONDS: Final = 3_600
"""Funding is paid every hour (docs.extended.exchange, "Funding payments")."""


@dataclass(frozen=True, slots=True)
class Market:
    """A listed perpetual. ``None`` is what was not told.

    Without ``assets`` no order can be signed. ``trading_hours`` is the exchange's word for when what it is a perpetual
    of trades, ``off_hours`` whether it does not now; orders of an ``rfq`` market go another way.
    """

    instrument: Instrument
    assets: Assets | None
    trading_hours: str | None
    off_hours: bool | None
    rfq: bool | None


def instruments(raw: bytes, noted: Counter[str] | None = None) -> list[Instrument]:
    """All perpetuals of ``GET /api/v1/info/markets``, in whatever status; see :func:`markets`."""
    return [market.instrument for market in markets(raw, noted)]


def markets(raw: bytes, noted: Counter[str] | None = None) -> list[Market]:
    """All perpetuals of ``GET /api/v1/info/markets``, in whatever status.

    ``noted`` counts what is not as documented, by kind: other products, fields and values that are unknown, absent or
    unreadable, and markets that had to be left out for it (without a name, tick or size step). Raises
    :class:`~perpbot.core.errors.ParseError` only if it is no listing at all: nothing is concluded from that.
    """
    noted = Counter() if noted is None else noted
    found: dict[Symbol, Market] = {}
    for fields in _listed(raw, noted):
        market = _market(Fields(fields, "", noted), noted)
        if market and market.instrument.symbol in found:
            noted["market listed twice"] += 1
        elif market:
            found[market.instrument.symbol] = market
    return list(found.values())


def _listed(raw: bytes, noted: Counter[str]) -> Iterator[dict[str, Any]]:
    try:
        answer = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation) as error:
        raise ParseError(f"the markets of Extended are not JSON ({error})") from None
    envelope = Fields(answer if isinstance(answer, dict) else {}, "", noted)
    listed = answer.get("data") if isinstance(answer, dict) else None
    if envelope.word("status", wire.ANSWERS) in wire.FAILURES or not isinstance(listed, list):
        raise ParseError(f"not the markets of Extended: {shown(raw[:200].decode(errors='replace'))}")
    for each in listed:
        if isinstance(each, dict):
            yield each
        else:
            noted["market unreadable"] += 1


def _market(fields: Fields, noted: Counter[str]) -> Market | None:
    fields.note_unknown(wire.MARKET_FIELDS)
    kind = fields.word("type", wire.TYPES)
    if kind not in {wire.PERPETUAL, None}:
        noted[f"product {shown(kind or 'unreadable')}"] += 1
        return None
    instrument = _instrument(fields)
    if instrument is None:
        noted["market left out"] += 1
        return None
    hours = fields.word("tradingHours", wire.TRADING_HOURS)
    assets = _assets(fields.part("l2Config"))
    return Market(instrument, assets, hours, fields.flag("isOffHours"), fields.flag("isRfq"))


def _instrument(fields: Fields) -> Instrument | None:
    trading = fields.part("tradingConfig")
    trading.note_unknown(wire.TRADING_FIELDS)
    native = fields.text("name")
    symbol = _symbol(native)
    tick, step = trading.number("minPriceChange"), trading.number("minOrderSizeChange")
    if symbol is None or tick is None or step is None:
        return None
    return Instrument(
        exchange=EXCHANGE,
        symbol=symbol,
        native=native,
        tick=tick,
        step=step,
        min_size=trading.number("minOrderSize") or step,
        min_notional=ZERO,
        kind=ContractKind.LINEAR,
        multiplier=Decimal(1),
        quote=fields.text("collateralAssetName") or native.rpartition("-")[2],
        maker_fee_pct=MAKER_FEE,
        taker_fee_pct=TAKER_FEE,
        funding_interval_seconds=FUNDING_SECONDS,
        max_leverage=trading.number("maxLeverage") or Decimal(1),
        status=_status(fields),
    )


def _symbol(native: str) -> Symbol | None:
    """``BTC-USD`` as ``BTC-USD-PERP``; what a unified name cannot hold is dropped (``NVDA_24_5-USD``)."""
    base, _, quote = native.upper().rpartition("-")
    base, quote = (
        "".join(letter for letter in part if letter.isascii() and letter.isalnum()) for part in (base, quote)
    )
    return f"{base}-{quote}-PERP" if base and quote else None


def _status(fields: Fields) -> MarketStatus:
    """What the exchange says; a market said to be both trading and not active is not open."""
    status = wire.STATUSES.get(fields.word("status", wire.STATUSES) or "", MarketStatus.UNKNOWN)
    active = fields.flag("active")
    return MarketStatus.HALTED if status is MarketStatus.OPEN and active is False else status


def _assets(chain: Fields) -> Assets | None:
    chain.note_unknown(wire.CHAIN_FIELDS)
    base, quote = chain.whole("syntheticId", FELT[1]), chain.whole("collateralId", FELT[1])
    base_resolution = chain.whole("syntheticResolution", U64[1])
    quote_resolution = chain.whole("collateralResolution", U64[1])
    if base is None or quote is None or not base_resolution or not quote_resolution:
        return None
    return Assets(base, base_resolution, quote, quote_resolution)


_decode = msgspec.json.Decoder(float_hook=Decimal).decode
