"""The venue: takes orders of accounts, matches them against real depth and each other, and keeps the accounts.

Pure: time is handed in with every call (nanoseconds, our clock) and books are brought up to date lazily. What happens
to an account waits until :meth:`VenueEngine.collect` hands it out. Where the venue has a choice it takes the one that
costs: no size beyond what is shown, queue priority only when proved, and an order that would meet one of its own
account's resting orders ends there (``EXPIRED``, reason ``self_trade``; counted).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from perpbot.core.errors import InputError
from perpbot.core.events import AccountEvent, FundingPaid
from perpbot.core.instruments import Instrument, MarketStatus
from perpbot.core.money import ZERO
from perpbot.core.names import ClientOrderId, ExchangeName, Symbol
from perpbot.core.orders import Fill, OrderReport, OrderRequest, OrderStatus, OrderType, Side, TimeInForce
from perpbot.core.positions import Balance, Position
from perpbot.simulation.venue.account import Account
from perpbot.simulation.venue.checkpoint import checkpoint, forget
from perpbot.simulation.venue.margin import Margin
from perpbot.simulation.venue.market import Listing, VenueMarket
from perpbot.simulation.venue.matching import Matcher
from perpbot.simulation.venue.orders import AccountName, VenueReason
from perpbot.simulation.venue.restoring import restore
from perpbot.simulation.venue.rules import refusal
from perpbot.simulation.venue.turns import AccountTurn, Kept, OpenTurn, PastTurn, VenueState


class VenueEngine:
    """One simulated exchange. ``prefix`` begins every id it makes: one prefix a run keeps ids unique for ever.

    ``funding_rate`` is a fraction per funding interval, paid by longs when positive.
    """

    def __init__(
        self, exchange: ExchangeName, listings: Iterable[Listing], *, funding_rate: Decimal = ZERO, prefix: str = ""
    ) -> None:
        self.exchange = exchange
        self.funding_rate = funding_rate
        self.liquidations = 0
        self._prefix = prefix
        self._markets = {listing.instrument.symbol: VenueMarket(listing) for listing in listings}
        self._matcher = Matcher(exchange, self._markets, prefix)
        self._accounts = self._matcher.accounts
        self._margin = Margin(self._markets)
        self._keep: Callable[[AccountTurn], None] | None = None

    # accounts

    def resume(self, past: Iterable[Kept], keep: Callable[[AccountTurn], None]) -> None:
        """Restore the accounts as ``past`` has them, and hand ``keep`` every turn from now on before anyone is told.

        To be called first. Raises :class:`InputError` if a position is of a market that is not listed any more.
        """
        restored = restore(self.exchange, self._matcher, self._markets, past)
        self.liquidations = restored.liquidations
        self._keep = keep
        self._matcher.turn = OpenTurn(listed=restored.finish())
        self._close_turn()

    def checkpoint(self) -> Iterator[PastTurn | VenueState]:
        """What :meth:`resume` needs to know of all up to now, in pieces; they may be taken later, one at a time."""
        return checkpoint(self.exchange, self._matcher, self._markets, self.liquidations)

    def forget(self, before_ns: int, at_most: int) -> bool:
        """Forget orders and payments that were over before ``before_ns``, oldest first: they are unknown then.

        At most so many of each; returns whether there may be more.
        """
        return forget(self._matcher, before_ns, at_most)

    def knows(self, account: AccountName) -> bool:
        """Whether there is such an account."""
        return account in self._accounts

    def open_account(self, name: AccountName, deposit: Decimal) -> None:
        """Make an account with ``deposit`` USD."""
        if name in self._accounts:
            raise InputError(f"{self.exchange}: account {name} exists already; choose another name")
        self._accounts[name] = Account(name)
        self.transfer(name, deposit)

    def transfer(self, account: AccountName, amount: Decimal) -> None:
        """Deposit ``amount`` USD, or withdraw it if negative."""
        self._accounts[account].balance += amount
        if self._matcher.turn is not None:
            self._matcher.turn.transfers.append((account, amount))
        self._close_turn()

    def balance(self, account: AccountName) -> Balance:
        """The account at the marks of its last update."""
        mine = self._accounts[account]
        available = self._margin.available(mine, self._matcher.live(account))
        return Balance(self.exchange, mine.balance, self._margin.equity(mine), available)

    def position(self, account: AccountName, symbol: Symbol) -> Position | None:
        """The position at the mark of its last update, ``None`` if flat."""
        return self._margin.position(self._accounts[account], symbol, self.exchange)

    def positions(self, account: AccountName) -> list[Position]:
        """All positions that are not flat, by symbol."""
        found = (self.position(account, symbol) for symbol in sorted(self._accounts[account].holdings))
        return [position for position in found if position is not None]

    def collect(self, account: AccountName) -> list[AccountEvent]:
        """What happened to ``account`` since this was last called, in order."""
        return self._matcher.outbox.pop(account, [])

    # markets

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """All listed instruments."""
        return tuple(market.instrument for market in self._markets.values())

    def instrument(self, symbol: Symbol) -> Instrument | None:
        """The instrument of ``symbol``, ``None`` if it is not listed."""
        market = self._markets.get(symbol)
        return market.instrument if market else None

    def set_status(self, symbol: Symbol, status: MarketStatus) -> None:
        """Open, halt or restrict a market."""
        self._markets[symbol].set_status(status)

    def touch(self, symbol: Symbol) -> tuple[Decimal, Decimal] | None:
        """Best bid and ask as of the last update, ``None`` if a side is empty."""
        return self._markets[symbol].book.touch()

    # orders

    def submit(self, account: AccountName, request: OrderRequest, now_ns: int) -> OrderReport:
        """An order arrives: it is refused, or matched at once, and what is left of it rests or ends.

        A refused order is not kept and has no order id. A client id that is known already is refused without touching
        the first order.
        """
        self.advance(now_ns, request.symbol)
        reason = self._refusal(self._accounts[account], request, now_ns)
        if reason is not None:
            status = OrderStatus.REJECTED
            return OrderReport(request.client_order_id, None, status, ZERO, None, now_ns, reason.value)
        order = self._matcher.accept(account, request, now_ns)
        self._matcher.match(order, now_ns)
        self._close_turn()
        return order.report()

    def cancel(self, account: AccountName, client_order_id: ClientOrderId, now_ns: int) -> OrderReport | None:
        """Cancel an order if it is live; its state either way, ``None`` if the id is not known."""
        order = self._matcher.orders.get((account, client_order_id))
        if order is None:
            return None
        self.advance(now_ns, order.request.symbol)
        self._matcher.end(order, OrderStatus.CANCELLED, VenueReason.CANCELLED, now_ns)
        self._close_turn()
        return order.report()

    def cancel_all(self, account: AccountName, now_ns: int, symbol: Symbol | None = None) -> None:
        """Cancel all live orders of ``account`` (in ``symbol``)."""
        self.advance(now_ns)
        for order in self._matcher.live(account, symbol):
            self._matcher.end(order, OrderStatus.CANCELLED, VenueReason.CANCELLED, now_ns)
        self._close_turn()

    def report(self, account: AccountName, client_order_id: ClientOrderId) -> OrderReport | None:
        """The order's state; ``None`` if the venue never accepted the id."""
        order = self._matcher.orders.get((account, client_order_id))
        return order.report() if order else None

    def fills(self, account: AccountName, client_order_id: ClientOrderId) -> tuple[Fill, ...]:
        """All fills of one order."""
        order = self._matcher.orders.get((account, client_order_id))
        return tuple(order.fills) if order else ()

    def funding_payments(self, account: AccountName, since_ns: int) -> list[FundingPaid]:
        """What ``account`` paid and got at or after ``since_ns``, oldest first."""
        mine = (paid for name, paid in self._matcher.payments if name == account)
        return [paid for paid in mine if paid.timestamp_ns >= since_ns]

    def open_orders(self, account: AccountName, symbol: Symbol | None = None) -> list[OrderReport]:
        """All orders that may still fill, oldest first."""
        return [order.report() for order in self._matcher.live(account, symbol)]

    def orders(self, account: AccountName) -> list[tuple[OrderRequest, OrderReport]]:
        """Every order that is known, as it came and as it stands, oldest first."""
        return [(each.request, each.report()) for each in self._matcher.orders.values() if each.account == account]

    @property
    def self_trades_prevented(self) -> int:
        """Orders that ended because they would have met their own account's."""
        return self._matcher.self_trades_prevented

    # time

    @property
    def resting(self) -> bool:
        """Whether any order rests."""
        return any(market.resting for market in self._markets.values())

    @property
    def exposed(self) -> bool:
        """Whether any account holds a position."""
        return any(account.holdings for account in self._accounts.values())

    def due_ns(self) -> int | None:
        """When something falls due that no market event brings, a settlement or an expiry; ``None`` if nothing does."""
        times = (self._next_stop(market) for market in self._markets.values())
        return min((each for each in times if each is not None), default=None)

    def advance(self, now_ns: int, symbol: Symbol | None = None) -> None:
        """Bring up to ``now_ns`` all markets with resting orders or positions, and ``symbol``; then look at margins."""
        for name, market in self._markets.items():
            if name == symbol or market.resting or self._held(name):
                self._advance_market(market, now_ns)
        for account in self._accounts.values():
            if account.holdings and self._margin.liquidates(account):
                self._liquidate(account, now_ns)
        self._close_turn()

    def _close_turn(self) -> None:
        """Have what happened kept. If that fails it stays to be kept, and nobody is told."""
        turn = self._matcher.turn
        if turn and self._keep is not None:
            self._keep(turn.closed(self.exchange, self.liquidations))
            self._matcher.turn = OpenTurn()

    def _advance_market(self, market: VenueMarket, now_ns: int) -> None:
        while True:
            due_ns = self._next_stop(market)
            stop_ns = now_ns if due_ns is None else min(now_ns, due_ns)
            settlement_ns = market.next_settlement_ns()
            market.advance(stop_ns, self._matcher.fill_resting)
            for order in [o for o in market.resting if o.expired(stop_ns)]:
                self._matcher.end(order, OrderStatus.EXPIRED, VenueReason.EXPIRED, stop_ns)
            if stop_ns == settlement_ns and self._held(market.instrument.symbol):
                market.unsettled_ns.append(stop_ns)
            if market.unsettled_ns:
                self._settle_funding(market)
            if stop_ns == now_ns:
                return

    def _next_stop(self, market: VenueMarket) -> int | None:
        expiry_ns = market.next_expiry_ns()
        if not self._held(market.instrument.symbol):
            return expiry_ns
        settlement_ns = market.next_settlement_ns()
        return settlement_ns if expiry_ns is None else min(settlement_ns, expiry_ns)

    def _held(self, symbol: Symbol) -> bool:
        return any(symbol in account.holdings for account in self._accounts.values())

    def _settle_funding(self, market: VenueMarket) -> None:
        """Pay the settlements that passed; without a mark they wait for one."""
        symbol, mark = market.instrument.symbol, market.mark()
        if self.funding_rate and mark is None:
            return
        for at_ns in market.unsettled_ns:
            if mark is not None:
                self._pay_funding(market.instrument, mark, at_ns)
            if self._matcher.turn is not None:
                self._matcher.turn.settled.append((symbol, at_ns))
        market.unsettled_ns.clear()

    def _pay_funding(self, instrument: Instrument, mark: Decimal, at_ns: int) -> None:
        for account in self._accounts.values():
            contracts = account.contracts(instrument.symbol)
            if contracts and self.funding_rate:
                due = instrument.settlement_value(contracts, mark) * self.funding_rate
                payment_id = f"{self._prefix}f{self._matcher.count_payment()}"
                amount = -instrument.to_usd(due, mark)
                self._matcher.pay(
                    account.name, FundingPaid(self.exchange, instrument.symbol, amount, payment_id, at_ns)
                )

    def _liquidate(self, account: Account, now_ns: int) -> None:
        """Close what the book can take; the rest is tried again at the next update."""
        for order in self._matcher.live(account.name):
            self._matcher.end(order, OrderStatus.CANCELLED, VenueReason.LIQUIDATION, now_ns)
        self.liquidations += 1
        for symbol in sorted(account.holdings):
            contracts = account.contracts(symbol)
            request = OrderRequest(
                ClientOrderId(f"{self._prefix}liquidation{self.liquidations}.{symbol}"),
                self.exchange,
                symbol,
                Side.SELL if contracts > 0 else Side.BUY,
                abs(contracts),
                None,
                OrderType.MARKET,
                TimeInForce.IOC,
                True,
                now_ns,
            )
            self._matcher.match(self._matcher.accept(account.name, request, now_ns), now_ns)

    # admission

    def _refusal(self, account: Account, request: OrderRequest, now_ns: int) -> VenueReason | None:
        market = self._markets.get(request.symbol)
        if market is None:
            return VenueReason.UNKNOWN_SYMBOL
        if (account.name, request.client_order_id) in self._matcher.orders:
            return VenueReason.DUPLICATE_CLIENT_ID
        price = request.price
        if price is None:
            first = next(market.offers(request.side, None), None)
            price = first.price if first else None
        return (
            refusal(request, market.instrument, price, now_ns)
            or self._post_only_refusal(request, market)
            or self._account_refusal(account, request, market.instrument, price)
        )

    def _post_only_refusal(self, request: OrderRequest, market: VenueMarket) -> VenueReason | None:
        if request.time_in_force is not TimeInForce.POST_ONLY:
            return None
        meets = next(market.offers(request.side, request.price), None)
        return VenueReason.POST_ONLY if meets else None

    def _account_refusal(
        self, account: Account, request: OrderRequest, instrument: Instrument, price: Decimal | None
    ) -> VenueReason | None:
        closable = account.closable(request.symbol, request.side)
        if request.reduce_only:
            return None if closable else VenueReason.REDUCE_ONLY
        if price is None or request.size <= closable:
            return None
        needed = self._margin.needed(instrument, request.size - closable, price)
        available = self._margin.available(account, self._matcher.live(account.name))
        return VenueReason.INSUFFICIENT_MARGIN if needed > available else None
