"""One side of an order book."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from math import inf

from perpbot.core.market_data import Level


class BookSide:
    """Sizes by price, and the prices in order, worst first: a change costs a lookup, a new level one insertion.

    The order is kept by the price times ``sign`` (+1 for bids, −1 for asks), so that the best is last on both sides and
    an insertion near the touch, where most happen, moves few others.
    """

    __slots__ = ("_ranks", "_sign", "sizes")

    def __init__(self, *, buying: bool) -> None:
        self._sign = 1.0 if buying else -1.0
        self._ranks: list[float] = []
        self.sizes: dict[float, float] = {}

    def __len__(self) -> int:
        return len(self._ranks)

    def clear(self) -> None:
        """Forget all levels."""
        self.sizes.clear()
        self._ranks.clear()

    def apply(self, levels: Iterable[Level]) -> bool:
        """Set sizes, 0 removes. ``False`` at the first price or size that cannot be: the side is no good any more."""
        sizes, ranks, sign = self.sizes, self._ranks, self._sign
        for price, size in levels:
            if 0.0 < size < inf:
                if price not in sizes:
                    if not 0.0 < price < inf:
                        return False
                    insort(ranks, price * sign)
                sizes[price] = size
            elif size == 0.0:
                if sizes.pop(price, None) is not None:
                    del ranks[bisect_left(ranks, price * sign)]
            else:
                return False
        return True

    def replace(self, levels: Iterable[Level]) -> bool:
        """Take ``levels`` for all there are; ``False`` as in :meth:`apply`."""
        sizes, sign = self.sizes, self._sign
        sizes.clear()
        for price, size in levels:
            if not (0.0 < price < inf and 0.0 <= size < inf):
                return False
            if size:
                sizes[price] = size
            else:
                sizes.pop(price, None)
        self._ranks[:] = sorted(price * sign for price in sizes)
        return True

    def best(self) -> float:
        """The best price, 0.0 without levels."""
        return self._ranks[-1] * self._sign if self._ranks else 0.0

    def levels(self) -> Iterator[Level]:
        """All levels, best first."""
        return self._down_from(len(self._ranks))

    def behind(self, price: float) -> Iterator[Level]:
        """The levels worse than ``price``, best first."""
        return self._down_from(bisect_left(self._ranks, price * self._sign))

    def _down_from(self, rank: int) -> Iterator[Level]:
        sizes, ranks, sign = self.sizes, self._ranks, self._sign
        for i in range(rank - 1, -1, -1):
            price = ranks[i] * sign
            yield price, sizes[price]
