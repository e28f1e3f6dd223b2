"""Makes journal and exchanges agree after a start, before anything may be opened.

Every order without a known end is read from its exchange, payments are caught up with, positions are compared, and each
pair goes on from where it stood. What cannot be settled is quarantined and named; a position that no order of ours
explains is shown and never traded. Nothing is sent but repairs and exits. An exchange that cannot be read is looked at
again until it can: nothing is concluded of it, and nothing opens there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any

import structlog

from perpbot.core.commands import TradingState
from perpbot.core.errors import NotSupported
from perpbot.core.events import AccountOpened, CapitalTransferred, PairMoved, PositionFound, Recovered
from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName, PairId, Symbol
from perpbot.core.pairs import Pair, PairState
from perpbot.core.ports import Exchange
from perpbot.service.found import FoundOrders
from perpbot.service.parts import Parts
from perpbot.service.recall import Memory

log = structlog.get_logger(__name__)

FAILED_STARTS = 3
"""So many starts in a row that died before they had recovered, and the next one does not trade by itself."""
PAYMENTS_BACK_NS = 86_400_000_000_000
"""How long before the journal's last record an exchange is asked for payments: they may be told late."""
PRICES_SECONDS = 10.0
"""How long a start waits for the prices of what is held."""
LOOK_SECONDS = 0.05
ATTEMPTS_SKIPPED = 10
"""How many numbers of orders per earlier run a pair leaves out: what the journal lost may have used some."""
CAUSE = "recovery"
"""What forbids openings on an exchange that was not looked at yet."""
_TRIES = 3


class Recovery:
    """One start on what earlier runs left, as ``memory`` says it. ``unread`` are exchanges not looked at yet."""

    def __init__(self, parts: Parts, memory: Memory, mark: Callable[[], None]) -> None:
        """``mark`` values everything now, and is called once what is held has prices."""
        self._parts = parts
        self._mark = mark
        self._memory = memory
        self._clock = parts.outside.clock
        self._found = FoundOrders(parts, memory)
        self.unread: set[ExchangeName] = set(parts.outside.trading) if memory.runs else set()

    async def run(self) -> Recovered:
        """Do all of it, once; what cannot be read is left to :meth:`catch_up`."""
        parts, memory = self._parts, self._memory
        prices = parts.outside.supervisor(self._await_prices(), name="prices")
        for name in self.unread:
            parts.status.block(name, CAUSE, "reads_failing")
        answered = await self._ask_orders()
        refused = self._refuse_unsent(answered)
        await self._settle_orders()
        await self._all(self._compare(name) for name in answered)
        await prices
        self._mark()
        parts.pairs.skip_attempts(ATTEMPTS_SKIPPED * memory.runs)
        resumed = [pair.pair_id for pair in parts.pairs.live() if pair.state is not PairState.QUARANTINED]
        await self._resume()
        done = Recovered(tuple(resumed), tuple(refused), self._quarantined(), memory.crashed, self._still_unread())
        parts.outside.journal.append(done)
        if memory.runs:
            log.info("recovered", resumed=resumed, refused=refused, quarantined=done.quarantined, unread=done.unread)
        return done

    async def catch_up(self) -> None:
        """Look at exchanges that could not be read so far; those where something is under way have to wait."""
        if not self.unread:
            return
        answered = await self._ask_orders()
        refused = self._refuse_unsent(answered)
        resumed = [pair.pair_id for pair in self._parts.pairs.live() if self._left_alone(pair)]
        for pair_id in resumed:
            _ = self._parts.executor.resume(pair_id, self._memory.prices(pair_id))
        await self._settle_orders()
        await self._all(self._compare(name) for name in answered)
        if not self.unread:
            done = Recovered(tuple(resumed), tuple(refused), self._quarantined(), self._memory.crashed)
            self._parts.outside.journal.append(done)
            log.info("recovered", resumed=resumed, refused=refused, quarantined=done.quarantined)

    def _left_alone(self, pair: Pair) -> bool:
        """Whether nobody works on a pair that needs it."""
        if pair in self._parts.executor.in_flight() or pair.state is PairState.QUARANTINED:
            return False
        return pair.state is not PairState.HEDGED or not self._parts.executor.hedged(pair)

    def _quarantined(self) -> tuple[PairId, ...]:
        return tuple(pair.pair_id for pair in self._parts.pairs.live() if pair.state is PairState.QUARANTINED)

    def _still_unread(self) -> tuple[ExchangeName, ...]:
        return tuple(sorted(self.unread))

    # orders

    async def _ask_orders(self) -> list[ExchangeName]:
        """Ask all exchanges not looked at for what the journal may have lost; those that answered."""
        names = sorted(self.unread)
        told = await self._all(self._orders(name) for name in names)
        _ = self._found.take(order for orders in told for order in orders or ())
        return [name for name, orders in zip(names, told, strict=True) if orders is not None]

    async def _orders(self, name: ExchangeName) -> Any:
        exchange = self._parts.outside.exchanges[name]
        if not exchange.capabilities.order_history:
            return ()
        return await self._read(name, "orders", exchange.get_orders_since(self._found.since_ns))

    def _refuse_unsent(self, answered: Iterable[ExchangeName]) -> list[PairId]:
        """Planned, and neither journal nor exchanges know an order of it: nothing left, nothing is held."""
        unsent, known = self._memory.unsent, set(answered) | (set(self._parts.outside.trading) - self.unread)
        gone = [pair for pair in unsent.values() if known.issuperset(pair.exchanges)]
        for pair in gone:
            del unsent[pair.pair_id]
            over = pair.to(PairState.REFUSED, reason="execution_error", closed_ns=self._clock.now_ns())
            self._parts.outside.journal.append(PairMoved(over, pair.state))
        return [pair.pair_id for pair in gone]

    async def _settle_orders(self) -> None:
        """Follow every order without a known end to it, all at once; single ones that still rest are cancelled."""
        parts = self._parts
        flying = {pair.pair_id for pair in parts.executor.in_flight()}
        unsettled = [order.request for order in parts.tracker.unsettled() if order.request.pair_id not in flying]
        await self._all(
            _done(parts.singles.resume(request)) if request.pair_id is None else parts.executor.settle_old(request)
            for request in unsettled
        )

    # payments, positions, balances

    async def _compare(self, name: ExchangeName) -> None:
        """Take what the exchange says of payments, positions and balance; it is looked at once all could be read."""
        read = await self._take_payments(name) and await self._compare_positions(name)
        if read and await self._compare_balance(name):
            self.unread.discard(name)
            self._parts.status.unblock(name, CAUSE)

    async def _take_payments(self, name: ExchangeName) -> bool:
        exchange = self._parts.outside.exchanges[name]
        if not exchange.capabilities.funding_history:
            return True
        since_ns = max(self._memory.since_ns - PAYMENTS_BACK_NS, self._memory.opened_ns.get(name, 0))
        payments = await self._read(name, "funding payments", exchange.get_funding_payments(since_ns))
        for payment in payments or ():
            for share in self._parts.books.book_funding(payment):
                self._parts.outside.journal.append(share)
        return payments is not None

    async def _compare_positions(self, name: ExchangeName) -> bool:
        before = self._standing(name)
        held = await self._read(name, "positions", self._positions(self._parts.outside.exchanges[name]))
        if held is None or not self._quiet(name, before):
            return False
        for symbol in sorted({*held, *(s for e, s in self._parts.tracker.traded() if e == name)}):
            self._compare_position(name, symbol, held.get(symbol, ZERO))
        return True

    async def _positions(self, exchange: Exchange) -> dict[Symbol, Decimal]:
        symbols = [symbol for name, symbol in self._parts.outside.instruments if name == exchange.name]
        try:
            found = list(await exchange.get_positions())
        except NotSupported:
            found = [held for held in [await exchange.get_position(symbol) for symbol in symbols] if held]
        return {position.symbol: position.signed_size for position in found}

    def _standing(self, name: ExchangeName) -> tuple[object, ...]:
        """What our books say of the exchange: any booking there changes it."""
        parts = self._parts
        held = [parts.tracker.position(*market) for market in parts.tracker.traded() if market[0] == name]
        return parts.ledger.balance(name), *held

    def _quiet(self, name: ExchangeName, before: tuple[object, ...]) -> bool:
        """Whether nothing was booked since ``before`` and nothing is under way there: else the figures are of two
        moments."""
        flying = any(name in pair.exchanges for pair in self._parts.executor.in_flight())
        return not flying and self._standing(name) == before

    def _compare_position(self, name: ExchangeName, symbol: Symbol, held: Decimal) -> None:
        """What our orders do not explain is foreign; pairs that should hold something there are quarantined."""
        parts = self._parts
        unexplained = held - parts.tracker.position(name, symbol)
        known = parts.foreign.amount(name, symbol)
        if unexplained == known:
            return
        for pair in parts.pairs.live_in(symbol):
            if name in pair.exchanges and pair.state is not PairState.QUARANTINED:
                parts.executor.quarantine(pair.pair_id, "position_mismatch")
        log.error("position not explained", exchange=name, symbol=symbol, contracts=str(unexplained))
        parts.foreign.take(PositionFound(name, symbol, unexplained))

    async def _compare_balance(self, name: ExchangeName) -> bool:
        """What moved the balance and was no trade or payment that we know is a transfer: never PnL. Whether the balance
        was read, or says nothing: then it is not compared."""
        parts = self._parts
        for _ in range(_TRIES):
            if not self._comparable(name):
                return True
            before = self._standing(name)
            balance = await self._read(name, "balance", parts.outside.exchanges[name].get_balance())
            if balance is None:
                return False
            moved = balance.balance - parts.ledger.balance(name)
            if not moved:
                return True
            # a payment may have come after payments were read
            if await self._take_payments(name) and self._quiet(name, before):
                self._book_transfer(name, moved)
                return True
        return False

    def _comparable(self, name: ExchangeName) -> bool:
        """Whether balance and books should be the same: nothing foreign, no order unknown, no lots that the exchange
        nets."""
        parts = self._parts
        lots = list(parts.ledger.lots(name))
        netted = len({lot.symbol for lot in lots}) < len(lots)
        unknown = any(order.exchange == name for order in parts.tracker.unsettled())
        return not (netted or unknown or parts.foreign.on(name))

    def _book_transfer(self, name: ExchangeName, usd: Decimal) -> None:
        parts = self._parts
        log.warning("balance moved while nobody looked: booked as a transfer", exchange=name, usd=str(usd))
        transfer_id = f"unexplained-{parts.outside.ids.epoch}-{name}"
        parts.ledger.book_transfer(name, usd, transfer_id)
        parts.outside.journal.append(CapitalTransferred(name, usd, transfer_id, self._clock.now_ns()))

    # pairs

    async def _await_prices(self) -> None:
        """Wait for the prices of what is held: without them it could neither be valued nor repaired."""
        parts, end_ns = self._parts, self._clock.now_ns() + round(PRICES_SECONDS * 1e9)
        while self._clock.now_ns() < end_ns:
            held = [(name, pair.symbol) for pair in parts.pairs.live() for name in pair.exchanges]
            held += [(lot.exchange, lot.symbol) for lot in parts.ledger.lots()]
            if all(parts.market.touch(*market) for market in held):
                return
            await self._clock.sleep(LOOK_SECONDS)

    async def _resume(self) -> None:
        """Take every pair up again. An exit that is under way goes on by itself; all else is waited for."""
        parts = self._parts
        flights = []
        for pair in parts.pairs.live():
            flight = parts.executor.resume(pair.pair_id, self._memory.prices(pair.pair_id))
            if pair.state is not PairState.CLOSING:
                flights.append(flight)
        for flight in flights:
            _ = await flight

    async def _all(self, works: Iterable[Any]) -> list[Any]:
        """What all of them come to, done at once."""
        tasks = [self._parts.outside.supervisor(work, name="recovery") for work in works]
        return [await task for task in tasks]

    async def _read(self, name: ExchangeName, what: str, question: Any) -> Any:
        """The answer, or ``None``: nothing is concluded from a read that failed."""
        try:
            return await question
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises, nothing was read
            log.warning("not read", what=what, exchange=name, error=f"{type(error).__name__}: {error}")
            return None


async def open_accounts(parts: Parts) -> None:
    """An exchange that is new to the journal begins with the balance it has now. Raises ``ReadFailed``."""
    for name, exchange in parts.outside.trading.items():
        if name not in parts.ledger.exchanges:
            balance = await exchange.get_balance()
            parts.ledger.open_account(name, balance.balance)
            parts.outside.journal.append(AccountOpened(name, balance.balance, parts.outside.clock.now_ns()))


def first_state(memory: Memory, configured: TradingState) -> tuple[TradingState, str, str]:
    """State, actor and reason to begin with. After a crash, what somebody had forbidden stays forbidden; who crashes at
    every start does not trade by himself."""
    if memory.failed_starts >= FAILED_STARTS:
        why = f"{memory.failed_starts} starts in a row died before they had recovered: see the log, then start it"
        return TradingState.REDUCING, "recovery", why
    if memory.crashed and memory.standing is not None and memory.standing[0] is not TradingState.ACTIVE:
        return TradingState.REDUCING, "recovery", f"as before the crash: {memory.standing[1]}"
    return configured, "recovery", "recovered" if memory.runs else "started"


async def _done(way: Awaitable[Any]) -> None:
    _ = await way
