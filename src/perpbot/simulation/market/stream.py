"""One symbol on one exchange, before any order of ours: it follows the common price, is traded and publishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from perpbot.core.instruments import Instrument
from perpbot.core.ports import Rng
from perpbot.simulation.market.calibration import ExchangeRow, SymbolRow, engine_row
from perpbot.simulation.market.chance import geometric
from perpbot.simulation.market.delays import FrameDelay
from perpbot.simulation.market.emissions import Emission
from perpbot.simulation.market.flow import OrderFlow
from perpbot.simulation.market.grid import Grid
from perpbot.simulation.market.publisher import Publisher, Top
from perpbot.simulation.market.quoting import Basis, Requotes, Touch
from perpbot.simulation.market.schedule import MILLISECOND, SECOND, Schedule
from perpbot.simulation.market.sizes import TopSize

_DEPTH_EVERY_NS = 100 * MILLISECOND
_DEPTH_AT_ONCE_BPS = 1.0  # a move this large publishes its depth with it
_WIDEST_OPEN_BPS = 3.0  # a move leaves the spread open at most this far
_OPEN_PROBABILITY = 0.8
_OPEN_MS = 5.5
_UPDATE_GAP_MS = 0.7  # between the ticker updates that one order brings


@dataclass(frozen=True, slots=True)
class StreamState:
    """What one stream needs to go on: its price and drift in bps, and its last numbers."""

    fair_bps: float
    drift_bps: float
    sequence: int
    trade_id: int


class Stream:
    """The engine of one exchange for one symbol. It is quiet (price moves only) until :meth:`go_live`."""

    def __init__(
        self,
        exchange: ExchangeRow,
        instrument: Instrument,
        row: SymbolRow,
        common_bps: Callable[[], float],
        rng: Rng,
        schedule: Schedule,
        put: Callable[[Emission], None],
        state: StreamState | None,
    ) -> None:
        self.exchange = exchange
        engine = engine_row(row, exchange)
        self._engine = engine
        self._thin = not row.jumps.seen_at_once
        self._common_bps = common_bps
        self._rng = rng
        self._schedule = schedule
        self._basis = Basis(row, exchange, rng, state.drift_bps if state else None)
        self._requotes = Requotes(engine.quoting, rng, thin=self._thin)
        self._touch = Touch(Grid(instrument.tick), row.price, engine.quoting.half_spread_bps)
        self._bid_size = TopSize(engine.depth, rng)
        self._ask_size = TopSize(engine.depth, rng)
        self._publisher = Publisher(instrument, engine.depth, rng, put)
        self._flow = OrderFlow(engine.flow, rng, schedule, self._traded)
        self._delay = FrameDelay(exchange.delay, rng, schedule)
        self._fair_bps = state.fair_bps if state else common_bps() + self._basis.resting_bps
        self._pulse_bps = 0.0
        self._open_bid = 0  # ticks by which the bid stays behind a rise
        self._open_ask = 0  # and the ask behind a fall
        self._moves = 0
        self._live = False
        if state:
            self._publisher.sequence, self._publisher.trade_id = state.sequence, state.trade_id

    def begin(self, at_ns: int) -> None:
        """Publish the first book and let the quotes move."""
        self._touch.move(self._fair_bps)
        self._publisher.snapshot(at_ns, self._top(at_ns), self._delay)
        self._schedule_requote(at_ns)

    def go_live(self, at_ns: int) -> None:
        """Publish all there is from now on: the book anew, ticker updates, depth and trades."""
        self._live = True
        self._publisher.snapshot(at_ns, self._top(at_ns), self._delay)
        self._flow.start(at_ns)
        self._delay.start(at_ns)
        self._schedule_update(at_ns)
        # The engines' depth frames do not all fall on the same instant.
        self._schedule.at(at_ns + int(self._rng.random() * _DEPTH_EVERY_NS), self._publish_depth)

    def jump(self, jump_bps: float, at_ns: int) -> None:
        """The price jumps here."""
        self._fair_bps += jump_bps
        self._settle(at_ns)

    def excite(self, jump_bps: float, at_ns: int) -> None:
        """A jump brings orders here."""
        self._flow.excite(at_ns, jump_bps)

    def pulse(self, bps: float, at_ns: int) -> None:
        """Hold this exchange's quotes ``bps`` away from its price (0 ends it)."""
        self._pulse_bps = bps
        self._settle(at_ns)

    def state(self) -> StreamState:
        """What is needed to go on later; a pulse, orders and frames under way are not kept."""
        numbers = self._publisher
        return StreamState(self._fair_bps, self._basis.drift, numbers.sequence, numbers.trade_id)

    def _requote(self, at_ns: int) -> None:
        self._schedule_requote(at_ns)
        target = self._common_bps() + self._basis.bps(at_ns)
        self._fair_bps = self._requotes.requoted(self._fair_bps, target)
        if not self._settle(at_ns) and self._thin and self._live:
            self._update(at_ns)

    def _settle(self, at_ns: int) -> bool:
        """Quote the present price; what moved is published. True if anything did."""
        touch = self._touch
        before = touch.bid, touch.ask
        if not touch.move(self._fair_bps + self._pulse_bps):
            return False
        shift = touch.bid - before[0] or touch.ask - before[1]
        self._moves += 1
        self._open_spread(at_ns, shift)
        self._bid_size.redraw(at_ns)
        self._ask_size.redraw(at_ns)
        self._publish_move(at_ns, shift)
        return True

    def _publish_move(self, at_ns: int, ticks: int) -> None:
        top = self._top(at_ns)
        self._publisher.ticker(at_ns, top, self._delay)
        if self._live and abs(ticks) * self._touch.tick_bps >= _DEPTH_AT_ONCE_BPS:
            self._publisher.depth(at_ns, top, self._delay)

    def _open_spread(self, at_ns: int, shift: int) -> None:
        """The side that a move leaves behind follows some milliseconds later."""
        self._open_bid = self._open_ask = 0
        if self._thin or self._rng.random() >= _OPEN_PROBABILITY:
            return
        behind = min(abs(shift), int(_WIDEST_OPEN_BPS / self._touch.tick_bps))
        if shift > 0:
            self._open_bid = behind
        else:
            self._open_ask = behind
        closes_ns = at_ns + int(self._rng.expovariate(1.0 / _OPEN_MS) * MILLISECOND)
        self._schedule.at(closes_ns, partial(self._close_spread, self._moves))

    def _close_spread(self, move: int, at_ns: int) -> None:
        if move != self._moves or not (self._open_bid or self._open_ask):
            return
        (self._bid_size if self._open_bid else self._ask_size).redraw(at_ns)
        behind = self._open_bid + self._open_ask
        self._open_bid = self._open_ask = 0
        self._publish_move(at_ns, behind)

    def _traded(self, at_ns: int, *, buy: bool, usd: float) -> None:
        self._delay.order_came(at_ns)
        self._publisher.trade(at_ns, self._top(at_ns), buy=buy, usd=usd, delay=self._delay)
        self._update_after_order(geometric(self._rng, self._engine.flow.updates_per_order), at_ns)

    def _update_after_order(self, remaining: int, at_ns: int) -> None:
        self._update(at_ns)
        if remaining > 1:
            next_ns = at_ns + int(self._rng.expovariate(1.0 / _UPDATE_GAP_MS) * MILLISECOND)
            self._schedule.at(next_ns, partial(self._update_after_order, remaining - 1))

    def _update_again(self, at_ns: int) -> None:
        self._schedule_update(at_ns)
        self._update(at_ns)

    def _update(self, at_ns: int) -> None:
        self._bid_size.vary()
        self._ask_size.vary()
        self._publisher.ticker(at_ns, self._top(at_ns), self._delay)

    def _publish_depth(self, at_ns: int) -> None:
        self._schedule.at(at_ns + _DEPTH_EVERY_NS, self._publish_depth)
        self._publisher.depth(at_ns, self._top(at_ns), self._delay)

    def _top(self, at_ns: int) -> Top:
        bid, ask = self._touch.bid - self._open_bid, self._touch.ask + self._open_ask
        return Top(bid, ask, self._bid_size.usd(at_ns), self._ask_size.usd(at_ns))

    def _schedule_requote(self, at_ns: int) -> None:
        self._schedule.at(at_ns + int(self._rng.expovariate(self._engine.quoting.rate) * SECOND), self._requote)

    def _schedule_update(self, at_ns: int) -> None:
        self._schedule.at(
            at_ns + int(self._rng.expovariate(self._engine.flow.ticker_rate) * SECOND), self._update_again
        )
