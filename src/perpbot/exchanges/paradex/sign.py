"""What Paradex wants signed, hashed and signed: SNIP-12 revision 0 (StarkNetDomain, felts only, Pedersen). Pure.

Messages: https://github.com/tradeparadex/paradex-py (0.8.2, ``paradex_py/message`` and ``common/order.py``). Hash:
https://github.com/starknet-io/SNIPs/blob/main/SNIPS/snip-12.md. Ranges are checked before anything is hashed; what
cannot be signed raises an error of :mod:`perpbot.core.errors`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

import msgspec

from perpbot.core.errors import InputError, OrderInvalid
from perpbot.core.orders import Side
from perpbot.exchanges import stark
from perpbot.exchanges.paradex.keccak import starknet_keccak

_DOMAIN = "StarkNetDomain"
_FIELDS = {
    _DOMAIN: ("name", "chainId", "version"),
    "Order": ("timestamp", "market", "side", "orderType", "size", "price"),
    "ModifyOrder": ("timestamp", "market", "side", "orderType", "size", "price", "id"),
    "Request": ("method", "path", "body", "timestamp", "expiration"),
    "Constant": ("action",),
}
"""Fields of each type in the order in which they are hashed."""
_SIDES = {Side.BUY: 1, Side.SELL: 2}
_PRICED = {
    "LIMIT": True,
    "MARKET": False,
    "STOP_LIMIT": True,
    "STOP_MARKET": False,
    "TAKE_PROFIT_LIMIT": True,
    "TAKE_PROFIT_MARKET": False,
    "STOP_LOSS_LIMIT": True,
    "STOP_LOSS_MARKET": False,
}
"""Every order type, and whether its limit price is signed; 0 is where it is not."""
_DECIMALS = 8
_QUANTUMS = 10**8
"""Sizes and prices are signed in units of 1e-8, whatever the market's step and tick."""
_MOST_DIGITS = 77
"""A felt in decimal digits."""
_SHORT_STRING = 31
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[0-9]+")
_MESSAGE = "StarkNet Message"
_MESSAGE_PARTS = 4
"""The prefix above, the domain, the account and the message."""
_ADDRESSES = 2**251 - 256
"""Starknet's contract addresses are below it."""


class _Field(msgspec.Struct):
    name: str
    type: Literal["felt"]


class _TypedData(msgspec.Struct):
    types: dict[str, tuple[_Field, ...]]
    primaryType: str  # noqa: N815 - as on the wire
    domain: dict[str, int | str]
    message: dict[str, int | str]


def message_hash(typed_data: dict[str, Any], account: int) -> int:
    """The hash that ``account`` signs of ``typed_data`` (``types``, ``primaryType``, ``domain``, ``message``).

    Types come from the message and may hold felts only: all that Paradex has signed but block trades, which are of
    revision 1. Raises :class:`~perpbot.core.errors.InputError`.
    """
    try:
        data = msgspec.convert(typed_data, _TypedData)
    except msgspec.ValidationError as error:
        raise InputError(f"typed data that cannot be hashed: {error}") from None
    if felt(data.domain.get("revision", 0)):
        raise InputError("typed data of another revision than 0: Paradex signs orders and logins with revision 0")
    head = stark.pedersen_chain([felt(_MESSAGE), _struct_hash(data, _DOMAIN, data.domain), felt(account)])
    return stark.pedersen_chain([_struct_hash(data, data.primaryType, data.message), _MESSAGE_PARTS], head)


def _struct_hash(data: _TypedData, name: str, values: Mapping[str, int | str]) -> int:
    if name not in data.types:
        raise InputError(f"typed data without the type {_shown(name)}")
    fields = [field.name for field in data.types[name]]
    if not "".join((name, *fields)).isascii():
        raise InputError(f"typed data with a name that is not ASCII, in the type {_shown(name)}")
    lacking = [field for field in fields if field not in values]
    if lacking:
        raise InputError(f"typed data of type {_shown(name)} without {', '.join(map(_shown, lacking))}")
    return stark.pedersen_array([_type_hash(name, tuple(fields)), *(felt(values[field]) for field in fields)])


@lru_cache(maxsize=64)
def _type_hash(name: str, fields: Sequence[str]) -> int:
    return starknet_keccak(f"{name}({','.join(f'{field}:felt' for field in fields)})")


def felt(value: int | str) -> int:
    """A number, ``0x`` hex, decimal digits or a short ASCII text as the field element it is signed as.

    Digits are a number, not a text: version ``"1"`` is 1. Raises :class:`~perpbot.core.errors.InputError`.
    """
    number = value if isinstance(value, int) else _of_text(value)
    if not 0 <= number < stark.PRIME:
        raise InputError(f"{_shown(value)} is outside of what can be signed (0 to 2^251 + 17·2^192)")
    return number


def _of_text(text: str) -> int:
    if _HEX.fullmatch(text) and len(text) <= _MOST_DIGITS:
        return int(text, 16)
    if _DECIMAL.fullmatch(text) and len(text) <= _MOST_DIGITS:
        return int(text)
    if len(text) > _SHORT_STRING or not text.isascii() or text.startswith("0x"):
        raise InputError(f"{_shown(text)} is neither a number nor at most {_SHORT_STRING} ASCII characters")
    return int.from_bytes(text.encode(), "big")


def _shown(value: int | str) -> str:
    text = hex(value) if isinstance(value, int) else repr(value)
    return text if len(text) <= _MOST_DIGITS else f"{text[:_MOST_DIGITS]}…"


def quantums(value: Decimal) -> int:
    """A size or price in units of 1e-8, exact: Paradex cuts a ninth decimal off the signed number, not off the order.

    Raises :class:`~perpbot.core.errors.OrderInvalid`.
    """
    if value.is_finite() and value > 0 and -_DECIMALS <= value.adjusted() < _MOST_DIGITS:
        numerator, denominator = value.as_integer_ratio()
        number, rest = divmod(numerator * _QUANTUMS, denominator)
        if not rest and number < stark.PRIME:
            return number
    raise OrderInvalid(
        f"{value:.20} cannot be signed: Paradex takes sizes and prices above 0 with at most {_DECIMALS} decimals"
    )


def signed_price(kind: str, price: Decimal | None) -> int:
    """The price that an order of type ``kind`` is signed with, in units of 1e-8: 0 where the type has no limit price.

    Raises :class:`~perpbot.core.errors.OrderInvalid`.
    """
    if kind not in _PRICED:
        raise OrderInvalid(f"{_shown(kind)} is no order type of Paradex: use one of {', '.join(_PRICED)}")
    if not _PRICED[kind]:
        return 0
    if price is None:
        raise OrderInvalid(f"an order of type {kind} needs a limit price")
    return quantums(price)


def order_data(
    chain_id: str, timestamp_ms: int, market: str, side: Side, kind: str, size: int, price: int
) -> dict[str, Any]:
    """What is signed of an order; ``timestamp_ms`` is its ``signature_timestamp``, size and price are units of 1e-8."""
    terms = _order_terms(timestamp_ms, market, side, kind, size, price)
    return _typed_data(chain_id, "Order", *terms)


def modify_data(
    chain_id: str, timestamp_ms: int, market: str, side: Side, kind: str, size: int, price: int, order_id: str
) -> dict[str, Any]:
    """What is signed of a change of an order: its terms after it, and the exchange's id of it."""
    terms = _order_terms(timestamp_ms, market, side, kind, size, price)
    return _typed_data(chain_id, "ModifyOrder", *terms, order_id)


def auth_data(chain_id: str, timestamp_seconds: int, expiration_seconds: int) -> dict[str, Any]:
    """What is signed of a login; the path is this one whatever the key and the server's address."""
    return _typed_data(chain_id, "Request", "POST", "/v1/auth", "", timestamp_seconds, expiration_seconds)


def onboarding_data(chain_id: str) -> dict[str, Any]:
    """What is signed to open an account."""
    return _typed_data(chain_id, "Constant", "Onboarding")


def _order_terms(timestamp_ms: int, market: str, side: Side, kind: str, size: int, price: int) -> tuple[str, ...]:
    return str(felt(timestamp_ms)), market, str(_SIDES[side]), kind, str(felt(size)), str(felt(price))


def _typed_data(chain_id: str, name: str, *values: int | str) -> dict[str, Any]:
    return {
        "domain": {"name": "Paradex", "chainId": hex(felt(chain_id)), "version": "1"},
        "primaryType": name,
        "types": {of: [{"name": field, "type": "felt"} for field in _FIELDS[of]] for of in (_DOMAIN, name)},
        "message": dict(zip(_FIELDS[name], values, strict=True)),
    }


def account_address(public_key: int, proxy_hash: int, account_hash: int) -> int:
    """The account of a main key; the hashes are ``paraclear_account_proxy_hash`` and ``…_account_hash`` of the server.

    Starknet's contract address (starknet-py 0.30, ``hash/address.py``) of the proxy that onboarding deploys, which is
    told to ``initialize(public_key, 0)``. A subkey has no account of its own: it signs for its main key's.
    """
    call = stark.pedersen_array([felt(account_hash), starknet_keccak("initialize"), 2, felt(public_key), 0])
    deployed = [felt("STARKNET_CONTRACT_ADDRESS"), 0, public_key, felt(proxy_hash), call]
    return stark.pedersen_array(deployed) % _ADDRESSES


def wire(signature: stark.Signature) -> str:
    """A signature as bodies and headers carry it: a text that is itself JSON, of two decimal texts."""
    r, s = signature
    return f'["{r}","{s}"]'


@dataclass(frozen=True, slots=True)
class OrderHead:
    """All of an order that can be known before its size and price, and ``state``, its share of the hash."""

    timestamp_ms: int
    market: str
    side: Side
    kind: str
    state: int


class OrderSigner:
    """Signs the orders of one account with one key, its own or a subkey's.

    What never changes (message prefix, domain, account, type) is hashed when the signer is made. Of the nine Pedersen
    hashes that remain, :meth:`begin` makes four, perhaps before the order is decided, and :meth:`sign` five.
    """

    def __init__(self, private_key: int, account: int, chain_id: str) -> None:
        """Raises :class:`~perpbot.core.errors.ConfigError` for a key that is none, without showing it."""
        self.public_key = stark.public_key(private_key)
        self._private_key = private_key
        domain = [_type_hash(_DOMAIN, _FIELDS[_DOMAIN]), felt("Paradex"), felt(chain_id), felt("1")]
        self._message = stark.pedersen_chain([felt(_MESSAGE), stark.pedersen_array(domain), felt(account)])
        self._order = stark.pedersen_chain([_type_hash("Order", _FIELDS["Order"])])
        self._length = 1 + len(_FIELDS["Order"])

    def begin(self, timestamp_ms: int, market: str, side: Side, kind: str) -> OrderHead:
        """The first part of an order that is or may be sent with this ``signature_timestamp`` (ms since 1970).

        Raises :class:`~perpbot.core.errors.Refused`.
        """
        terms = (felt(timestamp_ms), felt(market), _SIDES[side], felt(kind))
        return OrderHead(timestamp_ms, market, side, kind, stark.pedersen_chain(terms, self._order))

    def sign(self, head: OrderHead, size: Decimal, price: Decimal | None) -> stark.Signature:
        """Signs the order that begins so; ``price`` is its limit, not signed where the type has none.

        Raises :class:`~perpbot.core.errors.Refused`.
        """
        return stark.sign(self._private_key, self.hash(head, size, price))

    def hash(self, head: OrderHead, size: Decimal, price: Decimal | None) -> int:
        """What :meth:`sign` signs: the :func:`message_hash` of the order's typed data."""
        terms = (quantums(size), signed_price(head.kind, price), self._length)
        return stark.pedersen_chain((stark.pedersen_chain(terms, head.state), _MESSAGE_PARTS), self._message)
