"""Encodes what Paradex sends in binary: SBE schema id 1, versions 0 to 2, little endian.

Written from Paradex's schema ``paradex_1_0.xml`` of 2026-09-25 alone; nothing is shared with the adapter that reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_DOWN, Context, Decimal
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class by its lower-case name
from typing import Any

VERSIONS = range(3)
"""Schema versions that can be asked for at connect."""

_SCHEMA_ID = 1
_NULL = -(2**63)
_LARGEST = 2**63 - 1
_UNNAMED = 254
_MMP_SINCE = 2
_EXACT = Context(prec=80, rounding=ROUND_DOWN)
_header = Struct("<HHHH").pack
_group = Struct("<HH").pack
_int64 = Struct("<q").pack
_Write = Callable[[Any], bytes]

# One line a kind: `@n` is the version since which it is there, then kind, then the fields of that kind in their order.
_SCHEMA = {
    "trades": """1
        time timestamp
        int64 seq_no trade_id
        Side side
        fixed8 price size
        time created_at
        FillType trade_type
        text market
        @2 text trade_id_str""",
    "bbo": """2
        time timestamp
        int64 seq_no
        fixed8 bid_price bid_size ask_price ask_size
        text market""",
    "order_book": """3
        time timestamp
        int64 seq_no
        PkgType pkg_type
        fixed8 best_bid_price best_bid_size best_ask_price best_ask_size relative_spread
        fixed8 best_bid_api_price best_bid_api_size best_ask_api_price best_ask_api_size
        levels bids asks
        text market""",
    "markets_summary": """4
        time timestamp
        int64 seq_no
        fixed8 mark_price index_price last_price volume_usd24h open_interest funding_rate bid ask
        saturated total_volume
        fixed8 price_change_rate24h mark_iv bid_iv ask_iv last_iv delta gamma vega theta rho volga vanna
        fixed8 future_funding_rate external_fair_price bid_size ask_size
        @1 fixed8 forward_rate risk_free_rate
        @1 fixed12 funding_rate_precise
        text market""",
    "funding_data": """5
        time timestamp
        int64 seq_no
        fixed8 funding_rate funding_index
        time created_at
        fixed8 funding_premium funding_rate8h
        int16 funding_period_hours
        @1 fixed8 impact_premium_rate
        text market""",
    "funding_rate_comparison": """6
        time timestamp last_updated_at
        fixed12 hourly_funding_rate
        AssetKind asset_kind
        Source source
        text market""",
    "orders": """20
        time timestamp
        int64 seq_no
        OrderStatus status
        Side side
        OrderType order_type
        TimeInForce time_in_force
        fixed8 price trigger_price size size_open avg_fill_price
        time created_at updated_at
        address account
        time received_at published_at
        STPMode stp
        OrderFlags flags
        @2 RequestStatus request_status
        @2 RequestType request_type
        text order_id client_order_id market cancel_reason
        @2 text request_id request_message""",
    "fills": """21
        time timestamp
        optional64 seq_no
        FillType fill_type
        Side side
        LiquiditySide liquidity
        fixed8 price size fee realized_pnl
        time created_at
        address account
        fixed8 underlying_price realized_funding
        @2 FillFlags flags
        @2 uint64 orderbook_seq_no
        text fill_id order_id client_order_id trade_id market
        @2 text fee_currency""",
    "positions": """22
        time timestamp
        int64 seq_no
        Direction side
        unsigned8 size
        fixed8 avg_entry_price unrealized_pnl realized_pnl mark_price liquidation_price leverage
        time updated_at
        address account
        fixed8 avg_entry_price_usd cost cost_usd cached_funding_index unrealized_funding_pnl
        PositionStatus status
        text market last_fill_id""",
    "account": """23
        time timestamp
        int64 seq_no
        fixed8 total_collateral free_collateral initial_margin_req maintenance_margin_req account_value
        fixed8 unrealized_pnl
        time updated_at
        address account
        fixed8 margin_cushion
        AccountStatus status
        @2 seen last_seen_notification
        text settlement_asset""",
    "heartbeat": """40
        time timestamp
        int64 seq_no""",
    "subscribed": """41
        time timestamp
        int64 seq_no
        uint8 status
        text channel""",
}
_SINCE = {"funding_rate_comparison": 1}

_ENUMS: Mapping[str, Mapping[str, int]] = {
    "Side": {"BUY": 1, "SELL": 2},
    "Direction": {"LONG": 1, "SHORT": 2},
    "PkgType": {"SNAPSHOT": 0, "DELTA": 1},
    "OrderType": {
        "LIMIT": 1,
        "MARKET": 2,
        "STOP_LIMIT": 3,
        "STOP_MARKET": 4,
        "TAKE_PROFIT_LIMIT": 5,
        "TAKE_PROFIT_MARKET": 6,
        "STOP_LOSS_LIMIT": 7,
        "STOP_LOSS_MARKET": 8,
    },
    "OrderStatus": {"NEW": 1, "UNTRIGGERED": 2, "OPEN": 3, "CLOSED": 4},
    "TimeInForce": {"GTC": 1, "IOC": 2, "POST_ONLY": 3, "RPI": 4},
    "FillType": {"FILL": 1, "LIQUIDATION": 2, "UNWIND_TRANSFER": 3, "SETTLE_MARKET": 4, "RPI": 5, "BLOCK_TRADE": 6},
    "LiquiditySide": {"MAKER": 1, "TAKER": 2},
    "STPMode": {"NONE": 0, "EXPIRE_MAKER": 1, "EXPIRE_TAKER": 2, "EXPIRE_BOTH": 3},
    "PositionStatus": {"OPEN": 1, "CLOSED": 2, "UNSPECIFIED": 3},
    "AccountStatus": {"ACTIVE": 1, "LIQUIDATION": 2},
    "RequestStatus": {"UNSPECIFIED": 0, "PENDING": 1, "PROCESSED": 2, "REJECTED": 3, "SUCCESS": 4},
    "RequestType": {"UNSPECIFIED": 0, "MODIFY_ORDER": 1},
    "AssetKind": {
        "ASSET_KIND_UNSPECIFIED": 0,
        "ASSET_KIND_PERPETUAL_FUTURE": 1,
        "ASSET_KIND_OPTION": 2,
        "ASSET_KIND_SPOT": 3,
    },
    "Source": {
        "SOURCE_UNSPECIFIED": 0,
        "SOURCE_PARADEX": 1,
        "SOURCE_BINANCE": 2,
        "SOURCE_BYBIT": 3,
        "SOURCE_OKX": 4,
        "SOURCE_DERIBIT": 5,
        "SOURCE_DERIVE": 6,
        "SOURCE_HYPERLIQUID": 7,
        "SOURCE_LIGHTER": 8,
        "SOURCE_DATABENTO": 9,
        "SOURCE_PUBLISHER": 10,
        "SOURCE_PYTH": 11,
        "SOURCE_STORK": 12,
    },
}
_WITHOUT_A_NAME = {"AssetKind": 0, "Source": 0}
"""What stands for a value that the schema cannot name; NON_REPRESENTABLE elsewhere."""
_ORDER_FLAGS = {
    "REDUCE_ONLY": 0,
    "STOP_CONDITION_BELOW_TRIGGER": 1,
    "STOP_CONDITION_ABOVE_TRIGGER": 2,
    "INTERACTIVE": 3,
    "TARGET_STRATEGY_VWAP": 4,
    "MMP": 5,
}
_FILL_FLAGS = {"INTERACTIVE": 0, "RPI": 1, "FASTFILL": 2, "UNKNOWN": 7}


def encode(message: str, values: Mapping[str, Any], version: int = VERSIONS[-1]) -> bytes:
    """The frame of a ``message`` (a channel's name up to its first dot, ``heartbeat`` or ``subscribed``).

    ``values`` are named as in Paradex's own decoder: times in milliseconds; prices, sizes and rates as ``Decimal`` or
    text, cut after the digits that the schema holds; ``None`` where there is none; bids and asks as pairs. What came
    after ``version`` is left out. Raises ``ValueError`` for what the schema cannot say.
    """
    if version not in VERSIONS or version < _SINCE.get(message, 0):
        raise ValueError(f"{message} is not part of schema {_SCHEMA_ID}:{version}")
    number, fields = _MESSAGES[message]
    flat = _flattened(message, values, version)
    block, tail = bytearray(), bytearray()
    for since, kind, name in fields:
        if since <= version:
            part = tail if kind in _AFTER_THE_BLOCK else block
            part += _written(kind, name, flat.get(name))
    return _header(len(block), number, _SCHEMA_ID, version) + block + tail


def _flattened(message: str, values: Mapping[str, Any], version: int) -> Mapping[str, Any]:
    """An order's request in four fields, and its flags without those that the version does not name."""
    if message != "orders":
        return values
    request = values.get("request_info") or {"status": "UNSPECIFIED", "request_type": "UNSPECIFIED"}
    flags = [flag for flag in values.get("flags") or () if version >= _MMP_SINCE or flag != "MMP"]
    return {
        **values,
        "flags": flags,
        "request_status": request["status"],
        "request_type": request["request_type"],
        "request_id": request.get("id"),
        "request_message": request.get("message"),
    }


def _written(kind: str, name: str, value: Any) -> bytes:
    try:
        return _WRITERS[kind](value)
    except (ArithmeticError, KeyError, OverflowError, TypeError, ValueError, StructError) as problem:
        raise ValueError(f"{name} cannot be written as {kind}: {value!r} ({problem})") from None


def _mantissa(value: Decimal | str | int, places: int) -> int:
    return int(_EXACT.scaleb(Decimal(value), places).to_integral_value(rounding=ROUND_DOWN))


def _fixed(places: int) -> _Write:
    def write(value: Decimal | str | int | None) -> bytes:
        if value is None:
            return _int64(_NULL)
        mantissa = _mantissa(value, places)
        if mantissa == _NULL:
            raise ValueError("this number stands for none")
        return _int64(mantissa)

    return write


def _saturated(value: Decimal | str | int | None) -> bytes:
    """The largest number stands for all above it, as the schema says of the lifetime volume."""
    return _int64(_NULL if value is None else min(_mantissa(value, 8), _LARGEST))


def _unsigned(value: Decimal | str | int | None) -> bytes:
    """A position's size goes without sign: its side says the direction."""
    return _int64(_NULL if value is None else abs(_mantissa(value, 8)))


def _time(milliseconds: int) -> bytes:
    return _int64(milliseconds * 1000)


def _seen(milliseconds: int | None) -> bytes:
    """0 stands for never."""
    return _time(milliseconds or 0)


def _optional(number: int | None) -> bytes:
    return _int64(_NULL if number is None else number)


def _counter(number: int | None) -> bytes:
    """0 stands for none."""
    return (number or 0).to_bytes(8, "little")


def _address(account: str) -> bytes:
    return int(account, 16).to_bytes(32, "big")


def _text(text: str | None) -> bytes:
    raw = (text or "").encode()
    return bytes([len(raw)]) + raw


def _levels(levels: Sequence[Sequence[Decimal | str | int]]) -> bytes:
    rows = [_int64(_mantissa(price, 8)) + _int64(_mantissa(size, 8)) for price, size in levels]
    return _group(16, len(rows)) + b"".join(rows)


def _enum(kind: str) -> _Write:
    names, unnamed = _ENUMS[kind], _WITHOUT_A_NAME.get(kind, _UNNAMED)
    return lambda name: bytes([names.get(name, unnamed)])


def _order_flags(flags: Sequence[str] | None) -> bytes:
    return bytes([sum(1 << _ORDER_FLAGS[flag] for flag in set(flags or ()) if flag in _ORDER_FLAGS)])


def _fill_flags(flags: Sequence[str] | None) -> bytes:
    """What the schema cannot name is said to be there."""
    known = {flag if flag in _FILL_FLAGS else "UNKNOWN" for flag in flags or ()}
    return bytes([sum(1 << _FILL_FLAGS[flag] for flag in known)])


_AFTER_THE_BLOCK = frozenset({"text", "levels"})
_WRITERS: Mapping[str, _Write] = {
    "time": _time,
    "seen": _seen,
    "int64": _int64,
    "int16": Struct("<h").pack,
    "uint8": Struct("<B").pack,
    "optional64": _optional,
    "uint64": _counter,
    "fixed8": _fixed(8),
    "fixed12": _fixed(12),
    "saturated": _saturated,
    "unsigned8": _unsigned,
    "address": _address,
    "text": _text,
    "levels": _levels,
    "OrderFlags": _order_flags,
    "FillFlags": _fill_flags,
    **{kind: _enum(kind) for kind in _ENUMS},
}


def _read_schema(text: str) -> tuple[int, Sequence[tuple[int, str, str]]]:
    """A message's number and, in the order of the wire, since which version which kind has which name."""
    number, *lines = text.splitlines()
    fields = []
    for line in lines:
        words = line.split()
        since = int(words.pop(0)[1:]) if words[0].startswith("@") else 0
        fields += [(since, words[0], name) for name in words[1:]]
    return int(number), fields


_MESSAGES = {message: _read_schema(text) for message, text in _SCHEMA.items()}
