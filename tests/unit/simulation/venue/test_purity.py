"""The matching engine is pure: its room-mates do the waiting."""

import ast
from pathlib import Path

import perpbot.simulation.venue

ALLOWED = ("perpbot.core", "perpbot.simulation.venue")
PURE = {"__future__", "collections", "dataclasses", "decimal", "enum", "heapq", "itertools", "typing"}


def imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_the_venue_imports_the_words_and_nothing_that_waits_or_writes() -> None:
    """No asyncio, clock, random source, file or network; of this package core alone, so none of the bot's own books."""
    files = sorted(Path(perpbot.simulation.venue.__path__[0]).glob("*.py"))
    assert len(files) > 5
    for file in files:
        foreign = {name for name in imports(file) if not name.startswith(ALLOWED) and name.split(".")[0] not in PURE}
        assert foreign == set(), file.name
