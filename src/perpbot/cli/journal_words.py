"""What a journal's record says, for people: who did what and why first, times in their own time zone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perpbot.cli.output import moment
from perpbot.core import events
from perpbot.records.chain import Record

BY_HAND = (
    *(events.CommandTaken.kind, events.CommandRefused.kind, events.SettingChanged.kind, events.StateChanged.kind),
    events.PairResolved.kind,
)
"""Kinds of records that say who did what, and what came of it."""
Data = Mapping[str, Any]


def words(record: Record, timezone: str) -> str:
    """The record as one line."""
    data = record.data
    match record.kind:
        case events.CommandTaken.kind:
            return f"{_command(data)} {_by(data)}"
        case events.CommandRefused.kind:
            return f"{_command(data)} {_by(data)} REFUSED: {data['why']}"
        case events.SettingChanged.kind:
            return f"{data['key']} {data['before']} → {data['after']} {_by(data)}"
        case events.StateChanged.kind:
            return f"{data['before']} → {data['after']} {_by(data)}"
        case events.PairResolved.kind:
            return f"{data['pair_id']} ({data['symbol']}) {_by({**data, 'reason': data['note']})}"
    return ", ".join(fact(key, value, timezone) for key, value in data.items())


def fact(key: str, value: Any, timezone: str) -> str:
    """One fact of a record: times as people read them, at whatever depth."""
    if isinstance(value, dict):
        inside = ", ".join(fact(name, each, timezone) for name, each in value.items())
        return f"{key} {{{inside}}}"
    if key.endswith("_ns") and isinstance(value, int):
        return f"{key.removesuffix('_ns')} {moment(value, timezone)}"
    return f"{key} {value}"


def _command(data: Data) -> str:
    """The command as it was given: what is plain of itself (a pair, a key and its value) without its name."""
    said = [data["command"]]
    for name, value in data["arguments"].items():
        said.append(f"--{name}" if value == "true" else f"--{name} {value}" if name in _NAMED else str(value))
    return " ".join(said)


_NAMED = frozenset({"minutes", "trades", "wash", "arb", "reserve"})


def _by(data: Data) -> str:
    return f"by {data['actor']}" + (f": {data['reason']}" if data["reason"] else "")
