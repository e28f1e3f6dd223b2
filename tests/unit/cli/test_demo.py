"""Where the demo draws its screen, and what it does where it cannot."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import structlog
from click.testing import CliRunner
from rich.console import Console

from perpbot.cli import demo


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with click.Context(click.Command("demo")):
        yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def draws(monkeypatch: pytest.MonkeyPatch, path: Path, term: str, *, headless: bool = False) -> bool:
    """Whether the demo draws on a terminal of this kind."""
    terminal = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": term})
    monkeypatch.setattr(demo, "console", lambda **_: terminal)
    with demo._screen(path, "en", headless=headless, as_json=False, budget_mb=1) as draw:
        return draw is not None


def test_a_terminal_that_cannot_redraw_is_told_so_instead_of_staying_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs as with --headless, and says that it does."""
    assert not draws(monkeypatch, tmp_path / "demo.db", "dumb")
    assert not draws(monkeypatch, tmp_path / "demo.db", "xterm", headless=True)
    assert capsys.readouterr().err.count("a simulation), without a screen; Ctrl-C stops it") == 2


@pytest.mark.parametrize("stated", [False, True])
def test_the_log_stands_in_the_state_folder_or_beside_a_stated_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: bool
) -> None:
    """Within the budget for logs. No other file of a database's folder is written to, whatever --db is called."""
    told: list[tuple[Path, int]] = []
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(demo, "log_to_file", lambda path, budget_mb, echo=False: told.append((path, budget_mb)))
    monkeypatch.setattr(demo, "run_demo", lambda *_, **__: {"open_pairs": []})
    monkeypatch.setattr(demo, "judge", lambda _: 0)
    options = ["--db", str(tmp_path / "mine.log")] if stated else []
    arguments = ["--headless", "--json", "--set", "storage.logs_mb=7", *options]
    CliRunner().invoke(demo.demo, arguments, catch_exceptions=False, standalone_mode=False)
    assert told == [(tmp_path / "mine.log.log" if stated else tmp_path / "home" / "logs" / "perpbot.log", 7)]
