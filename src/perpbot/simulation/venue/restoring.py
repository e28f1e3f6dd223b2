"""Accounts from what was kept of them: what was booked is booked again in the same order, to the last digit.

Orders that rested rest again, behind all that others show. Settlements that passed meanwhile are still to be paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from perpbot.core.errors import InputError
from perpbot.core.events import FundingPaid
from perpbot.core.instruments import Instrument
from perpbot.core.names import ClientOrderId, ExchangeName, OrderId, Symbol
from perpbot.core.orders import Fill, OrderReport
from perpbot.simulation.venue.account import Account, Holding
from perpbot.simulation.venue.market import VenueMarket
from perpbot.simulation.venue.matching import Matcher
from perpbot.simulation.venue.orders import AccountName, VenueOrder
from perpbot.simulation.venue.turns import AccountTurn, Kept, OrderAccepted, PastTurn, VenueState

BEHIND_ALL = Decimal("Infinity")
"""How much stands ahead of an order until a book says so."""


class Restoring:
    """Takes what was kept, in order; :meth:`finish` puts the orders on the book and says which instruments are new."""

    def __init__(self, exchange: ExchangeName, matcher: Matcher, markets: Mapping[Symbol, VenueMarket]) -> None:
        self.liquidations = 0
        self._exchange = exchange
        self._matcher = matcher
        self._markets = markets
        self._instruments: dict[Symbol, Instrument] = {}
        self._known_ns: dict[Symbol, int] = {}

    def take(self, kept: Kept) -> None:
        """Do again what a turn did; a state is as it says."""
        if isinstance(kept, VenueState):
            self._stand(kept)
            return
        self._know(kept)
        if not isinstance(kept, PastTurn):
            self._book(kept)

    def _know(self, turn: AccountTurn) -> None:
        self._list(turn.listed)
        for accepted in turn.accepted:
            self._accept(accepted)
        for account, fill in turn.fills:
            self._order(account, fill.client_order_id).add(fill)
        for account, report in turn.ended:
            self._end(account, report)
        self._matcher.payments += turn.funding

    def _book(self, turn: AccountTurn) -> None:
        for account, amount in turn.transfers:
            self._account(account).balance += amount
        for account, fill in turn.fills:
            self._fill(account, fill)
        for account, paid in turn.funding:
            self._pay(account, paid)
        for symbol, at_ns in turn.settled:
            self._known_ns[symbol] = max(at_ns, self._known_ns.get(symbol, at_ns))
        self.liquidations = turn.liquidations

    def finish(self) -> list[Instrument]:
        """Bring everything to today's instruments; returns those that changed since, or are new.

        Raises :class:`InputError` if a position or live order is of a market that is not listed any more.
        """
        for account in self._matcher.accounts.values():
            for symbol, holding in account.holdings.items():
                account.holdings[symbol] = replace(holding, instrument=self._listed(symbol))
        for order in self._matcher.orders.values():
            if order.live:
                order.instrument = self._listed(order.request.symbol)
                order.ahead = BEHIND_ALL
                self._markets[order.request.symbol].resting.append(order)
        for symbol, market in self._markets.items():
            market.now_ns = self._known_ns.get(symbol)
        listed = (market.instrument for market in self._markets.values())
        return [each for each in listed if self._instruments.get(each.symbol) != each]

    def _stand(self, state: VenueState) -> None:
        self._list(state.listed)
        for each in state.accounts:
            account = self._account(each.account)
            account.balance = each.balance
            account.holdings = {
                symbol: Holding(self._instruments[symbol], contracts, value)
                for symbol, contracts, value in each.holdings
            }
        self._known_ns = dict(state.settled)
        self._matcher.numbers = replace(state.numbers)
        self.liquidations = state.liquidations

    def _list(self, instruments: Iterable[Instrument]) -> None:
        self._instruments |= {instrument.symbol: instrument for instrument in instruments}

    def _account(self, name: AccountName) -> Account:
        return self._matcher.accounts.setdefault(name, Account(name))

    def _accept(self, accepted: OrderAccepted) -> None:
        request, order_id = accepted.request, OrderId(accepted.order_id)
        order = VenueOrder(
            accepted.account,
            request,
            self._instruments[request.symbol],
            order_id,
            accepted.number,
            accepted.accepted_ns,
            updated_ns=accepted.accepted_ns,
        )
        self._matcher.keep(order)

    def _fill(self, account: AccountName, fill: Fill) -> None:
        if not any(fill.symbol in each.holdings for each in self._matcher.accounts.values()):
            # settlements before this one found nothing to pay on
            self._known_ns[fill.symbol] = max(fill.timestamp_ns, self._known_ns.get(fill.symbol, 0))
        self._matcher.count_trade()
        self._matcher.accounts[account].book(self._instruments[fill.symbol], fill)

    def _end(self, account: AccountName, report: OrderReport) -> None:
        order = self._order(account, report.client_order_id)
        order.status, order.reason, order.updated_ns = report.status, report.reason, report.timestamp_ns

    def _pay(self, account: AccountName, paid: FundingPaid) -> None:
        self._matcher.accounts[account].balance += paid.amount_usd
        self._matcher.count_payment()

    def _order(self, account: AccountName, client_order_id: ClientOrderId) -> VenueOrder:
        return self._matcher.orders[account, client_order_id]

    def _listed(self, symbol: Symbol) -> Instrument:
        market, before = self._markets.get(symbol), self._instruments[symbol]
        if market is None:
            raise self._cannot_go_on(symbol, "is not listed now: list it again (demo.symbols)")
        now = market.instrument
        if (now.kind, now.multiplier) != (before.kind, before.multiplier):
            raise self._cannot_go_on(symbol, "has another contract now: use the PerpBot before")
        return now

    def _cannot_go_on(self, symbol: Symbol, why: str) -> InputError:
        return InputError(
            f"{self._exchange}: {symbol}, in which the paper account has a position or order, {why}, or begin anew "
            "with `perpbot paper reset`"
        )


def restore(
    exchange: ExchangeName, matcher: Matcher, markets: Mapping[Symbol, VenueMarket], past: Iterable[Kept]
) -> Restoring:
    """Take all of ``past``."""
    restoring = Restoring(exchange, matcher, markets)
    for kept in past:
        restoring.take(kept)
    return restoring
