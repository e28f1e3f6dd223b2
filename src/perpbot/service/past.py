"""What of a store's earlier runs must be known before a service is built: the ids that were given out, and what was
changed while it ran."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perpbot.core.events import RunStarted, SettingChanged
from perpbot.records.chain import Record
from perpbot.service.changes import KeptChange
from perpbot.service.system import epoch_name, epoch_number


@dataclass(frozen=True, slots=True)
class Past:
    """``epoch`` is the number of the newest run's epoch, 0 without one; ``changes`` are in their order."""

    epoch: int
    changes: tuple[KeptChange, ...]

    def next_epoch(self, now_ns: int) -> str:
        """The name of a run that begins now: never one that was, although clocks are set back."""
        return epoch_name(max(now_ns // 1_000_000, self.epoch + 1))


def look_back(records: Iterable[Record]) -> Past:
    """Read them once, deciding by the records' kinds alone."""
    epoch, changes = 0, []
    for record in records:
        if record.kind == RunStarted.kind:
            epoch = max(epoch, epoch_number(record.data["epoch"]))
        elif record.kind == SettingChanged.kind:
            data = record.data
            changes.append(KeptChange(data["key"], data["value"], data["actor"], data["reason"], record.time_ns))
    return Past(epoch, tuple(changes))
