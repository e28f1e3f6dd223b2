"""The figures of the generated market.

Rows of BTC, ETH, SUI, KAITO and BERA were fitted by hand to recordings: two matching engines over six minutes of
2024-08-08 (the majors), winning quotes every five seconds over fourteen minutes of 2026-02-01 (the thin ones). They
describe those minutes, not other days. What no recording shows is an assumption and marked so.

Of the majors one engine leads and the others follow: the leader takes the fitted figures of the larger engine, every
follower those of the smaller one. Thin symbols have no leader: each exchange sees the common price when it refreshes.
Units: bps (1e-4 of price), milliseconds, seconds, USD, as the names say; rates are per second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from perpbot.core.names import ExchangeName, Symbol, base_of


@dataclass(frozen=True, slots=True)
class JumpRow:
    """Moves of the common price: rate, median and log-std of their size, and how the other engines follow.

    ``leader_share`` is the probability that the leader moves first; the others move by ``follow`` of it after
    ``delay_ms`` + Exp(``delay_spread_ms``); ``reverted`` of it does not last. ``seen_at_once`` is off for thin symbols.
    """

    rate: float
    median_bps: float
    log_std: float
    leader_share: float = 0.0
    follow: float = 0.0
    delay_ms: float = 0.0
    delay_spread_ms: float = 1.0
    reverted: float = 0.0
    seen_at_once: bool = True


@dataclass(frozen=True, slots=True)
class QuotingRow:
    """Requotes per second, their noise, and half the spread before the grid (0: always one tick wide)."""

    rate: float
    noise_bps: float
    half_spread_bps: float = 0.0


@dataclass(frozen=True, slots=True)
class FlowRow:
    """Taker orders as a Hawkes process, and the ticker updates that come with and without them.

    ``branching`` orders follow from each within 1 ÷ ``decay`` seconds on average, ``per_jump_bps`` from each basis
    point of a jump (of at most 6). ``side_persistence`` is the lag-1 autocorrelation of sides.
    """

    base_rate: float
    branching: float
    decay: float
    per_jump_bps: float
    ticker_rate: float
    updates_per_order: float
    order_usd: float
    order_log_std: float
    side_persistence: float


@dataclass(frozen=True, slots=True)
class DepthRow:
    """Top size (lognormal, refilling) and depth: USD within x bps are typical top + slope·(x − knee(1 − e^−x/knee))."""

    top_usd: float
    top_log_std: float
    refill_ms: float
    typical_top_usd: float
    slope_usd_per_bps: float
    knee_bps: float


@dataclass(frozen=True, slots=True)
class EngineRow:
    """All of one symbol on one kind of exchange."""

    quoting: QuotingRow
    flow: FlowRow
    depth: DepthRow


@dataclass(frozen=True, slots=True)
class SymbolRow:
    """One symbol: first price in USD, jumps, basis (constant, and the std and time constant of its slow drift).

    Thin symbols have no leader; there ``leader`` holds the figures of Extended and ``follower`` those of Paradex, the
    two exchanges they were recorded on.
    """

    price: float
    jumps: JumpRow
    basis_bps: float
    drift_bps: float
    drift_seconds: float
    leader: EngineRow
    follower: EngineRow


@dataclass(frozen=True, slots=True)
class DelayRow:
    """How long a frame is under way: Gamma, plus stalls that hold all frames and release them together."""

    shape: float
    scale_ms: float
    stalls_per_minute: float
    stall_per_order: float
    stall_ms: float
    stall_log_std: float
    stall_cap_ms: float


@dataclass(frozen=True, slots=True)
class ExchangeRow:
    """One exchange: whether it leads the majors, its share of a symbol's basis, its delays and thin figures."""

    name: ExchangeName
    trading: bool
    leads: bool
    basis_share: float
    delay: DelayRow
    thin_as_follower: bool = False


LEADER_DELAY = DelayRow(2.0, 0.6, 15.0, 0.14, 10.0, 0.8, 113.0)
FOLLOWER_DELAY = DelayRow(2.6, 1.9, 1.0, 0.07, 24.0, 0.7, 76.0)

# Assumption: which exchange leads, and how a symbol's basis is spread over them; recordings have two engines at a time.
EXCHANGES: tuple[ExchangeRow, ...] = (
    ExchangeRow("paradex", trading=True, leads=False, basis_share=1.0, delay=FOLLOWER_DELAY, thin_as_follower=True),
    ExchangeRow("extended", trading=True, leads=False, basis_share=0.0, delay=FOLLOWER_DELAY),
    ExchangeRow("okx", trading=False, leads=False, basis_share=0.5, delay=FOLLOWER_DELAY),
    ExchangeRow("binance", trading=False, leads=True, basis_share=0.0, delay=LEADER_DELAY),
)
"""The exchanges of the demo."""

_BTC = SymbolRow(
    price=61_800.0,
    jumps=JumpRow(0.75, 0.68, 0.92, 0.78, 0.84, 9.0, 7.0, 0.16),
    basis_bps=0.94,
    drift_bps=0.25,
    drift_seconds=150.0,
    leader=EngineRow(
        QuotingRow(0.55, 0.25),
        FlowRow(2.4, 0.77, 32.0, 1.6, 75.0, 7.5, 1_900.0, 2.2, 0.2),
        DepthRow(300e3, 0.95, 330.0, 193e3, 1_205e3, 3.0),
    ),
    follower=EngineRow(
        QuotingRow(0.45, 0.26),
        FlowRow(0.36, 0.70, 22.0, 0.35, 32.0, 10.0, 1_500.0, 2.0, 0.5),
        DepthRow(210e3, 1.0, 450.0, 126e3, 460e3, 2.5),
    ),
)
_ETH = SymbolRow(
    price=2_680.0,
    jumps=JumpRow(0.95, 0.86, 0.58, 0.76, 0.88, 7.0, 6.0, 0.12),
    basis_bps=2.4,
    drift_bps=0.22,
    drift_seconds=120.0,
    leader=EngineRow(
        QuotingRow(0.75, 0.28),
        FlowRow(2.1, 0.70, 32.0, 0.9, 75.0, 8.0, 600.0, 2.4, 0.3),
        DepthRow(75e3, 0.95, 300.0, 42e3, 500e3, 3.0),
    ),
    follower=EngineRow(
        QuotingRow(0.65, 0.30),
        FlowRow(0.38, 0.66, 22.0, 0.35, 26.0, 9.0, 600.0, 2.0, 0.5),
        DepthRow(40e3, 1.0, 220.0, 23e3, 292e3, 3.0),
    ),
)

# Assumption: orders, updates, sizes and depth of thin symbols are in no recording.
_THIN_FLOW = FlowRow(0.1, 0.5, 10.0, 0.05, 1.0, 2.0, 150.0, 1.5, 0.3)
_THIN_DEPTH = DepthRow(4e3, 0.9, 400.0, 3e3, 4e3, 2.0)


def _thin(  # the columns of the fitted table, in its order
    price: float,
    jumps: tuple[float, float, float],
    half_spreads: tuple[float, float],
    basis_bps: float,
    rates: tuple[float, float],
    noise_bps: float,
) -> SymbolRow:
    def engine(which: int) -> EngineRow:
        return EngineRow(QuotingRow(rates[which], noise_bps, half_spreads[which]), _THIN_FLOW, _THIN_DEPTH)

    moves = JumpRow(*jumps, seen_at_once=False)
    return SymbolRow(price, moves, basis_bps, 0.0, 1.0, leader=engine(1), follower=engine(0))


_SYMBOLS: Mapping[str, SymbolRow] = {
    "BTC": _BTC,
    "ETH": _ETH,
    "SUI": _thin(1.1157, (0.6, 1.30, 0.70), (0.45, 0.45), 13.5, (2.0, 1.5), 0.5),
    "KAITO": _thin(0.3535, (0.5, 1.95, 0.65), (0.15, 0.15), 5.3, (3.0, 2.5), 0.3),
    "BERA": _thin(0.4585, (0.5, 1.45, 0.70), (0.1, 1.2), 12.5, (1.5, 1.5), 0.8),
}
_DEFAULT = replace(_SYMBOLS["SUI"], price=10.0, basis_bps=3.0)  # assumption: an unknown symbol is thin, at 10 USD


def figures_of(symbol: Symbol) -> SymbolRow:
    """The row of ``symbol``; an unknown one is thin, starts at 10 USD and has a basis of 3 bps."""
    return _SYMBOLS.get(base_of(symbol), _DEFAULT)


def engine_row(row: SymbolRow, exchange: ExchangeRow) -> EngineRow:
    """The figures of one symbol on one exchange."""
    if row.jumps.seen_at_once:
        return row.leader if exchange.leads else row.follower
    return row.follower if exchange.thin_as_follower else row.leader
