"""Sizes on two step grids."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice

from perpbot.arbitrage.sizing import grid_at, sizes_down, sizes_up, smallest_base
from tests.unit.arbitrage.desk import inverse, linear

PRICE = Decimal(61_800)
LIMIT = Decimal("0.05")


def test_two_coin_grids_meet_on_their_common_steps() -> None:
    """Steps of 0.002 and 0.003 coin: both legs are multiples of 0.006, of one size."""
    buy = grid_at(linear("alpha", step=Decimal("0.002")), PRICE, PRICE)
    sell = grid_at(linear("beta", step=Decimal("0.3"), multiplier=Decimal("0.01")), PRICE, PRICE)
    pairs = list(sizes_down(buy, sell, Decimal("0.02"), LIMIT))
    assert pairs == [(Decimal(n) * Decimal("0.006"), Decimal(n) * Decimal("0.6")) for n in (3, 2, 1)]
    assert list(sizes_up(buy, sell, Decimal("0.02"), LIMIT)) == pairs[::-1]


def test_contracts_of_100_usd_are_paired_with_the_coins_next_to_them() -> None:
    """Ten are 0.01618 coins, nine 0.01456: at 61,800 the nearest steps are 16 and 15; 14 is next, 3.9 % off."""
    buy, sell = grid_at(linear("alpha"), PRICE, PRICE), grid_at(inverse("beta"), PRICE, PRICE)
    first = list(islice(sizes_down(buy, sell, Decimal(1000) / PRICE, LIMIT), 4))
    assert first == [
        (Decimal("0.016"), Decimal(10)),
        (Decimal("0.015"), Decimal(9)),
        (Decimal("0.014"), Decimal(9)),
        (Decimal("0.013"), Decimal(8)),
    ]
    assert list(islice(sizes_down(sell, buy, Decimal(1000) / PRICE, LIMIT), 1)) == [(Decimal(10), Decimal("0.016"))]


def test_the_smallest_base_is_what_both_orders_need() -> None:
    """100 USD at 61,800 are two steps of 0.001; one contract of 100 USD is less."""
    buy, sell = grid_at(linear("alpha"), PRICE, PRICE), grid_at(inverse("beta"), PRICE, PRICE)
    assert smallest_base(buy, sell) == Decimal("0.002")


def test_nothing_fits_under_a_cap_below_one_step() -> None:
    """No size is made up."""
    buy, sell = grid_at(linear("alpha"), PRICE, PRICE), grid_at(inverse("beta"), PRICE, PRICE)
    assert list(sizes_down(buy, sell, Decimal("0.001"), Decimal(1))) == []
