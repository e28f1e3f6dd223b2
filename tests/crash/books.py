"""A bot's books as one value: everything that outlives a run, to be compared whole."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from perpbot.core.money import realised
from perpbot.core.names import PairId, attempt_of
from perpbot.core.orders import Leg
from perpbot.core.positions import CapitalReservation
from perpbot.ledger.track import EquityTrack
from perpbot.service.parts import Parts

LASTING_BLOCKS = frozenset({"unknown_order", "foreign_position"})
"""Why nothing opens on an exchange, as far as the journal alone says it; the rest a start finds out again."""
BACKED = frozenset({"pools", "total", "reserved", "exposure", "exposure on", "loans"})
"""What a single order under way has a part in: a start takes its backing up with the order itself."""


def books_of(parts: Parts) -> dict[str, Any]:
    """All that matters in ``parts``, by name; two bots with equal books decide alike."""
    return {
        **_ledger(parts),
        **_capital(parts),
        **_risk(parts),
        **_orders(parts),
        **_pairs(parts),
    }


def _ledger(parts: Parts) -> dict[str, Any]:
    ledger = parts.ledger
    return {
        "balances": {
            name: (ledger.balance(name), ledger.deposits(name), ledger.transfers(name)) for name in ledger.exchanges
        },
        "accounts": {name: ledger.exchange_accounts(name) for name in ledger.exchanges},
        "owners": {owner: ledger.accounts(owner) for owner in ledger.owners},
        "lots": sorted(ledger.lots(), key=lambda lot: (lot.exchange, lot.symbol, lot.owner)),
        "hedged": dict(ledger._hedged),
        "last owners": dict(ledger._last_owner),
        "trades booked": set(ledger._trades),
        "payments booked": {
            key: {owner: share for owner, share in shares.items() if owner} for key, shares in ledger._funded.items()
        },
        "transfers booked": set(ledger._paid),
        "slippage": ledger.order_slippages(),
        "results": {
            key: result for key, result in parts.books._results.items() if parts.pairs.find(PairId(key[0])) is not None
        },
    }


def _capital(parts: Parts) -> dict[str, Any]:
    capital, names = parts.capital, sorted(parts.outside.trading)
    snapshot = capital.current_snapshot()
    modes = {name: capital._account(name).safe_mode for name in names}
    held = parts.executor._context.backing._held
    return {
        "pools": {name: snapshot[name]["pools"] for name in names},
        "total": snapshot["total"]["pools"],
        "figures": {name: [snapshot[name][key] for key in ("equity", "volume", "fees")] for name in names},
        "loans": {name: dict(capital._account(name)._loans) for name in names},
        "safe mode": {name: (mode.active, mode.drawdown_pct, mode._accepted_pct) for name, mode in modes.items()},
        "reserved": sorted(map(_amounts, capital.live)),
        "backing": {pair_id: sorted(map(_amounts, each)) for pair_id, each in held.items()},
    }


def _amounts(held: CapitalReservation) -> tuple[Any, ...]:
    return held.strategy, held.pool, held.amount, *held.allocations


def _risk(parts: Parts) -> dict[str, Any]:
    manager, failures = parts.manager, parts.manager.failures
    markets = sorted((name, symbol) for name, symbol in parts.outside.instruments if name in parts.outside.trading)
    tracks = {"total": parts.account._total, **parts.account._tracks}
    return {
        "exposure": {symbol: realised(held) for symbol, held in manager.exposure.by_symbol().items()},
        "exposure on": {market: realised(manager.exposure.on(*market)) for market in markets},
        "failures": (failures.count, failures._paused_until_ns),
        "override": (failures._lifted_until_ns, failures._lifted_trades),
        "failed pairs": set(parts.outcomes._failures),
        "cooldowns": dict(parts.guard._failed_ns),
        "stops": manager.stops,
        "equity": {name: (track.value, track.peak, track.drawdown_pct) for name, track in tracks.items()},
        "day": {name: _day(track, parts.outside.clock.now_ns()) for name, track in tracks.items()},
        "freezes": {symbol: parts.status._frozen[symbol] for symbol in parts.status.frozen()},
    }


def _day(track: EquityTrack, now_ns: int) -> tuple[Any, ...]:
    """What today brought; equity that does not move is not marked, so a day may have begun without a mark."""
    if track._day_end_ns is None or track._day_end_ns <= now_ns:
        return Decimal(0), Decimal(0)
    return track.daily_pnl_usd, track.daily_loss_pct


def _orders(parts: Parts) -> dict[str, Any]:
    tracker = parts.tracker
    unsettled = [tracker._orders[order.client_order_id] for order in tracker.unsettled()]
    return {
        "positions": {market: held for market in tracker.traded() if (held := tracker.position(*market))},
        "unsettled": {each.request.client_order_id: (each.order, each.traded, set(each.trades)) for each in unsettled},
        "live orders": sorted(order.client_order_id for order in tracker.live_orders()),
        "foreign": parts.foreign.all(),
        "blocks": {
            name: {cause: why for cause, why in parts.status.blocks(name).items() if why in LASTING_BLOCKS}
            for name in parts.outside.trading
        },
    }


def _pairs(parts: Parts) -> dict[str, Any]:
    pairs, tracker = parts.pairs, parts.tracker
    live = [pair.pair_id for pair in pairs.live()]
    return {
        "pairs": {pair.pair_id: pair for pair in pairs.pairs()},
        "endings": pairs.counts(),
        "live pairs": live,
        "orders of live pairs": {pair_id: tracker.orders_of(pair_id) for pair_id in live},
        "attempts": {
            (pair_id, leg): max(
                (attempt_of(each.client_order_id) for each in tracker.orders_of(pair_id) if each.request.leg is leg),
                default=0,
            )
            for pair_id in live
            for leg in Leg
        },
        "back-off": dict(pairs._backoff_until),
    }


def differences(found: Parts, expected: Parts) -> dict[str, tuple[Any, Any]]:
    """Where two bots' books are not the same: name → what ``found`` and ``expected`` have. Empty if they are equal.

    While a single order of ``expected`` is under way, what backs it is left out.
    """
    one, other = books_of(found), books_of(expected)
    backed = {each.reservation_id for held in expected.executor._context.backing._held.values() for each in held}
    loose = any(each.reservation_id not in backed for each in expected.capital.live)
    names = [name for name in other if not (loose and name in BACKED)]
    differing = {name: narrowed(one[name], other[name]) for name in names if one[name] != other[name]}
    reused = [key for key, number in other["attempts"].items() if found.pairs.last_attempt(*key) < number]
    return differing | ({"numbers given out again": (reused, [])} if reused else {})


def narrowed(one: Any, other: Any) -> tuple[Any, Any]:
    """What differs in two figures, for the eye: of mappings only where they do."""
    while isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in {**one, **other} if key not in one or key not in other or one[key] != other[key]]
        if len(keys) != 1:
            return {key: one.get(key) for key in keys}, {key: other.get(key) for key in keys}
        one, other = one.get(keys[0]), other.get(keys[0])
    return one, other
