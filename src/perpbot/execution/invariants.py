"""Runtime invariants, counted by id. One that does not hold is journaled and sets the latch; closing goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from perpbot.core.events import InvariantBroken
from perpbot.core.ports import Journal
from perpbot.execution.notes import note

INVARIANTS: dict[str, str] = {
    "I1": "capital is conserved: allocated is the sum of live reservations, within its pool",
    "I2": "every amount, price and size sent is finite, positive and on its grid",
    "I3": "capital is released once, and only when the pair is over",
    "I4": "a pair holds capital on both its exchanges or on none",
    "I5": "the intent is in the journal before the send, and what is sent is what was journaled",
    "I6": "nothing is sent twice: every send has its own client id and its own approval",
    "I7": "once an order is over, our record of it equals the exchange's",
    "I8": "fills are counted once, never shrink and never exceed the order",
    "I10": "an unhedged pair is being repaired, or is quarantined",
    "I13": "while reducing or halted, and in safe mode, nothing is opened",
    "I14": "reduce-only orders never exceed the position and never turn it",
    "I15": "limits hold at every send, with all orders in flight counted",
    "I17": "our own orders cannot match each other",
    "I18": "every opening cites two fresh, unbroken, uncrossed books",
    "I19": "change of equity = transfers + price + funding - fees - gas, to the last digit",
}


class Invariants:
    """Counts checks and violations by id."""

    def __init__(self, journal: Journal, on_violation: Callable[[str, str], None]) -> None:
        self._journal = journal
        self._on_violation = on_violation
        self.checked: Counter[str] = Counter()
        self.violated: Counter[str] = Counter()

    def check(self, invariant: str, holds: bool, detail: Callable[[], str] | str = "") -> bool:
        """Count one check of ``invariant``; ``detail`` (or what it returns) says what was found if it fails."""
        self.checked[invariant] += 1
        if not holds:
            self._violate(invariant, detail() if callable(detail) else detail)
        return holds

    def _violate(self, invariant: str, detail: str) -> None:
        self.violated[invariant] += 1
        note(self._journal, InvariantBroken(invariant, detail))
        self._on_violation(invariant, detail)

    def snapshot(self) -> dict[str, dict[str, int]]:
        """``{"checked": {id: n}, "violated": {id: n}}``, ids in order."""
        return {"checked": _ordered(self.checked), "violated": _ordered(self.violated)}


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts, key=lambda name: int(name[1:]))}
