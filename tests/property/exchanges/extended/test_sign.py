"""Whatever an order is: it is hashed, signed and checked, or refused in one line."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from perpbot.core.errors import OrderInvalid
from perpbot.core.orders import Side
from perpbot.exchanges import stark
from perpbot.exchanges.extended.sign import TESTNET, Assets, Signer, order_hash

PRIVATE_KEY = 0x700D3C4A76AC97521C26F7192F0833BB6724FB8741AE6A2C9CB1B5C600C6EBD
PUBLIC_KEY = 0x7C62E405BF57A945DC819D0217F8A48C6B60B10AF508DA567273ABCA33D9838
SIGNER = Signer(PRIVATE_KEY, PUBLIC_KEY, 10002, TESTNET)
NUMBERS = (
    "position_id",
    "base_asset_id",
    "base_amount",
    "quote_asset_id",
    "quote_amount",
    "fee_asset_id",
    "fee_amount",
    "expiration",
    "salt",
    "user_public_key",
    "domain_revision",
)
TEXTS = ("domain_name", "domain_version", "domain_chain_id")

edges = st.sampled_from([2**bits + delta for bits in (31, 32, 63, 64, 251, 252, 256) for delta in (-1, 0, 1)])
numbers = st.one_of(
    st.integers(0, 2**31),
    st.integers(-(2**300), 2**300),
    edges,
    edges.map(int.__neg__),
    st.sampled_from([stark.PRIME - 1, stark.PRIME, True, None, 1.5, float("nan"), "", "0x", "-0x1", "1_0", "٣", " 1"]),
    st.integers(0, 2**260).map(hex),
    st.integers(-(2**70), 2**70).map(str),
)
texts = st.one_of(st.text(max_size=40), st.sampled_from([None, 7, "Perpetuals"]))


@given(st.fixed_dictionaries({**dict.fromkeys(NUMBERS, numbers), **dict.fromkeys(TEXTS, texts)}))
@settings(max_examples=300)
def test_inputs_are_hashed_or_refused_and_nothing_else(inputs: dict[str, Any]) -> None:
    """No panic of the library passes, and no hash is outside the field."""
    with suppress(OrderInvalid):
        assert 0 <= order_hash(**inputs) < stark.PRIME


amounts = st.decimals("0.00000001", "1000000", places=8)


@given(
    side=st.sampled_from(Side),
    size=amounts,
    price=amounts,
    fee_rate=st.decimals("0", "0.01", places=6),
    expiry_ms=st.integers(0, 10**14),
    nonce=st.integers(1, 2**31),
    resolution=st.sampled_from([1, 1000, 10**6, 10**10]),
)
@settings(max_examples=60)
def test_a_signed_order_is_its_makers_and_promises_no_more_than_its_terms(
    side: Side, size: Decimal, price: Decimal, fee_rate: Decimal, expiry_ms: int, nonce: int, resolution: int
) -> None:
    """Signs are by side, rounding is less than one unit, and the signature passes with the public key alone."""
    assets = Assets(7, resolution, 1, 10**6)
    terms = {"side": side, "size": size, "price": price, "fee_rate": fee_rate, "expiry_ms": expiry_ms, "nonce": nonce}
    try:
        signed = SIGNER.sign_order(**terms, assets=assets)  # type: ignore[arg-type]
    except OrderInvalid:
        assert size * max(price * 10**6, Decimal(resolution)) > 2**63 - 1
        return
    base, quote = side.sign * signed.inputs["base_amount"], -side.sign * signed.inputs["quote_amount"]
    over = 0 if side is Side.BUY else -1
    assert over <= base - size * resolution < over + 1 or base == size * resolution
    assert over <= quote - size * price * 10**6 < over + 1 or quote == size * price * 10**6
    assert 0 <= signed.inputs["fee_amount"] - size * price * fee_rate * 10**6 < 1
    assert signed == SIGNER.sign_order(**terms, assets=assets)  # type: ignore[arg-type]
    signature: Any = signed.settlement["signature"]
    assert stark.verify(PUBLIC_KEY, signed.order_hash, (int(signature["r"], 16), int(signature["s"], 16)))
