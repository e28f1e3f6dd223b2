"""Events survive the journal to the last digit."""

import json
import re
from dataclasses import fields, replace
from decimal import Decimal
from enum import Enum
from functools import partial
from types import UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpbot.core.errors import InputError
from perpbot.core.events import CapitalTransferred, Event
from perpbot.core.pairs import Pair, PairLeg
from perpbot.records.encoding import EVENT_TYPES, decode, encode, encode_json

ATOMS: dict[object, st.SearchStrategy[object]] = {
    str: st.text(),
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    Decimal: st.one_of(
        st.decimals(allow_nan=False, allow_infinity=False),
        st.sampled_from(("0E-8", "1E-8", "-2.50E+7", "1E+3", "0.00000000", "-0")).map(Decimal),
    ),
}


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Anything of a type that events are made of."""
    if isinstance(annotation, NewType):
        return values(annotation.__supertype__)
    if annotation in ATOMS:
        return ATOMS[annotation]
    if get_origin(annotation) is dict:
        key, value = get_args(annotation)
        return st.dictionaries(values(key), values(value), max_size=2)
    if get_origin(annotation) is tuple:
        return st.lists(values(get_args(annotation)[0]), max_size=2).map(tuple)
    if get_origin(annotation) in (Union, UnionType):
        return st.one_of(st.none(), *(values(member) for member in get_args(annotation) if member is not type(None)))
    if issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    hints = get_type_hints(annotation)
    parts = {field.name: values(hints[field.name]) for field in fields(annotation)}
    if annotation is Pair:  # its legs are on two exchanges
        for name in ("buy", "sell"):
            parts[name] = values(PairLeg).map(partial(replace, exchange=name))
    return st.builds(annotation, **parts)


EVENTS = {kind: values(event_type) for kind, event_type in EVENT_TYPES.items()}
events = st.sampled_from(sorted(EVENTS)).flatmap(lambda kind: EVENTS[kind])


@given(events)
def test_an_event_comes_back_from_json_equal(event: Event) -> None:
    """Every kind, every optional field, every enum; decimals of any size and precision."""
    assert decode(event.kind, json.loads(encode_json(event))) == event


@given(events)
def test_the_fast_way_to_json_writes_what_the_thorough_one_does(event: Event) -> None:
    """The hot write takes a shortcut; byte for byte it must not show."""
    assert encode_json(event) == msgspec.json.encode(encode(event))


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_are_plain_strings_with_every_digit(value: Decimal) -> None:
    """CONTRACTS §1: never an exponent, and trailing zeros stay: they say how exact it was."""
    if abs(value.adjusted()) > 60 or int(value.as_tuple().exponent) < -60:
        return
    event = CapitalTransferred("paradex", value, "id", 1)
    text = encode(event)["amount_usd"]
    assert re.fullmatch(r"-?\d+(\.\d+)?", text)
    assert Decimal(text) == value


def test_a_kind_nobody_knows_is_of_a_newer_version() -> None:
    """One line, and what to do."""
    with pytest.raises(InputError, match="unknown kind 'moon_landed': it was written by a newer PerpBot"):
        decode("moon_landed", {})


def test_a_record_that_lacks_a_field_is_named() -> None:
    """It is not guessed at."""
    with pytest.raises(InputError, match=r"record of kind run_started cannot be read: .*`epoch`"):
        decode("run_started", {"mode": "demo", "version": "1"})
