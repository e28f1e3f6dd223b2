"""The position level: may this exchange and symbol hold that much?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from perpbot.core.errors import ReadFailed
from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.ports import Clock, PriceView
from perpbot.core.verdicts import Level, Verdict, approve, refuse
from perpbot.risk.exposure import ExposureBook
from perpbot.risk.limits import NAN, shown, sound, within
from perpbot.risk.ports import AccountView
from perpbot.risk.settings import PositionSettings

_SECOND_NS = 1_000_000_000


class PositionGuard:
    """Size cap, cooldown after a failure, and concentration per exchange and symbol, in this order."""

    def __init__(
        self,
        settings: PositionSettings,
        clock: Clock,
        account: AccountView,
        prices: PriceView,
        exposure: ExposureBook | None = None,
    ) -> None:
        self._clock = clock
        self._account = account
        self._prices = prices
        self._exposure = exposure or ExposureBook()
        self._failed_ns: dict[str, int] = {}
        self.adopt(settings)

    def adopt(self, settings: PositionSettings) -> None:
        """Check by these from the next position on; a cooldown that has begun gets the new length."""
        self._settings = settings

    def can_open_position(
        self, exchange: ExchangeName, symbol: Symbol, size: Decimal, price: Decimal | None = None
    ) -> Verdict:
        """Whether ``size`` (base units) may be opened at ``price``, by default the higher touch; unpacks as
        ``(ok, reason)``."""
        if price is None:
            touch = self._prices.touch(exchange, symbol)
            if touch is None:
                return _refuse("book_not_ready", None, None, f"no price of {symbol} on {exchange}")
            price = max(touch)
        notional = size * price if sound(size) and sound(price) else NAN
        try:
            return next(self._find_refusals(exchange, symbol, notional), approve(Level.POSITION, "position"))
        except ReadFailed as error:
            return _refuse("reads_failing", None, None, str(error))

    def max_notional(self, exchange: ExchangeName, symbol: Symbol) -> Decimal:
        """The largest position that size cap and concentration leave room for (USD). May raise ``ReadFailed``."""
        equity = self._account.equity(exchange)
        if not sound(equity):
            return ZERO
        room = self._settings.max_concentration_pct * equity - self._exposure.on(exchange, symbol)
        return min(self._settings.max_position_size, room)

    def record_failure(self, exchange: ExchangeName, symbol: Symbol, failed_ns: int | None = None) -> None:
        """A pair with a leg there failed, now or at ``failed_ns``: the exchange, in all symbols, and the symbol, on all
        exchanges, rest."""
        now_ns = self._clock.now_ns() if failed_ns is None else failed_ns
        self._failed_ns[exchange] = now_ns
        self._failed_ns[symbol] = now_ns

    def _find_refusals(self, exchange: ExchangeName, symbol: Symbol, notional: Decimal) -> Iterator[Verdict]:
        if not within(notional, self._settings.max_position_size):
            yield _refuse("position_size", notional, self._settings.max_position_size, f"{symbol} on {exchange}")
        for name in (exchange, symbol):
            rested = self._rested_seconds(name)
            if rested is not None:
                yield _refuse("cooldown", rested, Decimal(str(self._settings.cooldown_seconds)), name)
        equity = self._account.equity(exchange)
        held = self._exposure.on(exchange, symbol) + notional
        share = held / equity if sound(equity) else NAN
        if not within(share, self._settings.max_concentration_pct):
            detail = f"{symbol} on {exchange}"
            yield _refuse("concentration", share, self._settings.max_concentration_pct, detail)

    def _rested_seconds(self, name: str) -> Decimal | None:
        """Seconds since the last failure while it still cools, else ``None``."""
        failed_ns = self._failed_ns.get(name)
        if failed_ns is None:
            return None
        rested_ns = max(self._clock.now_ns() - failed_ns, 0)
        if rested_ns >= self._settings.cooldown_seconds * _SECOND_NS:
            return None
        return Decimal(rested_ns) / _SECOND_NS or ZERO


def _refuse(reason: str, measured: Decimal | None, limit: Decimal | None, detail: str) -> Verdict:
    return refuse(Level.POSITION, reason, reason, shown(measured), limit, detail)
