"""How a running service stands, as ``perpbot status`` says it."""

from __future__ import annotations

from typing import Any

from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName
from perpbot.core.pairs import PairState
from perpbot.exchanges.base import ExchangeBase
from perpbot.records.rows import iso
from perpbot.service.parts import Parts
from perpbot.service.summary import profit

_SECOND_NS = 1_000_000_000


def status(parts: Parts, *, started_ns: int, pid: int, recovered: bool = True) -> dict[str, Any]:
    """The object of ``status --json``; Decimals are USD. ``since`` is when the state was entered, ISO in UTC.

    Of an exchange, ``free`` is the collateral that nothing reserves. Until the start has ``recovered`` what earlier
    runs left, no account is known.
    """
    state, now = parts.status.state, parts.outside.clock.now_ns()
    valuation = parts.account.mark()
    return {
        "mode": parts.mode,
        "state": str(state),
        "reason": parts.status.reason,
        "since": iso(parts.status.since_ns),
        "uptime_seconds": round((now - started_ns) / _SECOND_NS, 1),
        "pid": pid,
        "epoch": parts.outside.ids.epoch,
        "recovered": recovered,
        "exchanges": {name: _exchange(parts, name, recovered) for name in _names(parts)},
        "pairs": parts.pairs.counts(),
        "quarantined": [pair.pair_id for pair in parts.pairs.live() if pair.state is PairState.QUARANTINED],
        "pnl": profit(parts.ledger, parts.market)["pnl"],
        "equity": valuation.total if recovered else None,
        "frozen": parts.status.frozen(),
        "stops": [stop.reason for stop in parts.manager.stops],
        "unexplained_positions": [
            {
                "exchange": exchange,
                "symbol": symbol,
                "contracts": contracts,
                "ours": parts.tracker.position(exchange, symbol),
            }
            for (exchange, symbol), contracts in sorted(parts.foreign.all().items())
        ],
    }


def _names(parts: Parts) -> list[ExchangeName]:
    """All that trade or give data."""
    outside = parts.outside
    return sorted({*outside.exchanges, *(exchange for exchange, _ in outside.instruments)} - outside.gone)


def _exchange(parts: Parts, name: ExchangeName, recovered: bool) -> dict[str, Any]:
    """One that only gives data has no connection of its own to ask: it counts as connected while it has a book."""
    trading, exchange, age = name in parts.outside.trading, parts.outside.exchanges.get(name), _data_age(parts, name)
    told: dict[str, Any] = {
        "connected": age is not None if exchange is None else exchange.connected,
        "trading": trading,
        "data_age_seconds": age,
        "safe_mode": trading and parts.capital.in_safe_mode(name),
        "blocked_by": parts.status.blocks(name),
    }
    if not trading and isinstance(raw := parts.outside.exchanges.get(name), ExchangeBase):
        told["reference_only"] = raw.reference_only_because()
    if trading and recovered:
        equity = parts.account.equity(name)
        reserved = sum((held.allocations.get(name, ZERO) for held in parts.capital.live), ZERO)
        told |= {"equity": equity, "reserved": reserved, "free": max(equity - reserved, ZERO)}
    return told


def _data_age(parts: Parts, name: ExchangeName) -> float | None:
    """Age of the newest book of the exchange, in seconds; ``None`` without any."""
    symbols = [symbol for exchange, symbol in parts.outside.instruments if exchange == name]
    found = [parts.market.freshness(name, symbol) for symbol in symbols]
    ages = [each.age_seconds for each in found if each.ready]
    return round(min(ages), 3) if ages else None
