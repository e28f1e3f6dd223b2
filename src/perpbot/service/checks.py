"""Invariants that are checked every loop, and the comparison of our books with the exchanges'."""

from __future__ import annotations

from decimal import Decimal

import structlog

from perpbot.core.events import PositionFound
from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName, PairId, Symbol
from perpbot.core.pairs import PairState
from perpbot.core.positions import Position
from perpbot.ledger.ledger import EARLIER
from perpbot.service.parts import Parts
from perpbot.service.recovery import CAUSE

log = structlog.get_logger(__name__)


def check_turn(parts: Parts) -> None:
    """Capital, pairs and equity at this moment."""
    _check_capital(parts)
    _check_pairs(parts)
    _check_identity(parts)


def _check_capital(parts: Parts) -> None:
    """I1, I2 and I4, as capital itself finds them."""
    broken = {each.invariant: each.detail for each in parts.capital.find_violations()}
    for invariant in ("I1", "I2", "I4"):
        parts.invariants.check(invariant, invariant not in broken, broken.get(invariant, ""))


def _check_pairs(parts: Parts) -> None:
    """I4 and I10: both exchanges are reserved for a live pair, and a pair at rest is hedged or quarantined."""
    reservations = {reservation.reservation_id: reservation for reservation in parts.capital.live}
    flying = {pair.pair_id for pair in parts.executor.in_flight()}
    for pair in parts.pairs.live():
        reservation = reservations.get(pair.reservation_id) if pair.reservation_id else None
        both = reservation is not None and set(reservation.allocations) == set(pair.exchanges)
        parts.invariants.check("I4", both, f"{pair.pair_id}: capital is not held on both exchanges")
        if pair.pair_id not in flying:
            loud = pair.state is PairState.QUARANTINED
            matched = parts.executor.hedged(pair)
            parts.invariants.check("I10", loud or matched, f"{pair.pair_id} is {pair.state} and not hedged")


def _check_identity(parts: Parts) -> None:
    """I19: per exchange, equity is what was paid in and what the accounts say; owners add up to the total."""
    valuation = parts.account.mark()
    ledger = parts.ledger
    for exchange in ledger.exchanges:
        booked = ledger.deposits(exchange) + ledger.exchange_accounts(exchange).total
        expected = booked + valuation.unrealized.get(exchange, ZERO)
        found = valuation.equity(exchange)
        parts.invariants.check("I19", found == expected, f"{exchange}: equity {found}, accounts say {expected}")
    owners = sum((each.total for each in ledger.attribution(parts.market).values()), ZERO)
    gained = valuation.total - sum((ledger.deposits(exchange) for exchange in ledger.exchanges), ZERO)
    parts.invariants.check("I19", owners == gained, f"owners add up to {owners}, equity changed by {gained}")


async def reconcile(parts: Parts) -> list[tuple[ExchangeName, Symbol, Position | None]]:
    """Ask for every unsettled order, and compare positions where nothing is under way (I7). Returns positions read."""
    flying = {pair.pair_id for pair in parts.executor.in_flight()}
    for order in parts.tracker.unsettled():
        if order.request.pair_id not in flying:
            await parts.tracker.refresh(order.client_order_id)
    seen = []
    for exchange, symbol in dict.fromkeys([*parts.tracker.traded(), *parts.foreign.all()]):
        if exchange not in parts.outside.trading:  # it has left, and nothing of ours is there
            continue
        _check_books(parts, exchange, symbol)
        position = await _compare(parts, exchange, symbol)
        if position is not _UNREAD:
            seen.append((exchange, symbol, position))
    for exchange in parts.outside.trading:
        await _compare_balance(parts, exchange)
    return seen  # type: ignore[return-value]


async def _compare_balance(parts: Parts, exchange: ExchangeName) -> None:
    """I19 from outside: while all is flat, a simulated exchange's own account holds to the digit what the ledger says.

    Real accounts are moved by others too; and single orders beside pairs are netted by the exchange, not by the ledger.
    """
    ledger = parts.ledger
    if (
        parts.mode == "live"
        or CAUSE in parts.status.blocks(exchange)
        or parts.foreign.on(exchange)
        or any(parts.pairs.find(PairId(owner)) is None for owner in ledger.owners if owner != EARLIER)
    ):
        return
    version = ledger.version
    try:
        balance = await parts.outside.exchanges[exchange].get_balance()
    except Exception as error:  # noqa: BLE001 - whatever an adapter raises, nothing was read
        log.warning("balance not read", exchange=exchange, error=f"{type(error).__name__}: {error}")
        return
    quiet = ledger.version == version and not any(each.exchange == exchange for each in parts.tracker.unsettled())
    if quiet and not any(ledger.lots(exchange)):
        held, booked = balance.balance, ledger.balance(exchange)
        parts.invariants.check("I19", held == booked, f"{exchange}: the exchange's account holds {held}, ours {booked}")


_UNREAD = object()


def _check_books(parts: Parts, exchange: ExchangeName, symbol: Symbol) -> None:
    """I8: what orders filled, by their reports, and what the ledger booked, by its trades, are the same position."""
    missing = [each for each in parts.tracker.unsettled() if (each.exchange, each.symbol) == (exchange, symbol)]
    if missing:
        return
    filled, booked = parts.tracker.position(exchange, symbol), parts.ledger.position(exchange, symbol)
    parts.invariants.check("I8", filled == booked, f"{exchange} {symbol}: {filled} filled, {booked} booked")


def _compare_held(parts: Parts, exchange: ExchangeName, symbol: Symbol, held: Decimal) -> None:
    """I7. What nobody of ours holds may change without us, once it was found."""
    if CAUSE in parts.status.blocks(exchange):  # it was never compared since the start: recovery does that
        return
    ours, foreign = parts.tracker.position(exchange, symbol), parts.foreign.amount(exchange, symbol)
    if parts.foreign.known(exchange, symbol) and held - ours != foreign:
        parts.foreign.take(PositionFound(exchange, symbol, held - ours))
        return
    detail = f"{exchange} {symbol}: exchange holds {held}, our books {ours + foreign}"
    parts.invariants.check("I7", held == ours + foreign, detail)


async def _compare(parts: Parts, exchange: ExchangeName, symbol: Symbol) -> Position | object | None:
    before = parts.tracker.position(exchange, symbol)
    quiet = not parts.tracker.live_in(exchange, symbol)
    try:
        position = await parts.outside.exchanges[exchange].get_position(symbol)
    except Exception as error:  # noqa: BLE001 - whatever an adapter raises, nothing was read
        log.warning("position not read", exchange=exchange, symbol=symbol, error=f"{type(error).__name__}: {error}")
        parts.status.block(exchange, "reads", "reads_failing")
        parts.reliability.record(exchange, False, parts.outside.clock.now_ns())
        return _UNREAD
    parts.reliability.record(exchange, True, parts.outside.clock.now_ns())
    parts.status.unblock(exchange, "reads")
    after = parts.tracker.position(exchange, symbol)
    if quiet and before == after and not parts.tracker.live_in(exchange, symbol):
        _compare_held(parts, exchange, symbol, position.signed_size if position else ZERO)
    return position
