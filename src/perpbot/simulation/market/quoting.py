"""Where one exchange sees the price: requotes, the slow drift of its basis, and the touch on its tick grid."""

from __future__ import annotations

import math

from perpbot.core.ports import Rng
from perpbot.simulation.market.calibration import ExchangeRow, QuotingRow, SymbolRow
from perpbot.simulation.market.grid import Grid
from perpbot.simulation.market.schedule import SECOND

_REVERSION = 0.8  # of the distance to the common price, closed by one requote of a major
_WILD_SHARE = 0.3  # of requotes have the larger noise
_WILD_NOISE = 1.6
_THIN_MEMORY = 0.8  # of a thin quote's error, kept over one refresh
_THIN_NOISE = 0.6


class Basis:
    """The offset of one exchange from the common price: a constant, plus a drift (Ornstein-Uhlenbeck)."""

    def __init__(self, row: SymbolRow, exchange: ExchangeRow, rng: Rng, drift_bps: float | None = None) -> None:
        self._constant = exchange.basis_share * row.basis_bps
        self._std = 0.0 if exchange.leads else row.drift_bps
        self._tau_ns = row.drift_seconds * SECOND
        self._rng = rng
        self._at_ns: int | None = None
        self.drift = self._std * rng.gauss(0.0, 1.0) if drift_bps is None else drift_bps

    @property
    def resting_bps(self) -> float:
        """The basis as it was last."""
        return self._constant + self.drift

    def bps(self, at_ns: int) -> float:
        """The basis now; the drift advances exactly, however long ago it was asked for."""
        kept = 1.0 if self._at_ns is None else math.exp((self._at_ns - at_ns) / self._tau_ns)
        self._at_ns = at_ns
        if kept < 1.0 and self._std > 0.0:
            self.drift = kept * self.drift + self._std * math.sqrt(1.0 - kept * kept) * self._rng.gauss(0.0, 1.0)
        return self.resting_bps


class Requotes:
    """What a requote makes of an exchange's price: majors close in on the common price, thin quotes err around it."""

    def __init__(self, row: QuotingRow, rng: Rng, *, thin: bool) -> None:
        self._noise_bps = row.noise_bps
        self._rng = rng
        self._thin = thin
        self._error_bps = 0.0

    def requoted(self, fair_bps: float, target_bps: float) -> float:
        """The new price for the common price plus basis ``target_bps``; all in bps of the first price."""
        noise = self._noise_bps * self._rng.gauss(0.0, 1.0)
        if self._thin:
            self._error_bps = _THIN_MEMORY * self._error_bps + _THIN_NOISE * noise
            return target_bps + self._error_bps
        if self._rng.random() < _WILD_SHARE:
            noise *= _WILD_NOISE
        return fair_bps - _REVERSION * (fair_bps - target_bps) + noise


class Touch:
    """Best bid and ask in ticks, for a price given in bps (as a logarithm) of the first price."""

    def __init__(self, prices: Grid, first_price: float, half_spread_bps: float) -> None:
        self._prices = prices
        self._first = first_price
        self._half = half_spread_bps * 1e-4
        self.bid = 0
        self.ask = 1

    @property
    def tick_bps(self) -> float:
        """One tick in bps of the price."""
        return 1e4 / self.ask

    def move(self, bps: float) -> bool:
        """Quote around ``bps``: one tick wide, or half a spread away and rounded outward. True if anything moved."""
        price = self._first * math.exp(bps * 1e-4)
        bid = math.floor(price * (1.0 - self._half) / self._prices.step)
        ask = bid + 1
        if self._half > 0.0:
            ask = max(ask, math.ceil(price * (1.0 + self._half) / self._prices.step))
        moved = (bid, ask) != (self.bid, self.ask)
        self.bid, self.ask = bid, ask
        return moved
