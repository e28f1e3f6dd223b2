"""The command as a function: help, version, usage."""

from importlib import import_module

import click
import pytest

from perpbot import __version__
from perpbot.cli.command_line import run
from perpbot.cli.commands import COMMANDS, perpbot


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with what it is for."""
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_overview_says_what_the_command_says_of_itself(name: str) -> None:
    """The line in the overview stands there so that the command need not be imported; its own help begins so."""
    command = perpbot.get_command(click.Context(perpbot), name)
    assert command is not None
    assert command.name == name
    assert " ".join((command.help or "").split()).startswith(COMMANDS[name][1].rstrip("."))


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output."""
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"perpbot {__version__}\n"


def test_debug_adds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """Before the one line, wherever the option stands."""
    assert run(["replay", "/nowhere", "--debug"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert shown.splitlines()[-1].startswith("/nowhere: no such folder")


@pytest.mark.parametrize("arguments", [[], ["config"], ["journal"]])
def test_without_a_command_it_says_where_the_help_is(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line, not the whole help on one."""
    assert run(arguments) == 2
    path = " ".join(["perpbot", *arguments])
    assert capsys.readouterr().err == f"{path}: name a command; see {path} --help\n"


def test_every_module_of_the_table_exists() -> None:
    """And holds its command."""
    for name, (module, _) in COMMANDS.items():
        assert isinstance(getattr(import_module(f"perpbot.cli.{module}"), name.replace("-", "_")), click.Command)
