"""The entry point."""

from __future__ import annotations

import signal
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process and exit with its code; no signal that comes while it ends changes that, and
    no Ctrl-C, however many, shows a traceback."""
    try:
        from perpbot.cli.command_line import run  # noqa: PLC0415 - takes long enough to be interrupted itself

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = INTERRUPTED
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)
