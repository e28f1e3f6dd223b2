"""The documentation cannot lie: what the program has is in the reference, and the reference has nothing else."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


@pytest.mark.parametrize("name", ["commands.md", "settings.md", "reasons.md", "journal.md"])
def test_the_reference_is_what_the_program_says_of_itself(name: str) -> None:
    """After a change of a command, setting, reason or record: `make docs`."""
    assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == GENERATOR.pages()[name]


def test_no_page_of_the_reference_is_left_over() -> None:
    """A page that nothing makes any more would stay true by chance."""
    assert {path.name for path in (ROOT / "docs" / "reference").iterdir()} == set(GENERATOR.pages())
