"""Keccak-256 as Ethereum and Starknet use it: the sponge of FIPS 202 with the padding from before the standard. Pure.

``hashlib`` has the standard's padding only. Half a millisecond a block: type names are hashed once, at the start.
"""

from __future__ import annotations

import struct

_RATE = 136
"""Bytes a block of a 256-bit digest (FIPS 202, table 3)."""
_LANE = (1 << 64) - 1
_KECCAK_PADDING = 0x01
_STARKNET_BITS = 250


def starknet_keccak(text: str) -> int:
    """The low 250 bits of the Keccak-256 of ``text``: how Starknet numbers types and functions.

    https://docs.starknet.io/architecture/cryptography/#starknet_keccak
    """
    return int.from_bytes(sponge(text.encode(), _KECCAK_PADDING), "big") & ((1 << _STARKNET_BITS) - 1)


def sponge(data: bytes, padding: int) -> bytes:
    """32 bytes: the digest of ``data`` under the first byte of ``padding`` (0x06 is SHA3-256, 0x01 is Keccak-256)."""
    padded = bytearray(data) + bytes(_RATE - len(data) % _RATE)
    padded[len(data)] ^= padding
    padded[-1] ^= 0x80
    state = [0] * 25
    for start in range(0, len(padded), _RATE):
        for lane, word in enumerate(struct.unpack_from("<17Q", padded, start)):
            state[lane] ^= word
        state = _permuted(state)
    return struct.pack("<4Q", *state[:4])


def _permuted(lanes: list[int]) -> list[int]:
    """Keccak-f[1600] on 25 lanes, lane ``x + 5 * y`` at column x and row y (FIPS 202, section 3)."""
    for constant in _ROUND_CONSTANTS:
        parity = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        lanes = [lane ^ parity[(i - 1) % 5] ^ _rotated(parity[(i + 1) % 5], 1) for i, lane in enumerate(lanes)]
        turned = [_rotated(lanes[source], by) for source, by in _RHO_PI]
        lanes = [
            turned[i] ^ (~turned[row + (i + 1) % 5] & turned[row + (i + 2) % 5])
            for row in range(0, 25, 5)
            for i in range(row, row + 5)
        ]
        lanes[0] ^= constant
    return lanes


def _rotated(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _LANE


def _rho_pi() -> list[tuple[int, int]]:
    """For each lane after rho and pi: the lane it comes from and by how much that is rotated."""
    turns = {(0, 0): 0}
    x, y = 1, 0
    for step in range(24):
        turns[x, y] = (step + 1) * (step + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    places = [((i % 5 + 3 * (i // 5)) % 5, i % 5) for i in range(25)]
    return [(x + 5 * y, turns[x, y]) for x, y in places]


def _round_constants() -> list[int]:
    """The bits of iota, from the shift register of FIPS 202, algorithm 5."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << ((1 << power) - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


_RHO_PI = _rho_pi()
_ROUND_CONSTANTS = _round_constants()
