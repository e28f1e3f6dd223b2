"""What an order on Extended is signed over, and the signature. Pure.

The hash is SNIP-12 revision 1 with Poseidon, the signature is STARK ECDSA with a nonce of its own derived from key and
hash (RFC 6979): the same order has the same signature. Amounts, signs and the expiry are as x10-python-trading-starknet
2.6.0 has them (``x10/signing/order_object_settlement.py``, ``x10/core/amount.py``, ``x10/utils/date.py``). The
library below ends in a ``BaseException`` on numbers out of range, so each is checked before it gets there.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Context, Decimal
from typing import Final, TypedDict

import fast_stark_crypto

from perpbot.core.errors import ConfigError, OrderInvalid
from perpbot.core.orders import Side
from perpbot.exchanges import stark
from perpbot.exchanges.extended.ranges import FELT, I64, U32, U64, short_text, within

SETTLEMENT_BUFFER_SECONDS: Final = 14 * 86_400
"""What is signed of an order expires this much after the order (``SETTLEMENT_EXPIRATION_BUFFER_DAYS`` of the SDK)."""

_NS_PER_MS = 1_000_000
_MAX_DIGITS = 31  # before the point, of a size, price or rate

# The SDK multiplies in Python's default precision and rounds only then; the caller's decimal context has no say.
_PRODUCT = Context(prec=28, rounding=ROUND_HALF_EVEN)
_UP = Context(prec=28, rounding=ROUND_UP)
_DOWN = Context(prec=28, rounding=ROUND_DOWN)

Number = int | str
"""A whole number, as such or as decimal or 0x text."""


@dataclass(frozen=True, slots=True)
class Domain:
    """Which network a signature is good for; on any other it is worthless."""

    chain_id: str
    name: str = "Perpetuals"
    version: str = "v0"
    revision: str = "1"


MAINNET: Final = Domain("SN_MAIN")
TESTNET: Final = Domain("SN_SEPOLIA")
"""``MAINNET_CONFIG`` and ``TESTNET_CONFIG`` of the SDK; the emulator has the test network's."""


@dataclass(frozen=True, slots=True)
class Assets:
    """``l2Config`` of a market: on-chain ids, and how many on-chain units one coin and one USD are."""

    base_id: int
    base_resolution: int
    quote_id: int
    quote_resolution: int


class HashInputs(TypedDict):
    """All that an order's hash is made of. Amounts are on-chain units, ``expiration`` is unix seconds."""

    position_id: int
    base_asset_id: int
    base_amount: int
    quote_asset_id: int
    quote_amount: int
    fee_asset_id: int
    fee_amount: int
    expiration: int
    salt: int
    user_public_key: int
    domain_name: str
    domain_version: str
    domain_chain_id: str
    domain_revision: str


def order_hash(
    *,
    position_id: Number,
    base_asset_id: Number,
    base_amount: Number,
    quote_asset_id: Number,
    quote_amount: Number,
    fee_asset_id: Number,
    fee_amount: Number,
    expiration: Number,
    salt: Number,
    user_public_key: Number,
    domain_name: str,
    domain_version: str,
    domain_chain_id: str,
    domain_revision: Number,
) -> int:
    """The hash that an order's signature is over; fields as in :class:`HashInputs`, numbers also as text.

    Amounts are signed: what the account receives is positive, the fee too. Raises
    :class:`~perpbot.core.errors.OrderInvalid` for what does not fit its on-chain type.
    """
    return fast_stark_crypto.get_order_msg_hash(
        position_id=within("position_id", position_id, U32),
        base_asset_id=within("base_asset_id", base_asset_id, FELT),
        base_amount=within("base_amount", base_amount, I64),
        quote_asset_id=within("quote_asset_id", quote_asset_id, FELT),
        quote_amount=within("quote_amount", quote_amount, I64),
        fee_asset_id=within("fee_asset_id", fee_asset_id, FELT),
        fee_amount=within("fee_amount", fee_amount, U64),
        expiration=within("expiration", expiration, U64),
        salt=within("salt", salt, U64),
        user_public_key=within("user_public_key", user_public_key, FELT),
        domain_name=short_text("domain_name", domain_name),
        domain_version=short_text("domain_version", domain_version),
        domain_chain_id=short_text("domain_chain_id", domain_chain_id),
        domain_revision=str(within("domain_revision", domain_revision, U32)),
    )


def transfer_hash(
    *,
    recipient_position_id: Number,
    sender_position_id: Number,
    collateral_id: Number,
    amount: Number,
    expiration: Number,
    salt: Number,
    user_public_key: Number,
    domain_name: str,
    domain_version: str,
    domain_chain_id: str,
    domain_revision: Number,
) -> int:
    """The hash that a transfer between two accounts is signed over; ``amount`` is on-chain units.

    Raises :class:`~perpbot.core.errors.OrderInvalid` for what does not fit its on-chain type.
    """
    return fast_stark_crypto.get_transfer_msg_hash(
        recipient_position_id=within("recipient_position_id", recipient_position_id, U32),
        sender_position_id=within("sender_position_id", sender_position_id, U32),
        collateral_id=within("collateral_id", collateral_id, FELT),
        amount=within("amount", amount, U64),
        expiration=within("expiration", expiration, U64),
        salt=within("salt", salt, U64),
        user_public_key=within("user_public_key", user_public_key, FELT),
        domain_name=short_text("domain_name", domain_name),
        domain_version=short_text("domain_version", domain_version),
        domain_chain_id=short_text("domain_chain_id", domain_chain_id),
        domain_revision=str(within("domain_revision", domain_revision, U32)),
    )


def hash_inputs(
    *,
    side: Side,
    size: Decimal,
    price: Decimal,
    fee_rate: Decimal,
    expiry_ms: int,
    nonce: int,
    assets: Assets,
    position_id: int,
    public_key: int,
    domain: Domain,
) -> HashInputs:
    """What an order of ``size`` coins at ``price`` USD is hashed from.

    A buy rounds coins and USD up, a sell down, the fee always up. ``fee_rate`` is a fraction of notional, a builder's
    added; ``expiry_ms`` is the order's own expiry, unix milliseconds (the JSON's ``expiryEpochMillis``). Raises
    :class:`~perpbot.core.errors.OrderInvalid`.
    """
    _check_amounts(size, price, fee_rate)
    rounding = _UP if side is Side.BUY else _DOWN
    value = _PRODUCT.multiply(size, price)
    return {
        "position_id": position_id,
        "base_asset_id": assets.base_id,
        "base_amount": side.sign * _units(size, assets.base_resolution, rounding),
        "quote_asset_id": assets.quote_id,
        "quote_amount": -side.sign * _units(value, assets.quote_resolution, rounding),
        "fee_asset_id": assets.quote_id,
        "fee_amount": _units(_PRODUCT.multiply(fee_rate, value), assets.quote_resolution, _UP),
        "expiration": -(-expiry_ms // 1000) + SETTLEMENT_BUFFER_SECONDS,
        "salt": nonce,
        "user_public_key": public_key,
        "domain_name": domain.name,
        "domain_version": domain.version,
        "domain_chain_id": domain.chain_id,
        "domain_revision": domain.revision,
    }


def expiry_ms(expires_ns: int) -> int:
    """An order's expiry as its JSON has it (``expiryEpochMillis``): unix milliseconds, rounded up."""
    return -(-expires_ns // _NS_PER_MS)


@dataclass(frozen=True, slots=True)
class Signed:
    """An order's hash, its JSON ``settlement`` block and what was hashed."""

    order_hash: int
    settlement: dict[str, object]
    inputs: HashInputs


class Signer:
    """Signs the orders of one account, on one network.

    ``vault`` is the account's on-chain position id (``l2Vault``). Raises :class:`~perpbot.core.errors.ConfigError` if
    the keys cannot be, or are not each other's. Neither its text nor the signer's own shows the private key.
    """

    __slots__ = ("_private_key", "domain", "public_key", "vault")

    def __init__(self, private_key: int, public_key: int, vault: int, domain: Domain) -> None:
        if stark.public_key(private_key) != public_key:
            raise ConfigError("the public key of Extended is not the private key's: copy both from one account")
        if not U32[0] <= vault <= U32[1]:
            raise ConfigError(f"the vault of Extended is a number from 0 to {U32[1]}, not {vault}")
        self._private_key = private_key
        self.public_key = public_key
        self.vault = vault
        self.domain = domain

    def sign_order(
        self,
        *,
        side: Side,
        size: Decimal,
        price: Decimal,
        fee_rate: Decimal,
        expiry_ms: int,
        nonce: int,
        assets: Assets,
    ) -> Signed:
        """The signed settlement of an order; units as in :func:`hash_inputs`. Raises ``OrderInvalid``.

        ``nonce`` is this order's alone, from 1 to 2³¹ (https://api.docs.extended.exchange, "Create or edit order").
        """
        inputs = hash_inputs(
            side=side,
            size=size,
            price=price,
            fee_rate=fee_rate,
            expiry_ms=expiry_ms,
            nonce=nonce,
            assets=assets,
            position_id=self.vault,
            public_key=self.public_key,
            domain=self.domain,
        )
        hashed = order_hash(**inputs)
        return Signed(hashed, self._settlement(hashed), inputs)

    def _settlement(self, hashed: int) -> dict[str, object]:
        r, s = stark.sign(self._private_key, hashed)
        return {
            "signature": {"r": hex(r), "s": hex(s)},
            "starkKey": hex(self.public_key),
            "collateralPosition": str(self.vault),
        }


def _units(amount: Decimal, resolution: int, rounding: Context) -> int:
    return int(rounding.multiply(amount, Decimal(resolution)).to_integral_value(context=rounding))


def _check_amounts(size: Decimal, price: Decimal, fee_rate: Decimal) -> None:
    _check_number("size", size, above=True)
    _check_number("price", price, above=True)
    _check_number("fee rate", fee_rate, above=False)


def _check_number(name: str, value: Decimal, *, above: bool) -> None:
    if not value.is_finite() or value < 0 or (above and value == 0) or value.adjusted() > _MAX_DIGITS:
        raise OrderInvalid(f"an order of Extended with a {name} of {value}: not a {'positive ' * above}number it takes")
