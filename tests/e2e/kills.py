"""Kills a demo again and again while it trades, starts it again on the same state, and looks at its files each time.

    python -m tests.e2e.kills --count 50 --seed 1 --home DIR

Only kills between a pair's first order and its close are counted; those during a start or a recovery come on top.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random  # noqa: TID251 - a test's own seeded streams
from statistics import median
from typing import Any, TypeAlias

from perpbot.service.address import socket_path
from tests.e2e.audit import Files, identity, problems, reported, settled, verified
from tests.e2e.evidence import Books, Run

PATIENCE_SECONDS = 60.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.002
STARTS_IN_A_ROW = 2
"""Kills in a row before a recovery has ended; one more, and the bot would no longer trade by itself."""
BUSY = (
    "demo.pulses_per_minute=60",
    "demo.pulse_bps=40",
    "exchanges.paradex.latency_seconds=0.03",
    "exchanges.extended.latency_seconds=0.015",
    "exchanges.paradex.funding_rate=0.0001",
    "exchanges.extended.funding_rate=0.00001",
    "position.cooldown_seconds=0",
    "risk.max_consecutive_failures=1000",
    "risk.fast_market_pct=0.05",
)
"""A trade every half a second, and answers slow enough that a kill often comes between the two legs."""
QUIET = (*BUSY[1:], "demo.pulses_per_minute=0")


class Moment(StrEnum):
    """When a kill comes."""

    ANY = "0 to 1.5 s after an order"
    ENTRY = "during an entry"
    HEDGED = "while hedged"
    EXIT = "during an exit"
    RECOVERY = "during the recovery"
    START = "within 0.1 s of the start"


TRADING: dict[Moment, tuple[frozenset[str], float]] = {
    Moment.ANY: (frozenset({"RESERVED", "SENT"}), 1.5),
    Moment.ENTRY: (frozenset({"RESERVED", "SENT", "BALANCING", "UNWINDING"}), 0.08),
    Moment.HEDGED: (frozenset({"HEDGED"}), 0.3),
    Moment.EXIT: (frozenset({"CLOSING"}), 0.08),
}
"""The states of a pair for which a kill waits, and how long after it comes at the latest (s)."""


class Stuck(AssertionError):
    """The demo did not do what was waited for."""


@dataclass
class Tally:
    """What the kills came to."""

    kills: Counter[Moment] = field(default_factory=Counter)
    counted: int = 0
    states: Counter[str] = field(default_factory=Counter)
    hit: set[str] = field(default_factory=set)
    start_seconds: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    stop_seconds: float = 0.0


Ended: TypeAlias = tuple[int, str]


class Bot:
    """A demo as its operator starts it, once at a time, on one home."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home = home
        self.db = home / "demo.db"
        self._seed = seed
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PERPBOT_")}
        self._environment |= {"PERPBOT_HOME": str(home)}
        self.process: subprocess.Popen[str]
        self.started_ns = 0

    def start(self, settings: tuple[str, ...] = BUSY) -> None:
        """Start it; what it says goes to ``demo.err``, its JSON to ``demo.out``."""
        overrides = [f"--set={setting}" for setting in settings]
        command = ["demo", "--headless", "--json", "--seed", str(self._seed), *overrides]
        self.home.mkdir(exist_ok=True)
        with (self.home / "demo.out").open("a") as out, (self.home / "demo.err").open("a") as err:
            self.started_ns = time.time_ns()  # noqa: TID251 - of the machine
            self.process = self._popen(command, stdout=out, stderr=err)

    def kill(self) -> None:
        """End it as no program can prevent."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> float:
        """End it in order; the seconds that took."""
        before = time.monotonic()  # noqa: TID251 - of the machine
        self.process.terminate()
        if self.process.wait(STOP_SECONDS) != 0:
            raise Stuck(f"exit code {self.process.returncode} after SIGTERM: {self.said()}")
        return time.monotonic() - before  # noqa: TID251 - of the machine

    def ask(self, *words: str) -> Ended:
        """Another command on the same home: exit code and what it printed."""
        process = self._popen([*words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said, errors = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, said or errors

    def save(self) -> None:
        """Have the running bot save what it knows of itself."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(PATIENCE_SECONDS)
            door.connect(str(socket_path(self.db)))
            door.sendall(b'{"ask": "save"}\n')
            if not door.recv(4096):
                raise Stuck("no answer to save")

    def said(self) -> str:
        """The end of what it said so far."""
        return (self.home / "demo.err").read_text()[-2000:]

    def result(self) -> Any:
        """The JSON with which the last one ended."""
        return json.loads((self.home / "demo.out").read_text().splitlines()[-1])

    def _popen(self, words: list[str], **streams: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "perpbot", *words]
        return subprocess.Popen(command, env=self._environment, cwd=self.home, text=True, **streams)


class Killer:
    """Kills one bot, ``count`` times while it trades."""

    def __init__(self, home: Path, seed: int, count: int, say: Callable[[str], None] = lambda _: None) -> None:
        self.bot = Bot(home, seed)
        self.files = Files(self.bot.db)
        self.tally = Tally()
        self._random = Random(seed)
        self._count = count
        self._say = say
        self._starts = 0

    def run(self) -> Tally:
        """Kill, then let the last start settle everything, and stop it in order."""
        begun = time.monotonic()  # noqa: TID251 - of the machine
        try:
            while self.tally.counted < self._count:
                self._round(self._moment())
            self._settle()
        finally:
            self.bot.kill()
            self.tally.seconds = time.monotonic() - begun  # noqa: TID251 - of the machine
        return self.tally

    def _moment(self) -> Moment:
        """When the next kill comes: mostly while it trades."""
        choice = self._random.choices(list(Moment), weights=[8, 5, 3, 5, 4, 1])[0]
        if choice in TRADING:
            self._starts = 0
        elif self._starts == STARTS_IN_A_ROW:
            return self._moment()
        else:
            self._starts += 1
        return choice

    def _round(self, moment: Moment) -> None:
        self.bot.start()
        if moment in TRADING:
            self._await_recovery()
            self.bot.save()
            self._await_kill(moment)
        elif moment is Moment.RECOVERY:
            self._await_start()
            self._pause(self._random.uniform(0, 0.25))
        else:
            self._pause(self._random.uniform(0, 0.1))
        self.bot.kill()
        self._take_in(moment)

    # waiting

    def _await_start(self) -> None:
        runs = len(self.files.look().runs)
        self._wait(lambda books: len(books.runs) > runs, "run_started")

    def _await_recovery(self) -> None:
        self._await_start()
        run = self._wait(lambda books: books.runs[-1] if books.runs[-1].recovered_ns else None, "recovered")
        self.tally.start_seconds.append((run.recovered_ns - self.bot.started_ns) / 1e9)

    def _await_kill(self, moment: Moment) -> None:
        """Wait until a pair is in the state that is wanted, a while more, and until any is live."""
        states, seconds = TRADING[moment]
        self._wait(lambda books: states & set(books.live().values()), moment)
        self._pause(self._random.uniform(0, seconds))
        self._wait(_trading, "an order")

    def _wait(self, reached: Callable[[Books], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS  # noqa: TID251 - of the machine
        while time.monotonic() < deadline:  # noqa: TID251 - of the machine
            if found := reached(self.files.look()):
                return found
            if self.bot.process.poll() is not None:
                raise Stuck(f"ended with {self.bot.process.returncode} before {what}: {self.bot.said()}")
            self._pause(POLL_SECONDS)
        raise Stuck(f"waited in vain for {what}: {self.bot.said()}")

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: TID251 - a real process takes real time

    # looking

    def _take_in(self, moment: Moment) -> None:
        live = self.files.look().live()
        hit = {pair: state for pair, state in live.items() if state != "QUARANTINED"}
        self.tally.kills[moment] += 1
        self.tally.counted += moment in TRADING and bool(hit)
        self.tally.states.update(hit.values())
        self.tally.hit |= hit.keys()
        self._judge(f"kill {self.tally.kills.total()} {moment}")
        self._say(f"{self.tally.counted}/{self._count}: {moment}: {', '.join(hit.values()) or 'no pair open'}")

    def _judge(self, when: str) -> None:
        """Look at everything; each problem is told once."""
        known = {problem.partition(": ")[2] for problem in self.tally.problems}
        found = [*problems(self.files), *verified(self.files), *reported(self.files)]
        new = [f"{when}: {problem}" for problem in found if problem not in known]
        self.tally.problems += new
        for problem in new:
            self._say(f"PROBLEM {problem}")

    def _settle(self) -> None:
        """The last start: no new gaps, every pair goes to its end; then stopped in order."""
        self.bot.start(QUIET)
        self._await_recovery()
        self._wait(lambda books: not _trading(books), "the end of every pair")
        self.tally.stop_seconds = self.bot.stop()
        self._judge("settled")
        last = [*settled(self.files), *identity(self.bot.result()), *self._commands()]
        if "Traceback" in (self.bot.home / "demo.err").read_text():
            last.append("a traceback in what it said")
        self.tally.problems += [f"settled: {problem}" for problem in last]

    def _commands(self) -> list[str]:
        """What the operator's own commands say at the end."""
        code, said = self.bot.ask("journal", "verify", "--json")
        found = [] if code == 0 else [f"perpbot journal verify: exit {code}: {said}"]
        code, said = self.bot.ask("report", "--json")
        return found + (list(identity(json.loads(said))) if code == 0 else [f"perpbot report: exit {code}: {said}"])


def _trading(books: Books) -> bool:
    return any(state != "QUARANTINED" for state in books.live().values())


def report(killer: Killer) -> dict[str, Any]:
    """What there is to tell: counts, states, what became of the pairs, seconds."""
    books, venues, tally = killer.files.books, killer.files.venues, killer.tally
    recovered = [run for run in books.runs if run.recovered_ns]
    ends = Counter(books.states[pair] for pair in tally.hit)
    return {
        "kills": {str(moment): count for moment, count in tally.kills.items()},
        "counted": tally.counted,
        "starts": len(books.runs),
        "recovered": len(recovered),
        "pair_states_at_kills": dict(tally.states),
        "pairs_hit": len(tally.hit),
        "pairs_hit_ended": dict(ends),
        "pairs": len(books.pairs),
        "pairs_ended": dict(Counter(books.states.values())),
        "resumed": sum(len(run.recovered["resumed"]) for run in recovered),
        "refused": sum(len(run.recovered["refused"]) for run in recovered),
        "quarantined": {pair: books.reasons[pair] for pair, state in books.states.items() if state == "QUARANTINED"},
        "orders": {"meant": len(books.intents), "taken": len(venues.orders)},
        "never_taken": len(books.intents.keys() - venues.orders.keys()),
        "fills": len(venues.fills),
        "funding": {"payments": len(venues.funding), "booked": len(books.funding)},
        "torn_tails": killer.files.torn(),
        "seconds_from_start_to_recovered": _spread(tally.start_seconds),
        "seconds_of_recovery": _spread([_recovery_seconds(run) for run in recovered]),
        "stop_seconds": round(tally.stop_seconds, 2),
        "seconds": round(tally.seconds, 1),
        "problems": tally.problems,
    }


def _recovery_seconds(run: Run) -> float:
    return (run.recovered_ns - run.started_ns) / 1e9


def _spread(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    figures = {"min": min(seconds), "median": median(seconds), "max": max(seconds)}
    return {name: round(figure, 3) for name, figure in figures.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill a demo while it trades, and look at what is left.")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, required=True)
    asked = parser.parse_args()
    killer = Killer(asked.home, asked.seed, asked.count, lambda said: print(said, file=sys.stderr, flush=True))  # noqa: T201
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        killer.run()
    except Stuck as error:
        killer.tally.problems.append(str(error))
    print(json.dumps(report(killer), indent=1))  # noqa: T201 - that is what it is for
    return 1 if killer.tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())
