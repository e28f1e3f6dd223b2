"""Safe mode of an exchange, and what may still be reserved there."""

from decimal import Decimal

import pytest

from perpbot.capital.orchestrator import CapitalOrchestrator
from perpbot.core.errors import InputError
from perpbot.core.events import SafeModeChanged


def reasons(capital: CapitalOrchestrator, exchanges: list[str]) -> dict[str, str]:
    """What each strategy is told; whatever is granted is given back."""
    answers = {}
    for strategy in ("wash_trade", "arbitrage", "hft", "flash", "stat", "mid_freq", "funding", "emergency"):
        reservation = capital.reserve_for_strategy(exchanges, 10, strategy)
        answers[strategy] = reservation.reason
        capital.release(reservation)
    return answers


def test_at_the_limit_arbitrage_is_refused_there_and_only_there() -> None:
    """5 % drawdown: arb is refused, wash is usable, reserve is for emergencies."""
    capital = CapitalOrchestrator()
    capital.update_drawdown("paradex", "0.05")
    refused = dict.fromkeys(("arbitrage", "hft", "flash", "stat", "mid_freq", "funding"), "safe_mode")
    assert reasons(capital, ["paradex"]) == refused | {"wash_trade": "approved", "emergency": "approved"}
    assert reasons(capital, ["extended", "paradex"])["arbitrage"] == "safe_mode"
    assert set(reasons(capital, ["extended"]).values()) == {"approved"}


def test_a_refusal_states_drawdown_and_limit() -> None:
    """The measured value, the limit and the exchange."""
    capital = CapitalOrchestrator()
    capital.update_drawdown("paradex", 0.07)
    refused = capital.reserve_for_arb(["extended", "paradex"], 10)
    assert (refused.measured, refused.limit, refused.detail) == (
        Decimal("0.07"),
        Decimal("0.05"),
        "drawdown of paradex",
    )


def test_want_of_capital_is_told_before_safe_mode() -> None:
    """The pool is asked first."""
    capital = CapitalOrchestrator()
    capital.update_drawdown("paradex", 0.07)
    assert capital.reserve_for_arb(["paradex"], 2001).reason == "insufficient_capital"


def test_safe_mode_ends_below_four_fifths_of_the_limit() -> None:
    """Hysteresis: not at 4.9 %, not at 4 %, but below; each change is reported once."""
    changes: list[SafeModeChanged] = []
    capital = CapitalOrchestrator(on_safe_mode=changes.append)
    for drawdown in ("0.0499", "0.05", "0.06", "0.049", "0.04", "0.0399", "0.049", "0.05"):
        capital.update_drawdown("paradex", drawdown)
    assert [(change.active, change.drawdown_pct) for change in changes] == [
        (True, Decimal("0.05")),
        (False, Decimal("0.0399")),
        (True, Decimal("0.05")),
    ]
    assert {change.exchange for change in changes} == {"paradex"}


def test_the_operator_ends_it_with_a_reason() -> None:
    """The reason is reported; the drawdown he saw does not bring it back, another 5 % does."""
    changes: list[SafeModeChanged] = []
    capital = CapitalOrchestrator(on_safe_mode=changes.append)
    capital.update_drawdown("paradex", "0.06")
    assert capital.clear_safe_mode("paradex", "wrong mark price")
    assert not capital.clear_safe_mode("paradex", "again")
    capital.update_drawdown("paradex", "0.10")
    assert not capital.in_safe_mode("paradex")
    capital.update_drawdown("paradex", "0.11")
    assert capital.in_safe_mode("paradex")
    assert [change.reason for change in changes] == ["drawdown", "wrong mark price", "drawdown"]


def test_after_recovery_the_usual_limit_holds_again() -> None:
    """What the operator accepted is forgotten once the drawdown has been below the exit level."""
    capital = CapitalOrchestrator()
    for drawdown in ("0.06", "0.01", "0.05"):
        capital.update_drawdown("paradex", drawdown)
        if drawdown == "0.06":
            capital.clear_safe_mode("paradex", "seen")
    assert capital.in_safe_mode("paradex")


def test_clearing_needs_a_reason() -> None:
    """An empty one is refused, whatever the state."""
    capital = CapitalOrchestrator()
    capital.update_drawdown("paradex", 1)
    with pytest.raises(InputError, match="say why"):
        capital.clear_safe_mode("paradex", " ")
    assert capital.in_safe_mode("paradex")


@pytest.mark.parametrize("drawdown", [float("nan"), "-0.01", "deep"])
def test_a_drawdown_that_is_none_is_refused(drawdown: float | str) -> None:
    """It neither begins nor ends safe mode."""
    capital = CapitalOrchestrator()
    capital.update_drawdown("paradex", "0.06")
    with pytest.raises(InputError, match="drawdown_pct"):
        capital.update_drawdown("paradex", drawdown)
    assert capital.in_safe_mode("paradex")


def test_which_pools_stay_usable_is_configuration() -> None:
    """Without wash in the set, hedged volume stops too."""
    capital = CapitalOrchestrator(safe_mode_pools=["reserve"])
    capital.update_drawdown("paradex", "0.05")
    answers = reasons(capital, ["paradex"])
    assert (answers["wash_trade"], answers["emergency"]) == ("safe_mode", "approved")


def test_a_risk_reducing_order_is_never_refused_by_safe_mode() -> None:
    """Not even with an empty set of pools."""
    capital = CapitalOrchestrator(safe_mode_pools=[])
    capital.update_drawdown("paradex", "0.5")
    assert capital.reserve_emergency("paradex", 5000).approved


def test_the_snapshot_shows_the_worst_drawdown_and_any_safe_mode_as_total() -> None:
    """A total that averaged would hide the exchange in trouble."""
    capital = CapitalOrchestrator()
    capital.update_drawdown("paradex", "0.06")
    capital.update_drawdown("extended", "0.01")
    total = capital.current_snapshot()["total"]
    assert (total["drawdown_pct"], total["safe_mode"]) == (Decimal("0.06"), True)
