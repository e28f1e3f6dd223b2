"""Keeps the account file short beside trading: where the accounts stand is written anew, what follows goes behind it.

In small steps on the loop. The old file takes every turn until the new one stands in its place: a kill at any moment
leaves the one or the other. What was over more than :data:`KEPT_SECONDS` ago is forgotten, in memory too, as a real
exchange does not answer for ever.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain

import structlog

from perpbot.core.errors import Refused, SystemStopped
from perpbot.core.ports import Timers
from perpbot.records.encoding import Fact
from perpbot.records.journal import FileJournal
from perpbot.simulation.paper.accounts import AccountFile, AccountsBegun, CheckpointEnded
from perpbot.simulation.venue.turns import AccountTurn

KEPT_SECONDS = 25 * 3600
"""How long orders and payments that are over can be asked for: longer than a start of the bot asks back."""
LOOK_SECONDS = 10.0
PAUSE_SECONDS = 0.002
"""Between two steps: trading has the loop for longer than they do."""
FORGOTTEN = 200
"""Orders, and payments, forgotten in one step."""
SYNCED_BYTES = 128_000
"""As much may wait for the disk: the disk takes it as fast as it takes a few lines."""
FEW = 20
"""So many turns may be written in one step, with the change of files."""

log = structlog.get_logger(__name__)


async def keep_short(accounts: AccountFile, clock: Timers, ready: Callable[[], bool]) -> None:
    """Look at ``accounts`` again and again, for the length of a run.

    Nothing is forgotten before ``ready``: what earlier runs did may not have been asked for yet.
    """
    while True:
        await clock.sleep(LOOK_SECONDS)
        if ready():
            await _forget(accounts, clock)
            if accounts.full:
                await rewrite(accounts, clock)


async def rewrite(accounts: AccountFile, clock: Timers) -> None:
    """Write the file anew; if the disk does not want it, say so and let it grow on."""
    before = accounts.size
    try:
        with closing(steps(accounts)) as writing:
            for _ in writing:
                await clock.sleep(PAUSE_SECONDS)
    except (OSError, Refused, SystemStopped) as error:
        accounts.put_off()
        log.warning("paper accounts: not written anew, the file grows on", path=str(accounts.path), reason=str(error))
    else:
        log.info("paper accounts: written anew", path=str(accounts.path), bytes=accounts.size, before=before)


def steps(accounts: AccountFile) -> Generator[None, None, None]:
    """Write the file anew beside itself, as ``<name>.next``, a little in each step; the last ones put it in its place.

    Raises ``OSError``, ``Refused`` or ``SystemStopped`` if the disk does not want it. Then, and if it is closed before
    its end, the old file goes on.
    """
    path = accounts.path.with_name(accounts.path.name + ".next")
    path.unlink(missing_ok=True)
    journal, before = FileJournal(path, accounts.clock), None
    late: deque[AccountTurn] = deque()
    try:
        yield
        checkpoint = chain(accounts.idle(), *(venue.checkpoint() for venue in accounts.venues))
        accounts.follower = late.append
        yield from _write(journal, chain([AccountsBegun()], checkpoint))
        took = journal.size
        yield from _write(journal, [CheckpointEnded(took)])
        while len(late) > FEW:
            yield from _write(journal, [late.popleft()])
        for turn in late:
            journal.append(turn)
        before = accounts.go_on_in(journal, took)
        accounts.follower = None
        yield
    finally:
        if before is not None:
            before.close()
        else:
            accounts.follower = None
            path.unlink(missing_ok=True)
            journal.close()


def _write(journal: FileJournal, facts: Iterable[Fact]) -> Iterator[None]:
    synced = journal.size
    for fact in facts:
        journal.append(fact)
        if journal.crowded:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield
        if journal.size >= synced + SYNCED_BYTES:
            journal.flush()
            synced = journal.size
            yield


async def _forget(accounts: AccountFile, clock: Timers) -> None:
    before_ns = clock.now_ns() - KEPT_SECONDS * 1_000_000_000
    for venue in accounts.venues:
        while venue.forget(before_ns, FORGOTTEN):
            await clock.sleep(PAUSE_SECONDS)
