"""Where a generated market stands, kept in a file so that the next one goes on from there.

The file is a checksum (SHA-256) on one line and JSON on the next, replaced whole or not at all. One that cannot be
read is set aside with a warning and the market begins anew: it is invented, and nobody's money is in it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog

from perpbot.core.names import Symbol
from perpbot.simulation.market.generator import MarketState
from perpbot.simulation.market.stream import StreamState

log = structlog.get_logger(__name__)

VERSION = 1
SKIPPED_NUMBERS = 1_000_000
"""Added to every sequence and trade id on loading: a killed market had given out some after it was last saved.
Hours of the busiest stream; it is saved every few seconds."""


@dataclass(frozen=True, slots=True)
class _Stream:
    exchange: str
    symbol: str
    state: StreamState


@dataclass(frozen=True, slots=True)
class _Versioned:
    version: int


@dataclass(frozen=True, slots=True)
class _Saved:
    version: int
    run: int
    pulses: int
    prices: dict[str, float]
    streams: tuple[_Stream, ...]


class MarketFile:
    """The state of one generated market in a file, mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._before: MarketState | None = None

    def load(self) -> MarketState | None:
        """What to go on from, numbers moved on; ``None`` if there is nothing, or nothing that can be read.

        It is given once: the file is moved on as well, so that after a kill not even the same start comes again.
        """
        try:
            saved = _read(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            self._set_aside(error)
            return None
        self._before = _state(saved)
        self.save(replace(self._before, run=self._before.run + 1))
        return self._before

    def save(self, state: MarketState) -> None:
        """Keep ``state``, and of symbols that are not generated now what was kept before."""
        prices, streams = dict(state.prices), dict(state.streams)
        if self._before is not None:
            prices, streams = {**self._before.prices, **prices}, {**self._before.streams, **streams}
        rows = tuple(_Stream(*key, each) for key, each in streams.items())
        _replace(self.path, _written(_Saved(VERSION, state.run, state.pulses, prices, rows)))

    def _set_aside(self, error: Exception) -> None:
        aside = self.path.with_name(self.path.name + ".damaged")
        log.warning(
            "saved market cannot be read, a new one begins", path=str(self.path), kept=str(aside), why=str(error)
        )
        self.path.replace(aside)


def _read(content: bytes) -> _Saved:
    """Raises ``ValueError`` if it is not whole, or of another version."""
    checksum, _, body = content.partition(b"\n")
    if checksum != sha256(body).hexdigest().encode():
        raise ValueError("it is not what was written")
    version = msgspec.json.decode(body, type=_Versioned).version
    if version != VERSION:
        raise ValueError(f"version {version}, this PerpBot reads {VERSION}")
    return msgspec.json.decode(body, type=_Saved)


def _written(saved: _Saved) -> bytes:
    body = msgspec.json.encode(saved)
    return sha256(body).hexdigest().encode() + b"\n" + body


def _state(saved: _Saved) -> MarketState:
    streams = {(each.exchange, each.symbol): _moved_on(each.state) for each in saved.streams}
    prices: dict[Symbol, float] = dict(saved.prices)
    return MarketState(saved.run, prices, streams, saved.pulses)


def _moved_on(state: StreamState) -> StreamState:
    return replace(state, sequence=state.sequence + SKIPPED_NUMBERS, trade_id=state.trade_id + SKIPPED_NUMBERS)


def _replace(path: Path, content: bytes) -> None:
    """Write beside the file, have it reach the disk, and put it in its place in one step."""
    unfinished = path.with_name(path.name + ".new")
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fdatasync(file.fileno())
    unfinished.replace(path)
