"""The chain over random markets: nothing leaks, and only finite, affordable pairs pass."""

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from perpbot.core.money import ZERO
from perpbot.core.positions import CapitalReservation
from tests.unit.risk.fakes import BTC, World, make_opportunity

finite = st.decimals("0.01", 20, places=4)
strange = st.sampled_from(
    [Decimal(text) for text in ("NaN", "-NaN", "Infinity", "-Infinity", "0", "-1", "1e30", "1e-30")]
)
near_hundred = st.decimals("97.5", "102.5", places=4)
changes = st.fixed_dictionaries(
    {},
    optional={
        "size": finite | strange,
        "buy_price": near_hundred | strange,
        "sell_price": near_hundred | strange,
        "buy_touch": near_hundred | strange,
        "sell_touch": near_hundred | strange,
        "buy_contracts": strange,
    },
)
floats = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 2)
events = st.one_of(
    st.tuples(st.just("ask"), changes),
    st.tuples(st.just("release"), st.integers(0, 5)),
    st.tuples(st.just("fail"), st.just(None)),
    st.tuples(st.just("succeed"), st.just(None)),
    st.tuples(st.just("wait"), st.integers(0, 100)),
    st.tuples(st.just("age"), floats),
    st.tuples(st.just("last"), floats.map(lambda value: value * 100)),
    st.tuples(st.just("drawdown"), st.sampled_from([Decimal(0), Decimal("0.05"), Decimal("0.10"), Decimal("NaN")])),
    st.tuples(st.just("equity"), st.sampled_from([Decimal(text) for text in ("20000", "0", "-1", "NaN", "Infinity")])),
    st.tuples(st.just("price"), floats.map(lambda value: 100 + value)),
)


@settings(max_examples=1500)
@given(st.lists(events, max_size=25))
def test_no_history_leaks_capital_or_exposure(history: list[tuple[str, Any]]) -> None:
    """A refusal changes nothing, an approval holds until its release, and at the end everything is free again."""
    world = World()
    held: list[CapitalReservation] = []
    for name, value in history:
        _apply(world, held, name, value)
        assert world.capital.find_violations() == []
        assert {reservation.reservation_id for reservation in world.capital.live} == {r.reservation_id for r in held}
        assert world.exposure.in_symbol(BTC) <= sum((r.amount for r in held), ZERO)
    for reservation in held:
        assert world.chain.release(reservation)
    assert world.exposure.by_symbol() == {}
    assert world.capital.live == ()


def _apply(world: World, held: list[CapitalReservation], name: str, value: Any) -> None:
    match name:
        case "ask":
            _ask(world, held, value)
        case "release" if value < len(held):
            assert world.chain.release(held.pop(value))
        case "fail":
            world.manager.record_failure()
            world.guard.record_failure("paradex", BTC)
        case "succeed":
            world.manager.record_success()
        case "wait":
            world.clock.advance(value)
        case "age":
            world.market.ages["paradex"] = value
        case "last":
            world.market.last["extended"] = value
        case "drawdown":
            world.account.drawdown = value
            if value.is_finite():
                world.capital.update_drawdown("paradex", value)
        case "equity":
            world.account.total = value
        case "price":
            world.manager.on_price("paradex", BTC, value, world.clock.now_ns())


def _ask(world: World, held: list[CapitalReservation], changed: dict[str, Decimal]) -> None:
    before = world.capital.current_snapshot()
    opportunity = make_opportunity(**changed)
    answer = world.chain.ask(opportunity)
    assert answer.reason == answer.verdicts[-1].reason
    assert all(verdict.approved for verdict in answer.verdicts[:-1])
    if answer.reservation is None:
        assert not answer.approved
        assert world.capital.current_snapshot() == before
        return
    assert answer.approved
    held.append(answer.reservation)
    assert answer.worst_case_loss <= world.risk.worst_case_loss_pct * world.account.total
    assert opportunity.notional <= world.risk.max_risk_pct * world.account.total
    assert not world.capital.in_safe_mode("paradex")
    assert world.account.drawdown < world.risk.max_drawdown_pct
    assert 0 <= world.market.ages["paradex"] <= 1 or world.market.ages["paradex"] < 0
