"""Trades: an incoming order walks what stands against it, resting orders are filled, every trade is booked once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

from perpbot.core.events import AccountEvent, FundingPaid
from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId, ExchangeName, OrderId, Symbol, TradeId
from perpbot.core.orders import Fill, Liquidity, OrderRequest, OrderStatus
from perpbot.simulation.venue.account import Account
from perpbot.simulation.venue.market import Offer, VenueMarket
from perpbot.simulation.venue.orders import AccountName, VenueOrder, VenueReason
from perpbot.simulation.venue.turns import Numbers, OpenTurn


class Matcher:
    """All orders of one venue and what happens to them. ``outbox`` holds what accounts have not been told yet.

    ``turn`` takes what is to be kept, if anything is; ``orders`` and ``payments`` of funding are oldest first.
    """

    def __init__(self, exchange: ExchangeName, markets: Mapping[Symbol, VenueMarket], prefix: str) -> None:
        self.accounts: dict[AccountName, Account] = {}
        self.orders: dict[tuple[AccountName, ClientOrderId], VenueOrder] = {}
        self.outbox: dict[AccountName, list[AccountEvent]] = defaultdict(list)
        self.payments: list[tuple[AccountName, FundingPaid]] = []
        self.turn: OpenTurn | None = None
        self.self_trades_prevented = 0
        self._exchange = exchange
        self._markets = markets
        self._prefix = prefix
        self.numbers = Numbers()

    def accept(self, account: AccountName, request: OrderRequest, now_ns: int) -> VenueOrder:
        """Keep a new order under its client id."""
        number = self.numbers.orders + 1
        instrument = self._markets[request.symbol].instrument
        order_id = OrderId(f"{self._prefix}o{number}")
        order = VenueOrder(account, request, instrument, order_id, number, now_ns, updated_ns=now_ns)
        self.keep(order)
        if self.turn is not None:
            self.turn.accept(order)
        return order

    def keep(self, order: VenueOrder) -> None:
        """Know ``order`` from now on; the next one comes after it."""
        self.numbers.orders = max(self.numbers.orders, order.number)
        self.orders[order.account, order.request.client_order_id] = order

    def count_trade(self) -> int:
        """The number of one more trade."""
        self.numbers.trades += 1
        return self.numbers.trades

    def count_payment(self) -> int:
        """The number of one more payment."""
        self.numbers.payments += 1
        return self.numbers.payments

    def pay(self, account: AccountName, paid: FundingPaid) -> None:
        """Book a funding payment, and tell its account."""
        self.accounts[account].balance += paid.amount_usd
        self.payments.append((account, paid))
        self.outbox[account].append(paid)
        if self.turn is not None:
            self.turn.funding.append((account, paid))

    def match(self, order: VenueOrder, now_ns: int) -> None:
        """Walk what stands against ``order`` until it is filled, stopped, or nothing is left; then rest or end it."""
        market = self._markets[order.request.symbol]
        for offer in market.offers(order.side, order.limit):
            if offer.maker is not None and offer.maker.account == order.account:
                self.self_trades_prevented += 1
                order.end(OrderStatus.EXPIRED, VenueReason.SELF_TRADE, now_ns)
                break
            self._trade(market, order, offer, now_ns)
            if not self._wanted(order):
                break
        if order.live:
            self._rest_or_end(market, order, now_ns)
        market.forget_ended()
        self._tell(order)

    def fill_resting(self, order: VenueOrder, up_to: Decimal, at_ns: int) -> Decimal:
        """Fill a resting order at its own price by at most ``up_to``; returns what it took."""
        assert order.limit is not None, "only orders with a limit rest"
        return self._fill_maker(order, up_to, order.limit, at_ns)

    def end(self, order: VenueOrder, status: OrderStatus, reason: VenueReason, now_ns: int) -> None:
        """Finish ``order`` if it is live, and tell its account."""
        if order.live:
            order.end(status, reason, now_ns)
            self._markets[order.request.symbol].forget_ended()
            self._tell(order)

    def live(self, account: AccountName, symbol: Symbol | None = None) -> list[VenueOrder]:
        """Resting orders of ``account`` (in ``symbol``), oldest first."""
        markets = self._markets.values() if symbol is None else [self._markets[symbol]]
        found = [order for market in markets for order in market.resting if order.account == account and order.live]
        return sorted(found, key=lambda order: order.number)

    def _trade(self, market: VenueMarket, order: VenueOrder, offer: Offer, now_ns: int) -> None:
        size = order.instrument.round_size(min(offer.size, self._wanted(order)))
        if offer.maker is None:
            market.book.take(order.side.opposite, offer.price, size)
        else:
            size = self._fill_maker(offer.maker, size, offer.price, now_ns)
        if size:
            self._fill(order, size, offer.price, now_ns, Liquidity.TAKER)

    def _fill_maker(self, order: VenueOrder, up_to: Decimal, price: Decimal, at_ns: int) -> Decimal:
        size = order.instrument.round_size(min(up_to, self._wanted(order)))
        if size:
            self._fill(order, size, price, at_ns, Liquidity.MAKER)
            if order.live and not self._wanted(order):
                order.end(OrderStatus.CANCELLED, VenueReason.REDUCE_ONLY, at_ns)
            self._tell(order)
        return size

    def _fill(self, order: VenueOrder, size: Decimal, price: Decimal, at_ns: int, liquidity: Liquidity) -> None:
        instrument = order.instrument
        rate = instrument.taker_fee_pct if liquidity is Liquidity.TAKER else instrument.maker_fee_pct
        fill = Fill(
            self._exchange,
            instrument.symbol,
            order.order_id,
            order.request.client_order_id,
            TradeId(f"{self._prefix}t{self.count_trade()}"),
            order.side,
            price,
            size,
            instrument.fee(size, price, rate),
            instrument.fee_currency,
            liquidity,
            at_ns,
        )
        order.add(fill)
        self.accounts[order.account].book(instrument, fill)
        self.outbox[order.account].append(fill)
        if self.turn is not None:
            self.turn.fills.append((order.account, fill))
        self._end_idle_closings(order, at_ns)

    def _end_idle_closings(self, filled: VenueOrder, at_ns: int) -> None:
        """End the account's resting reduce-only orders that have nothing left to reduce."""
        for order in self._markets[filled.request.symbol].resting:
            if order is not filled and order.account == filled.account and not self._wanted(order) and order.live:
                order.end(OrderStatus.CANCELLED, VenueReason.REDUCE_ONLY, at_ns)
                self._tell(order)

    def _rest_or_end(self, market: VenueMarket, order: VenueOrder, now_ns: int) -> None:
        if not self._wanted(order):
            order.end(OrderStatus.CANCELLED, VenueReason.REDUCE_ONLY, now_ns)
        elif order.rests:
            market.rest(order)
        else:
            order.end(OrderStatus.CANCELLED, VenueReason.UNFILLED, now_ns)

    def _wanted(self, order: VenueOrder) -> Decimal:
        """Contracts the order may still trade: a reduce-only order no more than it can close."""
        if not order.live:
            return ZERO
        if not order.request.reduce_only:
            return order.remaining
        closable = self.accounts[order.account].closable(order.request.symbol, order.side)
        return max(ZERO, min(order.remaining, closable))

    def _tell(self, order: VenueOrder) -> None:
        report = order.report()
        self.outbox[order.account].append(report)
        if self.turn is not None and report.status.final and report.status is not OrderStatus.FILLED:
            self.turn.ended.append((order.account, report))
