"""What must never be seen: which names stand for secrets, and how values and texts are masked.

Everything that leaves the program as text passes through `redact`: logs, error reports, answers of the API.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

HIDDEN = "[hidden]"

_NAMES = (
    r"private_?key|api_?key|access_?key|signing_?key|stark_?key|secret|token|signature|authorization|passphrase"
    r"|password|passwd|jwt|bearer|mnemonic|seed_?phrase|cookie|credential"
)
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
# The bounds keep the work proportional to a text's length, whatever is in it.
_LONG_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]{40,}")
_WEB_TOKEN = re.compile(r"\beyJ[\w-]{8,1000}\.[\w-]+\.[\w-]*")
_NAMED_VALUE = re.compile(
    rf"""(?P<name>(?:{_NAMES.replace("_?", "[_-]?")})[\w-]{{0,100}}["']?\s*[:=]\s*)"""
    r"""(?P<value>b?"[^"]*"|b?'[^']*'|(?:(?:bearer|basic)\s+)?[^\s"',;&}\])]+)""",
    re.IGNORECASE,
)
_MAX_DEPTH = 12
_SMALLEST_KEY = 1 << 128  # no price, size or time is that large; account keys are


def is_secret_name(name: str) -> bool:
    """Whether a value under this name must not be shown: ``PARADEX_PRIVATE_KEY``, ``apiKey``, ``X-Signature``."""
    return _SECRET_NAME.search(name.replace("-", "_").replace(" ", "_")) is not None


def redact(value: Any, depth: int = 0) -> Any:
    """The same value with every secret masked: by its name at any depth, and by its looks in any text."""
    if value is None or isinstance(value, bool | float | Decimal):
        return value
    if isinstance(value, int):
        return HIDDEN if abs(value) >= _SMALLEST_KEY else value
    if isinstance(value, bytes | bytearray):
        return f"[hidden: {len(value)} bytes]"
    if depth < _MAX_DEPTH and isinstance(value, Mapping):
        return {redact_text(str(key)): _redact_named(str(key), item, depth) for key, item in value.items()}
    if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [redact(item, depth + 1) for item in value]
    return redact_text(str(value))


def redact_text(text: str) -> str:
    """The text without web tokens, hex strings of 40 digits and more, and values that stand behind a secret name."""
    text = _NAMED_VALUE.sub(rf"\g<name>{HIDDEN}", text)
    text = _WEB_TOKEN.sub(HIDDEN, text)
    return _LONG_HEX.sub(HIDDEN, text)


def _redact_named(name: str, value: Any, depth: int) -> Any:
    if value is not None and is_secret_name(name):
        return HIDDEN
    return redact(value, depth + 1)
