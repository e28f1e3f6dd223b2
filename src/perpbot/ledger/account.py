"""The account as risk and capital see it: equity, drawdown and daily loss, in total and by exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName
from perpbot.core.ports import Clock, PriceView
from perpbot.ledger.ledger import Ledger
from perpbot.ledger.track import EquityTrack
from perpbot.ledger.valuation import Valuation


class Account:
    """Marks a ledger to executable prices.

    Bookings count at once; prices count when :meth:`mark` is called, which the owner does on its loop. An exchange's
    drawdown is judged on its hedged equity, the total's on plain equity. Transfers and accounts opened later are seen
    in the ledger and move no drawdown.
    """

    def __init__(self, ledger: Ledger, prices: PriceView, clock: Clock, day_timezone: str = "UTC") -> None:
        self._ledger = ledger
        self._prices = prices
        self._clock = clock
        self._day_timezone = day_timezone
        self._total = EquityTrack(day_timezone)
        self._tracks: dict[ExchangeName, EquityTrack] = {}
        self._deposits: dict[ExchangeName, Decimal] = {}
        self._version: int | None = None
        self._valuation = Valuation({}, {}, {})
        self.on_mark: Callable[[Valuation], None] = lambda _: None
        """Told of every mark: each may move a peak."""

    def mark(self) -> Valuation:
        """Value everything at the prices of this moment."""
        now_ns = self._clock.now_ns()
        self._valuation = self._ledger.value(self._prices)
        self._version = self._ledger.version
        paid_in = {exchange: self._paid_in(exchange) for exchange in self._valuation.balances}
        _move(self._total, self._valuation.total, sum(paid_in.values(), ZERO), now_ns)
        for exchange, amount in paid_in.items():
            track = self._tracks.setdefault(exchange, EquityTrack(self._day_timezone))
            _move(track, self._valuation.hedged[exchange], amount, now_ns)
        self.on_mark(self._valuation)
        return self._valuation

    def recall(
        self, marks: Mapping[ExchangeName, tuple[Decimal, Decimal]], time_ns: int
    ) -> dict[ExchangeName, Decimal]:
        """Take over one moment's marks from the journal: equity and hedged equity by exchange; what drawdown each has
        by them."""
        paid_in = {exchange: self._paid_in(exchange) for exchange in marks}
        _move(self._total, sum((equity for equity, _ in marks.values()), ZERO), sum(paid_in.values(), ZERO), time_ns)
        for exchange, (_, hedged) in marks.items():
            track = self._tracks.setdefault(exchange, EquityTrack(self._day_timezone))
            _move(track, hedged, paid_in[exchange], time_ns)
        return {exchange: self._tracks[exchange].drawdown_pct for exchange in marks}

    def recall_reset(self) -> None:
        """The equity recalled last was taken as the peak."""
        self._total.reset_peak()

    def total_equity(self) -> Decimal:
        """USD over all exchanges."""
        return self._current().total

    def equity(self, exchange: ExchangeName) -> Decimal:
        """USD on one exchange; zero if it has no account."""
        return self._current().equity(exchange)

    def balance(self, exchange: ExchangeName) -> Decimal:
        """USD on one exchange without unrealised PnL."""
        return self._current().balances.get(exchange, ZERO)

    def drawdown_pct(self, exchange: ExchangeName | None = None) -> Decimal:
        """Fraction below the peak: of the total, or of one exchange's hedged equity."""
        self._current()
        if exchange is None:
            return self._total.drawdown_pct
        track = self._tracks.get(exchange)
        return track.drawdown_pct if track else ZERO

    def daily_loss_usd(self) -> Decimal:
        """USD lost today over all exchanges; zero on a day in profit."""
        self._current()
        return self._total.daily_loss_usd

    def daily_loss_pct(self) -> Decimal:
        """The same as a fraction of equity at the day's start."""
        self._current()
        return self._total.daily_loss_pct

    def daily_pnl_usd(self) -> Decimal:
        """USD made today over all exchanges, transfers left out."""
        self._current()
        return self._total.daily_pnl_usd

    def reset_peak(self, exchange: ExchangeName | None = None) -> None:
        """Take today's equity as the peak of the total, or of one exchange."""
        self._current()
        track = self._total if exchange is None else self._tracks.get(exchange)
        if track:
            track.reset_peak()

    def _current(self) -> Valuation:
        return self._valuation if self._version == self._ledger.version else self.mark()

    def _paid_in(self, exchange: ExchangeName) -> Decimal:
        deposits = self._ledger.deposits(exchange)
        amount = deposits - self._deposits.get(exchange, ZERO)
        self._deposits[exchange] = deposits
        return amount


def _move(track: EquityTrack, value: Decimal, paid_in: Decimal, now_ns: int) -> None:
    """Trading first, at the equity there was before the transfer; then the transfer.

    An account begins with what was paid in, so that what it lost before it was first marked is a loss too.
    """
    if not track.begun:
        track.mark(paid_in, now_ns)
        paid_in = ZERO
    track.mark(value - paid_in, now_ns)
    if paid_in:
        track.transfer(paid_in)
