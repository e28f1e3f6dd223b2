"""Settings of the records: what the journal survives, and how much disk logs, journal and recordings may take."""

from dataclasses import dataclass
from typing import Literal

from perpbot.core.settings import setting, validate


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """What the journal survives."""

    durability: Literal["process", "power"] = setting(
        "process",
        help="what an intent, journaled before its order leaves, survives: the process's end, or a power cut (slower)",
    )

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """How much disk logs, journal and recordings may take; the oldest goes first."""

    logs_mb: int = setting(100, ge=1, le=1_000_000, unit="MB", help="most that the logs may take")
    journal_mb: int = setting(
        2000, ge=10, le=10_000_000, unit="MB", help="most that the journal's finished files may take"
    )
    recordings_mb: int = setting(5000, ge=1, le=10_000_000, unit="MB", help="most that the recordings may take")

    def __post_init__(self) -> None:
        validate(self)
