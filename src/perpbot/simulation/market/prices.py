"""The common price of one symbol and the jumps by which its exchanges learn of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from perpbot.core.ports import Rng
from perpbot.simulation.market.calibration import JumpRow
from perpbot.simulation.market.chance import lognormal, pick, poisson
from perpbot.simulation.market.schedule import MILLISECOND, SECOND, Schedule
from perpbot.simulation.market.stream import Stream

_MORE_PARTS = 3.0  # a jump comes in 1 + Poisson(3) parts
_PART_GAP_MS = 4.5
_LARGEST_BPS = 12.0  # no larger move within a second was recorded
_LATE_SHARE = 0.12  # of followers are later still
_LATE_MS = 150.0


class CommonPrice:
    """Jumps in parts: one exchange moves first, the others follow most of it, each after its own delay.

    ``bps`` is the logarithm of the price over the first price.
    """

    def __init__(self, row: JumpRow, rng: Rng, schedule: Schedule, bps: float = 0.0) -> None:
        self._row = row
        self._rng = rng
        self._schedule = schedule
        self._streams: Sequence[Stream] = ()
        self.bps = bps

    def begin(self, at_ns: int, streams: Sequence[Stream]) -> None:
        """Let ``streams`` be moved from now on."""
        self._streams = streams
        self._schedule_jump(at_ns)

    def _schedule_jump(self, at_ns: int) -> None:
        self._schedule.at(at_ns + int(self._rng.expovariate(self._row.rate) * SECOND), self._jump)

    def _jump(self, at_ns: int) -> None:
        self._schedule_jump(at_ns)
        jump_bps = min(lognormal(self._rng, self._row.median_bps, self._row.log_std), _LARGEST_BPS)
        if self._rng.random() < 0.5:
            jump_bps = -jump_bps
        origin = self._origin()
        delays = [0 if stream is origin else self._delay_ns() for stream in self._streams]
        for stream, delay_ns in zip(self._streams, delays, strict=True):
            self._schedule.at(at_ns + delay_ns, partial(stream.excite, jump_bps))
        parts = 1 + poisson(self._rng, _MORE_PARTS)
        part_ns = at_ns
        for _ in range(parts):
            self._schedule_part(part_ns, jump_bps / parts, origin, delays)
            part_ns += int(self._rng.expovariate(1.0 / _PART_GAP_MS) * MILLISECOND)

    def _schedule_part(self, at_ns: int, part_bps: float, origin: Stream, delays: Sequence[int]) -> None:
        self._schedule.at(at_ns, partial(self._move, (1.0 - self._row.reverted) * part_bps))
        if not self._row.seen_at_once:
            return
        for stream, delay_ns in zip(self._streams, delays, strict=True):
            share = 1.0 if stream is origin else self._row.follow
            self._schedule.at(at_ns + delay_ns, partial(stream.jump, share * part_bps))

    def _move(self, part_bps: float, at_ns: int) -> None:  # noqa: ARG002 - every action is called with its time
        self.bps += part_bps

    def _origin(self) -> Stream:
        leaders = [stream for stream in self._streams if stream.exchange.leads]
        others = [stream for stream in self._streams if not stream.exchange.leads]
        first = leaders if self._rng.random() < self._row.leader_share else others
        candidates = first or leaders or others
        return candidates[pick(self._rng, len(candidates))]

    def _delay_ns(self) -> int:
        delay_ms = self._row.delay_ms + self._rng.expovariate(1.0 / self._row.delay_spread_ms)
        if self._rng.random() < _LATE_SHARE:
            delay_ms += self._rng.expovariate(1.0 / _LATE_MS)
        return int(delay_ms * MILLISECOND)
