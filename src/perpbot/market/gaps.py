"""How often the tops of two exchanges lie apart, before costs."""

from collections.abc import Sequence

from perpbot.core.names import ExchangeName, Symbol

_THRESHOLDS_BPS = (3, 5, 8, 10)


class GapCounter:
    """Counts ticker updates of a symbol, and those that leave a gap of at least so many basis points.

    The gap is the largest ``bid_A / ask_B − 1`` over two different exchanges, looked at after every ticker of the
    symbol from the moment on that two exchanges have one.
    """

    def __init__(self, thresholds_bps: Sequence[int] = _THRESHOLDS_BPS) -> None:
        self._thresholds = tuple((str(bps), bps / 1e4) for bps in sorted(thresholds_bps))
        self._tops: dict[Symbol, dict[ExchangeName, tuple[float, float]]] = {}
        self.updates: dict[Symbol, int] = {}
        self.gaps_bps: dict[Symbol, dict[str, int]] = {}
        self.largest: dict[Symbol, float] = {}
        """The largest gap so far, as a fraction."""

    def on_ticker(self, exchange: ExchangeName, symbol: Symbol, bid: float, ask: float) -> None:
        """Take one ticker in; one without a bid or an ask ends what its exchange said before."""
        tops = self._tops.get(symbol)
        if tops is None:
            tops = self._open(symbol)
        if bid > 0.0 and ask > 0.0:
            tops[exchange] = (bid, ask)
        else:
            tops.pop(exchange, None)
        if len(tops) < 2:
            return
        self.updates[symbol] += 1
        gap = _gap(list(tops.values()))
        self.largest[symbol] = max(self.largest[symbol], gap)
        counts = self.gaps_bps[symbol]
        for name, threshold in self._thresholds:
            if gap < threshold:
                break
            counts[name] += 1

    def _open(self, symbol: Symbol) -> dict[ExchangeName, tuple[float, float]]:
        self.updates[symbol] = 0
        self.gaps_bps[symbol] = {name: 0 for name, _ in self._thresholds}
        self.largest[symbol] = -1.0
        tops = self._tops[symbol] = {}
        return tops


def _gap(tops: Sequence[tuple[float, float]]) -> float:
    """The largest gap between two different tops."""
    if len(tops) == 2:
        (bid_a, ask_a), (bid_b, ask_b) = tops
        return max(bid_a / ask_b, bid_b / ask_a) - 1.0
    return max(a[0] / b[1] for i, a in enumerate(tops) for j, b in enumerate(tops) if i != j) - 1.0
