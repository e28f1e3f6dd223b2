"""The capital behind live pairs: held exactly as long as the pair lives."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from perpbot.core.instruments import Instrument
from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName, PairId, Symbol
from perpbot.core.orders import OrderRequest
from perpbot.core.positions import CapitalReservation


class Backing:
    """What each pair was opened with, and as ``emergency`` what its repairs and exits needed beyond that.

    A risk-reducing order is never refused for want of capital: ``reserve_emergency`` always grants.
    """

    def __init__(
        self,
        reserve_emergency: Callable[[ExchangeName, Decimal], CapitalReservation],
        instrument_of: Callable[[ExchangeName, Symbol], Instrument],
    ) -> None:
        self._reserve_emergency = reserve_emergency
        self._instrument_of = instrument_of
        self._held: dict[PairId, list[CapitalReservation]] = {}

    def hold(self, pair_id: PairId, reservation: CapitalReservation) -> None:
        """``reservation`` backs the pair from now on."""
        self._held.setdefault(pair_id, []).append(reservation)

    def held(self, pair_id: PairId, exchange: ExchangeName) -> Decimal:
        """USD reserved for a pair on one exchange."""
        return sum((each.allocations.get(exchange, ZERO) for each in self._held.get(pair_id, ())), ZERO)

    def cover(self, request: OrderRequest, open_contracts: Decimal) -> None:
        """Reserve what a repair or exit needs beyond what the pair holds; ``open_contracts`` are its leg's before it.

        A completing order adds to the leg, a closing one is no larger than it.
        """
        if request.pair_id is None or request.price is None:
            return
        instrument = self._instrument_of(request.exchange, request.symbol)
        contracts = request.size if request.reduce_only else request.size + open_contracts
        missing = instrument.notional(contracts, request.price) - self.held(request.pair_id, request.exchange)
        if missing > 0:
            self.hold(request.pair_id, self._reserve_emergency(request.exchange, missing))

    def take(self, pair_id: PairId) -> list[CapitalReservation]:
        """Everything that backs a pair that is over, the reservation it was opened with first; it is held no more."""
        return self._held.pop(pair_id)
