"""For any order the fast way and the plain way agree; for any input the answer is a hash or one clear refusal."""

import hashlib
from decimal import Decimal
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from perpbot.core.errors import Refused
from perpbot.core.orders import Side
from perpbot.exchanges import stark
from perpbot.exchanges.paradex import sign
from perpbot.exchanges.paradex.keccak import sponge

ORDER = 0x800000000000010FFFFFFFFFFFFFFFFB781126DCAE7B2321E66A241ADC64D2F
CHAINS = ["PRIVATE_SN_PARACLEAR_MAINNET", "PRIVATE_SN_POTC_SEPOLIA", "PRIVATE_SN_POTC_MOCK_SEPOLIA"]
KINDS = ["LIMIT", "MARKET", "STOP_LIMIT", "STOP_MARKET", "TAKE_PROFIT_LIMIT", "STOP_LOSS_MARKET"]
keys = st.integers(1, ORDER - 1)
felts = st.integers(0, stark.PRIME - 1)
amounts = st.integers(1, 2**63 - 1)
markets = st.from_regex(r"[A-Z0-9]{1,12}-USD-PERP", fullmatch=True)
Order: TypeAlias = tuple[int, str, Side, str, int, int]
"""Time, market, side, type, size and price in units of 1e-8."""
orders = st.tuples(st.integers(0, 2**48), markets, st.sampled_from(Side), st.sampled_from(KINDS), amounts, amounts)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.just("felt"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def is_hash_or_refusal(data: dict[str, Any]) -> bool:
    try:
        return 0 <= sign.message_hash(data, 1) < stark.PRIME
    except Refused as refused:
        return "\n" not in str(refused)


@settings(max_examples=60)
@given(keys, felts, st.sampled_from(CHAINS), orders)
def test_any_order_is_signed_alike_by_both_ways(key: int, account: int, chain: str, order: Order) -> None:
    """The fast way's hash is that of the typed data, and its signature verifies."""
    at, market, side, kind, size, price = order
    signer = sign.OrderSigner(key, account, chain)
    decimal = Decimal(size).scaleb(-8), Decimal(price).scaleb(-8)
    head = signer.begin(at, market, side, kind)
    signed = price if kind.endswith("LIMIT") else 0
    plain = sign.message_hash(sign.order_data(chain, at, market, side, kind, size, signed), account)
    assert signer.hash(head, *decimal) == plain
    assert stark.verify(signer.public_key, plain, signer.sign(head, *decimal))


@given(st.sampled_from(["types", "primaryType", "domain", "message"]), anything)
def test_any_typed_data_are_hashed_or_refused(part: str, value: Any) -> None:
    """No other error, and never a panic."""
    data = sign.order_data(CHAINS[0], 1, "BTC-USD-PERP", Side.BUY, "LIMIT", 1, 1) | {part: value}
    assert is_hash_or_refusal(data)


@given(st.sampled_from(["timestamp", "market", "side", "orderType", "size", "price"]), st.integers() | st.text())
def test_any_field_is_hashed_or_refused(field: str, value: int | str) -> None:
    """Whatever number or text stands in it."""
    data = sign.order_data(CHAINS[0], 1, "BTC-USD-PERP", Side.BUY, "LIMIT", 1, 1)
    data["message"][field] = value
    assert is_hash_or_refusal(data)


@given(st.decimals())
def test_any_amount_is_exact_or_refused(value: Decimal) -> None:
    """Units of 1e-8 give back the very amount."""
    try:
        number = sign.quantums(value)
    except Refused:
        return
    assert number > 0
    assert Decimal(f"{number}E-8") == value


@given(st.integers(), st.integers(), st.integers(), st.integers())
def test_any_numbers_verify_as_false(public: int, hashed: int, r: int, s: int) -> None:
    """A stranger's signature is wrong, not a panic."""
    assert not stark.verify(public, hashed, (r, s))


@given(felts, st.integers(0, 2**251 - 1), st.integers(1, 2**251 - 1), st.integers(1, 2**251 - 1))
def test_numbers_in_range_verify_as_false(public: int, hashed: int, r: int, s: int) -> None:
    """Also where only the curve tells that they are no key."""
    assert not stark.verify(public, hashed, (r, s))


@given(st.binary(max_size=300))
def test_the_sponge_is_that_of_sha3(data: bytes) -> None:
    """With the standard's padding it is the standard's hash; ours differs in that one byte."""
    assert sponge(data, 0x06) == hashlib.sha3_256(data).digest()
