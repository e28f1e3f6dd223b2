"""A run's result as tables: what a replay or demo prints for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table

from perpbot.cli.failures import DONE, FAILED
from perpbot.cli.output import say, table, text, told
from perpbot.core.reasons import message


def show_run(to: Console, result: dict[str, Any], language: str = "en") -> None:
    """Print everything a run came to."""
    for each in _sections(result, language):
        to.print(each)


def judge(result: dict[str, Any]) -> int:
    """The exit code of a run; what makes it a failure is said on standard error."""
    died, violated = result.get("error"), result["invariants"]["violated"]
    if died:
        say(f"a part of the run died, so its figures are not whole: {died}; --debug shows its log")
    if violated:
        broken = ", ".join(f"{name} {count} times" for name, count in violated.items())
        say(f"invariants were violated: {broken}; `perpbot journal show --kind invariant_broken` says where")
    return FAILED if died or violated else DONE


def _sections(result: dict[str, Any], language: str) -> Iterable[RenderableType]:
    if "dataset" in result:
        yield f"[bold]{result['dataset']}[/bold]: {result['frames']:,} frames" + _speed(result)
        yield _gaps(result)
    yield _verdicts(result, language)
    yield _pairs(result)
    yield _profit(result)
    yield from _problems(result.get("problems", {}))
    invariants = result["invariants"]
    yield (
        f"invariants: {sum(invariants['checked'].values()):,} checks, {sum(invariants['violated'].values()):,} violated"
    )
    if result.get("assumed"):
        yield f"assumed: {', '.join(result['assumed'])}"


def _speed(result: dict[str, Any]) -> str:
    if "elapsed_seconds" not in result:
        return ""
    return f" in {result['elapsed_seconds']:.1f} s, {result['events_per_second']:,} a second"


def _gaps(result: dict[str, Any]) -> Table:
    bounds = list(dict.fromkeys(bps for counts in result["gaps_bps"].values() for bps in counts))
    headings = [f"≥ {bps} bps" for bps in bounds]
    made = table(
        "Gaps between two exchanges, before costs", "symbol", "updates", *headings, numbers=["updates", *headings]
    )
    for symbol, updates in sorted(result["updates"].items()):
        made.add_row(symbol, text(updates), *(text(result["gaps_bps"][symbol][bps]) for bps in bounds))
    return made


def _verdicts(result: dict[str, Any], language: str) -> Table:
    made = table(f"{result['opportunities']:,} candidates and how they ended", "reason", "", "count", numbers=["count"])
    for reason, count in sorted(result["verdicts"].items(), key=lambda item: -item[1]):
        made.add_row(reason, message(reason, language), text(count))
    return made


def _pairs(result: dict[str, Any]) -> Table:
    columns = told(result["pairs"], [result["pairs"]], always=("attempted", "opened", "closed", "open"))
    made = table("Pairs", "symbol", *columns, numbers=columns)
    for symbol, counts in sorted(result["pairs_by_symbol"].items()):
        made.add_row(symbol, *(text(counts[name]) for name in columns))
    made.add_row("all", *(text(result["pairs"][name]) for name in columns), style="bold")
    return made


def _profit(result: dict[str, Any]) -> Table:
    pnl, slippage = result["pnl"], result["slippage_bps"]
    made = table("PnL, USD", *pnl, "equity change", "slippage bps", numbers=[*pnl, "equity change", "slippage bps"])
    spread = f"mean {text(slippage['mean'])}, p90 {text(slippage['p90'])}"
    made.add_row(*pnl.values(), result["equity_change"], spread)
    return made


def _problems(problems: dict[str, Any]) -> Iterable[str]:
    """What is wrong with the recording, each named."""
    for exchange, by_symbol in problems.get("sequence_gaps", {}).items():
        for symbol, gap in by_symbol.items():
            yield f"[yellow]sequence gaps[/yellow]: {exchange} {symbol}: {gap['count']}, last {_plain(gap['last'])}"
    bad = problems.get("bad_frames", {"count": 0})
    if bad["count"]:
        yield f"[yellow]bad frames[/yellow]: {bad['count']:,}, first {_plain('; '.join(bad['first']))}"
    for stream in problems.get("no_snapshot", ()):
        yield f"[yellow]no snapshot[/yellow], so no book: {_plain(stream)}"
    for file, count in problems.get("clock_reversals", {}).items():
        yield f"[yellow]the recorder's clock went back[/yellow]: {file}: {count} times"


def _plain(shown: str) -> str:
    """Text of others, without what rich would take for markup."""
    return shown.replace("[", r"\[")
