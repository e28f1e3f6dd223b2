"""Journaling what has already happened: it cannot be refused any more, so a dead journal must not stop what follows.

Sends are different: their intent is journaled first, and the gate sends nothing without it.
"""

from __future__ import annotations

import structlog

from perpbot.core.errors import SystemStopped
from perpbot.core.events import Event
from perpbot.core.ports import Journal

log = structlog.get_logger(__name__)


def note(journal: Journal, event: Event) -> None:
    """Append a fact; if the journal is dead, say so in the log and go on."""
    try:
        journal.append(event)
    except SystemStopped:
        log.exception("not journaled", record=repr(event))
