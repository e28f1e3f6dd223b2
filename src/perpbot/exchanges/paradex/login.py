"""The headers that open an account and log in to it. Pure: the time is handed in.

https://github.com/tradeparadex/paradex-py (0.8.2, ``account/account.py``); hex is unpadded, as the server sends it.
"""

from __future__ import annotations

from perpbot.core.errors import InputError
from perpbot.exchanges import stark
from perpbot.exchanges.paradex import sign

LONGEST_SECONDS = 7 * 86_400
"""A login's signature is valid for a week at most, by the exchange's documentation of ``POST /auth``."""


def auth_headers(private_key: int, account: int, chain_id: str, now_seconds: int, valid_seconds: int) -> dict[str, str]:
    """Of ``POST /auth/{public key}``: the proof, valid from now, that a main key or subkey may act for ``account``.

    Raises :class:`~perpbot.core.errors.Refused`.
    """
    if not 0 < valid_seconds <= LONGEST_SECONDS:
        raise InputError(f"a login valid for {valid_seconds} s: Paradex takes 1 to {LONGEST_SECONDS}")
    expiration = now_seconds + valid_seconds
    hashed = sign.message_hash(sign.auth_data(chain_id, now_seconds, expiration), account)
    return {
        "PARADEX-STARKNET-ACCOUNT": hex(account),
        "PARADEX-STARKNET-SIGNATURE": sign.wire(stark.sign(private_key, hashed)),
        "PARADEX-TIMESTAMP": str(now_seconds),
        "PARADEX-SIGNATURE-EXPIRATION": str(expiration),
    }


def onboarding_headers(private_key: int, account: int, chain_id: str, ethereum_account: str) -> dict[str, str]:
    """Of ``POST /onboarding``; ``ethereum_account`` is the ``0x`` address of the wallet that the account belongs to."""
    hashed = sign.message_hash(sign.onboarding_data(chain_id), account)
    return {
        "PARADEX-ETHEREUM-ACCOUNT": ethereum_account,
        "PARADEX-STARKNET-ACCOUNT": hex(account),
        "PARADEX-STARKNET-SIGNATURE": sign.wire(stark.sign(private_key, hashed)),
    }
