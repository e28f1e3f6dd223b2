"""Strategies of every shape, and what their intents come to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.events import TaskDied
from perpbot.core.names import PairId
from perpbot.core.pairs import PairState
from perpbot.strategy.intents import ClosePair, ClosePosition, Intent, OpenPair
from tests.world import ALPHA, BETA, BTC, GAMMA, World, play

QUIET = ("arbitrage.enabled=false", "exits.time_limit_seconds=100000", "exits.target_profit_pct=0.5")
SIZE = Decimal("0.01")


class Plain:
    """Wants one pair, once, and leaves it to the service."""

    desk: Any = None

    def __init__(self) -> None:
        self.turns = 0

    def analyze(self, market_data: Mapping[str, Any]) -> list[Any]:
        self.turns += 1
        assert set(market_data[BTC]) == {ALPHA, BETA}
        return [OpenPair(BTC, ALPHA, BETA, SIZE, strategy="stat")] if self.turns == 1 else []


class Asynchronous(Plain):
    """The same, thinking in between."""

    async def analyze(self, market_data: Mapping[str, Any]) -> list[Any]:  # type: ignore[override]
        return super().analyze(market_data)


class Executing(Plain):
    """Submits its own signals."""

    def execute(self, signals: list[Any]) -> None:
        self.results = [self.desk.submit(signal) for signal in signals]


class AsynchronousExecuting(Asynchronous):
    """Submits its own signals and waits for what comes of them."""

    async def execute(self, signals: list[Any]) -> None:
        self.results = [await self.desk.submit(signal) for signal in signals]


class Broken(Plain):
    """Fails at every turn."""

    def analyze(self, market_data: Mapping[str, Any]) -> list[Any]:
        super().analyze(market_data)
        raise RuntimeError("division by cucumber")


class Slow(Plain):
    """Never answers."""

    async def analyze(self, market_data: Mapping[str, Any]) -> list[Any]:  # type: ignore[override]
        super().analyze(market_data)
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


class Confused(Plain):
    """Returns what is no intent."""

    def analyze(self, market_data: Mapping[str, Any]) -> list[Any]:
        super().analyze(market_data)
        return ["buy low"]


@pytest.mark.parametrize("kind", [Plain, Asynchronous, Executing, AsynchronousExecuting])
def test_a_strategy_may_be_plain_or_async_and_submit_itself_or_not(kind: type[Plain]) -> None:
    """Its pair is opened through capital and risk like any other, and its desk is there."""

    async def act(world: World) -> None:
        strategy = kind()
        world.service.strategies.append(strategy)
        assert strategy.desk is world.service.desk
        world.edge()
        await world.keep_quoting(1.3)
        assert strategy.turns >= 1
        assert (world.pair.strategy, world.pair.ever_hedged) == ("stat", True)
        assert world.parts.verdicts.counts() == {"approved": 1}

    play(act, running=True, set_=QUIET)


@pytest.mark.parametrize("kind", [Broken, Slow, Confused])
def test_a_strategy_that_fails_holds_up_nobody(kind: type[Plain]) -> None:
    """The loop goes on, the others are asked, the operator is told; a slow one is not asked twice at once."""

    async def act(world: World) -> None:
        bad, good = kind(), Plain()
        world.service.strategies.extend([bad, good])
        world.edge()
        await world.keep_quoting(3.3)
        assert good.turns == 3
        assert bad.turns == (1 if kind is Slow else 3)
        assert world.turns == 3
        assert world.pair.ever_hedged
        told = [event.error for event in world.journal.of(TaskDied) if event.task == f"strategy {kind.__name__}"]
        assert len(told) == (0 if kind is Slow else 3)
        assert world.deaths == []

    play(act, running=True, set_=QUIET)


def test_an_intent_that_cannot_be_carried_out_is_a_result_with_its_reason() -> None:
    """Never an error: a strategy is told."""

    async def act(world: World) -> None:
        desk = world.service.desk
        reasons: dict[str, Intent] = {
            "unknown_pair": ClosePair(PairId("nobody")),
            "order_invalid": OpenPair(BTC, ALPHA, BETA, SIZE, strategy="nonsense"),
            "book_not_ready": OpenPair("ETH-USD-PERP", ALPHA, BETA, SIZE),
            "below_minimum_size": OpenPair(BTC, ALPHA, BETA, Decimal("0.00000001")),
            "closed": ClosePosition(ALPHA, BTC, "stat"),
        }
        for reason, intent in reasons.items():
            assert (await desk.submit(intent)).reason == reason
        assert world.parts.capital.live == ()
        assert list(world.parts.pairs.pairs()) == []

    play(act, set_=QUIET)


@pytest.mark.parametrize("seller", [BETA, GAMMA])
def test_a_pair_in_empty_books_is_refused(seller: str) -> None:
    """There is no price to divide by."""

    async def act(world: World) -> None:
        for name in (ALPHA, seller):
            world.quote(name, 60_000.0, coins=0.0)
        result = await world.service.desk.submit(OpenPair(BTC, ALPHA, seller, SIZE))
        assert (result.success, result.reason) == (False, "book_not_ready")

    play(act, ALPHA, seller, set_=QUIET)


def test_a_pair_of_a_strategy_is_closed_by_its_intent() -> None:
    """Both legs, reduce-only, once."""

    async def act(world: World) -> None:
        world.edge()
        opened = await world.service.desk.submit(OpenPair(BTC, ALPHA, BETA, SIZE))
        assert opened.pair_id is not None
        closed = await world.service.desk.submit(ClosePair(opened.pair_id))
        assert closed.success
        assert world.pair.state is PairState.CLOSED
        assert world.flat()

    play(act, set_=QUIET)
