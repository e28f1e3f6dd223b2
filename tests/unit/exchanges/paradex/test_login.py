"""The headers that open an account and log in to it."""

import json
from pathlib import Path
from typing import Any

import pytest

from perpbot.core.errors import ConfigError, InputError
from perpbot.exchanges import stark
from perpbot.exchanges.paradex import login, sign

CHAIN = "PRIVATE_SN_POTC_SEPOLIA"
KEY = 0x700D3C4A76AC97521C26F7192F0833BB6724FB8741AE6A2C9CB1B5C600C6EBD
ACCOUNT = 0x9ADC4397D1B00C507EA4D2C456EF55ED7A452D5D5646F48E121715273EF08C


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, dict[str, Any]]:
    """What the official SDK signed, by name."""
    vectors = json.loads((shared / "vectors" / "paradex.json").read_text(encoding="utf-8"))["vectors"]
    return {vector["name"]: vector for vector in vectors}


def wired(vector: dict[str, Any]) -> str:
    return sign.wire((int(vector["sig_plain_rfc6979"]["r"]), int(vector["sig_plain_rfc6979"]["s"])))


@pytest.mark.shared
def test_a_login_carries_its_times_and_the_signature_over_them(recorded: dict[str, dict[str, Any]]) -> None:
    """Seconds as text; the account in hex without padding."""
    vector = recorded["auth_request"]
    assert login.auth_headers(KEY, ACCOUNT, CHAIN, 1_750_000_000, 86_400) == vector["headers"] | {
        "PARADEX-STARKNET-ACCOUNT": vector["account"],
        "PARADEX-STARKNET-SIGNATURE": wired(vector),
    }


@pytest.mark.shared
def test_an_onboarding_names_the_wallet_and_the_account(recorded: dict[str, dict[str, Any]]) -> None:
    """The wallet signs nothing here: the account's key does."""
    vector = recorded["onboarding"]
    assert login.onboarding_headers(KEY, ACCOUNT, CHAIN, "0xab") == {
        "PARADEX-ETHEREUM-ACCOUNT": "0xab",
        "PARADEX-STARKNET-ACCOUNT": vector["account"],
        "PARADEX-STARKNET-SIGNATURE": wired(vector),
    }


def test_a_subkey_logs_in_to_the_account_of_the_main_key() -> None:
    """The subkey signs, the header names the main account."""
    subkey = 77
    headers = login.auth_headers(subkey, ACCOUNT, CHAIN, 1_750_000_000, 600)
    hashed = sign.message_hash(sign.auth_data(CHAIN, 1_750_000_000, 1_750_000_600), ACCOUNT)
    r, s = json.loads(headers["PARADEX-STARKNET-SIGNATURE"])
    assert headers["PARADEX-STARKNET-ACCOUNT"] == hex(ACCOUNT)
    assert stark.verify(stark.public_key(subkey), hashed, (int(r), int(s)))


@pytest.mark.parametrize("seconds", [-1, 0, 7 * 86_400 + 1], ids=["negative", "none", "over-a-week"])
def test_a_login_is_valid_for_a_week_at_most(seconds: int) -> None:
    """Refused here, not by the server."""
    assert login.auth_headers(KEY, ACCOUNT, CHAIN, 0, 7 * 86_400)["PARADEX-SIGNATURE-EXPIRATION"] == "604800"
    with pytest.raises(InputError, match="604800"):
        login.auth_headers(KEY, ACCOUNT, CHAIN, 1_750_000_000, seconds)


def test_a_key_that_is_none_logs_in_nowhere() -> None:
    """The library would sign with it."""
    with pytest.raises(ConfigError, match="private key"):
        login.auth_headers(0, ACCOUNT, CHAIN, 1_750_000_000, 600)
