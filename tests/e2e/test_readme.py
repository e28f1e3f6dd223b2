"""The README's first session: its ten commands, run as they stand there, in the two shells that it speaks of."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.e2e.conftest import ROOT

PAGES = ("README.md", "README.zh-CN.md")
TEN = 10
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.1
NOT_ACTIVE = "not_active"
FEW_PAIRS = 2
_ENDED = "ended with"
_MORE_PULSES = {"PERPBOT_DEMO__PULSES_PER_MINUTE": "30", "PERPBOT_DEMO__PULSE_SECONDS": "1"}
"""Ten times as many gaps as shipped, so that the test need not wait for them."""
Found = TypeVar("Found")


def session(page: str) -> list[str]:
    """The commands of the first session, without their comments."""
    text = (ROOT / page).read_text(encoding="utf-8")
    block = next(each for each in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "make demo " in each)
    return [re.split(r"\s+# ", line)[0] for line in block.splitlines()]


class Shell:
    """One shell in which commands are typed; what they print is kept, without a terminal."""

    def __init__(self, folder: Path, home: Path, log: Path) -> None:
        ours = {
            name: value for name, value in os.environ.items() if not name.startswith(("PERPBOT_", "MAKE", "MFLAGS"))
        }
        self._out, self._err = log.with_suffix(".out"), log.with_suffix(".err")
        self._number = 0
        with self._out.open("w") as out, self._err.open("w") as err:
            self._process = subprocess.Popen(
                ["bash", "--noprofile", "--norc"],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                text=True,
                cwd=folder,
                env={**ours, **_MORE_PULSES, "PERPBOT_HOME": str(home)},
                start_new_session=True,
            )

    def type(self, command: str) -> Callable[[], str]:
        """Type a command; what is returned waits for its end, and returns what it printed if it went well."""
        assert self._process.stdin is not None
        self._number += 1
        mark = f"{_ENDED} {self._number}:"
        began = len(self._out.read_text())
        self._process.stdin.write(f"{command}\necho '{mark}' $?\n")
        self._process.stdin.flush()

        def ended() -> str:
            printed = reached(command, lambda: self._printed(began, mark))
            text, _, code = printed.rpartition(mark)
            assert int(code) == 0, f"{command}: {printed}{self._err.read_text()[-2000:]}"
            return text

        return ended

    def run(self, command: str) -> str:
        """Type a command and wait for its end; what it printed."""
        return self.type(command)()

    def end(self) -> None:
        """Kill the shell and what it started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def _printed(self, began: int, mark: str) -> str | None:
        text = self._out.read_text()[began:]
        return text if re.search(rf"{mark} \d+\n", text) else None


def reached(what: str, look: Callable[[], Found | None]) -> Found:
    """Look until there is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS  # noqa: TID251 - of the machine
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:g} s: {what}"  # noqa: TID251 - of the machine
        time.sleep(LOOK_SECONDS)  # noqa: TID251 - a real process takes real time
    return found


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that holds what the repository holds, for what the commands write to end up in."""
    if not (ROOT / ".venv" / "bin" / "perpbot").exists():
        pytest.skip("README session: .venv is missing; `make install` makes it")
    folder = tmp_path / "clone"
    folder.mkdir()
    for each in ROOT.iterdir():
        (folder / each.name).symlink_to(each)
    return folder


@pytest.fixture
def shells(clone: Path, home: Path, tmp_path: Path) -> Iterator[tuple[Shell, Shell]]:
    first, second = (Shell(clone, home, tmp_path / name) for name in ("first", "second"))
    yield first, second
    first.end()
    second.end()


def asked(shell: Shell, command: str) -> Any:
    """What a command says as JSON; ``None`` if it fails."""
    told = shell.run(f"{command} --json 2>&1 || true").splitlines()
    return json.loads(told[-1]) if told and told[-1].startswith("{") else None


def going(shell: Shell, pairs: int) -> Any:
    """The status of a bot that has recovered and opened so many pairs, else nothing."""
    told = asked(shell, "perpbot status")
    return told if told and told["pid"] and told["recovered"] and told["pairs"]["opened"] >= pairs else None


def refused(shell: Shell) -> int:
    """How many candidates the trading state refused."""
    told = asked(shell, "perpbot why")
    return sum(step["count"] for step in told["reasons"] if step["reason"] == NOT_ACTIVE)


def test_both_pages_have_the_same_ten_commands() -> None:
    """They differ in their comments alone."""
    english, chinese = map(session, PAGES)
    assert len(english) == TEN
    assert english == chinese


def test_the_first_session_leads_from_a_clone_to_a_paused_explained_and_restarted_demo(
    shells: tuple[Shell, Shell], clone: Path, home: Path
) -> None:
    """Each command ends well, and what the page says of it is so."""
    first, second = shells
    demo, activate, status, pause, why, tighten, start, stop, again, report = session(PAGES[0])
    demo_ended = first.type(demo)
    second.run(activate)
    reached("a demo that trades", lambda: going(second, FEW_PAIRS))
    assert "ACTIVE (demo)" in second.run(status)

    assert "nothing opens any more" in second.run(pause)
    attempted = asked(second, "perpbot status")["pairs"]["attempted"]
    reached("a gap that the pause refuses", lambda: refused(second))
    explained = second.run(why)
    assert NOT_ACTIVE in explained
    assert "trading state forbids openings" in explained
    paused = asked(second, "perpbot status")
    assert (paused["state"], paused["pairs"]["attempted"]) == ("REDUCING", attempted)

    assert second.run(tighten) == "risk.max_risk_pct is 0.02, was 0.05\n"
    assert second.run(start) == "trading\n"
    reached("a pair after the start", lambda: going(second, attempted + 1))
    assert second.run(stop).startswith("stopped; ")
    assert "invariants" in demo_ended()
    before = {each["pair_id"]: each for each in asked(second, "perpbot pairs")["pairs"]}
    stopped = asked(second, "perpbot status")

    again_ended = first.type(again)
    resumed = reached("a demo that goes on", lambda: going(second, 0))
    assert resumed["pairs"]["attempted"] >= stopped["pairs"]["attempted"]
    reached("a pair after the restart", lambda: going(second, stopped["pairs"]["opened"] + 1))
    second.run(report)
    page = (clone / "report.html").read_text(encoding="utf-8")
    after = {each["pair_id"]: each for each in asked(second, "perpbot pairs")["pairs"]}
    closed = {name: each for name, each in before.items() if each["state"] == "CLOSED"}
    assert closed
    assert {name: after[name] for name in closed} == closed
    assert set(before) < set(after)
    risk = asked(second, "perpbot risk")
    limit, equity = risk["per_trade"]["trade_risk"], risk["account"]["equity"]
    assert Decimal(limit) == pytest.approx(Decimal(equity) * Decimal("0.02"), rel=Decimal("0.01"))
    explained = (ROOT / "docs" / "guide" / "operating.md").read_text(encoding="utf-8")
    assert [file.name for file in home.iterdir() if f"`{file.name}`" not in explained] == []
    second.run(stop)
    assert "0 violated" in again_ended()
    assert page.startswith("<!doctype html>")
