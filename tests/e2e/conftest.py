"""The command as a user starts it: a process of its own, with a home of its own."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.recording import record

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, which must be one JSON object on one line and nothing else."""
        lines = self.out.splitlines()
        assert len(lines) == 1, self.out + self.err
        return json.loads(lines[0])

    def refusal(self) -> str:
        """The one line of an exit with code 2."""
        assert self.code == 2, self.out + self.err
        assert self.out == ""
        assert "Traceback" not in self.err
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


Perpbot = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def start(home: Path, folder: Path, *command: str) -> Perpbot:
    """What runs ``perpbot ARGUMENTS`` in ``folder`` with a ``PERPBOT_HOME``; ``command`` is another installation's."""
    program = command or (sys.executable, "-m", "perpbot")

    def run(*arguments: object, **environment: str) -> Ended:
        ours = ("PERPBOT_", "PYTHONPATH") if command else ("PERPBOT_",)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        done = subprocess.run(
            [*program, *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=folder,
            env={**inherited, "PERPBOT_HOME": str(home), **environment},
            timeout=120,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def perpbot(home: Path, tmp_path: Path) -> Perpbot:
    """Run ``perpbot ARGUMENTS`` with ``PERPBOT_HOME`` in the test's folder."""
    return start(home, tmp_path)


@pytest.fixture(scope="session")
def wheel_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the built wheel installed, and of this one only what the wheel depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    venv = folder / "venv"
    built = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(built, check=True, capture_output=True, text=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, capture_output=True)
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install", "--no-deps", "--no-index"]
    wheel = next(folder.glob("*.whl"))
    subprocess.run([*pip, "--quiet", "--disable-pip-version-check", str(wheel)], check=True, capture_output=True)
    site = next(venv.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return venv


@pytest.fixture
def installed(home: Path, tmp_path: Path, wheel_venv: Path) -> Perpbot:
    """Run the installed command, as a user has it who has nothing of the repository."""
    return start(home, tmp_path, str(wheel_venv / "bin" / "perpbot"))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A small recording that can be spoiled."""
    return record(tmp_path / "small")


TRADING = tuple(
    f"--set={setting}"
    for setting in (
        "exchanges.binance_usdm.taker_fee_pct=0.0001",
        "exchanges.binance_coinm.taker_fee_pct=0.0001",
        "arbitrage.basis_warmup_seconds=2",
        "execution.limit_mode=slippage",
    )
)
"""Settings at which the small recording's gap is traded."""
