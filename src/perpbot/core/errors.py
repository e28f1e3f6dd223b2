"""Errors, sorted by what happens next.

PerpBotError
├── Refused                 nothing was sent or changed; the caller reads why
│   ├── ConfigError         a setting is wrong: correct the file, the variable or ``--set``; exit code 2
│   ├── InputError          a file or argument is wrong: correct it; exit code 2
│   ├── OrderInvalid        an order breaks the instrument's rules: it is never sent
│   └── NotSupported        the exchange lacks a capability: use another exchange or order
├── ReadFailed              an exchange could not be read: retry; conclude nothing from it
│   └── ParseError          what an exchange sent cannot be decoded: count and name it, go on
├── ExchangeStopped         an exchange cannot be traded: openings there stop, closings go on
└── SystemStopped           a rule that must always hold was broken: the latch is set, the operator looks
    ├── IllegalTransition   an order or pair was moved along an edge that does not exist
    └── InvariantViolated   a runtime invariant failed
"""

from __future__ import annotations


class PerpBotError(Exception):
    """Base of all errors raised on purpose; its text is one line for the operator."""


class Refused(PerpBotError):
    """Nothing was sent or changed."""


class ConfigError(Refused):
    """A setting is wrong; the text names where it stands and what is allowed."""


class InputError(Refused):
    """A file, dataset or argument is wrong; the text names it and what to do."""


class OrderInvalid(Refused):
    """An order breaks its instrument's rules (tick, step, minimum, finiteness)."""


class NotSupported(Refused):
    """The exchange does not offer what was asked; see its capabilities."""


class ReadFailed(PerpBotError):
    """A position, balance, order or book could not be read; nothing is concluded from it."""


class ParseError(ReadFailed):
    """What an exchange sent cannot be decoded; the text says what is wrong with it."""


class ExchangeStopped(PerpBotError):
    """An exchange cannot be traded now: openings there stop, closings go on."""


class SystemStopped(PerpBotError):
    """A rule that must always hold was broken; the latch is set."""


class IllegalTransition(SystemStopped):
    """A life cycle was moved along an edge that does not exist."""


class InvariantViolated(SystemStopped):
    """A runtime invariant (I1 … I19) does not hold; the text starts with its id."""
