"""All commands by name. What a command needs is imported when it is called, so that help answers at once."""

from __future__ import annotations

from importlib import import_module

import click

from perpbot import __version__
from perpbot.cli.options import did_you_mean

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Trade a generated market on embedded exchanges, in real time."),
    "status": ("status", "Say how the bot stands: state, exchanges, pairs, profit, and what to look at."),
    "start": ("verbs", "Trade: ends a pause and all freezes."),
    "pause": ("verbs", "Open nothing any more; exits go on."),
    "freeze": ("verbs", "Open nothing in some symbols, or anywhere, for a while."),
    "reduce": ("verbs", "Open nothing any more and close every open pair."),
    "halt": ("verbs", "Stop opening for good: a latch that outlives a restart."),
    "clear-halt": ("verbs", "Lift the latch of a halt."),
    "stop": ("verbs", "End the bot, in order."),
    "close": ("verbs", "Close one pair, or all of one symbol."),
    "resolve": ("verbs", "End the quarantine of a pair that its exchanges show flat."),
    "override": ("verbs", "Lift the stop after failures in a row for a while."),
    "reset-peak": ("verbs", "Take today's equity as the peak: ends the drawdown stop."),
    "safe-mode": ("verbs", "End the safe mode of an exchange."),
    "reweight": ("verbs", "Share the equity out among the pools anew."),
    "replay": ("replay", "Run a recording through the code that trades: what would it have done?"),
    "why": ("why", "Say why it did not trade: the reasons, counted, each with its nearest miss."),
    "report": ("report", "Sum up what was traded: pairs, PnL, slippage, drawdown."),
    "scan": ("scan", "Show the gaps between exchanges live, each with its break-even at the configured fees."),
    "positions": ("positions", "List the open positions, and the pair that each belongs to."),
    "pairs": ("listings", "List the pairs."),
    "orders": ("listings", "List the orders."),
    "trades": ("listings", "List the trades, one a fill."),
    "capital": ("account", "Show the pools of capital on every exchange."),
    "risk": ("account", "Show the limits and how much of each is used."),
    "export": ("export", "Write fills, orders, pairs, trades or equity as CSV."),
    "config": ("config", "Write, check and explain the configuration."),
    "journal": ("journal", "Check and show the journal."),
    "backup": ("backup", "Write all that a bot keeps into one archive, also while it runs."),
    "restore": ("backup", "Put the files of an archive in their place; what stands there moves aside."),
    "paper": ("paper", "Begin anew with the simulated exchanges' accounts."),
}
"""Name → module of this package, and the line that the overview shows."""


class Overview(click.Group):
    """The group of all commands; none is imported before it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as Click has it
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name.startswith("-"):
            return None  # an option in the wrong place: Click says which
        if cmd_name not in COMMANDS:
            raise click.UsageError(f"no such command {cmd_name!r}{did_you_mean(cmd_name, COMMANDS)}", ctx)
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"perpbot.cli.{module}"), cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as Click has it
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=Overview,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="`perpbot COMMAND --help` explains a command. `--debug` adds the traceback to an error.",
)
@click.version_option(__version__, prog_name="perpbot", message="%(prog)s %(version)s")
def perpbot() -> None:
    """Trade perpetual futures on several exchanges at once: both sides of a gap, with a stated worst case."""
