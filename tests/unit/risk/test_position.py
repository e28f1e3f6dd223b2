"""The position guard: size cap, cooldown, concentration."""

from decimal import Decimal

import pytest

from perpbot.core.errors import ReadFailed
from perpbot.core.names import ReservationId
from perpbot.risk.exposure import Holding
from perpbot.risk.position import PositionGuard
from perpbot.risk.settings import PositionSettings
from tests.unit.risk.fakes import BTC, ETH, FakeAccount, World


@pytest.fixture
def world() -> World:
    return World(exchanges=("paradex", "extended", "okx"))


def ask(world: World, exchange: str = "paradex", symbol: str = BTC, size: str = "1") -> str:
    ok, reason = world.guard.can_open_position(exchange, symbol, Decimal(size))
    assert ok is (reason == "approved")
    return str(reason)


def test_the_cap_is_notional_and_the_size_base_units(world: World) -> None:
    """At an ask of 100, ten coins are 1,000 USD and allowed; a thousandth more is not."""
    assert ask(world, size="10") == "approved"
    verdict = world.guard.can_open_position("paradex", BTC, Decimal("10.001"))
    assert (verdict.reason, verdict.measured, verdict.limit) == ("position_size", Decimal("1000.1"), Decimal(1000))


def test_the_price_may_be_given(world: World) -> None:
    """The chain judges by the prices the pair was walked at."""
    assert world.guard.can_open_position("paradex", BTC, Decimal(10), Decimal("100.1")).reason == "position_size"
    assert world.guard.can_open_position("paradex", BTC, Decimal("10.001"), Decimal("99.9")).approved


@pytest.mark.parametrize("size", ["NaN", "Infinity", "0", "-1"])
def test_a_size_that_is_none_is_refused(world: World, size: str) -> None:
    """Fails closed, without an exception."""
    assert ask(world, size=size) == "position_size"


def test_without_a_price_nothing_can_be_judged(world: World) -> None:
    """No book, no position."""
    assert ask(world, exchange="binance") == "book_not_ready"


def test_a_failure_cools_the_exchange_and_the_symbol_down(world: World) -> None:
    """60 s: every symbol of that exchange, and that symbol on every exchange; the rest goes on."""
    world.guard.record_failure("paradex", BTC)
    assert ask(world, "paradex", ETH) == "cooldown"
    assert ask(world, "extended", BTC) == "cooldown"
    assert ask(world, "extended", ETH) == "approved"
    world.clock.advance(59.5)
    verdict = world.guard.can_open_position("paradex", BTC, Decimal(1))
    assert (verdict.reason, verdict.measured, verdict.limit) == ("cooldown", Decimal("59.5"), Decimal(60))
    world.clock.advance(0.5)
    assert ask(world, "paradex", BTC) == "approved"


def test_a_later_failure_begins_the_cooldown_anew(world: World) -> None:
    """Counted from the last one."""
    world.guard.record_failure("paradex", BTC)
    world.clock.advance(40)
    world.guard.record_failure("paradex", ETH)
    world.clock.advance(40)
    assert ask(world, "paradex", ETH) == "cooldown"
    assert ask(world, "extended", BTC) == "approved"


def test_concentration_counts_what_is_in_flight_on_that_exchange_and_symbol(world: World) -> None:
    """30 % of the exchange's own equity."""
    world.exposure.add(ReservationId("a"), Holding(BTC, {"paradex": Decimal(2900), "extended": Decimal(2000)}))
    assert ask(world) == "approved"
    verdict = world.guard.can_open_position("paradex", BTC, Decimal("1.5"))
    assert (verdict.reason, verdict.measured, verdict.limit) == ("concentration", Decimal("0.305"), Decimal("0.30"))
    assert ask(world, "extended", size="1.5") == "approved"
    assert ask(world, "paradex", ETH, "1.5") == "approved"


@pytest.mark.parametrize("equity", ["0", "-5", "NaN"])
def test_an_exchange_without_equity_can_hold_nothing(world: World, equity: str) -> None:
    """Not even a little."""
    world.account.equities["paradex"] = Decimal(equity)
    assert ask(world, size="0.001") == "concentration"


def test_equity_that_cannot_be_read_opens_nothing(world: World) -> None:
    """A failed read is a reason of its own."""

    class Unreadable(FakeAccount):
        def equity(self, exchange: str) -> Decimal:
            raise ReadFailed(f"{exchange}: balance: timeout")

    guard = PositionGuard(PositionSettings(), world.clock, Unreadable(), world.market)
    assert guard.can_open_position("paradex", BTC, Decimal(1)).reason == "reads_failing"
