"""The emulator's binary frames follow the schema where plain values leave it a choice."""

from decimal import Decimal
from typing import Any

import pytest

from perpbot.exchanges.paradex.sbe import decode
from perpbot.simulation.emulators.paradex.sbe import encode

BBO: dict[str, Any] = {"timestamp": 1_790_000_000_123, "seq_no": 1, "market": "BTC-USD-PERP"}
COMPARISON = {"timestamp": 0, "last_updated_at": 0, "hourly_funding_rate": "0", "market": "BTC-USD-PERP"}
FILL: dict[str, Any] = {
    "timestamp": 1,
    "created_at": 1,
    "account": "0x1",
    "price": 1,
    "size": 1,
    "fee": 0,
    "underlying_price": 1,
    "realized_funding": 0,
}


def written(message: str, **values: Any) -> dict[str, Any]:
    data = decode(encode(message, values))[1]
    assert data is not None
    return data


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("0.000000019"), "0.00000001"),
        (Decimal("-0.000000019"), "-0.00000001"),
        (Decimal("1E+3"), "1000.00000000"),
        ("67629.7", "67629.70000000"),
        (None, None),
    ],
)
def test_numbers_are_cut_after_eight_decimals(value: Decimal | str | None, shown: str | None) -> None:
    """The schema's own word for a finer rate: it truncates."""
    assert written("bbo", **BBO, bid_price=value)["bid_price"] == shown


def test_the_lifetime_volume_saturates() -> None:
    """The largest number is a lower bound, as the schema says of it."""
    totals = dict.fromkeys(("mark_price", "index_price", "last_price", "volume_usd24h", "open_interest"), "1")
    data = written("markets_summary", **BBO, **totals, funding_rate=0, price_change_rate24h=0, total_volume="1e15")
    assert data["total_volume"] == "92233720368.54775807"


def test_a_flag_that_the_schema_cannot_name_is_said_to_be_there() -> None:
    """So that a reader can tell it from none."""
    assert written("fills", **FILL, flags=["RPI", "BRAND_NEW"])["flags"] == ["RPI", "UNKNOWN"]


def test_a_value_that_the_schema_cannot_name_is_not_representable() -> None:
    """Never the number of another name."""
    assert written("fills", **FILL, side="SIDEWAYS", liquidity=None)["side"] is None
    assert written("funding_rate_comparison", **COMPARISON, source="ELSEWHERE")["source"] == "SOURCE_UNSPECIFIED"


@pytest.mark.parametrize("message", ["heartbeat", "subscribed"])
def test_system_messages_carry_no_data(message: str) -> None:
    """A reader passes them over."""
    values = {"timestamp": 1, "seq_no": 2, "status": 0, "channel": "bbo.BTC-USD-PERP"}
    assert decode(encode(message, values)) == (None, None)


@pytest.mark.parametrize(
    ("message", "values", "version", "reason"),
    [
        pytest.param("bbo", BBO, 3, "bbo is not part of schema 1:3", id="a version to come"),
        pytest.param("funding_rate_comparison", COMPARISON, 0, "not part of schema 1:0", id="a message to come"),
        pytest.param("bbo", BBO | {"bid_price": "NaN"}, 2, "bid_price cannot be written", id="no number"),
        pytest.param("bbo", BBO | {"bid_price": "1e12"}, 2, "bid_price cannot be written", id="too large"),
        pytest.param("bbo", BBO | {"bid_price": "-92233720368.54775808"}, 2, "stands for none", id="the null value"),
        pytest.param("bbo", BBO | {"market": "x" * 256}, 2, "market cannot be written", id="too long"),
        pytest.param("bbo", {}, 2, "timestamp cannot be written", id="absent"),
        pytest.param("fills", FILL | {"account": "me"}, 2, "account cannot be written", id="no address"),
    ],
)
def test_what_the_schema_cannot_say_is_refused(message: str, values: dict[str, Any], version: int, reason: str) -> None:
    """By the name of the field."""
    with pytest.raises(ValueError, match=reason):
        encode(message, values, version)
