"""The messages of Paradex's binary feed as tables: SBE schema id 1, versions 0 to 2.

Source: Paradex's schema ``paradex_1_0.xml`` of 2026-09-25, https://docs.paradex.trade/sbe. Fields stand in the order of
the wire. Blocks and var-data only ever grow at their end, also within one version, so that the lengths in the frame
say what is there. Names, spellings of enums and rounding of times are those of the official decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

NULL = -(2**63)
"""The mantissa that stands for "no value"."""

Read = Callable[[Any], object]
Kind = tuple[str, Read]
"""How a field stands on the wire (code of :mod:`struct`) and what its value means."""


def decimal(mantissa: int) -> str | None:
    """A whole number of 10^-8 as text with eight decimals; ``None`` if null."""
    if mantissa < 0:
        return None if mantissa == NULL else f"-{decimal(-mantissa)}"
    digits = str(mantissa)
    if len(digits) < 9:
        digits = digits.zfill(9)
    return f"{digits[:-8]}.{digits[-8:]}"


def _precise(mantissa: int) -> str | None:
    """A whole number of 10^-12 as text with twelve decimals; ``None`` if null."""
    if mantissa < 0:
        return None if mantissa == NULL else f"-{_precise(-mantissa)}"
    digits = str(mantissa).zfill(13)
    return f"{digits[:-12]}.{digits[-12:]}"


def _enum(*names: str, first: int = 1, unknown: str | None = None) -> Kind:
    """Names numbered from ``first``; any other number, NON_REPRESENTABLE among them, is ``unknown``."""
    table = [unknown] * 256
    table[first : first + len(names)] = names
    return "B", table.__getitem__


def _flags(**bits: int) -> Kind:
    """The names of the bits that are set; bits without a name are passed over."""
    masks = [(name, 1 << bit) for name, bit in bits.items()]
    return "B", lambda value: [name for name, mask in masks if value & mask]


TIME: Kind = ("q", lambda microseconds: microseconds // 1000)
"""Microseconds on the wire; milliseconds, rounded down, to the reader."""
INTEGER: Kind = ("q", int)
NUMBER: Kind = ("q", lambda number: None if number == NULL else number)
UNSIGNED: Kind = ("Q", int)
SHORT: Kind = ("h", int)
ADDRESS: Kind = ("32s", lambda raw: hex(int.from_bytes(raw, "big")))
DECIMAL: Kind = ("q", decimal)
PRECISE: Kind = ("q", _precise)
SIDE = _enum("BUY", "SELL")
DIRECTION = _enum("LONG", "SHORT")
ORDER_TYPE = _enum(
    *("LIMIT", "MARKET", "STOP_LIMIT", "STOP_MARKET"),
    *("TAKE_PROFIT_LIMIT", "TAKE_PROFIT_MARKET", "STOP_LOSS_LIMIT", "STOP_LOSS_MARKET"),
)
ORDER_STATUS = _enum("NEW", "UNTRIGGERED", "OPEN", "CLOSED")
TIME_IN_FORCE = _enum("GTC", "IOC", "POST_ONLY", "RPI")
FILL_TYPE = _enum("FILL", "LIQUIDATION", "UNWIND_TRANSFER", "SETTLE_MARKET", "RPI", "BLOCK_TRADE")
PACKAGE = _enum("SNAPSHOT", "DELTA", first=0)
LIQUIDITY = _enum("MAKER", "TAKER")
STP = _enum("NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", first=0)
POSITION_STATUS = _enum("OPEN", "CLOSED", "UNSPECIFIED")
ACCOUNT_STATUS = _enum("ACTIVE", "LIQUIDATION")
NON_REPRESENTABLE = "NON_REPRESENTABLE"
REQUEST_STATUS = _enum("UNSPECIFIED", "PENDING", "PROCESSED", "REJECTED", "SUCCESS", first=0, unknown=NON_REPRESENTABLE)
REQUEST_TYPE = _enum("UNSPECIFIED", "MODIFY_ORDER", first=0, unknown=NON_REPRESENTABLE)
ASSET_KIND = _enum(
    *("ASSET_KIND_UNSPECIFIED", "ASSET_KIND_PERPETUAL_FUTURE", "ASSET_KIND_OPTION", "ASSET_KIND_SPOT"),
    first=0,
    unknown="ASSET_KIND_UNSPECIFIED",
)
SOURCE = _enum(
    *("SOURCE_UNSPECIFIED", "SOURCE_PARADEX", "SOURCE_BINANCE", "SOURCE_BYBIT", "SOURCE_OKX", "SOURCE_DERIBIT"),
    *("SOURCE_DERIVE", "SOURCE_HYPERLIQUID", "SOURCE_LIGHTER", "SOURCE_DATABENTO", "SOURCE_PUBLISHER"),
    *("SOURCE_PYTH", "SOURCE_STORK"),
    first=0,
    unknown="SOURCE_UNSPECIFIED",
)
ORDER_FLAGS = _flags(
    REDUCE_ONLY=0,
    STOP_CONDITION_BELOW_TRIGGER=1,
    STOP_CONDITION_ABOVE_TRIGGER=2,
    INTERACTIVE=3,
    TARGET_STRATEGY_VWAP=4,
    MMP=5,
)
FILL_FLAGS = _flags(INTERACTIVE=0, RPI=1, FASTFILL=2, UNKNOWN=7)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a block of ``size`` bytes or more reads: names and meanings of its fields, in order.

    The fields in ``absent`` came after it was laid out.
    """

    size: int
    unpack_from: Callable[[bytes, int], tuple[Any, ...]]
    names: Sequence[str]
    reads: Sequence[Read]
    absent: Mapping[str, None]


@dataclass(frozen=True, slots=True)
class Template:
    """One message: ``layouts`` of its block with the largest first, then levels if ``grouped``, then texts."""

    channel: str
    layouts: Sequence[Layout]
    texts: Sequence[str]
    appended_texts: Sequence[str] = ()
    """Since version 2; may be absent there as well."""
    per_market: bool = True
    """Whether the market's name completes the channel's."""
    grouped: bool = False


def _layouts(fields: Mapping[str, Kind], appended: Mapping[str, Kind]) -> tuple[Layout, ...]:
    every = {**fields, **appended}
    return tuple(_layout(every, count) for count in range(len(every), len(fields) - 1, -1))


def _layout(fields: Mapping[str, Kind], count: int) -> Layout:
    present = list(fields.items())[:count]
    block = Struct("<" + "".join(code for _, (code, _) in present))
    names, reads = [name for name, _ in present], [read for _, (_, read) in present]
    return Layout(block.size, block.unpack_from, names, reads, dict.fromkeys(list(fields)[count:]))


def _decimals(names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), DECIMAL)


_STAMP = {"timestamp": TIME, "seq_no": INTEGER}

_TRADE = {
    **_STAMP,
    "trade_id": INTEGER,
    "side": SIDE,
    "price": DECIMAL,
    "size": DECIMAL,
    "created_at": TIME,
    "trade_type": FILL_TYPE,
}
_BBO = _STAMP | _decimals("bid_price bid_size ask_price ask_size")
_BOOK = {
    **_STAMP,
    "pkg_type": PACKAGE,
    **_decimals("best_bid_price best_bid_size best_ask_price best_ask_size relative_spread"),
    **_decimals("best_bid_api_price best_bid_api_size best_ask_api_price best_ask_api_size"),
}
_SUMMARY = {
    **_STAMP,
    **_decimals("mark_price index_price last_price volume_usd24h open_interest funding_rate bid ask total_volume"),
    **_decimals("price_change_rate24h mark_iv bid_iv ask_iv last_iv delta gamma vega theta rho volga vanna"),
    **_decimals("future_funding_rate external_fair_price bid_size ask_size"),
}
_SUMMARY_SINCE_1 = _decimals("forward_rate risk_free_rate") | {"funding_rate_precise": PRECISE}
_FUNDING = {
    **_STAMP,
    **_decimals("funding_rate funding_index"),
    "created_at": TIME,
    **_decimals("funding_premium funding_rate8h"),
    "funding_period_hours": SHORT,
}
_FUNDING_SINCE_1 = _decimals("impact_premium_rate")
_COMPARISON = {
    "timestamp": TIME,
    "last_updated_at": TIME,
    "hourly_funding_rate": PRECISE,
    "asset_kind": ASSET_KIND,
    "source": SOURCE,
}
_ORDER = {
    **_STAMP,
    "status": ORDER_STATUS,
    "side": SIDE,
    "order_type": ORDER_TYPE,
    "time_in_force": TIME_IN_FORCE,
    **_decimals("price trigger_price size size_open avg_fill_price"),
    "created_at": TIME,
    "updated_at": TIME,
    "account": ADDRESS,
    "received_at": TIME,
    "published_at": TIME,
    "stp": STP,
    "flags": ORDER_FLAGS,
}
_ORDER_SINCE_2 = {"request_status": REQUEST_STATUS, "request_type": REQUEST_TYPE}
_FILL = {
    "timestamp": TIME,
    "seq_no": NUMBER,
    "fill_type": FILL_TYPE,
    "side": SIDE,
    "liquidity": LIQUIDITY,
    **_decimals("price size fee realized_pnl"),
    "created_at": TIME,
    "account": ADDRESS,
    **_decimals("underlying_price realized_funding"),
}
_FILL_SINCE_2 = {"flags": FILL_FLAGS, "orderbook_seq_no": UNSIGNED}
_POSITION = {
    **_STAMP,
    "side": DIRECTION,
    **_decimals("size avg_entry_price unrealized_pnl realized_pnl mark_price liquidation_price leverage"),
    "updated_at": TIME,
    "account": ADDRESS,
    **_decimals("avg_entry_price_usd cost cost_usd cached_funding_index unrealized_funding_pnl"),
    "status": POSITION_STATUS,
}
_ACCOUNT = {
    **_STAMP,
    **_decimals("total_collateral free_collateral initial_margin_req maintenance_margin_req"),
    **_decimals("account_value unrealized_pnl"),
    "updated_at": TIME,
    "account": ADDRESS,
    "margin_cushion": DECIMAL,
    "status": ACCOUNT_STATUS,
}
_ACCOUNT_SINCE_2 = {"last_seen_notification": TIME}
_ORDER_TEXTS = ("order_id", "client_order_id", "market", "cancel_reason")
_FILL_TEXTS = ("fill_id", "order_id", "client_order_id", "trade_id", "market")

ORDER = 20
POSITION = 22
SYSTEM = frozenset({40, 41})
"""Heartbeat and acknowledgement."""
TEMPLATES: Mapping[int, Template] = {
    1: Template("trades.", _layouts(_TRADE, {}), ("market",), ("trade_id_str",)),
    2: Template("bbo.", _layouts(_BBO, {}), ("market",)),
    3: Template("order_book.", _layouts(_BOOK, {}), ("market",), grouped=True),
    4: Template("markets_summary.", _layouts(_SUMMARY, _SUMMARY_SINCE_1), ("market",)),
    5: Template("funding_data.", _layouts(_FUNDING, _FUNDING_SINCE_1), ("market",)),
    6: Template("funding_rate_comparison", _layouts(_COMPARISON, {}), ("market",), per_market=False),
    ORDER: Template("orders.", _layouts(_ORDER, _ORDER_SINCE_2), _ORDER_TEXTS, ("request_id", "request_message")),
    21: Template("fills.", _layouts(_FILL, _FILL_SINCE_2), _FILL_TEXTS, ("fee_currency",)),
    POSITION: Template("positions", _layouts(_POSITION, {}), ("market", "last_fill_id"), per_market=False),
    23: Template("account", _layouts(_ACCOUNT, _ACCOUNT_SINCE_2), ("settlement_asset",), per_market=False),
}
