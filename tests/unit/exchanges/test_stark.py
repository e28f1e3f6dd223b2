"""Nothing out of range reaches the signing library, which would panic or reduce it silently."""

import pytest

from perpbot.core.errors import ConfigError, InputError
from perpbot.exchanges import stark

ORDER = 0x800000000000010FFFFFFFFFFFFFFFFB781126DCAE7B2321E66A241ADC64D2F
KEY = 7
HASH = 2**251 - 1
PUBLIC = stark.public_key(KEY)
R, S = stark.sign(KEY, HASH)


def test_a_signature_is_verified_by_its_public_key() -> None:
    """What one key signed, that key's public key takes and no other."""
    assert stark.verify(PUBLIC, HASH, (R, S))
    assert not stark.verify(stark.public_key(KEY + 1), HASH, (R, S))
    assert not stark.verify(PUBLIC, HASH - 1, (R, S))


@pytest.mark.parametrize("key", [0, -1, ORDER, ORDER + 1, 2**256], ids=["zero", "negative", "order", "above", "huge"])
def test_a_private_key_out_of_range_is_refused_without_being_shown(key: int) -> None:
    """The library would panic, or sign with another key than was meant."""
    with pytest.raises(ConfigError, match="copied whole") as derived:
        stark.public_key(key)
    with pytest.raises(ConfigError) as signed:
        stark.sign(key, HASH)
    assert str(derived.value) == str(signed.value)
    assert f"{key:x}" not in str(derived.value).replace("1 and", "")


@pytest.mark.parametrize("hashed", [-1, 2**251, stark.PRIME], ids=["negative", "above", "prime"])
def test_a_hash_out_of_range_is_refused(hashed: int) -> None:
    """One hash in 2^55 cannot be signed; it is said, not reduced."""
    with pytest.raises(InputError, match="cannot be signed"):
        stark.sign(KEY, hashed)


@pytest.mark.parametrize(
    ("public", "hashed", "signature"),
    [
        pytest.param(PUBLIC, HASH, (0, S), id="r-zero"),
        pytest.param(PUBLIC, HASH, (R, 0), id="s-zero"),
        pytest.param(PUBLIC, HASH, (2**251, S), id="r-above"),
        pytest.param(PUBLIC, HASH, (R, ORDER), id="s-above"),
        pytest.param(PUBLIC, HASH, (-R, S), id="r-negative"),
        pytest.param(PUBLIC, 2**251, (R, S), id="hash-above"),
        pytest.param(PUBLIC, -1, (R, S), id="hash-negative"),
        pytest.param(0, HASH, (R, S), id="key-zero"),
        pytest.param(stark.PRIME, HASH, (R, S), id="key-above"),
        pytest.param(5, HASH, (R, S), id="key-off-the-curve"),
    ],
)
def test_whatever_is_no_signature_is_false_and_never_a_panic(
    public: int, hashed: int, signature: stark.Signature
) -> None:
    """A server verifies what strangers send: half of all numbers are no public key."""
    assert stark.verify(public, hashed, signature) is False
