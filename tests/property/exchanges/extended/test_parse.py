"""A listing that is changed anywhere is read as far as it goes, and what is wrong with it is counted."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from perpbot.core.errors import ParseError
from perpbot.core.money import on_grid
from perpbot.core.names import is_symbol
from perpbot.exchanges.extended.parse import instruments, markets

MARKET: dict[str, Any] = {
    "name": "BTC-USD",
    "type": "PERPETUAL",
    "collateralAssetName": "USD",
    "active": True,
    "status": "ACTIVE",
    "isRfq": False,
    "isOffHours": False,
    "tradingHours": "CONTINUOUS",
    "tradingConfig": {"minOrderSize": "0.1", "minOrderSizeChange": "0.1", "minPriceChange": "1", "maxLeverage": "5"},
    "l2Config": {
        "type": "STARKX",
        "collateralId": "0x1",
        "syntheticId": "0x42",
        "syntheticResolution": 1000,
        "collateralResolution": 1000,
    },
}
LISTING = {
    "status": "OK",
    "data": [MARKET, {**MARKET, "name": "ETH-USD"}, {**MARKET, "name": "BTC-USDC", "type": "SPOT"}],
}

junk = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**300), 2**300),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=12),
        st.sampled_from(["NaN", "1e-400", "-1", "0", "9" * 5000, "0x", "PERPETUAL", "1_0"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


changes = st.tuples(st.sampled_from([None, "tradingConfig", "l2Config"]), st.integers(0, 10), junk)


@given(st.lists(changes, min_size=1, max_size=4))
@settings(max_examples=400)
def test_a_changed_market_costs_at_most_itself(all_changes: list[tuple[str | None, int, Any]]) -> None:
    """Whatever a field of the first market becomes, the second is read, and each departure is counted."""
    listing = json.loads(json.dumps(LISTING))
    changed = listing["data"][0]
    for part, number, value in all_changes:
        place = changed.get(part) if isinstance(changed.get(part), dict) else changed
        names = [*sorted(place), "somethingNew"]
        place[names[number % len(names)]] = value
    noted: Counter[str] = Counter()
    found = markets(json.dumps(listing).encode(), noted)
    assert "ETH-USD" in {market.instrument.native for market in found}
    assert noted["product SPOT"] == 1
    assert changed == MARKET or noted.total() > 1 or found[0].instrument.native == changed["name"]
    for market in found:
        instrument = market.instrument
        assert is_symbol(instrument.symbol)
        assert min(instrument.tick, instrument.step, instrument.min_size, instrument.max_leverage) > 0
        assert on_grid(instrument.round_size(Decimal(10**6)), instrument.step)


@given(st.data())
@settings(max_examples=400)
def test_a_listing_damaged_on_its_way_is_read_or_no_listing(data: st.DataObject) -> None:
    """Bytes lost, changed or put in: a list of instruments or a read that failed, never anything else."""
    raw = bytearray(json.dumps(LISTING).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw)))
        raw[start : start + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
    try:
        found = instruments(bytes(raw))
    except ParseError:
        return
    assert len(found) <= 3
