"""A venue's past made short: what can still be asked for, where its accounts stand, and nothing of how they came there.

Orders and payments come as past turns, then one state; ``restoring`` makes of them what all turns would have made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice, takewhile

from perpbot.core.events import FundingPaid
from perpbot.core.instruments import Instrument
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.orders import OrderStatus
from perpbot.simulation.venue.market import VenueMarket
from perpbot.simulation.venue.matching import Matcher
from perpbot.simulation.venue.orders import AccountName, VenueOrder
from perpbot.simulation.venue.turns import AccountState, OpenTurn, PastTurn, VenueState

PIECE = 10
"""Orders or payments in a past turn: as many as can be written without anybody waiting for it."""


def checkpoint(
    exchange: ExchangeName, matcher: Matcher, markets: Mapping[Symbol, VenueMarket], liquidations: int
) -> Iterator[PastTurn | VenueState]:
    """The facts as of this call, each made when it is taken: an order that has ended never changes, one that rests is
    copied at once."""
    resting = {
        order: replace(order, fills=list(order.fills)) for market in markets.values() for order in market.resting
    }
    orders = list(matcher.orders.values())
    payments = list(matcher.payments)
    state = _state(exchange, matcher, markets, liquidations)
    return chain(
        _orders(exchange, (resting.get(order, order) for order in orders)), _payments(exchange, payments), (state,)
    )


def forget(matcher: Matcher, before_ns: int, at_most: int) -> bool:
    """Forget the oldest orders that ended, and payments that were made, before ``before_ns``; whether there may be
    more."""
    old = takewhile(lambda order: order.accepted_ns < before_ns, matcher.orders.values())
    over = list(islice((order for order in old if not order.live and order.updated_ns < before_ns), at_most))
    for order in over:
        del matcher.orders[order.account, order.request.client_order_id]
    paid = takewhile(lambda each: each[1].timestamp_ns < before_ns, matcher.payments)
    payments = sum(1 for _ in islice(paid, at_most))
    del matcher.payments[:payments]
    return at_most in (len(over), payments)


def _orders(exchange: ExchangeName, orders: Iterable[VenueOrder]) -> Iterator[PastTurn]:
    turn = OpenTurn()
    known: dict[Symbol, Instrument] = {}
    for order in orders:
        changed = known.get(order.request.symbol) != order.instrument
        if turn and (changed or len(turn.accepted) == PIECE):
            yield turn.past(exchange)
            turn = OpenTurn()
        if changed:
            known[order.request.symbol] = order.instrument
            turn.listed.append(order.instrument)
        _add(turn, order)
    if turn:
        yield turn.past(exchange)


def _add(turn: OpenTurn, order: VenueOrder) -> None:
    turn.accept(order)
    turn.fills += [(order.account, fill) for fill in order.fills]
    if not order.live and order.status is not OrderStatus.FILLED:
        turn.ended.append((order.account, order.report()))


def _payments(exchange: ExchangeName, payments: list[tuple[AccountName, FundingPaid]]) -> Iterator[PastTurn]:
    for first in range(0, len(payments), PIECE):
        yield OpenTurn(funding=payments[first : first + PIECE]).past(exchange)


def _state(
    exchange: ExchangeName, matcher: Matcher, markets: Mapping[Symbol, VenueMarket], liquidations: int
) -> VenueState:
    settled = ((symbol, market.settled_ns()) for symbol, market in markets.items())
    return VenueState(
        exchange,
        tuple(market.instrument for market in markets.values()),
        tuple(
            AccountState(
                account.name,
                account.balance,
                tuple((symbol, held.contracts, held.entry_value) for symbol, held in account.holdings.items()),
            )
            for account in matcher.accounts.values()
        ),
        tuple((symbol, at_ns) for symbol, at_ns in settled if at_ns is not None),
        replace(matcher.numbers),
        liquidations,
    )
