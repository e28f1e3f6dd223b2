"""Capital as the screen and the API show it: plain mappings with exact decimals, all in USD."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from perpbot.capital.account import ExchangeAccount
from perpbot.capital.pools import POOLS
from perpbot.capital.settings import CapitalSettings
from perpbot.core.money import ZERO, realised

_SUMMED = ("pool", "allocated", "available", "realized_pnl", "volume", "fees", "borrowed", "lent", "over_use")


def show(accounts: Iterable[ExchangeAccount], settings: CapitalSettings) -> dict[str, Any]:
    """Every account by its exchange, and ``total`` over all."""
    exchanges = {account.name: _show_account(account) for account in accounts}
    return {**exchanges, "total": _show_total(list(exchanges.values()), settings)}


def _show_account(account: ExchangeAccount) -> dict[str, Any]:
    sizes = account.sizes()
    return {
        "equity": account.equity,
        "drawdown_pct": account.safe_mode.drawdown_pct,
        "safe_mode": account.safe_mode.active,
        "volume": _sum(pool.volume for pool in account.pools.values()),
        "fees": _sum(pool.fees for pool in account.pools.values()),
        "shortfall": account.shortfall(),
        "pools": {name: _show_pool(account, name, sizes[name]) for name in POOLS},
    }


def _show_pool(account: ExchangeAccount, name: str, size: Decimal) -> dict[str, Any]:
    pool = account.pools[name]
    return {
        "name": name,
        "budget_pct": account.settings.shares[name],
        "pool": size,
        "allocated": pool.allocated,
        "available": size - account.committed(name),
        "used_pct": _used_pct(pool.allocated, size),
        "realized_pnl": pool.realized_pnl,
        "volume": pool.volume,
        "fees": pool.fees,
        "borrowed": account.borrowed(name),
        "lent": account.lent(name),
        "over_use": max(size - account.target(name), ZERO),
    }


def _show_total(exchanges: list[dict[str, Any]], settings: CapitalSettings) -> dict[str, Any]:
    summed = {key: _sum(shown[key] for shown in exchanges) for key in ("equity", "volume", "fees", "shortfall")}
    return {
        **summed,
        "drawdown_pct": max((shown["drawdown_pct"] for shown in exchanges), default=ZERO),
        "safe_mode": any(shown["safe_mode"] for shown in exchanges),
        "pools": {name: _show_total_pool(name, exchanges, settings) for name in POOLS},
    }


def _show_total_pool(name: str, exchanges: list[dict[str, Any]], settings: CapitalSettings) -> dict[str, Any]:
    total = {key: _sum(shown["pools"][name][key] for shown in exchanges) for key in _SUMMED}
    used = _used_pct(total["allocated"], total["pool"])
    return {"name": name, "budget_pct": settings.shares[name], **total, "used_pct": used}


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def _used_pct(allocated: Decimal, size: Decimal) -> Decimal:
    return realised(allocated / size) if size else ZERO
