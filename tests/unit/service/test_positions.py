"""What is held now, as a running service states it."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.positions import Position, PositionSide
from perpbot.service.positions import positions
from tests.world import ALPHA, BETA, BTC, GAMMA, World, play


def test_both_legs_of_a_pair_are_listed_with_what_closing_them_would_bring() -> None:
    """Long at the bid, short at the ask; each names its pair."""

    async def act(world: World) -> None:
        pair = await world.hedged("0.010")
        bought, sold = positions(world.parts)
        assert (bought["exchange"], bought["side"], bought["contracts"], bought["size"]) == (
            ALPHA,
            "LONG",
            Decimal("0.010"),
            Decimal("0.010"),
        )
        assert (sold["exchange"], sold["side"]) == (BETA, "SHORT")
        assert bought["entry_price"] == Decimal("59970.5")
        assert (bought["mark_price"], sold["mark_price"]) == (Decimal("59969.5"), Decimal("60030.5"))
        assert bought["unrealized_pnl"] == Decimal("-0.01")
        assert bought["notional"] == Decimal("599.695")
        assert {row["pair_id"] for row in (bought, sold)} == {pair.pair_id}
        assert {row["pair_state"] for row in (bought, sold)} == {"HEDGED"}
        await world.close(pair)
        assert positions(world.parts) == []

    play(act)


def test_an_inverse_position_has_its_size_in_coins() -> None:
    """Contracts of 10 USD are so many coins at the mark; entry and mark are prices, not values."""

    async def act(world: World) -> None:
        await world.hedged("0.010", sell=GAMMA)
        found = {row["exchange"]: row for row in positions(world.parts)}[GAMMA]
        assert found["contracts"] == Decimal(60)
        assert abs(found["size"] - Decimal(600) / found["mark_price"]) < Decimal("1e-17")
        assert found["notional"] == Decimal(600)
        assert abs(found["entry_price"] - Decimal("60029.5")) < Decimal("1e-6")

    play(act, ALPHA, GAMMA)


def test_a_book_that_is_away_leaves_no_mark() -> None:
    """What it was worth at the last touch stays."""

    async def act(world: World) -> None:
        await world.hedged("0.010")
        before = positions(world.parts)[0]["unrealized_pnl"]
        world.parts.market.reset(ALPHA, BTC)
        found = positions(world.parts)[0]
        assert found["mark_price"] is None
        assert found["unrealized_pnl"] == before

    play(act)


def test_a_liquidation_price_is_told_where_the_exchange_stated_one() -> None:
    """Not of a position on the other side."""

    async def act(world: World) -> None:
        await world.hedged("0.010")
        price = Decimal(60_000)
        stated = {
            (name, BTC): Position(name, BTC, PositionSide.LONG, Decimal(1), price, price, Decimal(0), None, None, price)
            for name in (ALPHA, BETA)
        }
        bought, sold = positions(world.parts, stated)
        assert (bought["liquidation_price"], sold["liquidation_price"]) == (price, None)

    play(act)
