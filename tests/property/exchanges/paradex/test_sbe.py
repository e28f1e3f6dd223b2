"""What the emulator of Paradex writes in binary is what the adapter reads, though they share no table."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpbot.core.errors import ParseError
from perpbot.exchanges.paradex.sbe import decode
from perpbot.simulation.emulators.paradex.sbe import encode

LARGEST = 2**63 - 1
Data = dict[str, Any]


def scaled(places: int, smallest: int = -LARGEST) -> st.SearchStrategy[str]:
    """Numbers as the reader shows them: all decimals written out."""
    return st.integers(smallest, LARGEST).map(
        lambda mantissa: (
            f"{'-' if mantissa < 0 else ''}{abs(mantissa) // 10**places}.{abs(mantissa) % 10**places:0{places}d}"
        )
    )


def named(*names: str) -> st.SearchStrategy[str | None]:
    return st.sampled_from((*names, None))


def flags(*names: str) -> st.SearchStrategy[list[str]]:
    """In the order of their bits."""
    return st.sets(st.sampled_from(names)).map(lambda chosen: [name for name in names if name in chosen])


NUMBER = scaled(8)
OPTIONAL = st.none() | NUMBER
PRECISE = scaled(12)
INTEGER = st.integers(-(2**63), LARGEST)
TIME = st.integers(-(2**63) // 1000 + 1, LARGEST // 1000)
TEXT = st.text(max_size=60)
ADDRESS = st.integers(0, 2**256 - 1).map(hex)
SIDE = named("BUY", "SELL")
KIND = named("FILL", "LIQUIDATION", "UNWIND_TRANSFER", "SETTLE_MARKET", "RPI", "BLOCK_TRADE")
TYPE = named("LIMIT", "MARKET", "STOP_LIMIT", "STOP_MARKET", "TAKE_PROFIT_LIMIT", "STOP_LOSS_MARKET")
LEVELS = st.lists(st.tuples(NUMBER, NUMBER).map(list), max_size=20)
STAMP = {"timestamp": TIME, "seq_no": INTEGER}
REQUEST = st.fixed_dictionaries(
    {
        "id": TEXT,
        "message": TEXT,
        "request_type": named("MODIFY_ORDER"),
        "status": named("UNSPECIFIED", "PENDING", "PROCESSED", "REJECTED", "SUCCESS"),
    }
)


def numbers(names: str, strategy: st.SearchStrategy[Any] = NUMBER) -> dict[str, st.SearchStrategy[Any]]:
    return dict.fromkeys(names.split(), strategy)


def signed_by_side(data: Data) -> Data:
    """Whether the size of a position is negative goes with its side."""
    short = data["side"] == "SHORT" and float(data["size"])
    return {**data, "size": "-" + data["size"] if short else data["size"]}


MESSAGES: dict[str, st.SearchStrategy[Data]] = {
    "trades": st.fixed_dictionaries(
        {
            **STAMP,
            "trade_id": INTEGER,
            "side": SIDE,
            **numbers("price size"),
            "created_at": TIME,
            "trade_type": KIND,
            **numbers("market trade_id_str", TEXT),
        }
    ),
    "bbo": st.fixed_dictionaries(
        {**STAMP, **numbers("bid_price bid_size ask_price ask_size", OPTIONAL), "market": TEXT}
    ),
    "order_book": st.fixed_dictionaries(
        {
            **STAMP,
            "pkg_type": st.sampled_from(["SNAPSHOT", "DELTA"]),
            **numbers("best_bid_price best_bid_size best_ask_price best_ask_size relative_spread", OPTIONAL),
            **numbers("best_bid_api_price best_bid_api_size best_ask_api_price best_ask_api_size", OPTIONAL),
            **numbers("bids asks", LEVELS),
            "market": TEXT,
        }
    ),
    "markets_summary": st.fixed_dictionaries(
        {
            **STAMP,
            **numbers("mark_price index_price last_price volume_usd24h open_interest funding_rate total_volume"),
            **numbers("price_change_rate24h"),
            **numbers("bid ask mark_iv bid_iv ask_iv last_iv delta gamma vega theta rho volga vanna", OPTIONAL),
            **numbers("future_funding_rate external_fair_price bid_size ask_size", OPTIONAL),
            **numbers("forward_rate risk_free_rate", OPTIONAL),
            "funding_rate_precise": st.none() | PRECISE,
            "market": TEXT,
        }
    ),
    "funding_data": st.fixed_dictionaries(
        {
            **STAMP,
            **numbers("funding_rate funding_index funding_premium funding_rate8h"),
            "created_at": TIME,
            "funding_period_hours": st.integers(-(2**15), 2**15 - 1),
            "impact_premium_rate": OPTIONAL,
            "market": TEXT,
        }
    ),
    "funding_rate_comparison": st.fixed_dictionaries(
        {
            **numbers("timestamp last_updated_at", TIME),
            "hourly_funding_rate": PRECISE,
            "asset_kind": st.sampled_from(["ASSET_KIND_UNSPECIFIED", "ASSET_KIND_PERPETUAL_FUTURE", "ASSET_KIND_SPOT"]),
            "source": st.sampled_from(["SOURCE_UNSPECIFIED", "SOURCE_PARADEX", "SOURCE_OKX", "SOURCE_STORK"]),
            "market": TEXT,
        }
    ),
    "orders": st.fixed_dictionaries(
        {
            **STAMP,
            "status": named("NEW", "UNTRIGGERED", "OPEN", "CLOSED"),
            "side": SIDE,
            "order_type": TYPE,
            "time_in_force": named("GTC", "IOC", "POST_ONLY", "RPI"),
            **numbers("price trigger_price avg_fill_price", OPTIONAL),
            **numbers("size size_open"),
            **numbers("created_at updated_at received_at published_at", TIME),
            "account": ADDRESS,
            "stp": named("NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH"),
            "flags": flags(
                *("REDUCE_ONLY", "STOP_CONDITION_BELOW_TRIGGER", "STOP_CONDITION_ABOVE_TRIGGER", "INTERACTIVE"),
                *("TARGET_STRATEGY_VWAP", "MMP"),
            ),
            **numbers("order_id client_order_id market cancel_reason", TEXT),
            "request_info": st.none() | REQUEST,
        }
    ),
    "fills": st.fixed_dictionaries(
        {
            "timestamp": TIME,
            "seq_no": st.none() | st.integers(-LARGEST, LARGEST),
            "fill_type": KIND,
            "side": SIDE,
            "liquidity": named("MAKER", "TAKER"),
            **numbers("price size fee underlying_price realized_funding"),
            "realized_pnl": OPTIONAL,
            "created_at": TIME,
            "account": ADDRESS,
            "flags": flags("INTERACTIVE", "RPI", "FASTFILL", "UNKNOWN"),
            "orderbook_seq_no": st.integers(0, 2**64 - 1),
            **numbers("fill_id order_id client_order_id trade_id market fee_currency", TEXT),
        }
    ),
    "positions": st.fixed_dictionaries(
        {
            **STAMP,
            "side": named("LONG", "SHORT"),
            "size": scaled(8, smallest=0),
            **numbers("avg_entry_price unrealized_pnl realized_pnl leverage avg_entry_price_usd cost cost_usd"),
            **numbers("cached_funding_index unrealized_funding_pnl"),
            **numbers("mark_price liquidation_price", OPTIONAL),
            "updated_at": TIME,
            "account": ADDRESS,
            "status": named("OPEN", "CLOSED", "UNSPECIFIED"),
            **numbers("market last_fill_id", TEXT),
        }
    ).map(signed_by_side),
    "account": st.fixed_dictionaries(
        {
            **STAMP,
            **numbers("total_collateral free_collateral initial_margin_req maintenance_margin_req account_value"),
            "margin_cushion": NUMBER,
            "unrealized_pnl": OPTIONAL,
            **numbers("updated_at last_seen_notification", TIME),
            "account": ADDRESS,
            "status": named("ACTIVE", "LIQUIDATION"),
            "settlement_asset": TEXT,
        }
    ),
}
WITHOUT_MARKET = {"funding_rate_comparison", "positions", "account"}
SINCE_1 = dict.fromkeys(("forward_rate", "risk_free_rate", "funding_rate_precise", "impact_premium_rate"))
SINCE_2 = dict.fromkeys(("trade_id_str", "request_info", "orderbook_seq_no", "fee_currency", "last_seen_notification"))


def as_of(message: str, data: Data, version: int) -> Data:
    """What a version of the schema can say of it: what came later is null."""
    later = SINCE_2 if version == 1 else SINCE_1 | SINCE_2
    if message == "fills":
        later = {**later, "flags": None}
    elif message == "orders":
        later = {**later, "flags": [flag for flag in data["flags"] if flag != "MMP"]}
    return data | {name: value for name, value in later.items() if name in data}


def refusal(frame: bytes) -> str:
    """Why a frame is refused; empty if it is read."""
    try:
        decode(frame)
    except ParseError as problem:
        return str(problem)
    return ""


@pytest.mark.parametrize("message", MESSAGES)
@given(drawn=st.data())
def test_what_was_written_is_read(message: str, drawn: st.DataObject) -> None:
    """Every template, every value, to the last digit."""
    data = drawn.draw(MESSAGES[message])
    channel = message if message in WITHOUT_MARKET else f"{message}.{data['market']}"
    assert decode(encode(message, data)) == (channel, data)


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("message", [name for name in MESSAGES if name != "funding_rate_comparison"])
@given(drawn=st.data())
def test_an_older_version_says_what_it_knew(message: str, version: int, drawn: st.DataObject) -> None:
    """Nothing of a later one, nor a bit of it."""
    data = drawn.draw(MESSAGES[message])
    assert decode(encode(message, data, version))[1] == as_of(message, data, version)


@given(drawn=st.data(), message=st.sampled_from(list(MESSAGES)))
def test_a_damaged_frame_is_read_or_refused(message: str, drawn: st.DataObject) -> None:
    """Never an error of another kind, wherever it is cut or changed."""
    raw = bytearray(encode(message, drawn.draw(MESSAGES[message])))
    for _ in range(drawn.draw(st.integers(0, 3))):
        raw[drawn.draw(st.integers(0, len(raw) - 1))] = drawn.draw(st.integers(0, 255))
    assert "\n" not in refusal(bytes(raw[: drawn.draw(st.integers(0, len(raw)))]))


@given(raw=st.binary(max_size=300), number=st.integers(0, 45))
def test_any_bytes_are_read_or_refused(raw: bytes, number: int) -> None:
    """With and without a header that names a template."""
    for frame in (raw, raw[:2] + bytes([number, 0, 1, 0, 2, 0]) + raw[8:]):
        assert "\n" not in refusal(frame)


@pytest.mark.shared
def test_the_vectors_are_written_again(shared: Path) -> None:
    """Byte for byte but for what is below a millisecond."""
    for vector in json.loads((shared / "wire/paradex/sbe_vectors.json").read_text())["vectors"]:
        raw = bytes.fromhex(vector["hex"])
        written = encode(vector["channel"].split(".")[0], vector["decoded"], version=raw[6])
        assert decode(written) == (vector["channel"], vector["decoded"])
        assert len(written) == len(raw)
