"""How far a book can be believed now."""

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Where a book's newest change came from: pushed, or polled (good for display and exits, not for openings)."""

    STREAM = "stream"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Freshness:
    """A book's state at one moment.

    ``age_seconds`` counts from the exchange's own time of the newest change (infinite without one); ``progressing``
    says that the book advanced lately: one that does not is stale although its connection stands.
    """

    age_seconds: float
    progressing: bool
    ready: bool
    source: Source
