"""The account level: may anything be opened at all, and this much of it?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

from perpbot.core.errors import ReadFailed
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.ports import Clock
from perpbot.core.verdicts import Level, Verdict, approve, refuse
from perpbot.risk.exposure import ExposureBook
from perpbot.risk.failures import FailureStreak
from perpbot.risk.fast_market import FastMarket
from perpbot.risk.limits import decimal, shown, within
from perpbot.risk.ports import AccountView
from perpbot.risk.settings import RiskSettings
from perpbot.risk.trades import DirectionalTrade, Trade, notional_of


class RiskManager:
    """Asks the account's rules in order; the first refusal is the answer.

    To add a rule, subclass it, override :meth:`check` and call ``super().check(opportunity)``; a bare ``(ok, reason)``
    is an answer too. ``exposure`` is the book that the chain keeps.
    """

    def __init__(
        self, settings: RiskSettings, clock: Clock, account: AccountView, exposure: ExposureBook | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.account = account
        self.exposure = exposure or ExposureBook()
        self.failures = FailureStreak(settings.max_consecutive_failures, settings.failure_pause_seconds)
        self.fast_market = FastMarket(
            settings.fast_market_pct, settings.fast_market_window_seconds, settings.fast_market_freeze_seconds
        )
        self._timezone = settings.timezone()
        self._drawdown_stop: Verdict | None = None
        self._loss_stop: tuple[date, Verdict] | None = None
        self._rules: tuple[Callable[[Trade], Verdict | None], ...] = (
            self._check_trade_risk,
            self._check_drawdown,
            self._check_daily_loss,
            self._check_failures,
            self._check_exposure,
            self._check_opposite,
            self._check_fast_market,
        )

    def adopt(self, settings: RiskSettings) -> None:
        """Check by these settings from the next trade on. What already stops trading goes on doing so.

        A subclass that has taken anything out of its settings overrides this and calls ``super().adopt(settings)``.
        """
        self.settings = settings
        self.failures.adopt(settings.max_consecutive_failures, settings.failure_pause_seconds)
        self.fast_market.adopt(
            settings.fast_market_pct, settings.fast_market_window_seconds, settings.fast_market_freeze_seconds
        )

    def check(self, opportunity: Trade) -> Verdict:
        """Whether the account allows it; unpacks as ``(ok, reason)``."""
        try:
            for rule in self._rules:
                refusal = rule(opportunity)
                if refusal is not None:
                    return refusal
        except ReadFailed as error:
            return refuse(Level.ACCOUNT, "reads", "reads_failing", detail=str(error))
        return approve(Level.ACCOUNT, "account")

    def max_notional(self, symbol: Symbol) -> Decimal:
        """The largest trade in ``symbol`` that risk per trade and exposure leave room for (USD). May raise
        ``ReadFailed``."""
        equity = _read("total equity", self.account.total_equity())
        room = self.settings.max_symbol_exposure * equity - self.exposure.in_symbol(symbol)
        return min(self.settings.max_risk_pct * equity, room)

    def observe_account(self) -> None:
        """Look at drawdown and today's loss; called at every equity mark, so that no breach between trades is missed.

        Raises ``ReadFailed`` if equity cannot be read.
        """
        self._watch_drawdown()
        self._watch_daily_loss()

    def on_price(self, exchange: ExchangeName, symbol: Symbol, price: float, now_ns: int) -> None:
        """Take one exchange's newest price, for the fast market rule."""
        self.fast_market.on_price(exchange, symbol, price, now_ns)

    def record_success(self) -> None:
        """A pair was hedged at entry, at once or by a completing repair."""
        self.failures.succeed()

    def record_failure(self) -> None:
        """A pair failed."""
        self.failures.fail(self.clock.now_ns())

    def record_miss(self) -> None:
        """Both legs of a pair stayed unfilled: a failure only if configured so."""
        if self.settings.misses_count_as_failures:
            self.record_failure()

    def record_trade(self) -> None:
        """A trade passed all levels and was sent."""
        self.failures.use_trade(self.clock.now_ns())

    def override(self, *, minutes: float | None = None, trades: int | None = None) -> None:
        """Lift the failures-in-a-row stop for some minutes or some trades. Raises ``InputError``."""
        self.failures.lift(self.clock.now_ns(), minutes, trades)

    @property
    def stops(self) -> tuple[Verdict, ...]:
        """What forbids every opening now: drawdown, the day's loss, failures in a row."""
        loss = self._loss_stop[1] if self._loss_stop and self._loss_stop[0] == self._today() else None
        return tuple(stop for stop in (self._drawdown_stop, loss, self._find_failures_stop()) if stop)

    def restore_stop(self, stop: Verdict, stopped_ns: int) -> None:
        """A stop that the journal says had begun: drawdown until the operator ends it, a loss until its day is over."""
        if stop.rule == "drawdown":
            self._drawdown_stop = stop
        else:
            self._loss_stop = (self._day_of(stopped_ns), stop)

    def restore_reset(self) -> None:
        """The operator had ended the drawdown stop."""
        self._drawdown_stop = None

    def reset_peak(self) -> None:
        """Take today's equity as the peak; ends the drawdown stop."""
        self.account.reset_peak()
        self._drawdown_stop = None

    def _check_trade_risk(self, trade: Trade) -> Verdict | None:
        limit = self.settings.max_risk_pct * _read("total equity", self.account.total_equity())
        notional = notional_of(trade)
        if within(notional, limit) and notional > 0:
            return None
        return _refuse("trade_risk", notional, limit)

    def _check_drawdown(self, _: Trade) -> Verdict | None:
        self._watch_drawdown()
        return self._drawdown_stop

    def _watch_drawdown(self) -> None:
        measured, limit = _read("drawdown", self.account.drawdown_pct()), self.settings.max_drawdown_pct
        if self._drawdown_stop is None and measured >= limit:
            self._drawdown_stop = _refuse("drawdown", measured, limit, "reset-peak ends it")

    def _check_daily_loss(self, _: Trade) -> Verdict | None:
        self._watch_daily_loss()
        return self._loss_stop[1] if self._loss_stop else None

    def _watch_daily_loss(self) -> None:
        today = self._today()
        if self._loss_stop and self._loss_stop[0] != today:
            self._loss_stop = None
        breach = None if self._loss_stop else self._find_loss_breach()
        if breach:
            self._loss_stop = (today, breach)

    def _today(self) -> date:
        return self._day_of(self.clock.now_ns())

    def _day_of(self, time_ns: int) -> date:
        return datetime.fromtimestamp(time_ns // 1_000_000_000, self._timezone).date()

    def _find_loss_breach(self) -> Verdict | None:
        usd, limit = _read("daily loss", self.account.daily_loss_usd()), self.settings.daily_loss_limit
        if usd >= limit:
            return _refuse("daily_loss", usd, limit, "USD; ends with the day")
        share, limit = _read("daily loss", self.account.daily_loss_pct()), self.settings.daily_loss_pct
        return _refuse("daily_loss", share, limit, "of equity; ends with the day") if share >= limit else None

    def _check_failures(self, _: Trade) -> Verdict | None:
        return self._find_failures_stop()

    def _find_failures_stop(self) -> Verdict | None:
        if not self.failures.stopped(self.clock.now_ns()):
            return None
        limit = Decimal(self.settings.max_consecutive_failures)
        return _refuse("consecutive_failures", Decimal(self.failures.count), limit)

    def _check_exposure(self, trade: Trade) -> Verdict | None:
        measured = self.exposure.in_symbol(trade.symbol) + notional_of(trade)
        limit = self.settings.max_symbol_exposure * _read("total equity", self.account.total_equity())
        return None if within(measured, limit) else _refuse("symbol_exposure", measured, limit, trade.symbol)

    def _check_opposite(self, trade: Trade) -> Verdict | None:
        if isinstance(trade, DirectionalTrade) and self.exposure.opposes(trade.symbol, trade.side):
            return _refuse("opposite_position", None, None, f"{trade.side.opposite} held in {trade.symbol}")
        return None

    def _check_fast_market(self, trade: Trade) -> Verdict | None:
        move = self.fast_market.frozen_move(trade.symbol, self.clock.now_ns())
        if move is None:
            return None
        return _refuse("fast_market", decimal(move), self.settings.fast_market_pct, trade.symbol)


def _read(what: str, figure: Decimal) -> Decimal:
    """A figure of the account; one that is no number was not read, and nothing is concluded from it."""
    if not figure.is_finite():
        raise ReadFailed(f"{what} is {figure}, not a number")
    return figure


def _refuse(reason: str, measured: Decimal | None, limit: Decimal | None, detail: str = "") -> Verdict:
    return refuse(Level.ACCOUNT, reason, reason, shown(measured), limit, detail)
