"""The built wheel alone runs the demo: nothing of the checkout is needed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.conftest import Perpbot


def test_the_wheel_alone_trades(installed: Perpbot, wheel_venv: Path, tmp_path: Path) -> None:
    """A demo of a few seconds, from the wheel's own files, ends with exit code 0 and its figures."""
    where = [str(wheel_venv / "bin" / "python"), "-I", "-c", "import perpbot; print(perpbot.__file__)"]
    assert subprocess.check_output(where, cwd=tmp_path, text=True).startswith(str(wheel_venv))
    ran = installed("demo", "--seconds", 3, "--seed", 1, "--headless", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["quotes"] > 100
    assert ran.json["invariants"]["violated"] == {}
