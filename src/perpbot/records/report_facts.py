"""All that a report on one database is written and drawn from, read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perpbot.core.pairs import PairState
from perpbot.records import queries
from perpbot.records.curves import EquityCurve, Outcome, Sums, outcomes, read_curve, sums
from perpbot.records.database import Database
from perpbot.records.report_words import words
from perpbot.records.reports import report
from perpbot.records.rows import Row
from perpbot.records.scales import TimeScale
from perpbot.records.times import moment

_FIRST = (PairState.QUARANTINED, PairState.UNWINDING, PairState.BALANCING, PairState.SENT)
"""States that want to be seen before all others, the gravest first."""


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """Figures, curves and pairs of one database, and how they are to be shown."""

    path: Path
    mode: str
    made_ns: int
    timezone: str
    language: str
    figures: dict[str, Any]
    curve: EquityCurve
    outcomes: Sequence[Outcome]
    sums: Sequence[Sums]
    pairs: Sequence[Row]
    """What asks for an operator first (quarantined before all), then open ones, then the newest."""
    result: dict[str, Any]
    """What the last run said of itself: dataset, what was assumed, invented pulses."""
    starts: int

    @property
    def words(self) -> dict[str, str]:
        return words(self.language)

    @property
    def times(self) -> TimeScale:
        return TimeScale.of(self.curve)

    @property
    def period(self) -> str:
        """From when to when, in the time zone of the report; empty if nothing was recorded."""
        found = self.figures["period"]
        if found is None:
            return ""
        return f"{self.moment(found['start_ns'])} – {self.moment(found['end_ns'])}"

    def moment(self, time_ns: int) -> str:
        """A time to the second, as the report's time zone shows it."""
        text = moment(time_ns, self.timezone)
        return text[:19] + text[23:]

    def assumptions(self) -> list[str]:
        """What the figures rest on, each in a sentence."""
        said = self.words
        told = [said["assume_expected"], said["assume_marks"], said["assume_usd"]]
        if self.mode != "live":
            told.append(said["assume_simulated"])
        told += [said.get(f"assume_{code}", str(code)) for code in self.result.get("assumed") or ()]
        pulses = self.result.get("pulses")
        if self.mode == "demo" and pulses:
            told.append(said["assume_pulses"].format(**pulses))
        return told


def read_facts(database: Database, made_ns: int, timezone: str, language: str) -> ReportFacts:
    """Read everything a report needs. ``made_ns`` is when it is made."""
    curve, pairs = read_curve(database), queries.pairs(database)
    closed = outcomes(pairs)
    return ReportFacts(
        path=database.path,
        mode=database.mode,
        made_ns=made_ns,
        timezone=timezone,
        language=language,
        figures=report(database, curve),
        curve=curve,
        outcomes=closed,
        sums=sums(closed),
        pairs=sorted((pair for pair in pairs if PairState(pair["state"]).sent), key=_urgency),
        result=queries.document(database, "result") or {},
        starts=len(queries.runs(database)),
    )


def _urgency(pair: Row) -> tuple[int, int, str]:
    state = PairState(pair["state"])
    rank = _FIRST.index(state) if state in _FIRST else len(_FIRST) + state.final
    return rank, -pair["planned_ns"], pair["pair_id"]
