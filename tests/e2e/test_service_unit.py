"""The systemd unit says what the program does: it starts, stops and fails as the unit counts on."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "perpbot.service"
PROGRAM = "/opt/perpbot/bin/perpbot"
START_SECONDS = 60

KNOWN = {
    "Unit": {"Description", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst"},
    "Service": {
        *("Type", "ExecStart", "User", "Group", "UMask", "StateDirectory", "StateDirectoryMode", "WorkingDirectory"),
        *("Environment", "EnvironmentFile", "KillSignal", "KillMode", "TimeoutStopSec"),
        *("Restart", "RestartSec", "RestartPreventExitStatus", "OOMScoreAdjust", "LimitCORE"),
        *("NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities", "ProtectSystem", "ProtectHome"),
        *("PrivateTmp", "PrivateDevices", "ProtectClock", "ProtectControlGroups", "ProtectHostname"),
        *("ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "ProtectProc", "RemoveIPC"),
        *("RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality"),
        *("SystemCallArchitectures", "SystemCallFilter", "SystemCallErrorNumber"),
    },
    "Install": {"WantedBy"},
}
"""Directives as systemd 252 has them, by section; another one must be looked up before it is added here."""

Directives = list[tuple[str, str, str]]


def directives() -> Directives:
    """Section, name and value of every line."""
    found: Directives = []
    section = ""
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals, line
            found.append((section, name, value))
    return found


def values(name: str) -> list[str]:
    return [value for _, each, value in directives() if each == name]


def value(name: str) -> str:
    (only,) = values(name)
    return only


def environment(home: Path) -> dict[str, str]:
    """What the unit sets, on top of a bare system, with the state in ``home``."""
    stated = dict(each.split("=", 1) for each in values("Environment"))
    assert stated["PERPBOT_HOME"] == f"/var/lib/{value('StateDirectory')}" == value("WorkingDirectory")
    return {"PATH": os.defpath, "LANG": "C.UTF-8", **stated, "PERPBOT_HOME": str(home)}


@contextmanager
def started(home: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The unit's own command, as its user's process would be."""
    program, *arguments = value("ExecStart").split()
    assert program == PROGRAM
    home.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "perpbot", *arguments, *more],
        cwd=home,
        env=environment(home),
        umask=int(value("UMask"), 8),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def trades(home: Path) -> bool:
    """Whether the bot has begun its run."""
    journals = [path for path in home.rglob("*journal*") if path.is_file()]
    return any(b"run_started" in path.read_bytes() for path in journals)


def wait_for_trading(process: subprocess.Popen[str], home: Path) -> None:
    deadline = time.monotonic() + START_SECONDS  # noqa: TID251 - a real process in real time
    while not trades(home):
        if process.poll() is not None or time.monotonic() > deadline:  # noqa: TID251
            process.kill()
            pytest.fail(f"it does not trade: {process.communicate()[1]}")
        time.sleep(0.05)  # noqa: TID251


def test_every_directive_is_known_and_stands_in_its_section() -> None:
    """A typo in a unit is ignored with a warning that nobody reads."""
    unknown = [(section, name) for section, name, _ in directives() if name not in KNOWN.get(section, set())]
    assert unknown == []


def test_it_stops_and_restarts_as_designed() -> None:
    """SIGTERM, with more time than the bot takes; after a crash but not after a refused configuration."""
    assert value("KillSignal") == "SIGTERM"
    assert int(value("TimeoutStopSec")) >= 10 + 2 + 10
    assert (value("Restart"), value("RestartPreventExitStatus")) == ("on-failure", "2")
    assert int(value("RestartSec")) >= 5
    assert int(value("StartLimitBurst")) * int(value("RestartSec")) < int(value("StartLimitIntervalSec"))
    assert values("ExecStop") == []


def test_it_has_no_more_rights_than_it_needs() -> None:
    """Its own user, its own folder, nothing to gain."""
    assert value("User") == "perpbot"
    assert (value("UMask"), value("StateDirectoryMode")) == ("0077", "0700")
    assert value("ProtectSystem") == "strict"
    assert value("CapabilityBoundingSet") == ""
    assert value("LimitCORE") == "0"
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictSUIDSGID"):
        assert value(name) == "yes", name


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit_as_it_is(tmp_path: Path) -> None:
    """Without a warning; the program's path is one that exists here."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text(encoding="utf-8").replace(PROGRAM, sys.executable), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if unit.name in line]
    assert said == []
    assert done.returncode == 0, done.stderr


def test_the_units_command_trades_until_its_signal_and_ends_with_code_0_in_time(tmp_path: Path) -> None:
    """And leaves nothing that others can read."""
    home = tmp_path / "home"
    with started(home) as process:
        wait_for_trading(process, home)
        process.send_signal(getattr(signal, value("KillSignal")))
        _, said = process.communicate(timeout=int(value("TimeoutStopSec")))
        assert process.returncode == 0, said
        assert "Traceback" not in said
    open_to_others = [path for path in home.rglob("*") if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    assert open_to_others == []


def test_a_refused_configuration_ends_with_the_code_that_is_not_tried_again(tmp_path: Path) -> None:
    """One line says why; starting it again would not help."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "perpbot.yaml").write_text("risk: {max_risk_pkt: 0.05}\n", encoding="utf-8")
    with started(home) as process:
        _, said = process.communicate(timeout=START_SECONDS)
        assert process.returncode == int(value("RestartPreventExitStatus"))
        assert "max_risk_pkt" in said
