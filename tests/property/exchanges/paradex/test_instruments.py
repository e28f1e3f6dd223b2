"""Whatever a field of Paradex's listing turns into, the rest of the listing is read."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from perpbot.core.errors import ParseError
from perpbot.core.names import is_symbol
from perpbot.exchanges.paradex.parse import instruments

FEE = {"fee": "0.0003", "fee_cap": "0.5", "fee_floor": "-0.5"}
MARKET: dict[str, Any] = {
    "symbol": "BTC-USD-PERP",
    "asset_kind": "PERP",
    "trading_mode": "STANDARD",
    "settlement_currency": "USDC",
    "order_size_increment": "0.00001",
    "price_tick_size": "0.1",
    "min_notional": "10",
    "expiry_at": 0,
    "funding_period_hours": 8,
    "delta1_cross_margin_params": {"imf_base": "0.02"},
    "fee_config": {"api_fee": {"maker_fee": FEE, "taker_fee": FEE}},
}
OTHER = {**MARKET, "symbol": "ETH-USD-PERP"}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["NaN", "-Infinity", "1e999999999", "1_0", " 1 ", "٣", "0x10", "-0", "9" * 5_000, 10**400])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner), max_leaves=6
)


def changed(drawn: st.DataObject, fields: dict[str, Any]) -> dict[str, Any]:
    """One field, here or in what is within, is another value, gone, or there beside."""
    name = drawn.draw(st.sampled_from(list(fields)))
    if isinstance(fields[name], dict) and fields[name] and drawn.draw(st.booleans()):
        return {**fields, name: changed(drawn, fields[name])}
    how = drawn.draw(st.sampled_from(["another", "gone", "beside"]))
    if how == "gone":
        return {key: value for key, value in fields.items() if key != name}
    return {**fields, drawn.draw(st.text(max_size=9)) if how == "beside" else name: drawn.draw(VALUES)}


@given(drawn=st.data())
def test_a_changed_market_costs_no_other_and_makes_no_nonsense(drawn: st.DataObject) -> None:
    """What is read is a market that orders can be made for; what is left out is counted."""
    market = MARKET
    for _ in range(drawn.draw(st.integers(1, 4))):
        market = changed(drawn, market) if market else market
    noted: Counter[str] = Counter()
    found = instruments(json.dumps({"results": [market, OTHER]}).encode(), noted)
    assert OTHER["symbol"] in {each.native for each in found}
    assert len(found) == 2 or noted
    for each in found:
        assert is_symbol(each.symbol)
        assert all(
            value.is_finite() and value > 0 for value in (each.tick, each.step, each.min_size, each.max_leverage)
        )
        assert each.min_notional >= 0
        assert abs(each.maker_fee_pct) <= 1 >= abs(each.taker_fee_pct)
        assert each.smallest_order(Decimal(100)) >= each.step
        assert each.funding_interval_seconds > 0
    assert not any("\n" in note for note in noted)


@given(position=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(position: int, byte: int) -> None:
    """Never an error of another kind."""
    raw = bytearray(json.dumps({"results": [MARKET, OTHER]}).encode())
    raw[position % len(raw)] = byte
    assert "\n" not in refusal(bytes(raw))


def refusal(raw: bytes) -> str:
    """Why a listing is refused; empty if it is read."""
    try:
        instruments(raw)
    except ParseError as problem:
        return str(problem)
    return ""
