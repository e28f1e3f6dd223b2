"""Decodes the binary frames of Paradex's WebSocket (Simple Binary Encoding, schema id 1).

A frame is a header, a block of fixed fields, repeated groups and texts, each with its own length; little endian. The
tables are in :mod:`perpbot.exchanges.paradex.templates`. By the schema's own rules lengths are taken from the frame,
longer blocks are skipped through, what is appended in later versions may be absent, bytes after the last known text
belong to a newer version, and unknown templates are passed over.
"""

from __future__ import annotations

from operator import call
from struct import Struct, error, unpack_from
from typing import Any

from perpbot.core.errors import ParseError
from perpbot.exchanges.paradex.templates import (
    NON_REPRESENTABLE,
    NULL,
    ORDER,
    POSITION,
    SYSTEM,
    TEMPLATES,
    Layout,
    Template,
    decimal,
)

SCHEMA_ID = 1
_APPENDED_SINCE = 2
_HEADER = Struct("<HHHH")
_GROUP = Struct("<HH")
_LEVEL = Struct("<qq")
_NO_REQUEST = frozenset({None, "UNSPECIFIED"})
"""Not sent, or sent as such."""
_Data = dict[str, Any]


def decode(frame: bytes) -> tuple[str | None, _Data | None]:
    """Channel and data of a frame; ``(None, None)`` of a heartbeat, an acknowledgement or an unknown template.

    Prices, sizes and rates are text with all their decimals, times are milliseconds, a value that is null or was not
    sent is ``None``, as is an enum value without a name (venue and asset kind: ``…_UNSPECIFIED``, as the schema asks).
    The frame names the market, not the subscription: depths of one book cannot be told apart. Raises
    :class:`~perpbot.core.errors.ParseError`.
    """
    if len(frame) < _HEADER.size:
        raise ParseError(f"an SBE frame of {len(frame)} bytes, shorter than its header of {_HEADER.size}")
    block, number, schema, version = _HEADER.unpack_from(frame)
    if schema != SCHEMA_ID:
        raise ParseError(f"an SBE frame of schema {schema}, expected {SCHEMA_ID}")
    template = TEMPLATES.get(number)
    if template is None and number not in SYSTEM:
        return None, None
    end = _HEADER.size + block
    if end > len(frame):
        raise ParseError(f"SBE template {number}: a block of {block} bytes in a frame of {len(frame)}")
    if template is None:
        return None, None
    try:
        data = _message(frame, template, end, version)
    except (IndexError, UnicodeDecodeError, error) as problem:
        raise ParseError(f"SBE template {number}: cut off or not text ({problem})") from None
    except ParseError as problem:
        raise ParseError(f"SBE template {number}: {problem}") from None
    if number == ORDER:
        _gather_request(data)
    elif number == POSITION:
        _sign_size(data)
    return (template.channel + data["market"] if template.per_market else template.channel), data


def _message(frame: bytes, template: Template, end: int, version: int) -> _Data:
    """All of a message; ``end`` is where its block ends."""
    layout = _layout_of(template, end - _HEADER.size)
    values = layout.unpack_from(frame, _HEADER.size)
    data: _Data = dict(zip(layout.names, map(call, layout.reads, values), strict=True))
    if layout.absent:
        data.update(layout.absent)
    if template.grouped:
        data["bids"], end = _levels(frame, end)
        data["asks"], end = _levels(frame, end)
    for name in template.texts:
        data[name], end = _text(frame, end)
    for name in template.appended_texts:
        data[name] = None
        if version >= _APPENDED_SINCE and end < len(frame):
            data[name], end = _text(frame, end)
    return data


def _layout_of(template: Template, block: int) -> Layout:
    for layout in template.layouts:
        if layout.size <= block:
            return layout
    raise ParseError(f"a block of {block} bytes, expected {template.layouts[-1].size} or more")


def _levels(frame: bytes, start: int) -> tuple[list[list[object]], int]:
    """Price and size of each level of a group, and where the group ends."""
    block, count = _GROUP.unpack_from(frame, start)
    start += _GROUP.size
    end = start + block * count
    if not count:
        return [], end
    if block < _LEVEL.size or end > len(frame):
        raise ParseError(f"{count} levels of {block} bytes in a frame of {len(frame)}")
    levels = frame[start:end]
    if block > _LEVEL.size:
        levels = b"".join(frame[at : at + _LEVEL.size] for at in range(start, end, block))
    values = unpack_from(f"<{2 * count}q", levels)
    if NULL in values:
        raise ParseError("a level without price or size")
    texts = [*map(decimal, values)]
    return [[*level] for level in zip(texts[::2], texts[1::2], strict=True)], end


def _text(frame: bytes, start: int) -> tuple[str, int]:
    end = start + 1 + frame[start]
    if end > len(frame):
        raise ParseError(f"a text up to byte {end} in a frame of {len(frame)}")
    return str(frame[start + 1 : end], "utf-8"), end


def _gather_request(data: _Data) -> None:
    """``request_info`` as JSON has it: the schema spreads it over four fields, both enums unspecified without one."""
    status, kind = data.pop("request_status"), data.pop("request_type")
    texts = {"id": data.pop("request_id") or "", "message": data.pop("request_message") or ""}
    if status in _NO_REQUEST and kind in _NO_REQUEST:
        data["request_info"] = None
    else:
        data["request_info"] = {**texts, "request_type": _named(kind), "status": _named(status)}


def _named(value: str | None) -> str | None:
    return None if value == NON_REPRESENTABLE else value


def _sign_size(data: _Data) -> None:
    """A short position's size is negative, as over JSON and REST; the schema sends it without sign."""
    size = data["size"]
    if data["side"] == "SHORT" and size is not None and size.strip("0.") and not size.startswith("-"):
        data["size"] = f"-{size}"
