"""Hashes and signatures equal those of the official SDK, and nothing that cannot be signed gets near the library."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.core.errors import ConfigError, InputError, OrderInvalid, Refused
from perpbot.core.orders import OrderType, Side
from perpbot.exchanges import stark
from perpbot.exchanges.paradex import sign

CHAIN = "PRIVATE_SN_POTC_MOCK_SEPOLIA"
KEY = 0x700D3C4A76AC97521C26F7192F0833BB6724FB8741AE6A2C9CB1B5C600C6EBD
ACCOUNT = 0x9ADC4397D1B00C507EA4D2C456EF55ED7A452D5D5646F48E121715273EF08C


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, Any]:
    """What the official SDK hashed and signed."""
    vectors: dict[str, Any] = json.loads((shared / "vectors" / "paradex.json").read_text(encoding="utf-8"))
    return vectors


def chain_of(vector: dict[str, Any]) -> str:
    return bytes.fromhex(vector["typed_data"]["domain"]["chainId"][2:]).decode()


def of_type(recorded: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = [vector for vector in recorded["vectors"] if vector["typed_data"]["primaryType"] == name]
    assert found
    return found


def order(**changed: Any) -> dict[str, Any]:
    terms: dict[str, Any] = {
        "chain_id": CHAIN,
        "timestamp_ms": 1_750_000_000_123,
        "market": "BTC-USD-PERP",
        "side": Side.BUY,
        "kind": "LIMIT",
        "size": 10_000_000,
        "price": 2_950_012_000_000,
    }
    return sign.order_data(**terms | changed)


@pytest.mark.shared
def test_every_recorded_message_hashes_to_what_the_sdk_made_of_it(recorded: dict[str, Any]) -> None:
    """Orders, a change, a login and an onboarding, on two networks and with two keys."""
    for vector in recorded["vectors"]:
        hashed = sign.message_hash(vector["typed_data"], int(vector["account"], 16))
        assert hashed == int(vector["message_hash"], 16), vector["name"]


@pytest.mark.shared
def test_signatures_are_the_recorded_ones_and_verify(recorded: dict[str, Any]) -> None:
    """Deterministic without extra entropy; the SDK's own, made with it, verifies as well."""
    for vector in recorded["vectors"]:
        key, hashed = int(vector["private_key"], 16), int(vector["message_hash"], 16)
        plain = vector["sig_plain_rfc6979"]
        assert stark.sign(key, hashed) == (int(plain["r"]), int(plain["s"])), vector["name"]
        theirs = vector["sig_sdk"]
        assert stark.verify(stark.public_key(key), hashed, (int(theirs["r"]), int(theirs["s"])))
        assert sign.wire((int(theirs["r"]), int(theirs["s"]))) == theirs["wire"]


@pytest.mark.shared
def test_the_order_signer_signs_the_recorded_orders(recorded: dict[str, Any]) -> None:
    """From our own values to the recorded signature, market and stop orders included."""
    for vector in of_type(recorded, "Order"):
        body = vector["rest_body"]
        signer = sign.OrderSigner(int(vector["private_key"], 16), int(vector["account"], 16), chain_of(vector))
        head = signer.begin(body["signature_timestamp"], body["market"], Side(body["side"]), body["type"])
        price = Decimal(body["price"]) if "price" in body else None
        plain = vector["sig_plain_rfc6979"]
        assert signer.hash(head, Decimal(body["size"]), price) == int(vector["message_hash"], 16), vector["name"]
        assert signer.sign(head, Decimal(body["size"]), price) == (int(plain["r"]), int(plain["s"])), vector["name"]


@pytest.mark.shared
def test_what_is_signed_of_an_order_or_its_change_is_what_the_sdk_builds(recorded: dict[str, Any]) -> None:
    """The typed data themselves, not their hash alone."""
    for vector in of_type(recorded, "Order") + of_type(recorded, "ModifyOrder"):
        body = vector["rest_body"]
        price = sign.signed_price(body["type"], Decimal(body["price"]) if "price" in body else None)
        terms = (body["signature_timestamp"], body["market"], Side(body["side"]), body["type"])
        amounts = (sign.quantums(Decimal(body["size"])), price)
        if "id" in body:
            built = sign.modify_data(chain_of(vector), *terms, *amounts, body["id"])
        else:
            built = sign.order_data(chain_of(vector), *terms, *amounts)
        assert built == vector["typed_data"], vector["name"]


@pytest.mark.shared
def test_what_is_signed_to_log_in_and_to_open_an_account_is_what_the_sdk_builds(recorded: dict[str, Any]) -> None:
    """A login is of one path, with times in seconds; an onboarding of one word."""
    (login,) = of_type(recorded, "Request")
    assert sign.auth_data(chain_of(login), 1_750_000_000, 1_750_086_400) == login["typed_data"]
    (onboarding,) = of_type(recorded, "Constant")
    assert sign.onboarding_data(chain_of(onboarding)) == onboarding["typed_data"]


@pytest.mark.shared
def test_an_account_stands_at_the_address_that_its_key_gives(recorded: dict[str, Any]) -> None:
    """The proxy's address from the public key and the two class hashes that the server names."""
    for key in recorded["keys"]:
        public = stark.public_key(int(key["private_key"], 16))
        assert public == int(key["public_key"], 16)
        address = sign.account_address(public, int(key["proxy_hash"], 16), int(key["account_hash"], 16))
        assert address == int(key["l2_address_testnet_cfg"], 16)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        ("", 0),
        ("0", 0),
        ("1", 1),
        ("007", 7),
        ("0x1F", 31),
        ("A", 65),
        ("-1", 0x2D31),
        ("1.0.0", 0x312E302E30),
        (stark.PRIME - 1, stark.PRIME - 1),
        (str(stark.PRIME - 1), stark.PRIME - 1),
        ("a" * 31, int.from_bytes(b"a" * 31, "big")),
    ],
    ids=["0", "empty", "zero", "digit", "zeros", "hex", "letter", "minus", "dots", "largest", "largest-text", "31"],
)
def test_a_felt_is_a_number_hex_digits_or_a_short_text(value: int | str, number: int) -> None:
    """Digits are a number, and a sign makes a text of them."""
    assert sign.felt(value) == number


@pytest.mark.parametrize(
    "value",
    [-1, stark.PRIME, str(stark.PRIME), hex(stark.PRIME), "9" * 5000, "0x" + "f" * 5000, "0x", "0xg", "a" * 32, "é",
     "\ud800"],
    ids=["negative", "prime", "digits", "hex", "long", "long-hex", "no-hex", "bad-hex", "32", "accent", "surrogate"],
)  # fmt: skip
def test_what_is_no_felt_is_refused_in_one_line(value: int | str) -> None:
    """The library would reduce or panic; the text is short whatever was given."""
    with pytest.raises(InputError) as refused:
        sign.felt(value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"types": {}}, "without the type 'StarkNetDomain'"),
        ({"primaryType": "Nothing"}, "without the type 'Nothing'"),
        ({"message": {}}, "of type 'Order' without 'timestamp', 'market'"),
        ({"message": {"timestamp": 1.5}}, "cannot be hashed"),
        ({"message": {"timestamp": True}}, "cannot be hashed"),
        ({"message": {"timestamp": None}}, "cannot be hashed"),
        ({"message": None}, "cannot be hashed"),
        ({"types": {"StarkNetDomain": [{"name": "name", "type": "felt*"}]}}, "cannot be hashed"),
        ({"types": {"StarkNetDomain": [{"name": "\ud800", "type": "felt"}]}}, "not ASCII"),
        ({"domain": {"name": "Paradex", "chainId": "0x1", "version": "1", "revision": "1"}}, "revision"),
    ],
    ids=["no-types", "no-type", "no-fields", "float", "bool", "null", "no-message", "array", "name", "revision"],
)
def test_typed_data_that_cannot_be_hashed_are_refused_in_one_line(broken: dict[str, Any], said: str) -> None:
    """What came from elsewhere is judged before it is hashed."""
    with pytest.raises(InputError) as refused:
        sign.message_hash(order() | broken, ACCOUNT)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("account", [-1, stark.PRIME], ids=["negative", "prime"])
def test_an_account_out_of_range_is_refused(account: int) -> None:
    """By the plain way and by the fast one."""
    with pytest.raises(InputError, match="outside"):
        sign.message_hash(order(), account)
    with pytest.raises(InputError, match="outside"):
        sign.OrderSigner(KEY, account, CHAIN)


@pytest.mark.parametrize("name", ["timestamp_ms", "size", "price"])
def test_a_negative_number_is_never_signed_as_a_text(name: str) -> None:
    """``"-1"`` would hash as two letters."""
    with pytest.raises(InputError, match="outside"):
        order(**{name: -1})


@pytest.mark.parametrize(
    ("value", "number"),
    [("1", 10**8), ("0.00000001", 1), ("1E-7", 10), ("2.5" + "0" * 40, 250_000_000), ("1E+20", 10**28)],
    ids=["one", "least", "exponent", "zeros", "large"],
)  # fmt: skip
def test_amounts_are_signed_in_units_of_1e_8(value: str, number: int) -> None:
    """Exactly, whatever the precision of the arithmetic around."""
    assert sign.quantums(Decimal(value)) == number


@pytest.mark.parametrize(
    "value",
    ["0", "-1", "NaN", "sNaN", "Infinity", "0.000000001", "1.000000001", "123456789012345678901234567890.000000001",
     "1E+999999999", "1E-999999999", "0E-999999999", "1E+70"],
)  # fmt: skip
def test_an_amount_that_cannot_be_signed_exactly_is_refused(value: str) -> None:
    """Never rounded: the order would not be the one that was signed."""
    with pytest.raises(OrderInvalid, match="at most 8 decimals"):
        sign.quantums(Decimal(value))


def test_only_types_with_a_limit_sign_a_price() -> None:
    """A market order signs 0, one with a limit needs it, and an unknown type is refused."""
    for trigger in ("STOP", "TAKE_PROFIT", "STOP_LOSS"):
        assert sign.signed_price(f"{trigger}_MARKET", Decimal(5)) == 0
        assert sign.signed_price(f"{trigger}_LIMIT", Decimal(5)) == 5 * 10**8
    assert sign.signed_price(OrderType.MARKET, None) == 0
    assert sign.signed_price(OrderType.LIMIT, Decimal(5)) == 5 * 10**8
    with pytest.raises(OrderInvalid, match="needs a limit price"):
        sign.signed_price("LIMIT", None)
    with pytest.raises(OrderInvalid, match="no order type"):
        sign.signed_price("ICEBERG", None)


def test_a_key_that_is_none_makes_no_signer() -> None:
    """Said once, at the start, and not with the key in it."""
    with pytest.raises(ConfigError, match="private key"):
        sign.OrderSigner(0, ACCOUNT, CHAIN)


def test_one_head_serves_any_size_and_price() -> None:
    """What was hashed before the decision is the same whatever is decided."""
    signer = sign.OrderSigner(KEY, ACCOUNT, CHAIN)
    head = signer.begin(1_750_000_000_123, "BTC-USD-PERP", Side.SELL, OrderType.LIMIT)
    for size, price in (("0.1", "29500.12"), ("3", "1")):
        amounts = sign.quantums(Decimal(size)), sign.quantums(Decimal(price))
        data = order(side=Side.SELL, size=amounts[0], price=amounts[1])
        assert signer.hash(head, Decimal(size), Decimal(price)) == sign.message_hash(data, ACCOUNT)


def test_a_market_that_cannot_be_a_short_text_is_refused() -> None:
    """Names are signed as at most 31 ASCII characters."""
    signer = sign.OrderSigner(KEY, ACCOUNT, CHAIN)
    with pytest.raises(Refused, match="31 ASCII"):
        signer.begin(1, "X" * 32, Side.BUY, "LIMIT")
