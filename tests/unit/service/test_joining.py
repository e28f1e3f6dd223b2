"""An exchange of the user's joins a service that knew nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import pytest

from examples.exchange import PERIOD_NS, SYMBOL, SwingExchange
from perpbot.core.errors import ReadFailed, Refused
from perpbot.core.events import InstrumentListed
from perpbot.core.instruments import Instrument
from perpbot.core.market_data import BookSnapshot, TradePrint
from perpbot.core.names import Symbol
from perpbot.exchanges.base import MarketListener
from perpbot.execution.status import MemoryLatch
from perpbot.service.bootstrap import build
from perpbot.service.parts import Outside
from perpbot.service.standing import status
from perpbot.service.system import RunIds
from perpbot.service.trading import TradingService
from tests.unit.service.test_reference_only import Bare
from tests.world import ALPHA, MemoryJournal, World, play, settings_of

MINE = "mine"
SECOND = 1_000_000_000
Act = Callable[[World, TradingService], Coroutine[Any, Any, None]]


def with_service(act: Act, *, mode: str = "demo", set_: tuple[str, ...] = ()) -> None:
    """Run ``act`` with a service on alpha that is not open yet."""

    async def main(world: World) -> None:
        before = world.parts.outside
        outside = Outside(
            clock=world.clock,
            supervisor=before.supervisor,
            ids=RunIds("u"),
            journal=MemoryJournal(),
            latch=MemoryLatch(),
            exchanges=world.exchanges,
            instruments=before.instruments,
        )
        settings = settings_of(("arbitrage.basis_warmup_seconds=4", *set_))
        await act(world, build(settings, mode, outside))

    play(main, ALPHA)


def swing(service: TradingService) -> SwingExchange:
    """The example, made as a user makes it."""
    return SwingExchange(service.parts.settings.exchange(MINE))


async def quote(world: World, service: TradingService, seconds: float) -> None:
    """Let time pass with alpha's book standing still at the fair price."""
    world.quote(ALPHA, 61_800.0)
    service.on_market(TradePrint(ALPHA, SYMBOL, 61_800.0, 0.1, False, 1, None), world.clock.now_ns())
    for _ in range(round(seconds / 0.1)):
        world.publish(ALPHA)
        service.on_market(world_book(world), world.clock.now_ns())
        await world.clock.sleep(0.1)


def world_book(world: World) -> BookSnapshot:
    """What alpha's venue shows now."""
    bids, asks = world.books[ALPHA]
    now = world.clock.now_ns()
    return BookSnapshot(ALPHA, SYMBOL, bids, asks, now, now)


def test_put_in_before_the_service_opens_it_trades() -> None:
    """It is scanned against the others, its orders go through the gate, and every fill is booked on both sides."""

    async def act(world: World, service: TradingService) -> None:
        mine = swing(service)
        service.exchanges[MINE] = mine
        scanned_before = service.parts.scanned
        await service.open()
        assert (scanned_before, service.parts.scanned) == ((), (SYMBOL,))
        await quote(world, service, 3 * PERIOD_NS / SECOND)
        await service.stop()
        opened = [pair for pair in service.parts.pairs.pairs() if pair.ever_hedged]
        assert opened, service.parts.verdicts.counts()
        assert all(MINE in pair.exchanges for pair in opened)
        position = await mine.get_position(SYMBOL)
        assert (position.signed_size if position else 0) == service.parts.ledger.position(MINE, SYMBOL)
        assert service.parts.capital.current_snapshot()[MINE]["equity"] > 0
        assert not service.parts.invariants.violated

    with_service(act)


def test_its_instruments_are_journaled_at_the_fees_of_the_settings() -> None:
    """A record of what its contracts are: the reports need it."""

    async def act(_: World, service: TradingService) -> None:
        service.exchanges[MINE] = swing(service)
        await service.open()
        listed = [event.instrument for event in service.parts.outside.journal.of(InstrumentListed)]  # type: ignore[attr-defined]
        assert [str(each.taker_fee_pct) for each in listed if each.exchange == MINE] == ["0.0007"]
        assert service.parts.outside.instruments[MINE, SYMBOL].min_notional == 25

    own = f"exchanges.{MINE}={{class: 'examples.exchange:Unused', taker_fee_pct: 0.0007, min_order_size: 25}}"
    with_service(act, mode="replay", set_=(own,))


def test_after_the_service_is_open_it_is_refused() -> None:
    """What was scanned and opened so far did not know it."""

    async def act(_: World, service: TradingService) -> None:
        await service.open()
        with pytest.raises(Refused, match="exchange mine comes too late"):
            service.exchanges[MINE] = swing(service)

    with_service(act)


def test_a_name_that_is_taken_is_refused() -> None:
    """Also that of an exchange whose prices alone are known."""

    async def act(_: World, service: TradingService) -> None:
        service.exchanges[MINE] = swing(service)
        for name in (ALPHA, MINE):
            with pytest.raises(Refused, match=f"there is an exchange {name} already"):
                service.exchanges[name] = swing(service)

    with_service(act)


def test_what_is_no_exchange_is_refused() -> None:
    """Anything else could not be asked for its balance."""

    async def act(_: World, service: TradingService) -> None:
        with pytest.raises(TypeError, match="dict is no exchange: it must extend"):
            service.exchanges[MINE] = {}  # type: ignore[assignment]

    with_service(act)


@pytest.mark.parametrize(
    ("mode", "set_", "why"),
    [
        ("demo", (f"exchanges.{MINE}={{trading: false, class: 'a:B'}}",), "exchanges.mine.trading is false"),
        ("paper", (), "in mode paper nothing is sent to an exchange"),
    ],
)
def test_one_that_may_not_trade_is_reference_only(
    mode: str, set_: tuple[str, ...], why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log says why, its prices are known, and it has no capital."""
    monkeypatch.setattr("perpbot.service.bootstrap.make_exchanges", lambda *_: {})

    async def act(world: World, service: TradingService) -> None:
        service.exchanges[MINE] = swing(service)
        await service.open()
        await quote(world, service, 1)
        assert MINE not in service.parts.outside.trading
        assert MINE not in service.parts.capital.current_snapshot()
        assert service.exchanges[MINE].capabilities.trading is False

    with_service(act, mode=mode, set_=("arbitrage.symbols=[BTC-USD-PERP]", *set_))
    assert f"mine is reference only: {why}" in capsys.readouterr().out


def test_one_with_the_seven_methods_alone_is_reference_only(capsys: pytest.CaptureFixture[str]) -> None:
    """It joins as such; the log names what it lacks."""

    async def act(_: World, service: TradingService) -> None:
        service.exchanges[MINE] = Bare()
        await service.open()
        assert MINE not in service.parts.outside.trading

    with_service(act)
    assert "mine is reference only: it lacks client_ids, ioc, reduce_only, get_order" in capsys.readouterr().out


class Refusing(SwingExchange):
    async def connect(self) -> None:
        raise OSError("no route")


class Foreign(SwingExchange):
    async def get_instruments(self) -> Sequence[Instrument]:
        return [replace(each, exchange="other") for each in await super().get_instruments()]


@pytest.mark.parametrize(
    ("make", "words"),
    [(Refusing, "exchange mine does not start: OSError: no route"), (Foreign, "says that it is of 'other'")],
)
def test_one_that_does_not_start_is_one_line(make: type[SwingExchange], words: str) -> None:
    """The service does not open without what it was told to trade on."""

    async def act(_: World, service: TradingService) -> None:
        service.exchanges[MINE] = make(service.parts.settings.exchange(MINE))
        with pytest.raises(ReadFailed, match=words):
            await service.open()

    with_service(act)


class Pretender(SwingExchange):
    """Keeps the listener, for a test to speak through."""

    listener: MarketListener

    async def subscribe_orderbook(self, symbol: Symbol, listener: MarketListener) -> None:
        self.listener = listener


def test_it_cannot_speak_for_another_exchange() -> None:
    """A book under a wrong name would spoil that exchange's."""

    async def act(world: World, service: TradingService) -> None:
        mine = Pretender(service.parts.settings.exchange(MINE))
        service.exchanges[MINE] = mine
        await service.open()
        world.quote(ALPHA, 61_800.0)
        book = world_book(world)
        with pytest.raises(ReadFailed, match="mine sent a book of 'alpha'"):
            mine.listener(book, world.clock.now_ns())

    with_service(act)


class Deaf(SwingExchange):
    async def subscribe_orderbook(self, symbol: Symbol, listener: MarketListener) -> None:
        raise OSError("stream closed")

    async def disconnect(self) -> None:
        await super().disconnect()
        raise OSError("gone already")


def test_a_book_that_cannot_be_had_and_a_line_that_is_gone_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither keeps the service from opening or from stopping."""

    async def act(_: World, service: TradingService) -> None:
        service.exchanges[MINE] = Deaf(service.parts.settings.exchange(MINE))
        await service.open()
        await service.stop()

    with_service(act)
    said = capsys.readouterr().out
    assert "book not followed" in said
    assert "OSError: stream closed" in said
    assert "exchange not disconnected" in said


def test_the_status_says_why_an_exchange_is_reference_only() -> None:
    """An operator who wonders why nothing goes there need not read the log."""

    async def act(_: World, service: TradingService) -> None:
        service.exchanges[MINE] = Bare()
        await service.open()
        told = status(service.parts, started_ns=0, pid=1)["exchanges"]
        assert told[MINE]["reference_only"].startswith("mine is reference only: it lacks client_ids")
        assert "reference_only" not in told[ALPHA]

    with_service(act)
