"""A process that listens as a bot does and answers what it was told to: the client blocks, so it stands apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from perpbot.service.address import socket_path

_LISTEN = """
import json, socket, sys
answers = json.loads(sys.argv[2])
door = socket.socket(socket.AF_UNIX)
door.bind(sys.argv[1])
door.listen()
print("ready", flush=True)
while True:
    caller, _ = door.accept()
    with caller, caller.makefile("rw") as line:
        for text in line:
            request = json.loads(text)
            echo = {"status": "success", "detail": json.dumps(request)}
            line.write(json.dumps(answers.get(request.get("ask") or request["verb"], echo)) + "\\n")
            line.flush()
"""


@contextmanager
def answering(database: Path, answers: Mapping[str, Any] | None = None) -> Iterator[None]:
    """A bot on ``database``. It answers by verb or question; what is not in ``answers`` with the request itself."""
    command = [sys.executable, "-c", _LISTEN, str(socket_path(database)), json.dumps(answers or {})]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            process.kill()
