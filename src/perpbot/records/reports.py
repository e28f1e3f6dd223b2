"""Figures of everything a database holds: how pairs ended, what they brought, against what was expected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from perpbot.core.money import ZERO
from perpbot.core.pairs import PairState, count_endings
from perpbot.records import queries
from perpbot.records.curves import EquityCurve, read_curve
from perpbot.records.database import Database
from perpbot.records.rows import Row, iso

_BPS = Decimal(10_000)
_BPS_STEP = Decimal("0.0001")


def report(database: Database, curve: EquityCurve | None = None) -> dict[str, Any]:
    """The figures of one database. Amounts are USD; rates and shares are fractions; what is not known is ``None``.

    ``curve`` is the database's equity curve where it was read before.
    """
    curve = read_curve(database) if curve is None else curve
    pairs = queries.pairs(database)
    booked = queries.pnl(database)
    closed = [pair for pair in pairs if pair["state"] == PairState.CLOSED]
    slipped = _slippages(database)
    expected, realised = _sum(closed, "expected_pnl"), _sum(closed, "total")
    return {
        "period": _period(queries.equity_period(database), pairs),
        "pairs": count_pairs(pairs),
        "quarantined": [pair["pair_id"] for pair in pairs if pair["state"] == PairState.QUARANTINED],
        "won": sum(pair["total"] > 0 for pair in closed),
        "win_rate": _rate(closed),
        "pnl": {
            "price": booked.price,
            "fees": booked.fees,
            "funding": booked.funding,
            "gas": booked.gas,
            "total": booked.total,
        },
        "unrealized": curve.unrealized,
        "transfers": queries.transferred(database),
        "expected_pnl": expected,
        "closed_pnl": realised,
        "realised_share": _share(realised, expected),
        "mean_holding_seconds": _holding(closed),
        "best": _extreme(closed, max),
        "worst": _extreme(closed, min),
        "slippage_bps": _quantiles([bps for _, bps in slipped]),
        "max_drawdown": {"usd": curve.max_drawdown, "pct": curve.max_drawdown_pct},
        "by_symbol": {symbol: _of_symbol(pairs, symbol) for symbol in sorted({pair["symbol"] for pair in pairs})},
        "by_exit": _by_exit(closed),
        "by_exchange": _by_exchange(database, slipped),
    }


def count_pairs(pairs: Iterable[Row]) -> dict[str, int]:
    """How pairs ended."""
    return count_endings((PairState(pair["state"]), pair["ever_hedged"], pair["repaired"]) for pair in pairs)


def _of_symbol(pairs: list[Row], symbol: str) -> Row:
    mine = [pair for pair in pairs if pair["symbol"] == symbol]
    closed = [pair for pair in mine if pair["state"] == PairState.CLOSED]
    return {
        **count_pairs(mine),
        **_against(closed),
        "fees": _sum(mine, "fees"),
        "total": _sum(mine, "total"),
    }


def _by_exit(closed: list[Row]) -> dict[str, Row]:
    """Closed pairs by what ended them; those that nothing is noted for stand under ``unknown``."""
    found: dict[str, list[Row]] = {}
    for pair in closed:
        found.setdefault(pair["exit_reason"] or "unknown", []).append(pair)
    return {
        reason: {"closed": len(found[reason]), **_against(found[reason]), "fees": _sum(found[reason], "fees")}
        for reason in sorted(found, key=lambda reason: (-len(found[reason]), reason))
    }


def _against(closed: list[Row]) -> Row:
    """Expected against realised of closed pairs."""
    return {
        "win_rate": _rate(closed),
        "expected_pnl": _sum(closed, "expected_pnl"),
        "closed_pnl": _sum(closed, "total"),
    }


def _by_exchange(database: Database, slipped: list[tuple[str, Decimal]]) -> dict[str, Row]:
    """Exchanges with an account: what was traded there, what it cost, and what it holds now."""
    equity = queries.last_equity(database)
    return {
        traded.exchange: {
            "fills": traded.fills,
            "volume": traded.volume,
            "price": traded.accounts.price,
            "fees": traded.accounts.fees,
            "funding": traded.accounts.funding,
            "gas": traded.accounts.gas,
            "total": traded.accounts.total,
            "slippage_bps": _quantiles([bps for exchange, bps in slipped if exchange == traded.exchange])["mean"],
            "equity": equity.get(traded.exchange),
        }
        for traded in queries.trades_by_exchange(database)
        if traded.fills or traded.exchange in equity
    }


def _rate(closed: list[Row]) -> float | None:
    """The share of closed pairs that brought something after all costs."""
    return round(sum(pair["total"] > 0 for pair in closed) / len(closed), 6) if closed else None


def _share(realised: Decimal, expected: Decimal) -> float | None:
    """How much of what was expected came true."""
    return round(float(realised / expected), 6) if expected > 0 else None


def _sum(rows: Iterable[Row], column: str) -> Decimal:
    return sum((row[column] for row in rows), ZERO)


def _holding(closed: list[Row]) -> float | None:
    """How long pairs stood hedged on average."""
    spans = [pair["closed_ns"] - pair["opened_ns"] for pair in closed if pair["opened_ns"] and pair["closed_ns"]]
    return round(sum(spans) / len(spans) / 1_000_000_000, 3) if spans else None


def _extreme(closed: list[Row], which: Callable[..., Row]) -> Row | None:
    if not closed:
        return None
    found = which(closed, key=lambda pair: pair["total"])
    return {key: found[key] for key in ("pair_id", "symbol", "expected_pnl", "total", "exit_reason")}


def _period(marked: tuple[int, int] | None, pairs: list[Row]) -> dict[str, Any] | None:
    """From the first to the last thing that was recorded."""
    times = list(marked or ())
    times += [pair[key] for pair in pairs for key in ("planned_ns", "closed_ns") if pair[key] is not None]
    if not times:
        return None
    start, end = min(times), max(times)
    return {
        "start_ns": start,
        "end_ns": end,
        "start": iso(start),
        "end": iso(end),
        "seconds": round((end - start) / 1_000_000_000, 3),
    }


def _slippages(database: Database) -> list[tuple[str, Decimal]]:
    """Exchange and slippage of every order with fills: average fill against decision price; worse is positive."""
    filled: dict[str, tuple[Decimal, Decimal]] = {}
    for fill in queries.fills(database):
        base, usd = filled.get(fill["client_order_id"], (ZERO, ZERO))
        filled[fill["client_order_id"]] = base + fill["size"], usd + fill["size"] * fill["price"]
    found = []
    for order in queries.orders(database):
        base, usd = filled.get(order["client_order_id"], (ZERO, ZERO))
        if base and order["decision_price"]:
            sign = 1 if order["side"] == "BUY" else -1
            found.append((order["exchange"], (usd / base / order["decision_price"] - 1) * sign * _BPS))
    return found


def _quantiles(slipped: list[Decimal]) -> dict[str, Decimal | None]:
    if not slipped:
        return {"mean": None, "p50": None, "p90": None}
    slipped = sorted(slipped)
    mean = sum(slipped, ZERO) / len(slipped)
    return {"mean": _bps(mean), "p50": _bps(_quantile(slipped, 50)), "p90": _bps(_quantile(slipped, 90))}


def _quantile(ordered: list[Decimal], percent: int) -> Decimal:
    """Nearest rank."""
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def _bps(value: Decimal) -> Decimal:
    return value.quantize(_BPS_STEP, rounding=ROUND_HALF_EVEN)
