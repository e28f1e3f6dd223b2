"""Compresses a journal's finished files, as a process of its own: the one that trades spends no time on it.

python -m perpbot.records.compressing JOURNAL
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from perpbot.records.segments import compress

_NICENESS = 15

if __name__ == "__main__":
    os.nice(_NICENESS)
    compress(Path(sys.argv[1]))
