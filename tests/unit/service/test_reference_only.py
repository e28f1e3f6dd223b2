"""An exchange without what trading needs gives prices and takes no orders."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.errors import Refused
from perpbot.core.market_data import BookSnapshot
from perpbot.core.names import Symbol
from perpbot.core.orders import Order, OrderReport, Side
from perpbot.core.positions import Balance, Position
from perpbot.exchanges.base import ExchangeBase, MarketListener
from perpbot.service.bootstrap import build
from perpbot.service.parts import Outside
from perpbot.service.system import RunIds
from perpbot.service.trading import TradingService
from tests.world import ALPHA, BETA, BTC, LINEAR, World, play, settings_of

BARE = "bare"


class Bare(ExchangeBase):
    """A user's exchange with the abstract methods alone."""

    async def connect(self) -> None:
        """Nothing to do."""

    async def disconnect(self) -> None:
        """Nothing to do."""

    async def place_order(self, *_: Any, **__: Any) -> Order:
        raise AssertionError("an order reached a reference exchange")

    async def cancel_order(self, *_: Any) -> OrderReport | None:
        return None

    async def get_position(self, symbol: Symbol) -> Position | None:
        return None

    async def get_balance(self) -> Balance:
        return Balance(BARE, Decimal(10_000), Decimal(10_000), Decimal(10_000))

    async def subscribe_orderbook(self, symbol: Symbol, listener: MarketListener) -> None:
        """Nothing comes."""


async def service_with_a_bare_exchange(world: World) -> TradingService:
    bare, outside = Bare(), world.parts.outside
    bare.attach(name=BARE, timers=world.clock, spawn=outside.supervisor)
    await bare.start()
    instruments = {**outside.instruments, (BARE, BTC): replace(LINEAR, exchange=BARE)}
    more = Outside(
        clock=world.clock,
        supervisor=outside.supervisor,
        ids=RunIds("u"),
        journal=world.journal,
        latch=world.latch,
        exchanges={**world.exchanges, BARE: bare},
        instruments=instruments,
    )
    warm = ("arbitrage.basis_warmup_seconds=1", "arbitrage.min_profit_pct=0.0001")
    service = build(settings_of(warm), "replay", more)
    await service.open()
    return service


def test_no_opportunity_exists_with_a_reference_exchange(capsys: pytest.CaptureFixture[str]) -> None:
    """Its prices are known, its gap is no candidate, its balance is no equity; the log says what it lacks."""

    async def act(world: World) -> None:
        service = await service_with_a_bare_exchange(world)
        for number in range(20):
            now, mids = world.clock.now_ns(), {ALPHA: 60_000.0, BETA: 60_000.0, BARE: 60_000.0 + 10 * (number > 12)}
            for name, mid in mids.items():
                bids, asks = [(mid - 0.5, 1.0)], [(mid + 0.5, 1.0)]
                service.on_market(BookSnapshot(name, BTC, bids, asks, number + 1, now), now)
            await world.clock.sleep(0.25)
        assert service.parts.market.touch(BARE, BTC) is not None
        assert service.parts.verdicts.counts() == {}
        assert BARE not in service.parts.capital.current_snapshot()
        assert service.parts.account.total_equity() == 20_000
        with pytest.raises(Refused, match="nothing was sent"):
            await service.exchanges[BARE].place_order(BTC, Side.BUY, Decimal("0.01"), Decimal(60_000))

    play(act)
    said = capsys.readouterr().out
    assert "reference only" in said
    assert "client_ids, ioc, reduce_only, get_order, instruments" in said
