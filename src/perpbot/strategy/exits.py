"""When an open pair is closed: judged on both legs together, at prices it could be closed at, after exit fees."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import inf
from typing import TypeAlias

from perpbot.core.instruments import Instrument
from perpbot.core.money import ONE, ZERO, exact
from perpbot.core.orders import Leg
from perpbot.core.pairs import ExitReason, Pair, PairLeg
from perpbot.pricing.pair_value import close_gap, exit_fee, leg_pnl
from perpbot.strategy.settings import ExitSettings

_SECOND_NS = 1_000_000_000
_WATCH_MARGIN = 1 + 1e-9
_WATCH_MARGIN_COINS = 1e-7  # the judge books gains and fees in steps of 1e-8 coin or USD, the watch does not

Touch: TypeAlias = tuple[Decimal, Decimal]
"""Best bid and best ask."""


@dataclass(frozen=True, slots=True)
class LegTerms:
    """What closing one leg costs and where it would be liquidated; ``exit_fee_pct`` is the rate of a taker."""

    instrument: Instrument
    exit_fee_pct: Decimal
    liquidation_price: Decimal | None = None


class PairWatch:
    """A pair's exit rule boiled down to a few floats, for the many quotes on which nothing is due.

    Pair PnL after exit fees is linear in the bid of the bought leg and the ask of the sold one, for linear and for
    inverse contracts alike.
    """

    __slots__ = (
        "_ask_slope",
        "_bid_slope",
        "_constant",
        "_deadline_ns",
        "_high_ask",
        "_legs",
        "_low_bid",
        "_pair",
        "_rule",
        "_settings",
        "_stop",
        "_target",
    )

    def __init__(self, pair: Pair, buy: LegTerms, sell: LegTerms, costs_usd: Decimal, rule: PairExit) -> None:
        buy_slope, buy_constant = _line(buy, Leg.BUY, pair.buy)
        sell_slope, sell_constant = _line(sell, Leg.SELL, pair.sell)
        self._bid_slope, self._ask_slope = float(buy_slope), float(sell_slope)
        self._constant = float(buy_constant + sell_constant - costs_usd)
        self._pair, self._legs, self._rule = pair, (buy, sell), rule
        self._boil_down()

    def _boil_down(self) -> None:
        """The barriers of the rule's settings as they are now."""
        settings = self._settings = self._rule.settings
        pair, (buy, sell) = self._pair, self._legs
        margin = _WATCH_MARGIN_COINS * (1.0 + float(pair.notional / pair.size))
        self._stop = float(-settings.stop_loss_pct * pair.notional) + margin
        self._target = float(settings.target_profit_pct * pair.notional) - margin
        distance = settings.liquidation_distance_pct
        below, above = buy.liquidation_price, sell.liquidation_price
        self._low_bid = float(below / (ONE - distance)) * _WATCH_MARGIN if below else 0.0
        self._high_ask = float(above / (ONE + distance)) / _WATCH_MARGIN if above else inf
        self._deadline_ns = _opened_ns(pair) + int(settings.time_limit_seconds * _SECOND_NS)

    def due(self, bid: float, ask: float, median_close_gap: float | None, now_ns: int) -> bool:
        """Whether :meth:`PairExit.judge` may have a reason; it is never missed, and the judge has the last word.

        ``bid`` is where the bought leg closes, ``ask`` where the sold one does.
        """
        if self._settings is not self._rule.settings:
            self._boil_down()
        if now_ns >= self._deadline_ns:
            return True
        if bid <= 0.0 or ask <= 0.0:
            return False
        pnl = self._bid_slope * bid + self._ask_slope * ask + self._constant
        if not self._stop < pnl < self._target or bid <= self._low_bid or ask >= self._high_ask:
            return True
        return median_close_gap is not None and ask <= bid * (1.0 + median_close_gap) * _WATCH_MARGIN


class PairExit:
    """The exit rule of a hedged pair."""

    def __init__(self, settings: ExitSettings) -> None:
        self.settings = settings

    def adopt(self, settings: ExitSettings) -> None:
        """Judge by these from the next quote on, open pairs too."""
        self.settings = settings

    def watch(self, pair: Pair, buy: LegTerms, sell: LegTerms, *, costs_usd: Decimal) -> PairWatch:
        """The rule in floats for ``pair`` as it stands; make a new one when the pair or its costs change."""
        return PairWatch(pair, buy, sell, costs_usd, self)

    def judge(
        self,
        pair: Pair,
        buy: LegTerms,
        sell: LegTerms,
        *,
        buy_touch: Touch | None,
        sell_touch: Touch | None,
        costs_usd: Decimal,
        median_close_gap: float | None,
        now_ns: int,
    ) -> ExitReason | None:
        """Why ``pair`` is closed now, or ``None`` to hold it.

        ``buy_touch`` is the book of the exchange that was bought on. ``costs_usd`` are fees and gas paid so far, less
        funding received. Without a price on either side only time can end a pair; without a median no gap is called
        vanished.
        """
        if buy_touch is not None and sell_touch is not None:
            bid, ask = buy_touch[0], sell_touch[1]
            if self._near_liquidation(buy, bid, Leg.BUY) or self._near_liquidation(sell, ask, Leg.SELL):
                return ExitReason.LIQUIDATION_DISTANCE
            reason = self._barrier(pair, closing_pnl(pair, buy, sell, bid, ask) - costs_usd)
            if reason is not None:
                return reason
            if median_close_gap is not None and close_gap(bid, ask) <= exact(median_close_gap):
                return ExitReason.GAP_VANISHED
        return ExitReason.TIME_LIMIT if self._overdue(pair, now_ns) else None

    def _barrier(self, pair: Pair, pnl: Decimal) -> ExitReason | None:
        if pnl <= -self.settings.stop_loss_pct * pair.notional:
            return ExitReason.STOP_LOSS
        return ExitReason.TARGET_PROFIT if pnl >= self.settings.target_profit_pct * pair.notional else None

    def _near_liquidation(self, terms: LegTerms, price: Decimal, leg: Leg) -> bool:
        if terms.liquidation_price is None or terms.liquidation_price <= ZERO:
            return False
        distance = leg.entry_side.sign * (price - terms.liquidation_price) / price
        return distance <= self.settings.liquidation_distance_pct

    def _overdue(self, pair: Pair, now_ns: int) -> bool:
        return now_ns >= _opened_ns(pair) + int(self.settings.time_limit_seconds * _SECOND_NS)


def _opened_ns(pair: Pair) -> int:
    return pair.planned_ns if pair.opened_ns is None else pair.opened_ns


def _line(terms: LegTerms, leg: Leg, held: PairLeg) -> tuple[Decimal, Decimal]:
    """Slope and constant of a leg's PnL after its exit fee, over the price it closes at."""
    instrument, sign = terms.instrument, leg.entry_side.sign
    coins = held.open * instrument.multiplier
    settled = held.exit_value - held.entry_value
    if instrument.inverse:  # contracts × multiplier is USD, and what was settled is coin
        return -sign * settled, -sign * coins - coins * terms.exit_fee_pct
    return sign * coins - coins * terms.exit_fee_pct, sign * settled


def closing_pnl(pair: Pair, buy: LegTerms, sell: LegTerms, bid: Decimal, ask: Decimal) -> Decimal:
    """USD of price PnL if ``pair`` were closed now, less the exit fees still to pay.

    The bought leg closes at its exchange's ``bid``, the sold leg at its exchange's ``ask``.
    """
    bought = leg_pnl(buy.instrument, Leg.BUY, pair.buy, bid) - exit_fee(buy.instrument, pair.buy, bid, buy.exit_fee_pct)
    sold = leg_pnl(sell.instrument, Leg.SELL, pair.sell, ask) - exit_fee(
        sell.instrument, pair.sell, ask, sell.exit_fee_pct
    )
    return bought + sold
