"""The STARK curve with its ranges checked: the one place that calls the signing library. Pure.

``fast_stark_crypto`` panics with a ``BaseException`` on what is out of range and silently reduces what is nearly in it;
a library that takes its place is called here alone. Curve: https://docs.starkware.co/starkex/crypto/stark-curve.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import fast_stark_crypto

from perpbot.core.errors import ConfigError, InputError

PRIME = 2**251 + 17 * 2**192 + 1
"""A felt (field element) is in ``0 <= felt < PRIME``."""
ORDER = 0x800000000000010FFFFFFFFFFFFFFFFB781126DCAE7B2321E66A241ADC64D2F
"""Private keys are below it."""
_BETA = 0x6F21413EFBE40DE150E596D72F7A8C5609AD26C15C915C1F4CDFCB99CEE9E89
_SIGNABLE = 2**251
"""Message hashes and both parts of a signature are below it."""

Signature: TypeAlias = tuple[int, int]
"""(r, s); deterministic (RFC 6979 without extra entropy), so that what is signed twice is signed alike."""


def pedersen_chain(felts: Iterable[int], start: int = 0) -> int:
    """Pedersen hash of ``start`` and the first of ``felts``, of that and the next, and so on; all of them felts."""
    state = start
    for felt in felts:
        state = fast_stark_crypto.pedersen_hash(state, felt)
    return state


def pedersen_array(felts: list[int]) -> int:
    """What Starknet calls the hash of an array: the chain of its felts and their count."""
    return pedersen_chain([*felts, len(felts)])


def public_key(private_key: int) -> int:
    """Raises :class:`~perpbot.core.errors.ConfigError`, which does not show the key."""
    _check_key(private_key)
    return int(fast_stark_crypto.get_public_key(private_key))


def sign(private_key: int, message_hash: int) -> Signature:
    """Raises :class:`~perpbot.core.errors.ConfigError`, which does not show the key, or ``InputError`` for the hash.

    One hash in 2^55 is out of range.
    """
    _check_key(private_key)
    if not 0 <= message_hash < _SIGNABLE:
        raise InputError(f"the hash {message_hash:#x} is not below 2^251 and cannot be signed: sign at another time")
    r, s = fast_stark_crypto.sign(private_key, message_hash)
    return r, s


def verify(public_key: int, message_hash: int, signature: Signature) -> bool:
    """Whether the key signed the hash; ``False`` for whatever is out of range or no key at all."""
    r, s = signature
    if not (0 <= message_hash < _SIGNABLE and 0 < r < _SIGNABLE and 0 < s < _SIGNABLE and _is_key(public_key)):
        return False
    return bool(fast_stark_crypto.verify(public_key, message_hash, r, s))


def _check_key(private_key: int) -> None:
    if not 0 < private_key < ORDER:
        raise ConfigError(
            "the STARK private key is not between 1 and the curve's order: check that it was copied whole"
        )


def _is_key(x: int) -> bool:
    """Whether a point of the curve ``y² = x³ + x + beta`` stands over ``x`` (Euler's criterion)."""
    return 0 < x < PRIME and pow(x * x * x + x + _BETA, (PRIME - 1) // 2, PRIME) == 1
