"""Lets go of what is long over, so that a bot that runs for months stays as small and as quick as on its second day.

What it came to stays in the books, as after a restart that read a condensed journal.
"""

from __future__ import annotations

from perpbot.service.condensing import KEEP_NS
from perpbot.service.parts import Parts

FORGET_SECONDS = 600.0
"""How often that is done: each time little has to go."""


def forget_old(parts: Parts) -> None:
    """Forget what was over :data:`~perpbot.service.condensing.KEEP_NS` ago."""
    forget(parts, parts.outside.clock.now_ns() - KEEP_NS)


def forget(parts: Parts, before_ns: int) -> None:
    """Forget pairs that were over, and single orders, trades and payments that were made and done, before
    ``before_ns``."""
    over = parts.pairs.forget(before_ns)
    parts.ledger.forget(over, before_ns)
    parts.outcomes.forget(over)
    for pair_id in over:
        parts.tracker.forget(pair_id)
    parts.tracker.forget_singles(before_ns)
