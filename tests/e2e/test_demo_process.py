"""The demo as a process among others: two at once, what a killed one leaves lying about, frozen, and stopped twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perpbot.service.address import lock_path, socket_path
from tests.e2e.audit import Files, problems, settled
from tests.e2e.evidence import Books
from tests.e2e.kills import BUSY, PATIENCE_SECONDS, POLL_SECONDS, Bot

LASTING = (*BUSY, "demo.pulse_seconds=60", "demo.pulse_bps=80")
"""Gaps that stay, so that pairs stay hedged."""
FROZEN_SECONDS = 5
STOP_SECONDS = 10


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    bot = Bot(tmp_path / "home", seed=3)
    yield bot
    bot.kill()


@pytest.fixture
def files(bot: Bot) -> Files:
    return Files(bot.db)


def _await(files: Files, bot: Bot, reached: Callable[[Books], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS  # noqa: TID251 - of the machine
    while not (found := reached(files.look())):
        assert bot.process.poll() is None, bot.said()
        assert time.monotonic() < deadline, bot.said()  # noqa: TID251 - of the machine
        time.sleep(POLL_SECONDS)  # noqa: TID251 - a real process takes real time
    return found


def _recovered(number: int) -> Callable[[Books], bool]:
    return lambda books: len(books.runs) == number and books.runs[-1].recovered_ns > 0


def _hedged(books: Books) -> list[str]:
    return [pair for pair, state in books.live().items() if state == "HEDGED"]


def test_a_second_demo_is_refused_and_what_a_killed_one_leaves_is_no_obstacle(bot: Bot, files: Files) -> None:
    """The refusal names the first one's process and changes nothing; lock and socket of a dead one are taken over."""
    bot.start()
    _await(files, bot, _recovered(1))
    code, said = bot.ask("demo", "--headless", "--seconds", "1")
    assert code == 2
    assert f"is in use by process {bot.process.pid}" in said.splitlines()[-1]
    assert len(files.look().runs) == 1
    bot.save()
    bot.kill()
    assert lock_path(bot.db).read_text() == f"{bot.process.pid}\n"
    assert socket_path(bot.db).exists()
    bot.start()
    _await(files, bot, _recovered(2))
    bot.save()
    bot.stop()
    assert problems(files) == []


def test_a_demo_that_was_frozen_opens_nothing_on_what_it_knew_before(bot: Bot, files: Files) -> None:
    """After SIGSTOP and SIGCONT no decision rests on a quote from before, and nothing is violated."""
    bot.start(LASTING)
    _await(files, bot, lambda books: books.intents)
    bot.process.send_signal(signal.SIGSTOP)
    time.sleep(FROZEN_SECONDS)  # noqa: TID251 - a real process takes real time
    before = set(files.look().intents)
    bot.process.send_signal(signal.SIGCONT)  # most often it stood still in the middle of an entry
    thawed_ns = time.time_ns()  # noqa: TID251 - of the machine
    time.sleep(2)  # noqa: TID251 - a real process takes real time
    bot.stop()
    assert problems(files) == []
    assert settled(files) == []
    later = [request for client_id, (_, request) in files.books.intents.items() if client_id not in before]
    assert all(request["created_ns"] > thawed_ns - 10_000_000 for request in later)
    assert "QUARANTINED" not in files.books.states.values()
    assert bot.result()["invariants"]["violated"] == {}


def test_two_stop_signals_leave_what_is_hedged_and_the_next_start_takes_it_up(bot: Bot, files: Files) -> None:
    """It ends within ten seconds, names what stays open, and that is resumed."""
    bot.start(LASTING)
    _await(files, bot, _hedged)
    bot.process.terminate()
    assert bot.stop() < STOP_SECONDS
    left = bot.result()["open_pairs"]
    assert left
    assert left == list(files.look().live())
    assert f"still open, marked at executable prices: {', '.join(left)}" in bot.said()
    assert problems(files) == []
    assert settled(files) == []
    bot.start(LASTING)
    _await(files, bot, _recovered(2))
    assert files.books.runs[-1].recovered["resumed"] == left
    bot.kill()
    assert problems(files) == []
