"""The equity track over random days: transfers are seen by nobody."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from perpbot.ledger.track import EquityTrack

cents = st.integers(-30_000, 30_000).map(lambda number: Decimal(number) / 100)
moves = st.lists(st.tuples(st.sampled_from(("trade", "transfer")), cents), max_size=30)


def figures(track: EquityTrack) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    return track.drawdown_pct, track.daily_loss_usd, track.daily_loss_pct, track.daily_pnl_usd


@given(moves)
def test_no_transfer_moves_drawdown_or_daily_loss(history: list[tuple[str, Decimal]]) -> None:
    """Whatever was traded before, and whether anything is left: the figures are the same to the last digit."""
    track, value = EquityTrack(), Decimal(1000)
    track.mark(value, 0)
    for kind, amount in history:
        value += amount
        if kind == "trade":
            track.mark(value, 0)
        else:
            before = figures(track)
            track.transfer(amount)
            assert figures(track) == before
        assert track.value == value


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=30))
def test_without_transfers_it_is_the_plain_definition(values: list[int]) -> None:
    """Drawdown is 1 − value ÷ highest; the day's loss is start − value."""
    track = EquityTrack()
    for value in values:
        track.mark(Decimal(value), 0)
    highest, last, start = max(values), values[-1], values[0]
    assert abs(track.drawdown_pct - (1 - Decimal(last) / highest)) < Decimal("1e-26")
    assert track.daily_loss_usd == max(start - last, 0)
    assert track.peak == highest


@given(
    st.lists(st.integers(-900, 900).map(lambda bps: Decimal(bps) / 10_000), min_size=1, max_size=20),
    st.lists(st.integers(1, 9), min_size=20, max_size=20),
)
def test_the_same_returns_give_the_same_drawdown_whatever_is_paid_in_between(
    returns: list[Decimal], tenths: list[int]
) -> None:
    """A trader's record does not depend on how much money was in the account."""
    plain, moved = EquityTrack(), EquityTrack()
    plain_value = moved_value = Decimal(1000)
    for track in (plain, moved):
        track.mark(Decimal(1000), 0)
    for gain, tenth in zip(returns, tenths, strict=False):
        plain_value += plain_value * gain
        moved_value += moved_value * gain
        plain.mark(plain_value, 0)
        moved.mark(moved_value, 0)
        amount = moved_value * (tenth - 5) / 10
        moved.transfer(amount)
        moved_value += amount
    assert abs(plain.drawdown_pct - moved.drawdown_pct) < Decimal("1e-20")
    assert abs(plain.daily_loss_pct - moved.daily_loss_pct) < Decimal("1e-20")
