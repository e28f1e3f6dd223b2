"""The demo's terminal screen: quotes with their age, why gaps were or were not taken, pairs, pools, PnL."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from perpbot.cli.output import frozen_symbols
from perpbot.core.commands import TradingState
from perpbot.core.money import ZERO
from perpbot.core.names import base_of
from perpbot.core.pairs import Pair, PairState
from perpbot.core.reasons import message

if TYPE_CHECKING:
    from perpbot.service.demo import Demo
    from perpbot.service.parts import Parts

_WIDE = 130
_ROWS = ((44, (7, 5)), (36, (4, 3)), (0, (2, 2)))
"""Terminal height from which so many opportunities and pairs are shown."""
_STATE_STYLE = {
    TradingState.ACTIVE: "bold green",
    TradingState.REDUCING: "bold yellow",
    TradingState.HALTED: "bold red",
}
_EFFECTS = {
    TradingState.REDUCING: ("nothing opens, exits go on", "`perpbot start` lets it open again"),
    TradingState.HALTED: ("halted, exits go on", "`perpbot clear-halt --reason WHY`, then `perpbot start`"),
}
"""What a state other than ACTIVE means, and what the operator may do about it in another shell."""


class DemoScreen:
    """Draws a running demo on the terminal; use as a context manager."""

    def __init__(self, console: Console, language: str = "en") -> None:
        self._language = language
        self._live = Live(console=console, auto_refresh=False, screen=False, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def draw(self, demo: Demo) -> None:
        """Show the demo as it is now."""
        width, height = self._live.console.size
        self._live.update(picture(demo, self._language, width, height), refresh=True)


def picture(demo: Demo, language: str = "en", width: int = 150, height: int = 50) -> RenderableType:
    """The whole screen, what matters most on top; a narrow terminal does without the reference exchanges."""
    parts = demo.service.parts
    recent, pairs = next(rows for least, rows in _ROWS if height >= least)
    return Group(
        _banner(demo, language),
        _profit(parts),
        _quotes(parts, references=width >= _WIDE),
        _pairs(parts, pairs),
        _verdicts(parts, language, recent),
        _pools(parts),
    )


def _banner(demo: Demo, language: str) -> RenderableType:
    parts = demo.service.parts
    pulses, state = demo.market.pulses, parts.status.state
    invented = pulses.parameters
    seconds = (demo.clock.now_ns() - demo.started_ns) // 1_000_000_000
    text = Text.assemble(
        ("SIMULATION", "bold black on yellow"),
        " generated market, no real money. Gaps are ",
        ("invented pulses", "bold"),
        f": {invented.per_minute:g} a minute per symbol, median {invented.median_bps:g} bps for "
        f"{invented.median_seconds:g} s ({pulses.count} so far).\n",
        ("state ", "dim"),
        (str(state), _STATE_STYLE[state]),
        ("   running ", "dim"),
        f"{seconds // 60}:{seconds % 60:02}",
        ("   seed ", "dim"),
        str(demo.seed),
        ("   quotes ", "dim"),
        f"{demo.service.quotes:,}",
        ("   Ctrl-C stops", "dim"),
        *_attention(parts, language),
    )
    return Panel(text, title="PerpBot demo", border_style="red" if state is TradingState.HALTED else "yellow")


def _attention(parts: Parts, language: str) -> Iterable[tuple[str, str]]:
    """A line for everything that keeps it from opening, or wants the operator; none while all is well."""
    state = parts.status.state
    if state in _EFFECTS:
        yield f"\n{_EFFECTS[state][0]}: {parts.status.reason}", _STATE_STYLE[state]
        yield f"   {_EFFECTS[state][1]}", "dim"
    if frozen := parts.status.frozen():
        yield f"\nfrozen: {frozen_symbols(frozen)}", "yellow"
    for stop in parts.manager.stops:
        yield f"\nnothing opens: {message(stop.reason, language)}", "red"
    if lost := [pair.pair_id for pair in parts.pairs.live() if pair.state is PairState.QUARANTINED]:
        yield f"\nQUARANTINED: {', '.join(lost)}", "bold red"
        yield "   `perpbot status` says what to do", "dim"


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", expand=True, pad_edge=False, box=box.SIMPLE_HEAD)


def _quotes(parts: Parts, *, references: bool) -> Table:
    table = _table("Quotes: bid / ask, age in ms")
    table.add_column("symbol")
    trading = parts.outside.trading
    listed = dict.fromkeys(exchange for exchange, _ in parts.outside.instruments)
    names = [name for name in listed if references or name in trading]
    for name in names:
        reference = "" if name in trading else " (reference)"
        table.add_column(name + reference, justify="right")
    now = parts.outside.clock.now_ns()
    for symbol in parts.outside.symbols:
        table.add_row(symbol, *(_quote(parts, name, symbol, now) for name in names))
    return table


def _quote(parts: Parts, exchange: str, symbol: str, now_ns: int) -> Text:
    quote = parts.market.quote(exchange, symbol)
    if quote is None:
        return Text("–", style="dim")
    tick = parts.outside.instruments[exchange, symbol].tick
    digits = max(0, -int(tick.normalize().as_tuple().exponent))
    age = parts.market.age_seconds(exchange, symbol, now_ns)
    style = "green" if age < 0.5 else "yellow" if age < 1 else "red"
    prices = f"{quote.bid:,.{digits}f} / {quote.ask:,.{digits}f} "
    return Text.assemble(prices, (f"{min(age * 1000, 99_999):5.0f}", style))


def _verdicts(parts: Parts, language: str, most: int) -> Table:
    table = _table("Opportunities, newest first")
    for name in ("symbol", "buy on", "sell on"):
        table.add_column(name)
    table.add_column("times", justify="right")
    table.add_column("why it was or was not taken", ratio=1, no_wrap=True, overflow="ellipsis")
    rows = [found for _, found in zip(range(most), parts.verdicts.recent(), strict=False)]
    for found in rows:
        style = "bold green" if found.verdict.approved else ""
        text = "taken" if found.verdict.approved else found.verdict.message(language)
        table.add_row(found.symbol, found.buy_exchange, found.sell_exchange, str(found.count), Text(text, style=style))
    _fill(table, most - len(rows), 5)
    return table


def _pairs(parts: Parts, most: int) -> Table:
    table = _table("Pairs: open ones, then the last to end")
    for name in ("pair", "symbol", "state", "bought", "sold"):
        table.add_column(name)
    for name in ("notional", "expected", "now"):
        table.add_column(f"{name} USD", justify="right")
    live = parts.pairs.live()
    over = [pair for pair in parts.pairs.pairs() if pair.state.final]
    rows = [*live, *reversed(over)][:most]
    worth = parts.ledger.attribution(parts.market) if live else {}
    for pair in rows:
        now = worth[pair.pair_id].total if pair.pair_id in worth else parts.ledger.accounts(pair.pair_id).total
        table.add_row(
            pair.pair_id,
            pair.symbol,
            _state(pair),
            _leg(pair.buy.exchange, pair.buy.open, base_of(pair.symbol)),
            _leg(pair.sell.exchange, pair.sell.open, base_of(pair.symbol)),
            f"{pair.notional:,.2f}",
            f"{pair.expected_pnl:,.4f}",
            _signed(now),
        )
    _fill(table, most - len(rows), 8)
    return table


def _state(pair: Pair) -> Text:
    reason = pair.exit_reason or pair.reason
    style = {PairState.HEDGED: "green", PairState.CLOSED: "dim", PairState.QUARANTINED: "bold red"}.get(
        pair.state, "yellow"
    )
    return Text(f"{pair.state.lower()}{f' ({reason})' if reason else ''}", style=style)


def _leg(exchange: str, contracts: Decimal, base: str) -> str:
    return f"{exchange} {contracts.normalize():f} {base}" if contracts else exchange


def _pools(parts: Parts) -> Table:
    table = _table("Capital by pool: allocated of pool, USD")
    snapshot = parts.capital.current_snapshot()
    for name in ("exchange", "equity", "drawdown", "wash", "arb", "reserve"):
        table.add_column(name, justify="left" if name == "exchange" else "right")
    for exchange, state in snapshot.items():
        pools = state["pools"]
        safe = " safe mode" if state["safe_mode"] else ""
        table.add_row(
            exchange,
            f"{state['equity']:,.2f}",
            f"{state['drawdown_pct']:.4%}{safe}",
            *(f"{pools[pool]['allocated']:,.0f} of {pools[pool]['pool']:,.0f}" for pool in ("wash", "arb", "reserve")),
        )
    return table


def _profit(parts: Parts) -> RenderableType:
    booked, valuation = parts.ledger.total_accounts(), parts.ledger.value(parts.market)
    unrealized = sum(valuation.unrealized.values(), ZERO)
    counts = parts.pairs.counts()
    broken = sum(parts.invariants.violated.values())
    text = Text.assemble(
        ("PnL ", "bold"),
        _signed(booked.total + unrealized),
        f" USD = price {booked.price + unrealized:,.4f} + funding {booked.funding:,.4f} − fees {booked.fees:,.4f}\n",
        ("pairs ", "bold"),
        *_counted(counts),
        f"  invariants {sum(parts.invariants.checked.values()):,} checked, ",
        (f"{broken} violated", "bold red" if broken else "green"),
    )
    return Panel(text, border_style="dim")


def _counted(counts: dict[str, int]) -> Iterable[str]:
    return [f"{count} {name}  " for name, count in counts.items()]


def _signed(amount: Decimal) -> Text:
    return Text(f"{amount:+,.4f}", style="green" if amount > 0 else "red" if amount < 0 else "dim")


def _fill(table: Table, rows: int, columns: int) -> None:
    """Empty rows, so that the screen does not jump."""
    for _ in range(rows):
        table.add_row(*[""] * columns)
