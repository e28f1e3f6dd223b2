"""The execution level: are these two books good enough to trade on, and is the worst case affordable?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from statistics import median

from perpbot.core.errors import ReadFailed
from perpbot.core.instruments import Instrument, MarketStatus
from perpbot.core.money import ONE, ZERO
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.opportunities import ArbitrageOpportunity
from perpbot.core.ports import Clock
from perpbot.core.verdicts import Level, Verdict, approve, refuse
from perpbot.risk.limits import NAN, decimal, shown, sound, within
from perpbot.risk.ports import AccountView, ExecutionLimits, MarketView, WorstCaseLoss
from perpbot.risk.settings import RiskSettings
from perpbot.risk.trades import notional_of

_FEWEST_OTHERS = 2  # with one other exchange its price is no more likely to be right than this one


class ExecutionGuard:
    """Slippage, price sanity, age and skew of the books, worst-case loss, both exits possible; in this order."""

    def __init__(
        self,
        limits: ExecutionLimits,
        settings: RiskSettings,
        clock: Clock,
        market: MarketView,
        instruments: Mapping[tuple[ExchangeName, Symbol], Instrument],
        account: AccountView,
        worst_case_loss: WorstCaseLoss,
    ) -> None:
        self._clock = clock
        self._market = market
        self._instruments = instruments
        self._account = account
        self._worst_case_loss = worst_case_loss
        self.adopt(limits, settings)

    def adopt(self, limits: ExecutionLimits, settings: RiskSettings) -> None:
        """Check by these from the next pair on."""
        self._limits = limits
        self._settings = settings

    def check(self, opportunity: ArbitrageOpportunity) -> Verdict:
        """Whether the pair may be sent as the market stands now; unpacks as ``(ok, reason)``."""
        try:
            return next(self._find_refusals(opportunity), approve(Level.EXECUTION, "execution"))
        except ReadFailed as error:
            return refuse(Level.EXECUTION, "reads", "reads_failing", detail=str(error))

    def worst_case_loss(self, opportunity: ArbitrageOpportunity) -> Decimal:
        """USD lost if one leg fills and must be unwound after the longest time it may stand alone.

        NaN without the instruments' fees. The leg that stands alone pays its own exchange twice.
        """
        return self._loss_of(notional_of(opportunity), opportunity.exchanges, opportunity.symbol)

    def max_notional(self, exchanges: tuple[ExchangeName, ExchangeName], symbol: Symbol) -> Decimal:
        """The largest pair whose worst-case loss the budget covers (USD). May raise ``ReadFailed``."""
        loss = self._loss_of(ONE, exchanges, symbol)
        budget = self._budget()
        return budget / loss if sound(loss) and sound(budget) else ZERO

    def _loss_of(self, notional: Decimal, exchanges: tuple[ExchangeName, ...], symbol: Symbol) -> Decimal:
        legs = [self._instruments.get((exchange, symbol)) for exchange in exchanges]
        if None in legs:
            return NAN
        return self._worst_case_loss(
            notional,
            adverse_move_pct=self._settings.adverse_move_pct,
            unwind_slippage_pct=self._limits.max_slippage_pct,
            taker_fees_pct=2 * max(leg.taker_fee_pct for leg in legs if leg),
        )

    def _budget(self) -> Decimal:
        return self._settings.worst_case_loss_pct * self._account.total_equity()

    def _find_refusals(self, opportunity: ArbitrageOpportunity) -> Iterator[Verdict]:
        yield from self._check_slippage(opportunity)
        yield from self._check_prices(opportunity)
        yield from self._check_books(opportunity)
        yield from self._check_worst_case(opportunity)
        yield from self._check_exits(opportunity)

    def _check_slippage(self, opportunity: ArbitrageOpportunity) -> Iterator[Verdict]:
        bought = _share(opportunity.buy_price - opportunity.buy_touch, opportunity.buy_touch)
        sold = _share(opportunity.sell_touch - opportunity.sell_price, opportunity.sell_touch)
        for exchange, given_up in zip(opportunity.exchanges, (bought, sold), strict=True):
            if not within(given_up, self._limits.max_slippage_pct):
                yield _refuse("slippage", given_up, self._limits.max_slippage_pct, f"on {exchange}")

    def _check_prices(self, opportunity: ArbitrageOpportunity) -> Iterator[Verdict]:
        prices = (opportunity.buy_price, opportunity.sell_price)
        for exchange, price in zip(opportunity.exchanges, prices, strict=True):
            last = self._market.last_price(exchange, opportunity.symbol)
            references = [(NAN if last is None else decimal(last), f"last price on {exchange}")]
            others = self._other_mids(exchange, opportunity.symbol)
            if len(others) >= _FEWEST_OTHERS:
                references.append((decimal(median(others)), f"median of the exchanges other than {exchange}"))
            for reference, detail in references:
                distance = abs(_share(price - reference, reference))
                if not within(distance, self._limits.price_sanity_pct):
                    yield _refuse("price_sanity", distance, self._limits.price_sanity_pct, detail)

    def _other_mids(self, exchange: ExchangeName, symbol: Symbol) -> list[float]:
        """Mid prices of the other exchanges' books, as far as they are whole and fresh."""
        now_ns, limit = self._clock.now_ns(), self._limits.max_book_age_seconds
        return [
            (book.bid + book.ask) / 2
            for book in self._market.books_of(symbol)
            if book.exchange != exchange
            and book.ready
            and book.bid > 0
            and book.ask > 0
            and self._market.age_seconds(book.exchange, symbol, now_ns) <= limit
        ]

    def _check_books(self, opportunity: ArbitrageOpportunity) -> Iterator[Verdict]:
        now_ns = self._clock.now_ns()
        limit = decimal(self._limits.max_book_age_seconds)
        ages = [self._market.age_seconds(name, opportunity.symbol, now_ns) for name in opportunity.exchanges]
        for exchange, age in zip(opportunity.exchanges, ages, strict=True):
            if not within(decimal(age), limit):
                yield _refuse("book_age", decimal(age), limit, f"seconds, on {exchange}")
        skew, limit = decimal(abs(ages[0] - ages[1])), decimal(self._limits.max_skew_seconds)
        if not within(skew, limit):
            yield _refuse("book_skew", skew, limit, "seconds")

    def _check_worst_case(self, opportunity: ArbitrageOpportunity) -> Iterator[Verdict]:
        loss = self.worst_case_loss(opportunity)
        limit = self._budget()
        if not within(loss, limit):
            yield _refuse("worst_case_loss", loss, limit, "USD")

    def _check_exits(self, opportunity: ArbitrageOpportunity) -> Iterator[Verdict]:
        for exchange in opportunity.exchanges:
            instrument = self._instruments.get((exchange, opportunity.symbol))
            status = instrument.status if instrument else MarketStatus.UNKNOWN
            if status is not MarketStatus.OPEN:
                yield _refuse("market_closed", None, None, f"{opportunity.symbol} on {exchange} is {status}")


def _share(part: Decimal, whole: Decimal) -> Decimal:
    return part / whole if sound(whole) and part.is_finite() else NAN


def _refuse(reason: str, measured: Decimal | None, limit: Decimal | None, detail: str) -> Verdict:
    return refuse(Level.EXECUTION, reason, reason, shown(measured), limit, detail)
