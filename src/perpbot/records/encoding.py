"""Events ↔ JSON, exactly: decimals are plain strings, enums their values, times whole nanoseconds."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, ClassVar, NewType, Protocol, Union, get_args, get_origin, get_type_hints

import msgspec

from perpbot.core.errors import InputError
from perpbot.core.events import Event

Encoder = Callable[[Any], Any]

EVENT_TYPES: dict[str, type[Event]] = {event.kind: event for event in get_args(Event)}
"""Every event by its kind."""

_to_json = msgspec.json.Encoder(decimal_format="string").encode
_ATOMS = (str, int, float, bool, types.NoneType)


class Fact(Protocol):
    """What one record holds: an event, or another frozen dataclass that says its kind."""

    kind: ClassVar[str]


def encode(event: Fact) -> dict[str, Any]:
    """``event`` as what JSON can say."""
    encoded: dict[str, Any] = _encoder(type(event))(event)
    return encoded


def encode_json(event: Fact) -> bytes:
    """The same as JSON text. Decimals that Python would write with an exponent take the thorough way; most do not."""
    text = _to_json(event)
    return _to_json(encode(event)) if b"E-" in text or b"E+" in text else text


def decode(kind: str, data: dict[str, Any]) -> Event:
    """The event of ``kind`` that ``data`` was made of. Raises :class:`InputError` if it is none."""
    event_type = EVENT_TYPES.get(kind)
    if event_type is None:
        raise InputError(f"record of unknown kind {kind!r}: it was written by a newer PerpBot, use that one")
    try:
        return msgspec.convert(data, event_type)
    except msgspec.ValidationError as error:
        raise InputError(f"record of kind {kind} cannot be read: {error}") from None


def to_plain(value: Any) -> Any:
    """Any fact (dataclass, mapping, sequence, decimal, enum) as what JSON can say."""
    if is_dataclass(value) and not isinstance(value, type):
        return _encoder(type(value))(value)
    if isinstance(value, dict):
        return {str(to_plain(key)): to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, Decimal):
        return _plain_decimal(value)
    return value.value if isinstance(value, Enum) else value


@cache
def _encoder(annotation: Any) -> Encoder:
    """The encoder of a type, worked out once."""
    if isinstance(annotation, NewType):
        return _encoder(annotation.__supertype__)
    if annotation in _ATOMS:
        return _same
    if annotation is Decimal:
        return _plain_decimal
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _enum_value
    if is_dataclass(annotation):
        return _dataclass_encoder(annotation)
    origin, members = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType) and len(members) == 2 and types.NoneType in members:
        return _optional_encoder(_encoder(members[0] if members[1] is types.NoneType else members[1]))
    if origin is tuple and members[1:] == (Ellipsis,):
        return _sequence_encoder(_encoder(members[0]))
    return to_plain


def _dataclass_encoder(cls: Any) -> Encoder:
    hints = get_type_hints(cls)
    parts = tuple((field.name, _encoder(hints[field.name])) for field in fields(cls))

    def encode_fields(value: Any) -> dict[str, Any]:
        return {name: encoder(getattr(value, name)) for name, encoder in parts}

    return encode_fields


def _optional_encoder(encoder: Encoder) -> Encoder:
    return lambda value: None if value is None else encoder(value)


def _sequence_encoder(encoder: Encoder) -> Encoder:
    return lambda values: [encoder(value) for value in values]


def _same(value: Any) -> Any:
    return value


def _plain_decimal(value: Decimal) -> str:
    return format(value, "f")


def _enum_value(value: Enum) -> Any:
    return value.value
