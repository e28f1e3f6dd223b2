"""Prices and sizes one direction: from two books to an opportunity, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TypeAlias

from perpbot.arbitrage.cases import PRICE, Case, Sized, size_exactly
from perpbot.arbitrage.route import Route
from perpbot.arbitrage.scoring import (
    Reliability,
    SuccessRate,
    confidence,
    liquidity_score,
    profit_score,
    reliability_score,
    score,
)
from perpbot.arbitrage.settings import ArbitrageSettings
from perpbot.arbitrage.sizing import grid_at, grid_residual, sizes_down, sizes_up
from perpbot.core.market_data import Level as BookLevel
from perpbot.core.money import BPS, ONE, ZERO, exact
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.opportunities import ArbitrageOpportunity
from perpbot.core.verdicts import Level, Verdict, refuse
from perpbot.pricing.basis import CloseGap
from perpbot.pricing.costs import CostModel, Instruments
from perpbot.pricing.views import MarketView
from perpbot.pricing.walk import DepthCurve, largest_size, walk

Room: TypeAlias = Callable[[Symbol, ExchangeName, ExchangeName], Decimal]
"""USD notional that pools and risk caps leave for a pair of symbol, buy exchange and sell exchange."""

_OLDEST_SECONDS = 86_400.0  # an age nobody knows is infinite; a day already leaves no edge
_ROUNDING_ROOM = 1 + 1e-12  # what is found in floats is looked at this much further up, then judged exactly


class Pricer:
    """Turns a direction into an opportunity of the largest size that still earns the minimum."""

    def __init__(
        self,
        settings: ArbitrageSettings,
        *,
        market: MarketView,
        instruments: Instruments,
        costs: CostModel,
        room: Room,
        max_slippage_pct: Decimal,
        max_residual_pct: Decimal,
        reliability: Reliability,
        attempts: SuccessRate,
    ) -> None:
        self._market = market
        self._instruments = instruments
        self._costs = costs
        self._room = room
        self._routes: dict[tuple[Symbol, ExchangeName, ExchangeName], Route] = {}
        self._max_residual = max_residual_pct
        self._reliability = reliability
        self._attempts = attempts
        self.adopt(settings, max_slippage_pct=max_slippage_pct)

    def adopt(self, settings: ArbitrageSettings, *, max_slippage_pct: Decimal) -> None:
        """Price by these settings from the next candidate on."""
        self.settings = settings
        self._max_slippage = max_slippage_pct
        self._slippage = float(max_slippage_pct)

    def price(self, gap: CloseGap, now_ns: int) -> ArbitrageOpportunity | Verdict:
        """The opportunity of a direction, or why there is none."""
        age = self._age_seconds(gap, now_ns)
        return self._thin_edge(gap, age, now_ns) or self._size(self._case(gap, age, now_ns))

    def price_size(self, gap: CloseGap, size: Decimal, now_ns: int) -> ArbitrageOpportunity | Verdict:
        """A direction at the largest size up to ``size`` coins, whatever it earns, or why it cannot be traded.

        For strategies that decide for themselves: no minimum profit, depth share or room is asked for.
        """
        case = self._case(gap, self._age_seconds(gap, now_ns), now_ns)
        if size < case.smallest_base:
            return _refuse("size", "below_minimum_size", size, case.smallest_base)
        asks, bids = list(gap.buy.asks()), list(gap.sell.bids())
        pair = next(sizes_down(case.buy_grid, case.sell_grid, size, self._max_residual), None)
        if pair is None:
            return self._unsized(case, asks, bids, size)
        sized = size_exactly(case, asks, bids, *pair)
        if sized is None:
            return _refuse("depth", "book_not_ready")
        thinner = min(
            DepthCurve(asks, case.buy, self._slippage).depth, DepthCurve(bids, case.sell, self._slippage).depth
        )
        return self._opportunity(case, sized, liquidity_score(thinner, float(size)))

    @property
    def costs(self) -> CostModel:
        """The costs that every direction is priced with."""
        return self._costs

    def case(self, gap: CloseGap, now_ns: int) -> Case:
        """A direction now: every cost that does not depend on the size. Both tops must stand."""
        return self._case(gap, self._age_seconds(gap, now_ns), now_ns)

    def _age_seconds(self, gap: CloseGap, now_ns: int) -> float:
        """Age of the older top."""
        age_seconds, symbol = self._market.age_seconds, gap.buy.symbol
        age = max(age_seconds(gap.buy.exchange, symbol, now_ns), age_seconds(gap.sell.exchange, symbol, now_ns))
        return min(max(0.0, age), _OLDEST_SECONDS)

    def _thin_edge(self, gap: CloseGap, age: float, now_ns: int) -> Verdict | None:
        """Refuses a direction that does not even earn the minimum at the smallest size."""
        settings, route, bid = self.settings, self._route(gap), gap.sell.bid
        base = route.smallest_base(gap.buy.ask, bid, bid * (1.0 - self._slippage))
        bought = walk(gap.buy.asks(), route.buy, base)
        sold = walk(gap.sell.bids(), route.sell, base)
        if bought is None or sold is None:
            return _refuse("depth", "book_not_ready")
        haircut = (float(settings.haircut_bps) + float(settings.age_haircut_bps_per_second) * age) / 10_000
        funding = float(self._funding(gap, now_ns))
        gas = route.gas_usd / (base * bought.average_price)
        costs = gap.expected + route.fees_pct + funding + gas + haircut
        net = sold.average_price / bought.average_price - 1.0 - costs
        if net >= float(settings.min_profit_pct):
            return None
        return _refuse("net_profit_pct", "edge_below_minimum", _figure(net), settings.min_profit_pct)

    def _funding(self, gap: CloseGap, now_ns: int) -> Decimal:
        """Funding that would be paid over the longest time the pair may be held.

        What would be received is no edge: the gap usually vanishes, and the pair closes, long before it settles.
        """
        signed = self._costs.funding_pct(gap.buy.symbol, gap.buy.exchange, gap.sell.exchange, now_ns)
        return max(signed, ZERO)

    def _route(self, gap: CloseGap) -> Route:
        """The direction's fixed facts, made anew when an instrument has changed."""
        symbol, buy_name, sell_name = gap.buy.symbol, gap.buy.exchange, gap.sell.exchange
        buy, sell = self._instruments[buy_name, symbol], self._instruments[sell_name, symbol]
        route = self._routes.get((symbol, buy_name, sell_name))
        if route is None or route.buy is not buy or route.sell is not sell:
            fees = float(self._costs.round_trip_pct(symbol, buy_name, sell_name))
            route = Route(buy, sell, fees, float(self._costs.gas_usd(buy_name, sell_name)))
            self._routes[symbol, buy_name, sell_name] = route
        return route

    def _case(self, gap: CloseGap, age: float, now_ns: int) -> Case:
        symbol, buy_name, sell_name = gap.buy.symbol, gap.buy.exchange, gap.sell.exchange
        buy, sell = self._instruments[buy_name, symbol], self._instruments[sell_name, symbol]
        ask, bid = exact(gap.buy.ask), exact(gap.sell.bid)
        haircut_bps = self.settings.haircut_bps + self.settings.age_haircut_bps_per_second * exact(round(age, 9))
        return Case(
            gap=gap,
            buy=buy,
            sell=sell,
            buy_grid=grid_at(buy, ask, ask),
            sell_grid=grid_at(sell, bid, bid * (ONE - self._max_slippage)),
            close_gap_pct=exact(gap.expected),
            fees_pct=self._costs.round_trip_pct(symbol, buy_name, sell_name),
            funding_pct=self._funding(gap, now_ns),
            haircut_pct=haircut_bps * BPS,
            gas_usd=self._costs.gas_usd(buy_name, sell_name),
            age_seconds=age,
            now_ns=now_ns,
        )

    def _size(self, case: Case) -> ArbitrageOpportunity | Verdict:
        bought = DepthCurve(case.gap.buy.asks(), case.buy, self._slippage)
        sold = DepthCurve(case.gap.sell.bids(), case.sell, self._slippage)
        thinner = min(bought.depth, sold.depth)
        ratio = float(ONE + case.fixed_pct + self.settings.min_profit_pct) / _ROUNDING_ROOM
        by_edge = largest_size(bought, sold, ratio, float(case.gas_usd))
        by_market = min(by_edge, float(self.settings.depth_share) * thinner)
        if by_market * _ROUNDING_ROOM < case.smallest_base:
            return _refuse("size", "below_minimum_size", _figure(by_market), case.smallest_base)
        room = self._room(case.gap.buy.symbol, case.gap.buy.exchange, case.gap.sell.exchange)
        sized = self._largest(case, bought, sold, by_edge, by_market, room)
        if sized is None:
            return self._unsized(case, bought.levels, sold.levels, _most(by_market))
        wanted = max(float(room) / case.gap.buy.ask, float(case.smallest_base))
        return self._opportunity(case, sized, liquidity_score(thinner, wanted))

    def _largest(
        self, case: Case, bought: DepthCurve, sold: DepthCurve, by_edge: float, by_market: float, room: Decimal
    ) -> Sized | None:
        """The largest pair of orders within the room; the smallest there is if the room holds none.

        The smallest one lets the chain refuse it with its own reason.
        """
        most = min(by_market, bought.base_for(float(room)), sold.base_for(float(room)))
        if case.buy.inverse or case.sell.inverse:
            most = self._uneven(case, bought.depth, sold.depth, by_edge, room)
        down = sizes_down(case.buy_grid, case.sell_grid, _most(most), self._max_residual)
        for sized in self._earning(case, bought, sold, down):
            if sized.notional <= room:
                return sized
        up = sizes_up(case.buy_grid, case.sell_grid, _most(by_market), self._max_residual)
        return next(self._earning(case, bought, sold, up), None)

    def _uneven(self, case: Case, bought: float, sold: float, by_edge: float, room: Decimal) -> float:
        """What the larger of two legs may come to that need not be equal.

        The edge lets one leg be larger if the other is smaller, and an inverse order's notional is the same at any
        price, walked or not; what goes too far is judged exactly.
        """
        by_depth = float(self.settings.depth_share) * min(bought, sold)
        by_room = float(room) / min(case.gap.buy.ask, case.gap.sell.bid)
        return min(by_depth, by_edge * (1.0 + float(self._max_residual)), by_room * (1.0 + self._slippage))

    def _earning(
        self, case: Case, bought: DepthCurve, sold: DepthCurve, sizes: Iterator[tuple[Decimal, Decimal]]
    ) -> Iterator[Sized]:
        for buy_contracts, sell_contracts in sizes:
            sized = size_exactly(case, bought.levels, sold.levels, buy_contracts, sell_contracts)
            if sized is None or sized.residual_pct > self._max_residual:
                continue
            if sized.costs.net_pct >= self.settings.min_profit_pct:
                yield sized

    def _unsized(self, case: Case, asks: list[BookLevel], bids: list[BookLevel], most: Decimal) -> Verdict:
        """Why no orders up to ``most`` coins will do: the grids do not meet, or not where the edge is enough."""
        pair = next(sizes_up(case.buy_grid, case.sell_grid, most, self._max_residual), None)
        sized = size_exactly(case, asks, bids, *pair) if pair else None
        if sized is not None and sized.residual_pct <= self._max_residual:
            minimum = self.settings.min_profit_pct
            return _refuse("net_profit_pct", "edge_below_minimum", sized.costs.net_pct, minimum)
        sizes = sizes_down(case.buy_grid, case.sell_grid, most, ONE)
        least = min((grid_residual(case.buy_grid, case.sell_grid, *pair) for pair in sizes), default=None)
        return _refuse("residual_pct", "residual_too_large", least, self._max_residual)

    def _opportunity(self, case: Case, sized: Sized, liquidity: float) -> ArbitrageOpportunity:
        gap, now_ns, settings = case.gap, case.now_ns, self.settings
        symbol, buy_name, sell_name = gap.buy.symbol, gap.buy.exchange, gap.sell.exchange
        net = sized.costs.net_pct
        skew = self._market.skew_seconds(buy_name, sell_name, symbol, now_ns)
        worse = min(self._reliability.of(buy_name, now_ns), self._reliability.of(sell_name, now_ns))
        filled, attempts = self._attempts.counts(symbol, now_ns)
        ask, bid = exact(gap.buy.ask), exact(gap.sell.bid)
        return ArbitrageOpportunity(
            symbol=symbol,
            buy_exchange=buy_name,
            sell_exchange=sell_name,
            buy_price=sized.buy_price,
            sell_price=sized.sell_price,
            buy_touch=ask,
            sell_touch=bid,
            size=sized.size,
            buy_contracts=sized.buy_contracts,
            sell_contracts=sized.sell_contracts,
            spread_pct=PRICE.divide(bid, ask) - ONE,
            net_profit_pct=net,
            costs=sized.costs,
            confidence=confidence(case.age_seconds, skew, filled, attempts),
            score=score(
                profit_score(float(net), float(settings.full_score_profit_pct)),
                liquidity,
                reliability_score(worse),
                settings,
            ),
            timestamp_ns=now_ns,
            book_age_seconds=case.age_seconds,
            skew_seconds=skew,
            buy_size=sized.buy_size,
            sell_size=sized.sell_size,
        )


def _most(base: float) -> Decimal:
    return exact(base * _ROUNDING_ROOM)


def _figure(value: float) -> Decimal:
    return exact(round(value, 10))


def _refuse(rule: str, reason: str, measured: Decimal | None = None, limit: Decimal | None = None) -> Verdict:
    return refuse(Level.SCANNER, rule, reason, measured, limit)
