"""What a fill or a payment does to our books: ledger, pair, exposure and what each pair brought its exchanges."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from perpbot.core.events import FundingPaid, OrderFilled
from perpbot.core.money import ZERO, realised
from perpbot.core.names import ExchangeName, PairId, ReservationId
from perpbot.core.orders import Fill, OrderRequest, Side
from perpbot.core.pairs import Pair
from perpbot.core.positions import TradeResult
from perpbot.execution.pairbook import InstrumentOf, PairBook
from perpbot.ledger.accounts import Booking
from perpbot.ledger.ledger import Ledger
from perpbot.risk.exposure import ExposureBook, Holding


class Bookkeeper:
    """Books each fact everywhere it counts, in one turn: while trading, and again when a journal is read back."""

    def __init__(self, ledger: Ledger, pairs: PairBook, exposure: ExposureBook, instrument_of: InstrumentOf) -> None:
        self._ledger = ledger
        self._pairs = pairs
        self._exposure = exposure
        self._instrument_of = instrument_of
        self._results: dict[tuple[str, ExchangeName], TradeResult] = {}

    def book_fill(self, fill: Fill, request: OrderRequest) -> OrderFilled | None:
        """Book a fill of one of our orders; what to journal of it, ``None`` if it was booked before."""
        if request.pair_id is not None:
            self._ledger.open_pair(request.pair_id, *self._pairs.get(request.pair_id).exchanges)
        booking = self._ledger.book_fill(fill, request.owner, request.leg, request.purpose, request.decision_price)
        if booking.repeated:
            return None
        self._pairs.book_fill(fill, request)
        self._note_result(request.owner, fill, booking)
        if request.pair_id is None:
            self._note_exposure(fill, request.owner)
        return OrderFilled(fill, request, booking.realized_usd, booking.fee_usd)

    def book_funding(self, payment: FundingPaid) -> list[FundingPaid]:
        """Book a payment; what to journal of it: one record per owner, none if it was booked before."""
        shares = self._ledger.book_funding(payment)
        return [replace(payment, pair_id=PairId(owner), amount_usd=amount) for owner, amount in shares.items()]

    def results(self, pair: Pair) -> list[TradeResult]:
        """What a pair that is over brought each exchange."""
        found = (self._results.pop((pair.pair_id, exchange), None) for exchange in pair.exchanges)
        return [result for result in found if result is not None]

    def _note_exposure(self, fill: Fill, owner: str) -> None:
        """What an owner without a pair holds counts as exposure until it is flat."""
        key = ReservationId(f"{owner}@{fill.exchange}:{fill.symbol}")
        held = self._ledger.lot(fill.exchange, fill.symbol, owner).contracts
        self._exposure.remove(key)
        if held:
            notional = self._instrument_of(fill.exchange, fill.symbol).notional(abs(held), fill.price)
            side = Side.BUY if held > 0 else Side.SELL
            self._exposure.add(key, Holding(fill.symbol, {fill.exchange: notional}, side))

    def _note_result(self, owner: str, fill: Fill, booking: Booking) -> None:
        key = (owner, fill.exchange)
        before = self._results.get(key) or TradeResult(fill.exchange, ZERO, ZERO, ZERO)
        volume: Decimal = self._instrument_of(fill.exchange, fill.symbol).notional(fill.size, fill.price)
        self._results[key] = TradeResult(
            fill.exchange,
            before.realized_pnl + booking.realized_usd,
            before.volume + realised(volume),
            before.fees + booking.fee_usd,
        )
