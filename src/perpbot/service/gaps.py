"""The gaps between exchanges as they stand now, with what each would cost and how far it is from paying."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import isinf
from typing import Any

from perpbot.arbitrage.cases import PRICE
from perpbot.core.money import BPS, ONE, exact
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.verdicts import Verdict
from perpbot.pricing.basis import CloseGap
from perpbot.pricing.views import BookView
from perpbot.service.parts import Parts

_STEP = Decimal("0.0001")
_COSTS = (
    *("close_gap_bps", "edge_bps", "fees_bps", "funding_bps", "haircut_bps", "min_profit_bps"),
    *("break_even_bps", "distance_bps"),
)
_NOTHING = dict.fromkeys(_COSTS)


def gaps(parts: Parts) -> list[dict[str, Any]]:
    """Each symbol's ordered pairs of exchanges of which one trades or both do, the nearest to paying first.

    ``_bps`` are basis points: ``open_gap_bps`` is the sell exchange's bid over the buy exchange's ask;
    ``close_gap_bps`` the median of the close gap (the basis); ``edge_bps`` what lies between both, before costs;
    ``break_even_bps`` the open gap at which the smallest order leaves ``arbitrage.min_profit_pct`` after all costs,
    and ``distance_bps`` how much is missing to it. ``reason`` is why nothing opens there now (a code of
    :mod:`perpbot.core.reasons`), ``None`` where the gap does not stand out far enough to be asked about. What cannot
    be traded is ``tradable`` false and comes last: exchanges that are reference only are named in
    ``reference_only``, and have no basis and so no break-even.
    """
    now_ns = parts.outside.clock.now_ns()
    rows = [row for symbol in parts.outside.symbols for row in _of_symbol(parts, symbol, now_ns)]
    return sorted(rows, key=_nearness)


def _of_symbol(parts: Parts, symbol: Symbol, now_ns: int) -> Iterator[dict[str, Any]]:
    listed = [book for book in parts.market.books_of(symbol) if (book.exchange, symbol) in parts.outside.instruments]
    answers = {(found.buy_exchange, found.sell_exchange): found.verdict for found in parts.scanner.scan(symbol)}
    trading = parts.outside.trading
    for buy in listed:
        for sell in listed:
            if buy is not sell and (buy.exchange in trading or sell.exchange in trading):
                verdict = answers.get((buy.exchange, sell.exchange))
                yield _row(parts, buy, sell, verdict, now_ns)


def _row(parts: Parts, buy: BookView, sell: BookView, verdict: Verdict | None, now_ns: int) -> dict[str, Any]:
    symbol, names = buy.symbol, (buy.exchange, sell.exchange)
    gap = parts.basis.gap(symbol, *names)
    trading = parts.outside.trading
    stands = buy.ask > 0.0 and sell.bid > 0.0
    open_gap = PRICE.divide(exact(sell.bid), exact(buy.ask)) - ONE if stands else None
    return {
        "symbol": symbol,
        "buy_exchange": buy.exchange,
        "sell_exchange": sell.exchange,
        "tradable": gap is not None,
        "reference_only": [name for name in names if name not in trading],
        "buy_ask": exact(buy.ask) if buy.ask > 0.0 else None,
        "sell_bid": exact(sell.bid) if sell.bid > 0.0 else None,
        "open_gap_bps": None if open_gap is None else _bps(open_gap),
        **_costs(parts, gap, open_gap, now_ns),
        "fees_bps": _bps(parts.pricer.costs.round_trip_pct(symbol, *names)),
        "warm": gap is not None and gap.warm,
        "buy_age_seconds": _age(parts, buy.exchange, symbol, now_ns),
        "sell_age_seconds": _age(parts, sell.exchange, symbol, now_ns),
        **_answer(parts, gap, verdict),
    }


def _costs(parts: Parts, gap: CloseGap | None, open_gap: Decimal | None, now_ns: int) -> dict[str, Any]:
    """What comes off the open gap, as the scanner prices it; nothing before the basis is warm."""
    if gap is None:
        return _NOTHING
    if open_gap is None or not gap.warm:
        median = gap.median()
        return _NOTHING | {"close_gap_bps": None if median is None else _bps(exact(median))}
    case, minimum = parts.pricer.case(gap, now_ns), parts.pricer.settings.min_profit_pct
    break_even = case.break_even_gap_pct(minimum)
    return {
        "close_gap_bps": _bps(case.close_gap_pct),
        "edge_bps": _bps(open_gap - case.close_gap_pct),
        "funding_bps": _bps(case.funding_pct),
        "haircut_bps": _bps(case.haircut_pct),
        "min_profit_bps": _bps(minimum),
        "break_even_bps": _bps(break_even),
        "distance_bps": _bps(break_even - open_gap),
    }


def _answer(parts: Parts, gap: CloseGap | None, verdict: Verdict | None) -> dict[str, Any]:
    """Why nothing opens there now: the scanner's answer, and where that is yes, what forbids every opening."""
    if gap is None or verdict is None:
        return {"reason": None, "measured": None, "limit": None}
    if not verdict.approved:
        return {"reason": verdict.reason, "measured": verdict.measured, "limit": verdict.limit}
    refusal = parts.status.opening_refusal(gap.buy.symbol, (gap.buy.exchange, gap.sell.exchange))
    stop = next(iter(parts.manager.stops), None)
    if refusal is None and stop is not None:
        return {"reason": stop.reason, "measured": stop.measured, "limit": stop.limit}
    reason = verdict.reason if refusal is None else refusal[0]
    return {"reason": reason, "measured": verdict.measured, "limit": verdict.limit}


def _age(parts: Parts, exchange: ExchangeName, symbol: Symbol, now_ns: int) -> float | None:
    age = parts.market.age_seconds(exchange, symbol, now_ns)
    return None if isinf(age) else round(age, 3)


def _nearness(row: dict[str, Any]) -> tuple[Any, ...]:
    """What can be traded first; of that what misses least, then the widest gap."""
    distance, gap = row["distance_bps"], row["open_gap_bps"]
    return (
        not row["tradable"],
        distance is None,
        distance or 0,
        gap is None,
        -(gap or 0),
        row["symbol"],
        row["buy_exchange"],
        row["sell_exchange"],
    )


def _bps(fraction: Decimal) -> Decimal:
    return (fraction / BPS).quantize(_STEP)
