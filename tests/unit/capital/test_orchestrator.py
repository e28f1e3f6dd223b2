"""Reserving and releasing capital, as callers see it."""

from decimal import Decimal
from typing import Any

import pytest

from perpbot.capital.orchestrator import CapitalOrchestrator
from perpbot.core.errors import ConfigError, InputError, PerpBotError, Refused
from perpbot.core.names import ReservationId
from perpbot.core.positions import CapitalReservation, TradeResult


def pools(capital: CapitalOrchestrator, exchange: str = "paradex") -> dict[str, Any]:
    shown: dict[str, Any] = capital.current_snapshot()[exchange]["pools"]
    return shown


def available(capital: CapitalOrchestrator, exchange: str = "paradex") -> dict[str, Decimal]:
    return {name: pool["available"] for name, pool in pools(capital, exchange).items()}


@pytest.fixture
def capital() -> CapitalOrchestrator:
    opened = CapitalOrchestrator(10_000, 0.7, 0.2, 0.1)
    for exchange in ("paradex", "extended"):
        opened.set_equity(exchange, 10_000)
    return opened


@pytest.mark.parametrize("number", [int, float, str, Decimal])
def test_an_equity_of_10000_gives_pools_of_7000_2000_and_1000(number: Any) -> None:
    """Whatever type the figures come in, the shares are exact."""
    shares = ["0.7", "0.2", "0.1"] if number is int else [number(share) for share in ("0.7", "0.2", "0.1")]
    capital = CapitalOrchestrator(number(10_000), *shares)
    capital.update_drawdown("paradex", 0)
    sizes = {name: pool["pool"] for name, pool in pools(capital).items()}
    assert sizes == {"wash": 7000, "arb": 2000, "reserve": 1000}


def test_150_500_and_0_allocated_leave_6850_1500_and_1000(capital: CapitalOrchestrator) -> None:
    """Available is the pool less what is allocated, on each exchange of the reservation."""
    assert capital.reserve_for_strategy(["paradex", "extended"], 150, "wash_trade").approved
    assert capital.reserve_for_arb(["paradex", "extended"], 500).approved
    for exchange in ("paradex", "extended"):
        assert available(capital, exchange) == {"wash": 6850, "arb": 1500, "reserve": 1000}
    assert pools(capital)["arb"]["used_pct"] == Decimal("0.25")
    assert available(capital, "total") == {"wash": 13_700, "arb": 3000, "reserve": 2000}


@pytest.mark.parametrize(
    ("strategy", "pool"),
    [
        ("wash_trade", "wash"),
        ("arbitrage", "arb"),
        ("hft", "arb"),
        ("flash", "arb"),
        ("stat", "arb"),
        ("mid_freq", "arb"),
        ("funding", "reserve"),
        ("emergency", "reserve"),
    ],
)
def test_each_strategy_draws_on_its_pool(capital: CapitalOrchestrator, strategy: str, pool: str) -> None:
    """The eight names map to three pools, and nothing is taken from the others."""
    reservation = capital.reserve_for_strategy(["paradex"], 100, strategy)
    assert (reservation.approved, reservation.pool, reservation.allocations) == (True, pool, {"paradex": Decimal(100)})
    allocated = {name: shown["allocated"] for name, shown in pools(capital).items()}
    assert allocated == {"wash": 0, "arb": 0, "reserve": 0} | {pool: 100}


def test_an_unknown_strategy_is_refused_with_the_nearest_name(capital: CapitalOrchestrator) -> None:
    """A name that maps to no pool reserves nothing."""
    before = capital.current_snapshot()
    with pytest.raises(InputError, match="did you mean arbitrage"):
        capital.reserve_for_strategy(["paradex"], 100, "arbitrag")
    assert capital.current_snapshot() == before


@pytest.mark.parametrize("amount", [0, -1, float("nan"), float("inf"), "NaN", "much", None, True, 1e300])
def test_an_amount_that_is_no_positive_number_is_refused(capital: CapitalOrchestrator, amount: Any) -> None:
    """Nothing is reserved for zero, a negative, NaN, infinity or text; the error is one line."""
    before = capital.current_snapshot()
    for reserve in (capital.reserve_for_arb, lambda _, usd: capital.reserve_emergency("paradex", usd)):
        with pytest.raises(InputError, match="^amount: [^\n]*$"):
            reserve(["paradex"], amount)
    assert capital.current_snapshot() == before


@pytest.mark.parametrize("exchanges", [[], ["paradex", "paradex"]])
def test_a_reservation_needs_different_exchanges(capital: CapitalOrchestrator, exchanges: list[str]) -> None:
    """No exchange, or one twice, is a mistake of the caller."""
    with pytest.raises(InputError):
        capital.reserve_for_arb(exchanges, 100)


def test_the_first_reservation_does_not_leak_when_the_second_exchange_refuses(capital: CapitalOrchestrator) -> None:
    """All exchanges or none, in one turn."""
    capital.set_equity("extended", 1000)
    before = capital.current_snapshot()
    refused = capital.reserve_for_arb(["paradex", "extended"], 500)
    assert (refused.approved, refused.reason, refused.allocations) == (False, "insufficient_capital", {})
    assert (refused.measured, refused.limit, refused.detail) == (Decimal(500), Decimal(200), "pool arb on extended")
    assert capital.current_snapshot() == before


def test_a_refused_request_does_not_open_an_exchange(capital: CapitalOrchestrator) -> None:
    """A refused request changes nothing, not even the list of exchanges."""
    before = capital.current_snapshot()
    assert not capital.reserve_for_arb(["paradex", "okx"], 2001).approved
    assert capital.current_snapshot() == before


def test_the_last_cent_of_a_pool_can_be_reserved_and_not_one_more(capital: CapitalOrchestrator) -> None:
    """The pool's size itself is allowed."""
    assert capital.reserve_for_arb(["paradex"], 2000).approved
    assert not capital.reserve_for_arb(["paradex"], "0.00000001").approved


def test_of_two_strategies_that_want_the_last_capital_one_is_refused(capital: CapitalOrchestrator) -> None:
    """The second sees what the first took."""
    assert capital.reserve_for_strategy(["paradex"], 1500, "hft").approved
    refused = capital.reserve_for_strategy(["paradex"], 1500, "stat")
    assert (refused.reason, refused.limit) == ("insufficient_capital", Decimal(500))


def test_a_release_frees_capital_and_books_its_result(capital: CapitalOrchestrator) -> None:
    """Realised PnL, volume and fees go to the exchange and the pool; equity comes from balances alone."""
    reservation = capital.reserve_for_arb(["paradex", "extended"], 500)
    result = [
        TradeResult("paradex", Decimal("1.5"), Decimal(1000), Decimal("0.45")),
        TradeResult("extended", Decimal("-0.7"), Decimal(1001), Decimal("0.25")),
    ]
    assert capital.release(reservation, result)
    arb = pools(capital)["arb"]
    assert (arb["allocated"], arb["available"]) == (0, 2000)
    assert (arb["realized_pnl"], arb["volume"], arb["fees"]) == (Decimal("1.5"), 1000, Decimal("0.45"))
    total = capital.current_snapshot()["total"]
    assert (total["volume"], total["fees"], total["equity"]) == (2001, Decimal("0.70"), 20_000)
    assert total["pools"]["arb"]["realized_pnl"] == Decimal("0.8")


def test_a_second_release_changes_nothing_and_raises_the_alarm() -> None:
    """Neither capital nor results are counted twice."""
    alarms: list[str] = []
    capital = CapitalOrchestrator(on_alarm=alarms.append)
    reservation = capital.reserve_for_arb(["paradex"], 500)
    result = TradeResult("paradex", Decimal(1), Decimal(500), Decimal("0.1"))
    assert capital.release(reservation, result)
    before = capital.current_snapshot()
    assert not capital.release(reservation, result)
    assert capital.current_snapshot() == before
    assert capital.repeated_releases == 1
    assert alarms == ["reservation capital-1 was released a second time"]


def test_a_release_of_what_was_never_reserved_changes_nothing_and_raises_the_alarm() -> None:
    """An id of another making frees nothing."""
    alarms: list[str] = []
    capital = CapitalOrchestrator(on_alarm=alarms.append)
    capital.reserve_for_arb(["paradex"], 500)
    before = capital.current_snapshot()
    for identifier in ("capital-2", "other-1", "x"):
        forged = CapitalReservation(
            ReservationId(identifier), True, "approved", "arbitrage", "arb", Decimal(500), {"paradex": Decimal(500)}
        )
        assert not capital.release(forged)
    assert capital.current_snapshot() == before
    assert (capital.unknown_releases, len(alarms)) == (3, 3)


def test_releasing_a_refused_reservation_is_no_cause_for_alarm(capital: CapitalOrchestrator) -> None:
    """It holds nothing, so there is nothing to give back."""
    refused = capital.reserve_for_arb(["paradex"], 5000)
    assert not capital.release(refused)
    assert (capital.repeated_releases, capital.unknown_releases) == (0, 0)


def test_a_result_that_is_not_finite_books_and_releases_nothing(capital: CapitalOrchestrator) -> None:
    """A NaN in the accounts would never leave them again."""
    reservation = capital.reserve_for_arb(["paradex"], 500)
    before = capital.current_snapshot()
    with pytest.raises(InputError, match="fees of paradex"):
        capital.release(reservation, [TradeResult("paradex", Decimal(1), Decimal(1), Decimal("NaN"))])
    assert capital.current_snapshot() == before
    assert capital.release(reservation)


def test_pools_follow_real_equity(capital: CapitalOrchestrator) -> None:
    """A balance that is read replaces the assumed equity of that exchange alone."""
    capital.set_equity("paradex", "12345.67")
    assert pools(capital)["arb"]["pool"] == Decimal("2469.134")
    assert pools(capital, "extended")["arb"]["pool"] == 2000


def test_equity_below_the_allocations_shrinks_free_capital_first(capital: CapitalOrchestrator) -> None:
    """No pool is shown smaller than what it holds, none becomes negative, and together they are the equity."""
    capital.reserve_for_arb(["paradex"], 2000)
    capital.set_equity("paradex", 5000)
    shown = capital.current_snapshot()["paradex"]
    assert {name: pool["pool"] for name, pool in shown["pools"].items()} == {"wash": 2500, "arb": 2000, "reserve": 500}
    assert (shown["pools"]["arb"]["over_use"], shown["shortfall"]) == (1000, 0)
    capital.set_equity("paradex", 500)
    shown = capital.current_snapshot()["paradex"]
    assert {name: pool["available"] for name, pool in shown["pools"].items()} == {"wash": 0, "arb": 0, "reserve": 0}
    assert (shown["pools"]["arb"]["pool"], shown["shortfall"]) == (2000, 1500)
    assert not capital.reserve_for_strategy(["paradex"], 1, "wash_trade").approved


@pytest.mark.parametrize("equity", ["0", "-250.5"])
def test_an_exchange_without_equity_has_empty_pools(capital: CapitalOrchestrator, equity: str) -> None:
    """A debt is no negative pool."""
    capital.set_equity("paradex", equity)
    assert available(capital) == {"wash": 0, "arb": 0, "reserve": 0}
    assert capital.current_snapshot()["paradex"]["equity"] == Decimal(equity)


def test_equity_that_is_no_number_is_refused(capital: CapitalOrchestrator) -> None:
    """A failed read is not zero and does not move the pools."""
    before = capital.current_snapshot()
    with pytest.raises(InputError, match="^equity: "):
        capital.set_equity("paradex", float("nan"))
    assert capital.current_snapshot() == before


def test_leverage_never_enlarges_a_pool_and_notional_per_equity_does() -> None:
    """Amounts are notional; how much of it a USD of equity backs is a setting of its own."""
    capital = CapitalOrchestrator(10_000, notional_per_equity=3)
    assert capital.reserve_for_arb(["paradex"], 6000).approved
    assert not capital.reserve_for_arb(["paradex"], 1).approved


def test_open_notional_is_not_added_to_equity(capital: CapitalOrchestrator) -> None:
    """However often capital is reserved and released, equity and pools stay what the balance says."""
    before = capital.current_snapshot()
    for _ in range(50):
        reservation = capital.reserve_for_arb(["paradex", "extended"], 2000)
        assert capital.current_snapshot()["total"]["equity"] == 20_000
        capital.release(reservation)
    assert capital.current_snapshot() == before


def test_an_emergency_is_never_refused_for_want_of_capital(capital: CapitalOrchestrator) -> None:
    """What the reserve does not have is shown as over-use and taken from the free capital of the others."""
    reservation = capital.reserve_emergency("paradex", 3000)
    assert (reservation.approved, reservation.pool, reservation.strategy) == (True, "reserve", "emergency")
    reserve = pools(capital)["reserve"]
    assert (reserve["allocated"], reserve["pool"], reserve["over_use"]) == (3000, 3000, 2000)
    assert available(capital) == {"wash": 5000, "arb": 2000, "reserve": 0}
    assert capital.release(reservation)
    assert available(capital) == {"wash": 7000, "arb": 2000, "reserve": 1000}


def test_an_amount_finer_than_the_books_is_reserved_rounded_up(capital: CapitalOrchestrator) -> None:
    """Never less is set aside than was asked for, and sums stay exact."""
    reservation = capital.reserve_for_arb(["paradex"], Decimal("0.000000001"))
    assert reservation.amount == Decimal("0.00000001")


def test_reservation_ids_are_unique_and_carry_the_prefix() -> None:
    """A refused request uses up no id."""
    capital = CapitalOrchestrator(id_prefix="e7")
    first = capital.reserve_for_arb(["paradex"], 1)
    capital.reserve_for_arb(["paradex"], 10_000)
    second = capital.reserve_for_arb(["paradex"], 1)
    assert [first.reservation_id, second.reservation_id] == ["e7-1", "e7-2"]
    assert capital.live == (first, second)


def test_reweighting_moves_the_pools(capital: CapitalOrchestrator) -> None:
    """New shares hold for all exchanges, opened now or later."""
    capital.reweight(0.5, 0.4, 0.1)
    assert available(capital) == {"wash": 5000, "arb": 4000, "reserve": 1000}
    assert capital.reserve_for_arb(["okx"], 4000).approved


def test_reweighting_below_what_is_allocated_is_refused(capital: CapitalOrchestrator) -> None:
    """No allocation is ever made negative."""
    capital.reserve_for_arb(["paradex"], 1500)
    before = capital.current_snapshot()
    with pytest.raises(Refused, match="pool arb on paradex would be 1000.*1500.* is in use"):
        capital.reweight(0.8, 0.1, 0.1)
    assert capital.current_snapshot() == before


def test_a_pool_beyond_its_share_already_may_be_given_a_larger_one(capital: CapitalOrchestrator) -> None:
    """After a fall of equity the operator may widen the pool that is over its share."""
    capital.reserve_for_arb(["paradex", "extended"], 2000)
    capital.set_equity("paradex", 5000)
    capital.reweight(0.6, 0.3, 0.1)
    assert pools(capital)["arb"]["over_use"] == 500


def test_shares_that_do_not_sum_to_one_are_refused(capital: CapitalOrchestrator) -> None:
    """At the start and when reweighting, with one clear line."""
    with pytest.raises(ConfigError, match="must sum to 1, not 1.1"):
        CapitalOrchestrator(10_000, 0.8, 0.2, 0.1)
    with pytest.raises(Refused, match="must sum to 1, not 0.9"):
        capital.reweight(0.6, 0.2, 0.1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"wu_size": float("nan")}, "not finite"),
        ({"wu_size": -1}, "more than 0"),
        ({"drawdown_limit_pct": 2}, "at most 1"),
        ({"drawdown_limit": 0.05}, "did you mean drawdown_limit_pct"),
        ({"wash_budget_pct": "0.7x"}, "must be a number"),
    ],
)
def test_settings_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    """One line, starting with the section."""
    with pytest.raises(ConfigError, match=f"^capital: .*{words}"):
        CapitalOrchestrator(**options)


def test_a_pool_of_zero_can_hold_nothing() -> None:
    """A share of zero is allowed and gives an empty pool."""
    capital = CapitalOrchestrator(10_000, 0, 1, 0)
    assert not capital.reserve_for_strategy(["paradex"], 1, "wash_trade").approved
    assert capital.reserve_for_arb(["paradex"], 10_000).approved
    assert capital.reserve_emergency("paradex", 5).approved


def test_refusals_are_errors_of_this_program(capital: CapitalOrchestrator) -> None:
    """Whoever catches the program's errors catches these."""
    with pytest.raises(PerpBotError):
        capital.reserve_for_strategy(["paradex"], 1, "")


def test_a_broken_book_is_found(capital: CapitalOrchestrator) -> None:
    """The check for I1, I2 and I4 sees what must never be."""
    reservation = capital.reserve_for_arb(["paradex", "extended"], 100)
    assert capital.find_violations() == []
    reservation.allocations["extended"] = Decimal(90)
    assert [broken.invariant for broken in capital.find_violations()] == ["I4", "I1"]
    capital._accounts["paradex"].pools["wash"].allocated = Decimal(-1)
    assert [broken.invariant for broken in capital.find_violations()] == ["I4", "I1", "I2", "I1"]
