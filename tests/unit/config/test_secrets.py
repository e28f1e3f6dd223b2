"""No secret leaves the program as text, whatever it is wrapped in."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpbot.config.secrets import HIDDEN, is_secret_name, redact, redact_text
from perpbot.core.settings import quoted, shown

CANARY = "canary-7c62a"
SECRET_NAMES = [
    "private_key",
    "PARADEX_PRIVATE_KEY",
    "privateKey",
    "api_key",
    "X-Api-Key",
    "apiKey",
    "secret",
    "client_secret",
    "token",
    "jwt_token",
    "signature",
    "PARADEX-STARKNET-SIGNATURE",
    "Authorization",
    "passphrase",
    "password",
    "jwt",
    "mnemonic",
    "seed phrase",
    "Set-Cookie",
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    """In the spellings of environments, headers and JSON."""
    assert is_secret_name(name)
    assert redact({name: CANARY}) == {name: HIDDEN}


@pytest.mark.parametrize("name", ["price", "symbol", "pair_id", "order_id", "account", "key", "public_key", "size"])
def test_other_names_are_shown(name: str) -> None:
    """A log that hides everything explains nothing."""
    assert redact({name: "value"}) == {name: "value"}


def wrapped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["a", "headers", "body", "0"])
    return st.lists(inner, min_size=1, max_size=3) | st.dictionaries(names, inner, min_size=1, max_size=3)


@given(st.recursive(st.sampled_from(SECRET_NAMES).map(lambda name: {name: CANARY}), wrapped, max_leaves=8))
def test_a_secret_is_masked_at_any_depth(value: Any) -> None:
    """In lists of mappings of lists, and however deep it lies."""
    assert CANARY not in str(redact(value))


@given(st.sampled_from(SECRET_NAMES), st.sampled_from(["{}={}", "{}: {}", '"{}": "{}"', "'{}': b'{}'", "?{}={}&x=1"]))
def test_a_secret_is_masked_within_a_text(name: str, shape: str) -> None:
    """In an address, a repr or the JSON of a request that an exception quotes."""
    if " " not in name:
        assert CANARY not in redact_text(f"request failed with {shape.format(name, CANARY)} after 3 s")


@pytest.mark.parametrize(
    "text",
    [
        "0x" + "7c" * 20,
        "7C62" * 16,
        "key 0x" + "ab" * 32 + ", then",
        "Authorization: Bearer abc.def",
        "jwt eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "1" * 76,
    ],
)
def test_a_secret_is_known_by_its_looks(text: str) -> None:
    """Forty hex digits and more are a key, a hash or a signature; a web token is a login."""
    masked = redact_text(text)
    assert HIDDEN in masked
    assert not any(part in masked for part in ("7c7c", "7C62", "abab", "abc.def", "eyJ", "1111"))


@pytest.mark.parametrize("word", ["x", "token", "eyJ-", "token ", "eyJaaaaaaaa.", "token='"])
def test_a_long_text_is_masked_as_fast_as_it_is_long(word: str) -> None:
    """A frame or a mistyped value of a megabyte is looked through once, not once a letter (that would take hours)."""
    assert CANARY not in redact_text(word * 50_000 + f" api_key={CANARY}")


@pytest.mark.parametrize("key", ["0x" + "5c" * 32, "5C" * 32])
def test_a_key_that_stands_where_a_setting_belongs_is_masked_although_it_is_cut_short(key: str) -> None:
    """The error about it shows its beginning, which is already most of the secret."""
    for told in (shown(key), quoted(key)):
        assert HIDDEN in redact_text(f"risk.max_risk_pct must be a number, not {told}")


def test_keys_as_numbers_and_bytes_are_masked() -> None:
    """A private key is an integer before it is a text."""
    assert redact([2**251 + 17, b"\x01" * 32, 10**30]) == [HIDDEN, "[hidden: 32 bytes]", 10**30]


def test_ordinary_values_stay_as_they_are() -> None:
    """Amounts, counts, ids and short hashes are what a log is for."""
    value = {"price": Decimal("95123.45"), "count": 3, "on": True, "none": None, "id": "e1-7-b0", "hash": "9f86d081"}
    assert redact(value) == value
    assert redact_text("sold 0.001 BTC at 95123.45 (deadbeef)") == "sold 0.001 BTC at 95123.45 (deadbeef)"


def test_what_contains_itself_ends() -> None:
    """A mapping that holds itself is cut off instead of followed for ever."""
    loop: dict[str, Any] = {"token": CANARY}
    loop["self"] = loop
    assert CANARY not in str(redact(loop))
