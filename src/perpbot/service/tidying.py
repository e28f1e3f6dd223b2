"""Has the journal's finished files kept small beside trading, by a process of its own."""

from __future__ import annotations

import asyncio
import sys

import structlog

from perpbot.core.errors import SystemStopped
from perpbot.core.ports import Timers
from perpbot.service.store import Store

TIDY_SECONDS = 60.0
"""How often the journal is looked at for finished files."""

log = structlog.get_logger(__name__)


async def tidy_on(store: Store, clock: Timers) -> None:
    """Look again and again, for the length of a run."""
    while True:
        await clock.sleep(TIDY_SECONDS)
        if store.untidy():
            await tidy(store)
        store.check_budget()


async def tidy(store: Store) -> None:
    """Compress, condense and remove what is due; a process that is killed meanwhile loses nothing. Raises
    :class:`SystemStopped`, for its task alone, if it cannot be done."""
    arguments = ("-m", "perpbot.service.condensing", str(store.journal_path), str(store.journal_bytes))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stderr=asyncio.subprocess.PIPE)
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        last = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise SystemStopped(f"journal files not tidied: {last or process.returncode}")
