"""Ends a quarantine by the operator's word, once the exchanges themselves show that nothing of the pair is left."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.errors import Refused
from perpbot.core.events import PairResolved, WrittenOff
from perpbot.core.money import ZERO, plain
from perpbot.core.names import ExchangeName, PairId
from perpbot.core.orders import Leg
from perpbot.core.pairs import Pair, PairState
from perpbot.service.parts import Parts
from perpbot.service.recall import resolve


async def resolve_pair(parts: Parts, pair_id: PairId, actor: str, note: str) -> str:
    """End the quarantine of a pair; what was done, in one line. Raises :class:`Refused` and changes nothing if an order
    of it is still unknown, an exchange cannot be read, or still holds something of it."""
    pair = parts.pairs.find(pair_id)
    if pair is None:
        raise Refused(f"no pair {pair_id}")
    if pair.state is not PairState.QUARANTINED:
        raise Refused(f"pair {pair_id} is {pair.state}, not QUARANTINED: there is nothing to resolve")
    for order in parts.tracker.orders_of(pair_id):
        await parts.tracker.refresh(order.client_order_id)
    if not parts.tracker.pair_settled(pair_id):
        raise Refused(f"pair {pair_id}: the outcome of an order is still unknown, see perpbot orders --pair {pair_id}")
    gone = [await _gone(parts, pair, leg) for leg in Leg]
    if parts.pairs.get(pair_id) != pair:
        raise Refused(f"pair {pair_id} changed while its exchanges were asked: see perpbot pairs, then resolve again")
    event = PairResolved(pair_id, pair.symbol, actor, note, tuple(each for each in gone if each is not None))
    _end(parts, pair, event)
    lost = sum((each.realized_usd for each in event.written_off), ZERO)
    return f"pair {pair_id} resolved" + (f"; its end brought {plain(lost)} USD" if event.written_off else "")


async def _gone(parts: Parts, pair: Pair, leg: Leg) -> WrittenOff | None:
    """What our books hold of a leg and the exchange shows gone; ``None`` if the leg is flat in both."""
    held, exchange = pair.leg(leg).open * leg.entry_side.sign, pair.leg(leg).exchange
    try:
        position = await parts.outside.exchanges[exchange].get_position(pair.symbol)
        balance = (await parts.outside.exchanges[exchange].get_balance()).balance
    except Exception as error:
        raise Refused(f"{exchange} cannot be read ({error}): nothing is resolved without it") from error
    found = position.signed_size if position else ZERO
    ours = parts.tracker.position(exchange, pair.symbol)
    if found - parts.foreign.amount(exchange, pair.symbol) != ours - held and found != ours - held:
        raise Refused(
            f"{exchange} still holds {plain(found)} contracts of {pair.symbol}: close them there, or `perpbot close "
            f"{pair.pair_id}`, then resolve"
        )
    return WrittenOff(exchange, held, _brought(parts, exchange, balance)) if held else None


def _brought(parts: Parts, exchange: ExchangeName, balance: Decimal) -> Decimal:
    """What the exchange's balance has that our books do not: the end of what is gone."""
    return balance - parts.ledger.balance(exchange)


def _end(parts: Parts, pair: Pair, event: PairResolved) -> None:
    """In one turn: journaled, out of the books, over."""
    parts.outside.journal.append(event)
    resolve(parts, event)
    for gone in event.written_off:
        parts.foreign.settle(gone.exchange, pair.symbol, gone.contracts)
    parts.executor.end_quarantine(pair.pair_id)
