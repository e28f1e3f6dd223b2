"""The hash that names Starknet's types and functions."""

from perpbot.exchanges.paradex.keccak import sponge, starknet_keccak


def test_the_empty_text_hashes_to_keccaks_published_digest() -> None:
    """The old padding, not the one that SHA3-256 was standardised with."""
    assert sponge(b"", 0x01).hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_a_function_is_numbered_by_the_low_250_bits() -> None:
    """The selector of ``initialize``, as the protocol page has it for the account's constructor."""
    assert starknet_keccak("initialize") == 0x79DC0DA7C54B95F10AA182AD0A46400DB63156920ADB65ECA2654C0945A463
