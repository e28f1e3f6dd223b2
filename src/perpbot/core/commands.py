"""Trading states and the operator's commands, each with the states it is allowed in."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from perpbot.core.names import ExchangeName, PairId, Symbol

MOST_OVERRIDDEN = 100_000
"""Minutes, or trades: an override is for a while and never for good."""


class TradingState(StrEnum):
    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


_ANY = frozenset(TradingState)
_UNLATCHED = frozenset({TradingState.ACTIVE, TradingState.REDUCING})


@dataclass(frozen=True, slots=True)
class Command:
    """What an operator, a signal handler or an alert asks for. ``needs_reason``: it is refused without one."""

    allowed_in: ClassVar[frozenset[TradingState]] = _ANY
    name: ClassVar[str] = "command"
    needs_reason: ClassVar[bool] = False

    def arguments(self) -> dict[str, str]:
        """What was asked for beside the command itself, as text; what is not set is left out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _text(value) for name, value in values.items() if value not in (None, False, ())}


@dataclass(frozen=True, slots=True)
class Start(Command):
    """Trade: ends a pause and all freezes, never the latch."""

    allowed_in: ClassVar[frozenset[TradingState]] = _UNLATCHED
    name: ClassVar[str] = "start"


@dataclass(frozen=True, slots=True)
class Pause(Command):
    """No openings; exits and repair go on."""

    allowed_in: ClassVar[frozenset[TradingState]] = _UNLATCHED
    name: ClassVar[str] = "pause"


@dataclass(frozen=True, slots=True)
class Freeze(Command):
    """No openings in ``symbols`` (all if empty) until it ends by itself."""

    symbols: tuple[Symbol, ...] = ()
    name: ClassVar[str] = "freeze"


@dataclass(frozen=True, slots=True)
class Reduce(Command):
    """No openings, and every open pair gets its exit at once."""

    allowed_in: ClassVar[frozenset[TradingState]] = _UNLATCHED
    name: ClassVar[str] = "reduce"


@dataclass(frozen=True, slots=True)
class Halt(Command):
    """Set the latch; ``flatten`` also closes all that is open."""

    flatten: bool = False
    name: ClassVar[str] = "halt"


@dataclass(frozen=True, slots=True)
class ClearHalt(Command):
    """Lift the latch (to ``REDUCING``)."""

    allowed_in: ClassVar[frozenset[TradingState]] = frozenset({TradingState.HALTED})
    name: ClassVar[str] = "clear-halt"
    needs_reason: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Stop(Command):
    """End the program: pairs in flight are brought to hedged or flat; ``flatten`` also closes hedged ones."""

    flatten: bool = False
    name: ClassVar[str] = "stop"


@dataclass(frozen=True, slots=True)
class ClosePair(Command):
    """Close one pair, or all of one symbol, whatever their exits say."""

    target: PairId | Symbol
    name: ClassVar[str] = "close"


@dataclass(frozen=True, slots=True)
class ResolvePair(Command):
    """End the quarantine of a pair that its exchanges show flat."""

    pair_id: PairId
    name: ClassVar[str] = "resolve"
    needs_reason: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class ResetPeak(Command):
    """Take today's equity as the peak, so that the drawdown stop ends."""

    name: ClassVar[str] = "reset-peak"
    needs_reason: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Override(Command):
    """Lift the failures-in-a-row stop for some minutes or some trades."""

    minutes: float | None = None
    trades: int | None = None
    name: ClassVar[str] = "override"


@dataclass(frozen=True, slots=True)
class EndSafeMode(Command):
    """End the safe mode of one exchange."""

    exchange: ExchangeName
    name: ClassVar[str] = "safe-mode"
    needs_reason: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Reweight(Command):
    """Change the pools' shares of equity; they sum to 1."""

    wash: Decimal
    arb: Decimal
    reserve: Decimal
    name: ClassVar[str] = "reweight"


@dataclass(frozen=True, slots=True)
class ChangeSetting(Command):
    """Give one setting another value while running; what loosens a limit wants ``confirm``."""

    key: str
    value: str
    confirm: bool = False
    name: ClassVar[str] = "config set"
    needs_reason: ClassVar[bool] = True


COMMANDS: dict[str, type[Command]] = {
    command.name: command
    for command in (
        Start,
        Pause,
        Freeze,
        Reduce,
        Halt,
        ClearHalt,
        Stop,
        ClosePair,
        ResolvePair,
        ResetPeak,
        Override,
        EndSafeMode,
        Reweight,
        ChangeSetting,
    )
}
"""Every command by its name."""


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
