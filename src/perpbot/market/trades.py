"""Recent public trades of one market."""

from collections import deque

from perpbot.core.market_data import TradePrint

_KEPT = 4096


class TradeCache:
    """A ring of the newest trades: the last price and its time, and what was traded lately."""

    __slots__ = ("_recent", "last_price", "received_ns")

    def __init__(self, kept: int = _KEPT) -> None:
        self.last_price: float | None = None
        self.received_ns = 0
        self._recent: deque[tuple[int, float]] = deque(maxlen=kept)

    def add(self, trade: TradePrint, received_ns: int) -> None:
        """Take a trade in."""
        self.last_price = trade.price
        self.received_ns = received_ns
        self._recent.append((received_ns, trade.size))

    def volume(self, now_ns: int, seconds: float) -> float:
        """Contracts traded in the last ``seconds``, as far as the ring reaches."""
        since = now_ns - seconds * 1e9
        total = 0.0
        for received_ns, size in reversed(self._recent):
            if received_ns < since:
                break
            total += size
        return total
