"""The sliding window of prices against a model that remembers everything."""

from hypothesis import given
from hypothesis import strategies as st

from perpbot.risk.fast_market import PriceRange

WINDOW_NS = 1000
ticks = st.lists(st.tuples(st.integers(0, 800), st.floats(50, 200)), min_size=1, max_size=60)


@given(ticks)
def test_the_largest_move_is_that_from_any_price_that_stood_within_the_window(ticks: list[tuple[int, float]]) -> None:
    """A price stands from its tick until the next; the queues give what a full search gives."""
    prices = PriceRange(WINDOW_NS)
    history: list[tuple[int, float]] = []
    now_ns = 0
    for wait_ns, price in ticks:
        now_ns += wait_ns
        stood = [(until_ns, past) for until_ns, past in _until(history, now_ns) if until_ns >= now_ns - WINDOW_NS]
        expected = max((max(price / past - 1, 1 - price / past) for _, past in stood), default=0.0)
        assert prices.move(price, now_ns) == max(expected, _one_sided(stood, price))
        history.append((now_ns, price))


def _until(history: list[tuple[int, float]], now_ns: int) -> list[tuple[int, float]]:
    """Each past price with the time until which it stood."""
    ends = [time_ns for time_ns, _ in history[1:]] + [now_ns]
    return [(end_ns, price) for end_ns, (_, price) in zip(ends, history, strict=True)] if history else []


def _one_sided(stood: list[tuple[int, float]], price: float) -> float:
    """The move from the lowest and from the highest, which is negative when the price is beyond both."""
    if not stood:
        return 0.0
    past = [value for _, value in stood]
    return max(price / min(past) - 1, 1 - price / max(past))
