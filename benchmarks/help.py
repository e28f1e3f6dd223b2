"""CPU seconds of ``perpbot --help``: what a shell user waits for. Run: ``python benchmarks/help.py``."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

REPEATS = 10
LIMIT_SECONDS = 0.3


def cpu_seconds() -> float:
    """User and system time of one run, as the machine counted it."""
    before = os.times()
    subprocess.run([sys.executable, "-m", "perpbot", "--help"], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def main() -> None:
    """Print the median and the slowest; exit with 1 if the slowest is over the limit."""
    cpu_seconds()  # the first run may compile
    runs = [cpu_seconds() for _ in range(REPEATS)]
    slowest = max(runs)
    print(f"perpbot --help: {statistics.median(runs):.3f} s of CPU, slowest {slowest:.3f} s, limit {LIMIT_SECONDS} s")
    sys.exit(slowest > LIMIT_SECONDS)


if __name__ == "__main__":
    main()
