"""The ledger: every fill, payment and transfer booked once, and the equity they add up to.

Identity, exact to the last digit, per exchange and in total::

    change of equity = transfers + price PnL (realised + unrealised) + funding − fees − gas

and the owners' attributions add up to the total. An owner is a pair's id, or a strategy's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, localcontext
from itertools import takewhile

from perpbot.core.errors import InvariantViolated
from perpbot.core.events import CarriedAccounts, FundingPaid
from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO, realised
from perpbot.core.names import ClientOrderId, ExchangeName, Symbol, base_of
from perpbot.core.orders import Fill, Leg, Purpose
from perpbot.core.ports import PriceView
from perpbot.ledger.accounts import Accounts, Attribution, Booking
from perpbot.ledger.lots import WIDE, Lot, trade
from perpbot.ledger.shares import share_out
from perpbot.ledger.slippage import OrderSlippage, slippage_usd
from perpbot.ledger.valuation import Marks, Valuation

_NOTHING = Accounts()
_DOLLARS = frozenset({"USD", "USDC", "USDT"})
_WHOLE = ""  # no owner's name: stands for all of a payment's shares
UNOWNED = "unowned"
"""Who is charged for a payment on a position nobody ever held."""
EARLIER = "earlier pairs"
"""Whose accounts are those of pairs that are long over and no longer known one by one."""


class Ledger:
    """Books what happened; ``instruments`` is read at each booking, so it may grow while the ledger lives.

    ``version`` counts bookings, so that a reader knows whether its figures are still current.
    """

    def __init__(self, instruments: Mapping[tuple[ExchangeName, Symbol], Instrument]) -> None:
        self.version = 0
        self._instruments = instruments
        self._lots: dict[tuple[ExchangeName, Symbol, str], Lot] = {}
        self._pairs: dict[str, tuple[ExchangeName, ExchangeName]] = {}
        self._owners: dict[str, Accounts] = {}
        self._exchanges: dict[ExchangeName, Accounts] = {}
        self._deposits: dict[ExchangeName, Decimal] = {}
        self._transfers: dict[ExchangeName, Decimal] = {}
        self._hedged: dict[ExchangeName, Decimal] = {}
        self._last_owner: dict[tuple[ExchangeName, Symbol], str] = {}
        self._orders: dict[ClientOrderId, OrderSlippage] = {}
        self._trades: dict[tuple[ExchangeName, Symbol, str], Fill] = {}
        self._funded: dict[tuple[ExchangeName, Symbol, str], dict[str, Decimal]] = {}
        self._funded_ns: dict[tuple[ExchangeName, Symbol, str], int] = {}
        self._paid: set[tuple[str, ExchangeName, str]] = set()
        self._marks = Marks()

    # -- opening ------------------------------------------------------------------------------------------------------

    def open_account(self, exchange: ExchangeName, balance: Decimal) -> None:
        """Start ``exchange`` with ``balance`` USD. Once only: what comes later is a transfer."""
        if self._deposits.get(exchange):
            raise InvariantViolated(f"I19: the account on {exchange} was opened before")
        self._register(exchange)
        self._deposits[exchange] += balance

    def open_pair(self, owner: str, buy_exchange: ExchangeName, sell_exchange: ExchangeName) -> None:
        """Say on which two exchanges ``owner`` is hedged, before its first booking."""
        if self._pairs.get(owner) == (buy_exchange, sell_exchange):
            return
        if owner in self._pairs or owner in self._owners:
            raise InvariantViolated(f"I19: pair {owner} was opened after its first booking, or twice")
        self._pairs[owner] = (buy_exchange, sell_exchange)

    # -- booking ------------------------------------------------------------------------------------------------------

    def book_fill(
        self,
        fill: Fill,
        owner: str,
        leg: Leg | None = None,
        purpose: Purpose = Purpose.OTHER,
        decision_price: Decimal | None = None,
    ) -> Booking:
        """Book ``fill`` once, whatever channel it comes by: a repeated trade id changes nothing.

        Raises :class:`InvariantViolated`, with nothing booked, if the instrument is unknown, the fee cannot be valued
        or the trade id was booked with other figures.
        """
        key = (fill.exchange, fill.symbol, str(fill.trade_id))
        if key in self._trades:
            _same_trade(self._trades[key], fill)
            return Booking(repeated=True)
        instrument = self._instrument(fill.exchange, fill.symbol)
        with localcontext(WIDE):
            fee_usd = _fee_usd(fill, instrument)
            change = trade(
                self.lot(fill.exchange, fill.symbol, owner), instrument, fill.size * fill.side.sign, fill.price
            )
            slipped = slippage_usd(fill, instrument, decision_price) if decision_price else ZERO
        self._trades[key] = fill
        self._keep(change.lot)
        self._marks.note(fill.exchange, fill.symbol, fill.price)
        self._book(fill.exchange, owner, Accounts(price=change.realized_usd, fees=fee_usd, slippage=slipped))
        if decision_price:
            self._note_slippage(fill, instrument, owner, leg, purpose, decision_price)
        return Booking(change.realized_usd, fee_usd, change.closed, slipped)

    def book_funding(self, payment: FundingPaid) -> dict[str, Decimal]:
        """Book a funding payment once by its id; returns what each owner got of it, in USD.

        Without a pair named in it, owners share it in proportion to the contracts they hold; the rounding remainder
        goes to the largest. A payment that comes after the position closed goes to who held it last. With a pair it is
        that pair's share, as it was journaled; share and whole of one payment are never both booked: of a whole that
        comes after shares of it, only what they left is booked.
        """
        amount = realised(payment.amount_usd)
        key = (payment.exchange, payment.symbol, payment.payment_id)
        booked = self._funded.setdefault(key, {})
        self._funded_ns.setdefault(key, payment.timestamp_ns)
        if _WHOLE in booked:
            return {}
        if payment.pair_id is None:
            shares = self._remaining_shares(payment, amount - sum(booked.values(), ZERO), booked)
            booked[_WHOLE] = ZERO
        else:
            shares = {} if payment.pair_id in booked else {str(payment.pair_id): amount}
        booked.update(shares)
        for owner, share in shares.items():
            self._book(payment.exchange, owner, Accounts(funding=share))
        return shares

    def book_gas(self, exchange: ExchangeName, amount: Decimal, transaction_id: str, owner: str) -> bool:
        """Book ``amount`` USD of gas (positive when paid) once by its transaction; whether it was new."""
        if not self._first("gas", exchange, transaction_id):
            return False
        self._book(exchange, owner, Accounts(gas=realised(amount)))
        return True

    def book_transfer(self, exchange: ExchangeName, amount: Decimal, transfer_id: str) -> bool:
        """Book a deposit (``amount`` > 0) or withdrawal once by its id; whether it was new. Never PnL."""
        if not self._first("transfer", exchange, transfer_id):
            return False
        self._register(exchange)
        self._deposits[exchange] += realised(amount)
        self._transfers[exchange] += realised(amount)
        return True

    def carry(self, carried: CarriedAccounts) -> None:
        """Take over what bookings came to that are no longer known one by one; nothing of theirs is held."""
        accounts = Accounts(carried.price, carried.fees, carried.funding, carried.gas, carried.slippage)
        self._owners[carried.owner] = self._owners.get(carried.owner, _NOTHING) + accounts
        self._register(carried.exchange)
        self._exchanges[carried.exchange] = self._exchanges.get(carried.exchange, _NOTHING) + accounts
        self._hedged[carried.exchange] += carried.hedged

    def forget(self, owners: Iterable[str], before_ns: int) -> None:
        """Know no more of ``owners``, pairs that are long over, than what they came to, and of no trade or payment
        made before ``before_ns`` that it was booked."""
        for owner in owners:
            self._pairs.pop(owner, None)
            accounts = self._owners.pop(owner, None)
            if accounts is not None:
                self._owners[EARLIER] = self._owners.get(EARLIER, _NOTHING) + accounts
        for key in list(takewhile(lambda key: self._trades[key].timestamp_ns < before_ns, self._trades)):
            self._orders.pop(self._trades.pop(key).client_order_id, None)
        for payment in list(takewhile(lambda key: self._funded_ns[key] < before_ns, self._funded_ns)):
            del self._funded_ns[payment], self._funded[payment]

    def write_off(self, exchange: ExchangeName, symbol: Symbol, owner: str, realized_usd: Decimal) -> None:
        """The owner's lot is gone at the exchange, and its end brought ``realized_usd`` by the exchange's balance."""
        self._lots.pop((exchange, symbol, owner), None)
        self._book(exchange, owner, Accounts(price=realised(realized_usd)))

    # -- what is held -------------------------------------------------------------------------------------------------

    def lot(self, exchange: ExchangeName, symbol: Symbol, owner: str) -> Lot:
        """The owner's lot; flat if it holds none."""
        return self._lots.get((exchange, symbol, owner)) or Lot(exchange, symbol, owner)

    def lots(self, exchange: ExchangeName | None = None, symbol: Symbol | None = None) -> Iterator[Lot]:
        """All lots that are not flat, optionally of one exchange or symbol, oldest first."""
        for lot in self._lots.values():
            if exchange in (None, lot.exchange) and symbol in (None, lot.symbol):
                yield lot

    def position(self, exchange: ExchangeName, symbol: Symbol) -> Decimal:
        """Signed contracts held of the instrument by all owners together."""
        return sum((lot.contracts for lot in self.lots(exchange, symbol)), ZERO)

    # -- accounts -----------------------------------------------------------------------------------------------------

    @property
    def exchanges(self) -> tuple[ExchangeName, ...]:
        """All exchanges with an account, in the order they came."""
        return tuple(self._deposits)

    @property
    def owners(self) -> tuple[str, ...]:
        """All owners something was booked for, in the order they came."""
        return tuple(self._owners)

    def accounts(self, owner: str) -> Accounts:
        """The accounts of one owner."""
        return self._owners.get(owner, _NOTHING)

    def exchange_accounts(self, exchange: ExchangeName) -> Accounts:
        """The accounts of one exchange."""
        return self._exchanges.get(exchange, _NOTHING)

    def total_accounts(self) -> Accounts:
        """The accounts of all exchanges together."""
        return sum(self._exchanges.values(), _NOTHING)

    def transfers(self, exchange: ExchangeName) -> Decimal:
        """Net USD moved in since the account was opened."""
        return self._transfers.get(exchange, ZERO)

    def deposits(self, exchange: ExchangeName) -> Decimal:
        """USD that did not come from trading: the opening balance and all transfers."""
        return self._deposits.get(exchange, ZERO)

    def balance(self, exchange: ExchangeName) -> Decimal:
        """USD without unrealised PnL."""
        return self.deposits(exchange) + self.exchange_accounts(exchange).total

    def carried_by(self, exchange: ExchangeName) -> Decimal:
        """USD that all bookings did to the hedged equity of ``exchange``: a pair's half by each of its exchanges."""
        return self._hedged.get(exchange, ZERO)

    def order_slippages(self) -> tuple[OrderSlippage, ...]:
        """Slippage of every order that filled and had a decision price, in the order of their first fills."""
        return tuple(self._orders.values())

    # -- equity -------------------------------------------------------------------------------------------------------

    def value(self, prices: PriceView) -> Valuation:
        """Equity of all exchanges at executable prices, in one pass."""
        unrealized = dict.fromkeys(self._deposits, ZERO)
        hedged = {exchange: self.deposits(exchange) + self._hedged[exchange] for exchange in self._deposits}
        for lot in self._lots.values():
            worth = self.unrealized(lot, prices)
            unrealized[lot.exchange] += worth
            for carrier, part in self._carriers(lot.exchange, lot.owner, worth):
                hedged[carrier] += part
        balances = {exchange: self.balance(exchange) for exchange in self._deposits}
        return Valuation(balances, unrealized, hedged)

    def equity(self, exchange: ExchangeName, prices: PriceView) -> Decimal:
        """Balance plus unrealised PnL of ``exchange`` at executable prices, in USD."""
        return self.value(prices).equity(exchange)

    def total_equity(self, prices: PriceView) -> Decimal:
        """The sum over all exchanges."""
        return self.value(prices).total

    def hedged_equity(self, exchange: ExchangeName, prices: PriceView) -> Decimal:
        """Equity in which each pair's PnL is carried half by each of its exchanges: a market move is no loss in it."""
        return self.value(prices).hedged.get(exchange, ZERO)

    def unrealized(self, lot: Lot, prices: PriceView) -> Decimal:
        """USD that closing ``lot`` would realise: a long at the bid, a short at the ask.

        Without a touch the last one seen counts, and before any the last fill's price: never zero.
        """
        return self._marks.unrealized(lot, self._instrument(lot.exchange, lot.symbol), prices)

    def attribution(self, prices: PriceView) -> dict[str, Attribution]:
        """Every owner's share of the change of equity."""
        worth: dict[str, Decimal] = dict.fromkeys(self._owners, ZERO)
        for lot in self._lots.values():
            worth[lot.owner] += self.unrealized(lot, prices)
        return {owner: Attribution(accounts, worth[owner]) for owner, accounts in self._owners.items()}

    # -- inside -------------------------------------------------------------------------------------------------------

    def _instrument(self, exchange: ExchangeName, symbol: Symbol) -> Instrument:
        instrument = self._instruments.get((exchange, symbol))
        if instrument is None:
            raise InvariantViolated(f"I19: {symbol} on {exchange} is not a known instrument")
        return instrument

    def _register(self, exchange: ExchangeName) -> None:
        self.version += 1
        for amounts in (self._deposits, self._transfers, self._hedged):
            amounts.setdefault(exchange, ZERO)

    def _book(self, exchange: ExchangeName, owner: str, change: Accounts) -> None:
        self._owners[owner] = self._owners.get(owner, _NOTHING) + change
        self._exchanges[exchange] = self._exchanges.get(exchange, _NOTHING) + change
        self._register(exchange)
        for carrier, part in self._carriers(exchange, owner, change.total):
            self._register(carrier)
            self._hedged[carrier] += part

    def _carriers(
        self, exchange: ExchangeName, owner: str, amount: Decimal
    ) -> tuple[tuple[ExchangeName, Decimal], ...]:
        pair = self._pairs.get(owner)
        if pair is None or exchange not in pair:
            return ((exchange, amount),)
        return ((pair[0], amount / 2), (pair[1], amount / 2))

    def _keep(self, lot: Lot) -> None:
        key = (lot.exchange, lot.symbol, lot.owner)
        self._last_owner[lot.exchange, lot.symbol] = lot.owner
        if lot.contracts:
            self._lots[key] = lot
        else:
            self._lots.pop(key, None)

    def _holders(self, exchange: ExchangeName, symbol: Symbol) -> dict[str, Decimal]:
        held = {lot.owner: lot.contracts for lot in self.lots(exchange, symbol)}
        return held or {self._last_owner.get((exchange, symbol), UNOWNED): Decimal(1)}

    def _remaining_shares(
        self, payment: FundingPaid, left: Decimal, booked: Mapping[str, Decimal]
    ) -> dict[str, Decimal]:
        """What is ``left`` of a payment of which some shares were booked, among those who have none yet."""
        holders = self._holders(payment.exchange, payment.symbol)
        waiting = {owner: held for owner, held in holders.items() if owner not in booked}
        return share_out(left, waiting or holders) if left or not booked else {}

    def _first(self, what: str, exchange: ExchangeName, payment_id: str) -> bool:
        key = (what, exchange, payment_id)
        if key in self._paid:
            return False
        self._paid.add(key)
        return True

    def _note_slippage(
        self, fill: Fill, instrument: Instrument, owner: str, leg: Leg | None, purpose: Purpose, decision_price: Decimal
    ) -> None:
        order = self._orders.get(fill.client_order_id) or OrderSlippage(
            fill.client_order_id, owner, fill.side, leg, purpose, decision_price
        )
        self._orders[fill.client_order_id] = order.with_fill(fill, instrument)


def _fee_usd(fill: Fill, instrument: Instrument) -> Decimal:
    if not fill.fee:
        return ZERO
    if fill.fee_currency == base_of(fill.symbol):
        return realised(realised(fill.fee) * fill.price)
    if fill.fee_currency in _DOLLARS or fill.fee_currency == instrument.quote:
        return realised(fill.fee)
    raise InvariantViolated(f"I19: the fee of trade {fill.trade_id} in {fill.fee_currency} has no value in USD")


def _same_trade(booked: Fill, fill: Fill) -> None:
    if (booked.side, booked.price, booked.size) != (fill.side, fill.price, fill.size):
        raise InvariantViolated(f"I8: trade {fill.trade_id} on {fill.exchange} was booked with other figures")
