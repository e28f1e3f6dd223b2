"""Paradex's listing becomes instruments; what is not as documented is counted and costs no more than itself."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.core.errors import ParseError
from perpbot.core.instruments import ContractKind, Instrument, MarketStatus
from perpbot.exchanges.paradex.parse import instruments

FEES = {"fee": "0.0003", "fee_cap": "0.5", "fee_floor": "-0.5"}
MARKET: dict[str, Any] = {
    "symbol": "BTC-USD-PERP",
    "base_currency": "BTC",
    "quote_currency": "USD",
    "settlement_currency": "USDC",
    "asset_kind": "PERP",
    "market_kind": "cross",
    "trading_mode": "STANDARD",
    "order_size_increment": "0.00001",
    "price_tick_size": "0.1",
    "min_notional": "10",
    "expiry_at": 0,
    "funding_period_hours": 8,
    "delta1_cross_margin_params": {"imf_base": "0.02", "imf_factor": "0", "imf_shift": "0", "mmf_factor": "0.5"},
    "fee_config": {"api_fee": {"maker_fee": FEES | {"fee": "-0.00005"}, "taker_fee": FEES}},
}


def listing(*markets: object) -> bytes:
    return json.dumps({"results": markets}).encode()


def read(**changes: Any) -> tuple[list[Instrument], Counter[str]]:
    """A market that differs in some fields; one that is ``...`` is left out."""
    noted: Counter[str] = Counter()
    market = {name: value for name, value in {**MARKET, **changes}.items() if value is not ...}
    return instruments(listing(market), noted), noted


def test_a_perpetual_is_read_whole() -> None:
    """Fees are those of an API order, the least size is one step, leverage is what the initial margin allows."""
    found, noted = read()
    assert found == [
        Instrument(
            exchange="paradex",
            symbol="BTC-USD-PERP",
            native="BTC-USD-PERP",
            tick=Decimal("0.1"),
            step=Decimal("0.00001"),
            min_size=Decimal("0.00001"),
            min_notional=Decimal(10),
            kind=ContractKind.LINEAR,
            multiplier=Decimal(1),
            quote="USDC",
            maker_fee_pct=Decimal("-0.00005"),
            taker_fee_pct=Decimal("0.0003"),
            funding_interval_seconds=28_800,
            max_leverage=Decimal(50),
            status=MarketStatus.OPEN,
        )
    ]
    assert not noted


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "path", "leverage", "step"),
    [
        ("ccxt_static_response_testnet_202406.json", (), 50, "0.001"),
        ("rest_composed_from_openapi_1.132.1.json", ("composed_from_property_examples",), 9, "0.001"),
    ],
)
def test_a_listing_of_the_exchange_is_read(
    shared: Path, file: str, path: tuple[str, ...], leverage: int, step: str
) -> None:
    """Recorded before there were fees in it, and composed from the documentation of today."""
    payload = json.loads((shared / "wire/paradex" / file).read_text())["GET /v1/markets"]
    for name in path:
        payload = payload[name]
    noted: Counter[str] = Counter()
    (found,) = instruments(json.dumps(payload).encode(), noted)
    assert (found.status, found.max_leverage, found.step) == (MarketStatus.OPEN, Decimal(leverage), Decimal(step))
    assert not any(note.startswith(("unknown", "unreadable", "market")) for note in noted)


@pytest.mark.parametrize("kind", ["PERP_OPTION", "SPOT", "OPTION", "FUTURE"])
def test_other_products_are_counted(kind: str) -> None:
    """And are no perpetuals."""
    assert read(asset_kind=kind) == ([], Counter({f"product {kind}": 1}))


def test_a_product_of_a_kind_to_come_is_counted() -> None:
    """By its word."""
    assert read(asset_kind="PREDICTION") == (
        [],
        Counter({"unknown value asset_kind PREDICTION": 1, "product PREDICTION": 1}),
    )


@pytest.mark.parametrize("kind", [..., None, 7])
def test_without_a_kind_the_name_tells_a_perpetual(kind: object) -> None:
    """It is counted all the same."""
    found, noted = read(asset_kind=kind)
    assert [each.symbol for each in found] == ["BTC-USD-PERP"]
    assert sum(noted.values()) == 1
    found, noted = read(asset_kind=kind, symbol="BTC-USD")
    assert found == []
    assert noted["product of no stated kind"] == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, MarketStatus.OPEN),
        ({"trading_mode": ...}, MarketStatus.OPEN),
        ({"trading_mode": "RFQ_ONLY"}, MarketStatus.HALTED),
        ({"trading_mode": "AUCTION"}, MarketStatus.UNKNOWN),
        ({"expiry_at": 1_790_000_000_000}, MarketStatus.UNKNOWN),
        ({"min_notional": ...}, MarketStatus.UNKNOWN),
        ({"min_notional": "a lot"}, MarketStatus.UNKNOWN),
    ],
)
def test_a_perpetual_in_whatever_status_is_listed(changes: dict[str, Any], status: MarketStatus) -> None:
    """Only one that is known to be traded in the book, without an end, is open."""
    found, _ = read(**changes)
    assert [each.status for each in found] == [status]


def test_what_the_listing_does_not_say_is_the_dearest_documented() -> None:
    """The fees of no volume tier, eight hours of funding and no leverage; each is counted once."""
    (found,), noted = read(fee_config=..., funding_period_hours=..., delta1_cross_margin_params=...)
    assert (found.maker_fee_pct, found.taker_fee_pct) == (Decimal("0.00003"), Decimal("0.00045"))
    assert (found.funding_interval_seconds, found.max_leverage) == (28_800, Decimal(1))
    names = ("fee_config", "funding_period_hours", "delta1_cross_margin_params")
    assert noted == Counter(f"absent field {name}" for name in names)


@pytest.mark.parametrize("name", ["symbol", "price_tick_size", "order_size_increment"])
@pytest.mark.parametrize("value", [..., None, "", "0", "-1", "NaN", "1e99", True, [], {}])
def test_a_market_without_name_tick_or_step_is_left_out(name: str, value: object) -> None:
    """No order can be made for it; it is counted, and the others are read."""
    found, noted = read(**{name: value})
    assert found == []
    assert noted["market left out"] == 1
    broken = {**MARKET, name: None if value is ... else value}
    assert len(instruments(listing(broken, MARKET))) == 1


@pytest.mark.parametrize(
    ("native", "symbol"),
    [("kBONK-USD-PERP", "KBONK-USD-PERP"), ("A_B-USD-PERP", "AB-USD-PERP"), ("1000X-USD-PERP", "1000X-USD-PERP")],
)
def test_a_unified_symbol_is_made_of_the_name(native: str, symbol: str) -> None:
    """The exchange's own name stays as it is."""
    (found,), _ = read(symbol=native)
    assert (found.native, found.symbol) == (native, symbol)


def test_a_market_listed_twice_is_read_once() -> None:
    """Two names that become one symbol as well: orders must not go to either."""
    noted: Counter[str] = Counter()
    found = instruments(listing(MARKET, MARKET, {**MARKET, "symbol": "btc-USD-PERP"}), noted)
    assert [each.native for each in found] == ["BTC-USD-PERP"]
    assert noted == {"market listed twice": 2}


def test_numbers_are_exact_as_text_and_as_such() -> None:
    """No float is in between."""
    raw = listing(MARKET).replace(b'"0.00001"', b"0.000010000000000001").replace(b'"0.1"', b"1E-7")
    (found,) = instruments(raw)
    assert (found.step, found.tick) == (Decimal("0.000010000000000001"), Decimal("0.0000001"))


def test_what_is_unknown_is_counted_by_its_path() -> None:
    """Fields, values and parts of parts; the market is read all the same."""
    found, noted = read(
        colour="blue",
        market_kind="portfolio",
        fee_config={"api_fee": {"maker_fee": {"fee": "free"}, "taker_fee": FEES}, "whale_fee": {}},
    )
    assert found[0].maker_fee_pct == Decimal("0.00003")
    assert noted == {
        "unknown field colour": 1,
        "unknown value market_kind portfolio": 1,
        "unknown field fee_config.whale_fee": 1,
        "unreadable field fee_config.api_fee.maker_fee.fee": 1,
    }


def test_entries_that_are_no_markets_are_counted() -> None:
    """The others are read."""
    noted: Counter[str] = Counter()
    assert len(instruments(listing(None, 7, [], MARKET), noted)) == 1
    assert noted == {"market unreadable": 3}


def test_an_empty_listing_lists_nothing() -> None:
    """As an answer of the exchange says."""
    assert instruments(listing()) == []


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="a page"),
        pytest.param(b"[" * 100_000, id="nested without end"),
        pytest.param(b"\xff", id="not text"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"results": null}', id="no results"),
        pytest.param(b'{"error": "SERVICE_UNAVAILABLE", "message": "later\\n"}', id="an error"),
    ],
)
def test_an_answer_that_is_no_listing_is_refused(raw: bytes) -> None:
    """It is a read that failed, never an exchange without markets."""
    with pytest.raises(ParseError, match="the markets of Paradex are no") as caught:
        instruments(raw)
    assert "\n" not in str(caught.value)
