"""Gaps between tops are counted as data/README.md measures them."""

import pytest

from perpbot.market.gaps import GapCounter

BTC = "BTC-USD-PERP"


def test_nothing_is_counted_before_two_exchanges_have_a_ticker() -> None:
    """The first ticker of the second exchange is the first update."""
    gaps = GapCounter()
    gaps.on_ticker("a", BTC, 100.0, 101.0)
    gaps.on_ticker("a", BTC, 100.0, 101.0)
    assert gaps.updates == {BTC: 0}
    gaps.on_ticker("b", BTC, 100.0, 101.0)
    assert gaps.updates == {BTC: 1}


def test_a_gap_counts_at_every_threshold_it_reaches_in_either_direction() -> None:
    """bid_A / ask_B − 1 or bid_B / ask_A − 1, whichever is larger."""
    gaps = GapCounter()
    gaps.on_ticker("a", BTC, 99.0, 100.0)
    gaps.on_ticker("b", BTC, 100.06, 101.0)
    gaps.on_ticker("a", BTC, 101.1, 102.0)
    assert gaps.updates == {BTC: 2}
    assert gaps.gaps_bps == {BTC: {"3": 2, "5": 2, "8": 1, "10": 0}}
    assert gaps.largest[BTC] == pytest.approx(0.1 / 101)


def test_among_several_exchanges_the_widest_pair_counts() -> None:
    """An exchange is never compared with itself."""
    gaps = GapCounter([5])
    for name, bid in (("a", 100.0), ("b", 100.0), ("c", 100.2)):
        gaps.on_ticker(name, BTC, bid, bid + 0.01)
    assert gaps.updates == {BTC: 2}
    assert gaps.gaps_bps == {BTC: {"5": 1}}


def test_symbols_are_counted_apart() -> None:
    """A ticker costs work for its own symbol only."""
    gaps = GapCounter()
    gaps.on_ticker("a", BTC, 100.0, 101.0)
    gaps.on_ticker("b", "ETH-USD-PERP", 10.0, 11.0)
    assert gaps.updates == {BTC: 0, "ETH-USD-PERP": 0}


def test_an_exchange_without_a_bid_or_ask_takes_no_part() -> None:
    """An empty side ends what the exchange said before."""
    gaps = GapCounter()
    gaps.on_ticker("a", BTC, 100.0, 101.0)
    gaps.on_ticker("b", BTC, 100.0, 101.0)
    gaps.on_ticker("b", BTC, 0.0, 101.0)
    gaps.on_ticker("a", BTC, 100.0, 101.0)
    assert gaps.updates == {BTC: 1}
