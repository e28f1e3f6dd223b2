"""Extended's signatures: the vectors made with the official client, digit for digit, and nothing out of range."""

from __future__ import annotations

import decimal
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.core.errors import ConfigError, OrderInvalid
from perpbot.core.orders import Side
from perpbot.exchanges import stark
from perpbot.exchanges.extended.sign import (
    MAINNET,
    TESTNET,
    Assets,
    Signer,
    expiry_ms,
    order_hash,
    transfer_hash,
)

D = Decimal
DOMAINS = {"testnet": TESTNET, "mainnet": MAINNET}
FEES = {"limit_default_taker_fee_5bps": "0.0005", "builder_fee_included_in_fee_amount": "0.00035"}
PRIVATE_KEY = 0x700D3C4A76AC97521C26F7192F0833BB6724FB8741AE6A2C9CB1B5C600C6EBD
PUBLIC_KEY = 0x7C62E405BF57A945DC819D0217F8A48C6B60B10AF508DA567273ABCA33D9838
HASH = 0x31BD87DE88D60BD71F8F208DE069D978AB2D161E8A28EC43F6B8DF34982D26F
DOMAIN = {
    "domain_name": "Perpetuals",
    "domain_version": "v0",
    "domain_chain_id": "SN_SEPOLIA",
    "domain_revision": "1",
}
INPUTS: dict[str, Any] = {
    "position_id": 10002,
    "base_asset_id": "0x4254432d3600000000000000000000",
    "base_amount": 1000,
    "quote_asset_id": "0x1",
    "quote_amount": -43445000,
    "fee_amount": 10862,
    "fee_asset_id": "0x1",
    "expiration": 1752580800,
    "salt": 1473459052,
    "user_public_key": hex(PUBLIC_KEY),
    **DOMAIN,
}
BTC = Assets(0x4254432D3600000000000000000000, 1_000_000, 1, 1_000_000)


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((shared / "vectors" / "extended.json").read_text(encoding="utf-8"))
    return read


def signer(domain: str = "testnet", **changes: Any) -> Signer:
    return Signer(
        **{"private_key": PRIVATE_KEY, "public_key": PUBLIC_KEY, "vault": 10002, **changes}, domain=DOMAINS[domain]
    )


def assets_of(market: dict[str, Any]) -> Assets:
    chain = market["l2Config"]
    base, quote = int(chain["syntheticId"], 16), int(chain["collateralId"], 16)
    return Assets(base, chain["syntheticResolution"], quote, chain["collateralResolution"])


@pytest.mark.shared
def test_every_hash_of_the_vectors_is_found_from_its_inputs(vectors: dict[str, Any]) -> None:
    """CONTRACTS.md §3: the inputs as they stand in the file, asset ids in hex."""
    settlements = [each for vector in vectors["vectors"] for each in vector["settlements"]]
    assert [hex(order_hash(**each["hash_inputs"])) for each in settlements] == [e["message_hash"] for e in settlements]


@pytest.mark.shared
def test_the_hash_that_upstream_published_is_found(vectors: dict[str, Any]) -> None:
    """It has position 100 and salt 123, and its domain in one text."""
    known = vectors["upstream_known_order_hash"]
    expected, domain = known["message_hash"], known["domain"].split("/")
    inputs = {name: value for name, value in known.items() if name not in {"message_hash", "domain"}}
    assert hex(order_hash(**inputs, **dict(zip(DOMAIN, domain, strict=True)))) == expected


@pytest.mark.shared
def test_the_transfer_hash_that_upstream_published_is_found(vectors: dict[str, Any]) -> None:
    """recipient=1 sender=2 collateral=3 amount=4 expiration=5 salt=6, with the order's key and domain."""
    found = transfer_hash(
        recipient_position_id=1,
        sender_position_id=2,
        collateral_id=3,
        amount=4,
        expiration=5,
        salt=6,
        user_public_key=vectors["upstream_known_order_hash"]["user_public_key"],
        **DOMAIN,
    )
    assert hex(found) == vectors["upstream_known_transfer_hash"]["message_hash"]


@pytest.mark.shared
def test_every_order_of_the_vectors_is_signed_as_the_official_client_signs_it(vectors: dict[str, Any]) -> None:
    """From size, price, fee and expiry to the settlement block of the body; legs of a TP/SL order alike."""
    for vector in vectors["vectors"]:
        body, inputs = vector["rest_body"], vector["inputs"]
        expires = datetime.fromisoformat(inputs["expire_time"])
        legs = [body] + [body[leg] for leg in ("takeProfit", "stopLoss") if leg in body]
        for number, (leg, expected) in enumerate(zip(legs, vector["settlements"], strict=True)):
            side = Side(inputs["side"])
            signed = signer(vector["env"]).sign_order(
                side=side.opposite if number else side,
                size=D(inputs["amount_of_synthetic"]),
                price=D(leg["price"]),
                fee_rate=D(FEES.get(vector["name"], "0.00025")),
                expiry_ms=expiry_ms(round(expires.timestamp()) * 10**9),
                nonce=inputs["nonce"],
                assets=assets_of(vectors["markets"][vector["market"]]),
            )
            assert signed.settlement == leg["settlement"], vector["name"]
            assert hex(signed.order_hash) == expected["message_hash"]
            amounts = leg["debuggingAmounts"]
            assert str(signed.inputs["base_amount"]) == amounts["syntheticAmount"]
            assert str(signed.inputs["quote_amount"]) == amounts["collateralAmount"]
            assert str(signed.inputs["fee_amount"]) == amounts["feeAmount"]


def sign(**changes: Any) -> Any:
    terms = {
        "side": Side.BUY,
        "size": D("0.001"),
        "price": D(43445),
        "fee_rate": D("0.00025"),
        "expiry_ms": 1751371200000,
        "nonce": 1473459052,
        "assets": BTC,
    }
    return signer().sign_order(**{**terms, **changes})


@pytest.mark.parametrize(("side", "base", "quote"), [(Side.BUY, 1, -1), (Side.SELL, 0, 0)])
def test_a_size_below_the_chain_s_smallest_unit_rounds_up_to_buy_and_down_to_sell(
    side: Side, base: int, quote: int
) -> None:
    """As the official client has it: a buy never gets more than it pays for, a sell never gives more."""
    inputs = sign(side=side, size=D("0.0000001"), price=D("0.5")).inputs
    assert (inputs["base_amount"], inputs["quote_amount"], inputs["fee_amount"]) == (base, quote, 1)


@pytest.mark.parametrize(
    ("expiry", "expiration"), [(1_751_371_200_000, 1_752_580_800), (1_751_371_200_001, 1_752_580_801)]
)
def test_what_is_signed_expires_fourteen_days_after_the_order_in_whole_seconds_up(expiry: int, expiration: int) -> None:
    """The server takes expiryEpochMillis, adds the days and rounds up."""
    assert sign(expiry_ms=expiry).inputs["expiration"] == expiration


def test_an_expiry_within_a_millisecond_is_rounded_up() -> None:
    """expiryEpochMillis is never before the order's own expiry."""
    assert expiry_ms(1_751_371_200_000_000_001) == 1_751_371_200_001
    assert expiry_ms(1_751_371_200_000_000_000) == 1_751_371_200_000


def test_the_caller_s_decimal_context_does_not_change_what_is_signed() -> None:
    """Three digits of precision elsewhere are not three digits of an order."""
    with decimal.localcontext(decimal.Context(prec=3, rounding=decimal.ROUND_FLOOR)):
        narrow = sign(size=D("0.12345"), price=D("3300.11"))
    assert narrow == sign(size=D("0.12345"), price=D("3300.11"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("position_id", -1),
        ("position_id", 2**32),
        ("position_id", True),
        ("base_asset_id", stark.PRIME),
        ("base_asset_id", "0x" + "f" * 64),
        ("base_asset_id", "4254xyz"),
        ("base_amount", 2**63),
        ("base_amount", -(2**63) - 1),
        ("quote_amount", 2**63),
        ("quote_amount", 1.5),
        ("fee_amount", -1),
        ("fee_amount", 2**64),
        ("fee_asset_id", -1),
        ("expiration", 2**64),
        ("salt", -1),
        ("salt", "9" * 5000),
        ("salt", 10**5000),
        ("user_public_key", stark.PRIME),
        ("user_public_key", None),
        ("domain_name", "a" * 32),
        ("domain_name", "Perpétuals"),
        ("domain_chain_id", None),
        ("domain_revision", "one"),
        ("domain_revision", 2**32),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_what_does_not_fit_its_type_is_refused_by_name(name: str, value: Any) -> None:
    """The library would end in a panic, or take the number modulo the field."""
    with pytest.raises(OrderInvalid, match=name) as refused:
        order_hash(**{**INPUTS, name: value})
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("position_id", 2**32 - 1),
        ("base_asset_id", stark.PRIME - 1),
        ("base_amount", -(2**63)),
        ("quote_amount", 2**63 - 1),
        ("fee_amount", 2**64 - 1),
        ("expiration", 0),
        ("salt", "0xffffffffffffffff"),
        ("user_public_key", str(stark.PRIME - 1)),
        ("domain_name", "a" * 31),
        ("domain_revision", 4),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 16 else "",
)
def test_what_just_fits_its_type_is_hashed(name: str, value: Any) -> None:
    """The limits are the on-chain types': u32, i64, u64, felt."""
    assert order_hash(**{**INPUTS, name: value}) != order_hash(**INPUTS) == HASH


@pytest.mark.parametrize(
    "change",
    [
        {"size": D(0)},
        {"size": D("-1")},
        {"size": D("NaN")},
        {"size": D("1e999999")},
        {"price": D(0)},
        {"price": D("Infinity")},
        {"price": D("1e20")},
        {"fee_rate": D("-0.1")},
        {"nonce": -1},
        {"expiry_ms": -(10**15)},
    ],
    ids=str,
)
def test_an_order_that_cannot_be_is_not_signed(change: dict[str, Any]) -> None:
    """Whatever is wrong with it, the answer is one line."""
    with pytest.raises(OrderInvalid):
        sign(**change)


def test_the_smallest_and_longest_decimals_are_signed_or_refused_in_one_line() -> None:
    """An exponent of a million, or a hundred digits."""
    assert sign(size=D("1e-999999")).inputs["base_amount"] == 1
    assert sign(size=D("0." + "1" * 100)).inputs["base_amount"] == 111_112


@pytest.mark.parametrize(
    "change",
    [
        {"private_key": 0},
        {"private_key": stark.ORDER},
        {"private_key": PRIVATE_KEY + 1},
        {"public_key": PUBLIC_KEY + 1},
        {"vault": -1},
        {"vault": 2**32},
    ],
    ids=["no key", "key too large", "another key", "another public key", "no vault", "vault too large"],
)
def test_keys_that_do_not_belong_together_are_refused_unshown(change: dict[str, Any]) -> None:
    """The first order would be refused by the exchange; the text shows no key."""
    with pytest.raises(ConfigError) as refused:
        signer(**change)
    assert "0x" not in str(refused.value)
    assert str(PRIVATE_KEY)[:8] not in str(refused.value)


def test_a_signer_does_not_show_its_key() -> None:
    """Neither in a log nor in a traceback's locals."""
    assert hex(PRIVATE_KEY)[2:10] not in repr(signer())
    assert str(PRIVATE_KEY)[:8] not in repr(signer())


def test_a_signature_is_checked_with_the_public_key() -> None:
    """Of the signed hash alone."""
    signed = sign()
    block = signed.settlement["signature"]
    r, s = int(block["r"], 16), int(block["s"], 16)
    assert stark.verify(PUBLIC_KEY, signed.order_hash, (r, s))
    assert not stark.verify(PUBLIC_KEY, signed.order_hash + 1, (r, s))
    assert not stark.verify(PUBLIC_KEY, signed.order_hash, (r, s - 1))


@pytest.mark.parametrize(
    ("key", "hashed", "r", "s"),
    [
        (PUBLIC_KEY, HASH, 0, 2),
        (PUBLIC_KEY, HASH, 1, 0),
        (PUBLIC_KEY, HASH, 2**251, 2),
        (PUBLIC_KEY, HASH, 1, 2**251),
        (PUBLIC_KEY, 2**251, 1, 2),
        (PUBLIC_KEY, -1, 1, 2),
        (PUBLIC_KEY, HASH, -1, 2**300),
        (0, HASH, 1, 2),
        (5, HASH, 1, 2),
        (-1, HASH, 1, 2),
        (stark.PRIME, HASH, 1, 2),
        (2**300, HASH, 1, 2),
    ],
    ids=lambda value: f"{value.bit_length()}bit",
)
def test_a_signature_that_cannot_be_is_none(key: int, hashed: int, r: int, s: int) -> None:
    """The library would end in a panic."""
    assert not stark.verify(key, hashed, (r, s))
