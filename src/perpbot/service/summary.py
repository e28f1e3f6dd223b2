"""What a run came to, as the JSON that commands print: pairs, PnL, slippage, capital, verdicts, invariants."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from perpbot.core.money import ZERO, plain
from perpbot.core.ports import PriceView
from perpbot.ledger.ledger import Ledger
from perpbot.service.parts import Parts

_BPS_DIGITS = Decimal("0.0001")


def summarize(parts: Parts) -> dict[str, Any]:
    """All that a replay and a demo say alike; Decimals are strings."""
    counts = parts.verdicts.counts()
    return {
        "opportunities": sum(counts.values()),
        "verdicts": counts,
        "pairs": parts.pairs.counts(),
        "pairs_by_symbol": {symbol: parts.pairs.counts(symbol) for symbol in parts.scanned},
        "slippage_bps": slippage(parts.ledger),
        **profit(parts.ledger, parts.market),
        "capital": as_json(parts.capital.current_snapshot()),
        "invariants": parts.invariants.snapshot(),
    }


def profit(ledger: Ledger, prices: PriceView) -> dict[str, Any]:
    """PnL by account, transfers and change of equity, open positions at executable prices; USD."""
    booked, valuation = ledger.total_accounts(), ledger.value(prices)
    price = booked.price + sum(valuation.unrealized.values(), ZERO)
    total = price + booked.funding - booked.fees - booked.gas
    transfers = sum((ledger.transfers(exchange) for exchange in ledger.exchanges), ZERO)
    opened_with = sum((ledger.deposits(exchange) for exchange in ledger.exchanges), ZERO) - transfers
    return {
        "pnl": {
            "price": plain(price),
            "fees": plain(booked.fees),
            "funding": plain(booked.funding),
            "gas": plain(booked.gas),
            "total": plain(total),
        },
        "transfers": plain(transfers),
        "equity_change": plain(valuation.total - opened_with),
    }


def slippage(ledger: Ledger) -> dict[str, str | None]:
    """Mean and quantiles of the orders' slippage in basis points, worse is positive; ``None`` without fills."""
    bps = sorted(each.bps for each in ledger.order_slippages() if each.bps is not None)
    if not bps:
        return {"mean": None, "p50": None, "p90": None}
    mean = sum(bps, ZERO) / len(bps)
    return {"mean": _bps(mean), "p50": _bps(_quantile(bps, 50)), "p90": _bps(_quantile(bps, 90))}


def as_json(value: Any) -> Any:
    """Decimals as plain strings, at any depth."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value


def _quantile(ordered: list[Decimal], percent: int) -> Decimal:
    """Nearest rank."""
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(rank, 1) - 1]


def _bps(value: Decimal) -> str:
    return plain(value.quantize(_BPS_DIGITS, rounding=ROUND_HALF_EVEN))
