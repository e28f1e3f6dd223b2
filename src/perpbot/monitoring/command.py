"""Notices to a program."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from perpbot.config.secrets import is_secret_name
from perpbot.core.ports import Timers
from perpbot.monitoring.channel import DeliveryFailed
from perpbot.monitoring.settings import CommandSettings

LOOK_SECONDS = 0.02
"""How often it is looked whether the program has ended."""


class Command:
    """Runs a program for each notice, which it finds on its standard input as one line of JSON.

    Exit code 0 is a delivery. Its output is thrown away. It gets the environment without what is named like a secret:
    the exchanges' keys are not its business. When its time is up it is killed with all it has started.

    The program is started by the standard library, not by the event loop: that takes half a millisecond however much
    memory the bot has, where a loop that forks stands still for tens of them.
    """

    name = "command"

    def __init__(self, settings: CommandSettings, environ: Mapping[str, str], clock: Timers) -> None:
        self.shown = settings.argv[0]  # its arguments may hold a token
        self.timeout_seconds = settings.timeout_seconds
        self._argv = settings.argv
        self._environ = {name: value for name, value in environ.items() if not is_secret_name(name)}
        self._clock = clock

    async def deliver(self, body: bytes) -> None:
        try:
            process = self._start(body + b"\n")
        except OSError as error:
            raise DeliveryFailed(f"cannot be started ({error.strerror or type(error).__name__})") from None
        try:
            await self._ended(process)
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await self._ended(process)
        if process.returncode:
            raise DeliveryFailed(f"ended with code {process.returncode}")

    async def close(self) -> None:
        """Nothing is kept between notices."""

    def _start(self, content: bytes) -> subprocess.Popen[bytes]:
        with _filled_pipe(content) as standard_input:
            return subprocess.Popen(  # noqa: S603 - the operator's own program, and no shell
                self._argv,
                stdin=standard_input,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._environ,
                start_new_session=True,
            )

    async def _ended(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            await self._clock.sleep(LOOK_SECONDS)


@contextmanager
def _filled_pipe(content: bytes) -> Iterator[int]:
    """The end to read from of a pipe that holds all of ``content``: written before anyone reads, so nobody waits."""
    reading, writing = os.pipe()
    try:
        try:
            os.set_blocking(writing, False)
            written = os.write(writing, content)
        finally:
            os.close(writing)
        if written != len(content):
            raise DeliveryFailed(f"notice of {len(content)} bytes is too long")
        yield reading
    finally:
        os.close(reading)
