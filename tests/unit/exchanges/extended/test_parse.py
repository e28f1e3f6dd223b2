"""Extended's listing: every perpetual, whatever else stands there, and a count of what is not as documented."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.core.errors import ParseError
from perpbot.core.instruments import ContractKind, Instrument, MarketStatus
from perpbot.exchanges.extended.parse import instruments, markets
from perpbot.exchanges.extended.sign import Assets

D = Decimal
S = MarketStatus
ABSENT = "(absent)"


def listed(**changes: Any) -> dict[str, Any]:
    """A market as documented; a change of ``a__b`` is one of ``b`` in ``a``."""
    market: dict[str, Any] = {
        "name": "BTC-USD",
        "type": "PERPETUAL",
        "collateralAssetName": "USD",
        "active": True,
        "status": "ACTIVE",
        "isRfq": False,
        "isOffHours": False,
        "tradingHours": "CONTINUOUS",
        "tradingConfig": {
            "minOrderSize": "0.0001",
            "minOrderSizeChange": "0.00001",
            "minPriceChange": "1",
            "maxLeverage": "50.00",
        },
        "l2Config": {
            "type": "STARKX",
            "collateralId": "0x1",
            "syntheticId": "0x4254432d3600000000000000000000",
            "syntheticResolution": 1000000,
            "collateralResolution": 1000000,
        },
    }
    for path, value in changes.items():
        *parents, name = path.split("__")
        place = market[parents[0]] if parents else market
        if value == ABSENT:
            del place[name]
        else:
            place[name] = value
    return market


def answer(*all_markets: Any) -> bytes:
    return json.dumps({"status": "OK", "data": list(all_markets)}).encode()


BTC = Instrument(
    exchange="extended",
    symbol="BTC-USD-PERP",
    native="BTC-USD",
    tick=D(1),
    step=D("0.00001"),
    min_size=D("0.0001"),
    min_notional=D(0),
    kind=ContractKind.LINEAR,
    multiplier=D(1),
    quote="USD",
    maker_fee_pct=D(0),
    taker_fee_pct=D("0.00025"),
    funding_interval_seconds=3_600,
    max_leverage=D(50),
    status=S.OPEN,
)


def noted(raw: bytes) -> tuple[list[Instrument], Counter[str]]:
    counts: Counter[str] = Counter()
    return list(instruments(raw, counts)), counts


def test_a_market_as_documented_is_an_instrument_and_nothing_is_counted() -> None:
    """Sizes are coins, funding is hourly, there is no minimum notional."""
    assert noted(answer(listed())) == ([BTC], Counter())


def test_a_market_says_what_it_is_settled_in_and_when_it_trades() -> None:
    """What an order is signed with, and what tells a perpetual on shares from others."""
    (market,) = markets(answer(listed(tradingHours="WEEKDAYS", isOffHours=True)))
    assert market.assets == Assets(0x4254432D3600000000000000000000, 1_000_000, 1, 1_000_000)
    assert (market.trading_hours, market.off_hours, market.rfq) == ("WEEKDAYS", True, False)


@pytest.mark.shared
def test_the_recorded_listing_is_read_and_what_it_lacks_is_counted(shared: Path) -> None:
    """It has no type, and fields that the documentation does not name."""
    recorded = json.loads((shared / "wire/extended/ccxt_static_response_mainnet_202604.json").read_text("utf-8"))
    found, counts = noted(json.dumps(recorded["GET /api/v1/info/markets"]).encode())
    assert found == [BTC]
    assert counts == {f"absent field {name}": 1 for name in ("type", "isRfq", "isOffHours", "tradingHours")}


@pytest.mark.shared
def test_the_documented_listing_is_read(shared: Path) -> None:
    """Its status is in lower case, and its ids are of an older chain."""
    blocks = json.loads((shared / "wire/extended/docs_examples.json").read_text("utf-8"))
    (market,) = markets(json.dumps(blocks[0]["json"]).encode())
    assert (market.instrument.tick, market.instrument.step) == (D("0.001"), D("0.001"))
    assert market.assets is not None
    assert market.assets.base_resolution == 10**10


@pytest.mark.shared
def test_every_market_of_the_vectors_is_read(shared: Path) -> None:
    """Perpetuals on metals too."""
    vectors = json.loads((shared / "vectors/extended.json").read_text("utf-8"))
    found, counts = noted(answer(*vectors["markets"].values()))
    assert [each.symbol for each in found] == ["BTC-USD-PERP", "ETH-USD-PERP", "XAU-USD-PERP"]
    assert not counts


@pytest.mark.parametrize(
    ("status", "active", "expected"),
    [
        ("ACTIVE", True, S.OPEN),
        ("ACTIVE", False, S.HALTED),
        ("REDUCE_ONLY", True, S.REDUCE_ONLY),
        ("REDUCE_ONLY", False, S.REDUCE_ONLY),
        ("PRELISTED", False, S.HALTED),
        ("DISABLED", False, S.HALTED),
        ("DELISTED", False, S.CLOSED),
        ("AUCTION", True, S.UNKNOWN),
        (None, True, S.UNKNOWN),
        (7, True, S.UNKNOWN),
    ],
)
def test_a_market_is_listed_in_whatever_status(status: object, active: bool, expected: MarketStatus) -> None:
    """A word that nobody knows is no permission to trade."""
    ((market,), counts) = noted(answer(listed(status=status, active=active)))
    assert market.status is expected
    assert bool(counts) is (expected is S.UNKNOWN)


@pytest.mark.parametrize("kind", ["SPOT", "OPTION"])
def test_another_product_is_counted_and_left_out(kind: str) -> None:
    """Only perpetuals are instruments."""
    found, counts = noted(answer(listed(type=kind, name="BTC-USDC"), listed()))
    assert found == [BTC]
    assert counts[f"product {kind}"] == 1


def test_unknown_fields_and_values_are_counted_by_name() -> None:
    """In all three objects of a market."""
    market = listed(colour="red", tradingConfig__vegas=1, l2Config__zk=True, tradingHours="LUNAR")
    assert noted(answer(market, market | {"name": "ETH-USD"}))[1] == {
        "unknown field colour": 2,
        "unknown field tradingConfig.vegas": 2,
        "unknown field l2Config.zk": 2,
        "unknown value tradingHours LUNAR": 2,
    }


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"tradingConfig__minOrderSize": ABSENT}, "min_size", D("0.00001")),
        ({"tradingConfig__maxLeverage": ABSENT}, "max_leverage", D(1)),
        ({"tradingConfig__maxLeverage": "-3"}, "max_leverage", D(1)),
        ({"tradingConfig__maxLeverage": 12.5}, "max_leverage", D("12.5")),
        ({"tradingConfig__minPriceChange": 0.1}, "tick", D("0.1")),
        ({"collateralAssetName": ABSENT}, "quote", "USD"),
        ({"active": "maybe"}, "status", S.OPEN),
        ({"l2Config": ABSENT}, "native", "BTC-USD"),
        ({"type": ABSENT}, "native", "BTC-USD"),
        ({"name": "NVDA_24_5-USD"}, "symbol", "NVDA245-USD-PERP"),
        ({"name": "1000PEPE-USD"}, "symbol", "1000PEPE-USD-PERP"),
    ],
)
def test_one_field_that_cannot_be_read_costs_that_field_alone(
    changes: dict[str, Any], field: str, value: object
) -> None:
    """What stands in for it is the cautious value: no leverage, the smallest size."""
    (market,) = instruments(answer(listed(**changes)))
    assert getattr(market, field) == value


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ABSENT},
        {"name": "BTCUSD"},
        {"tradingConfig": ABSENT},
        {"tradingConfig": [1]},
        {"tradingConfig__minPriceChange": "0"},
        {"tradingConfig__minPriceChange": "NaN"},
        {"tradingConfig__minOrderSizeChange": None},
        {"tradingConfig__minOrderSizeChange": True},
        {"tradingConfig__minOrderSizeChange": "1e400"},
    ],
    ids=str,
)
def test_a_market_without_name_tick_or_step_is_left_out_and_counted(changes: dict[str, Any]) -> None:
    """The others are not lost with it."""
    found, counts = noted(answer(listed(**changes), listed(), "not a market"))
    assert found == [BTC]
    assert counts["market left out"] == counts["market unreadable"] == 1


def test_a_market_listed_twice_counts_once() -> None:
    """Two rules for one symbol cannot both hold."""
    found, counts = noted(answer(listed(), listed(status="DISABLED")))
    assert found == [BTC]
    assert counts == {"market listed twice": 1}


def test_a_market_without_chain_ids_cannot_be_signed_for() -> None:
    """It is listed all the same."""
    for change in ({"l2Config__syntheticId": "BTC"}, {"l2Config__syntheticResolution": 0}, {"l2Config": 3}):
        (market,) = markets(answer(listed(**change)))
        assert market.assets is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"status": "OK"}',
        b'{"status": "OK", "data": {}}',
        b'{"status": "ERROR", "data": []}',
        b'{"status": "ERROR", "error": {"code": 1010, "message": "Maintenance"}}',
        b"[" * 100_000,
        b'{"data": [1e99999999999999999999]}',
    ],
    ids=["empty", "binary", "list", "object", "no data", "data is no list", "failed", "why", "deep", "number"],
)
def test_what_is_no_listing_is_no_empty_listing(raw: bytes) -> None:
    """From a read that failed nothing is concluded."""
    with pytest.raises(ParseError) as failed:
        instruments(raw)
    assert "\n" not in str(failed.value)
    assert len(str(failed.value)) < 200
