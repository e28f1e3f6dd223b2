"""Limits and how much of each is used, at one moment."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from perpbot.core.money import ZERO
from perpbot.core.reasons import message
from perpbot.core.verdicts import Verdict
from perpbot.service.parts import Parts


def risk_state(parts: Parts) -> dict[str, Any]:
    """Everything risk looks at before an opening; amounts in USD, ``_pct`` are fractions.

    A figure stands with its limit as ``{"measured", "limit"}``; ``stops`` is what forbids every opening now.
    """
    now = parts.outside.clock.now_ns()
    status, manager = parts.status, parts.manager
    return {
        "time_ns": now,
        "state": str(status.state),
        "reason": status.reason,
        "stops": [_stop(stop) for stop in manager.stops],
        "frozen": status.frozen(),
        "fast_market": list(manager.fast_market.frozen_symbols(now)),
        "account": _account(parts),
        "exposure": _exposure(parts),
        "exchanges": {name: _exchange(parts, name) for name in sorted(parts.outside.trading)},
        "per_trade": _per_trade(parts),
    }


def _account(parts: Parts) -> dict[str, Any]:
    account, risk, manager = parts.account, parts.settings.risk, parts.manager
    return {
        "equity": account.total_equity(),
        "drawdown_pct": _of(account.drawdown_pct(), risk.max_drawdown_pct),
        "daily_loss": _of(account.daily_loss_usd(), risk.daily_loss_limit),
        "daily_loss_pct": _of(account.daily_loss_pct(), risk.daily_loss_pct),
        "consecutive_failures": _of(manager.failures.count, risk.max_consecutive_failures),
        "live_pairs": _of(len(parts.pairs.live()), parts.settings.arbitrage.max_concurrent),
    }


def _exposure(parts: Parts) -> dict[str, Any]:
    limit = parts.settings.risk.max_symbol_exposure * parts.account.total_equity()
    held = parts.manager.exposure.by_symbol()
    return {symbol: _of(held.get(symbol, ZERO), limit) for symbol in parts.scanned}


def _exchange(parts: Parts, name: str) -> dict[str, Any]:
    return {
        "equity": parts.account.equity(name),
        "drawdown_pct": _of(parts.account.drawdown_pct(name), parts.settings.capital.drawdown_limit_pct),
        "safe_mode": parts.capital.in_safe_mode(name),
        "blocked_by": parts.status.blocks(name),
    }


def _per_trade(parts: Parts) -> dict[str, Decimal]:
    settings, equity = parts.settings, parts.account.total_equity()
    return {
        "trade_risk": settings.risk.max_risk_pct * equity,
        "position_size": settings.position.max_position_size,
        "worst_case_loss": settings.risk.worst_case_loss_pct * equity,
        "max_slippage_pct": settings.execution.max_slippage_pct,
        "min_profit_pct": settings.arbitrage.min_profit_pct,
    }


def _of(measured: Decimal | int, limit: Decimal | int) -> dict[str, Decimal | int]:
    return {"measured": measured, "limit": limit}


def _stop(stop: Verdict) -> dict[str, Any]:
    return {
        "reason": stop.reason,
        "english": message(stop.reason),
        "chinese": message(stop.reason, "zh"),
        "measured": stop.measured,
        "limit": stop.limit,
        "detail": stop.detail,
    }
