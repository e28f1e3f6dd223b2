"""The chain as the executor meets it: four levels in order, and nothing left behind by a refusal."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from perpbot.core.instruments import MarketStatus
from perpbot.core.names import ReservationId
from perpbot.core.opportunities import ArbitrageOpportunity
from perpbot.core.positions import TradeResult
from perpbot.core.reasons import message
from perpbot.core.verdicts import Level
from perpbot.risk.account import RiskManager
from perpbot.risk.exposure import Holding
from perpbot.risk.settings import PositionSettings
from perpbot.risk.trades import Trade
from tests.unit.risk.fakes import BTC, ETH, ZERO, World, make_instrument, make_opportunity

Break = Callable[[World], None]
Case = tuple[str, str, str, Break, dict[str, Any]]


def fill_the_pool(world: World) -> None:
    world.capital.reserve_for_arb(["paradex"], 1900)


def enter_safe_mode(world: World) -> None:
    world.capital.update_drawdown("extended", "0.05")


def fail_three_times(world: World) -> None:
    for _ in range(3):
        world.manager.record_failure()


def hold_much(world: World) -> None:
    world.exposure.add(ReservationId("wash"), Holding(BTC, {"okx": Decimal(5900), "binance": Decimal(5900)}))


def move_fast(world: World) -> None:
    for price in (100.0, 100.5):
        world.manager.on_price("okx", BTC, price, world.clock.now_ns())


def cool_down(world: World) -> None:
    world.guard.record_failure("extended", ETH)


def set_account(**figures: str) -> Break:
    def set_figures(world: World) -> None:
        for name, figure in figures.items():
            setattr(world.account, name, Decimal(figure))

    return set_figures


def set_equity(world: World) -> None:
    world.account.equities["extended"] = Decimal(1000)


def age(seconds: float, exchange: str) -> Break:
    def set_age(world: World) -> None:
        world.market.ages[exchange] = seconds

    return set_age


def set_last_price(world: World) -> None:
    world.market.last["extended"] = 103.0


def raise_fees(world: World) -> None:
    world.instruments["extended", BTC] = make_instrument("extended", taker_fee_pct=Decimal("0.06"))


def halt_market(world: World) -> None:
    world.instruments["paradex", BTC] = make_instrument("paradex", status=MarketStatus.HALTED)


def leave_alone(_: World) -> None:
    """What the opportunity itself breaks."""


WALKED_FAR = {"buy_price": Decimal("100.11")}
CASES: list[Case] = [
    ("insufficient_capital", "资金不足", "capital", fill_the_pool, {}),
    ("safe_mode", "安全模式禁止套利", "capital", enter_safe_mode, {}),
    ("trade_risk", "单笔风险超限", "account", set_account(total="8000"), {}),
    ("drawdown", "回撤超限", "account", set_account(drawdown="0.10"), {}),
    ("daily_loss", "每日亏损超限", "account", set_account(loss_usd="500"), {}),
    ("consecutive_failures", "连续失败过多", "account", fail_three_times, {}),
    ("symbol_exposure", "敞口超限", "account", hold_much, {}),
    ("fast_market", "快市冻结", "account", move_fast, {}),
    ("position_size", "仓位过大", "position", leave_alone, {"size": Decimal(9)}),
    ("cooldown", "冷却中", "position", cool_down, {}),
    ("concentration", "集中度过高", "position", set_equity, {}),
    ("slippage", "滑点过大", "execution", leave_alone, WALKED_FAR),
    ("price_sanity", "价格异常", "execution", set_last_price, {}),
    ("book_age", "订单簿过旧", "execution", age(1.01, "paradex"), {}),
    ("book_skew", "两所行情时差过大", "execution", age(0.52, "extended"), {}),
    ("worst_case_loss", "最坏亏损超限", "execution", raise_fees, {}),
    ("market_closed", "市场未开放", "execution", halt_market, {}),
]


def ask_unchanged(world: World, opportunity: ArbitrageOpportunity) -> str:
    """The reason the chain gives, having left capital and exposure as they were."""
    before, exposed = world.capital.current_snapshot(), world.exposure.by_symbol()
    answer = world.chain.ask(opportunity)
    assert answer.reason == answer.verdict.reason
    if not answer.approved:
        assert answer.reservation is None
        assert world.capital.current_snapshot() == before
        assert world.exposure.by_symbol() == exposed
    return answer.reason


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_each_refusal_is_reached_with_capital_unchanged_after_it(case: Case) -> None:
    """One rule broken gives that rule's code, level and words, with figures, and all answers before it."""
    reason, words, level, break_rule, changes = case
    world = World(position=PositionSettings(max_position_size=Decimal(900)))
    opportunity = make_opportunity(**changes)
    break_rule(world)
    assert ask_unchanged(world, opportunity) == reason
    verdict = world.chain.ask(opportunity).verdict
    assert (verdict.level, verdict.rule) == (Level(level), reason)
    assert verdict.message("zh").startswith(words)
    assert message(reason) in verdict.message()
    if reason != "market_closed":
        assert verdict.measured is not None
        assert verdict.limit is not None


def test_refusals_come_in_the_order_of_the_levels() -> None:
    """With every rule broken at once, and mended one by one, the reasons come in the documented order."""
    world = World(position=PositionSettings(max_position_size=Decimal(380)))
    large = make_opportunity(**WALKED_FAR)
    filler = world.capital.reserve_for_arb(["paradex"], 1900)
    for _, _, _, break_rule, _ in CASES[1:]:
        break_rule(world)
    asked = [ask_unchanged(world, large)]

    def mend(change: Callable[[], object], opportunity: ArbitrageOpportunity = large) -> None:
        change()
        asked.append(ask_unchanged(world, opportunity))

    def reset_peak() -> None:
        world.manager.reset_peak()

    def next_day() -> None:
        world.account.loss_usd = ZERO
        world.clock.advance(86_400)
        for break_again in (fail_three_times, move_fast, cool_down):
            break_again(world)

    small = make_opportunity(size=Decimal("3.5"), **WALKED_FAR)
    good = make_opportunity(size=Decimal("3.5"))
    mend(lambda: world.capital.release(filler))
    mend(lambda: world.capital.update_drawdown("extended", 0))
    mend(lambda: setattr(world.account, "total", Decimal(20_000)))
    mend(reset_peak)
    mend(next_day)
    mend(world.manager.record_success)
    mend(lambda: world.exposure.remove(ReservationId("wash")))
    mend(lambda: world.clock.advance(5))
    mend(lambda: None, small)
    mend(lambda: world.clock.advance(55), small)
    mend(world.account.equities.clear, small)
    mend(lambda: None, good)
    mend(lambda: world.market.last.update(extended=100.0), good)
    mend(lambda: world.market.ages.update(paradex=0.01), good)
    mend(lambda: world.market.ages.update(extended=0.01), good)
    mend(lambda: world.instruments.update({("extended", BTC): make_instrument("extended")}), good)
    mend(lambda: world.instruments.update({("paradex", BTC): make_instrument("paradex")}), good)
    assert asked == [case[0] for case in CASES] + ["approved"]


def test_an_approved_pair_holds_capital_and_exposure_until_it_is_released_once() -> None:
    """Not only until it is entered: capital is held exactly as long as the pair lives."""
    world = World()
    answer = world.chain.ask(make_opportunity())
    assert answer.approved
    assert [verdict.level for verdict in answer.verdicts] == ["capital", "account", "position", "position", "execution"]
    assert answer.reservation is not None
    assert answer.reservation.allocations == {"paradex": Decimal(402), "extended": Decimal(402)}
    assert world.exposure.in_symbol(BTC) == 402
    assert (world.exposure.on("paradex", BTC), world.exposure.on("extended", BTC)) == (Decimal(400), Decimal(402))
    result = TradeResult("paradex", Decimal(1), Decimal(800), Decimal("0.4"))
    assert world.chain.release(answer.reservation, result)
    assert not world.chain.release(answer.reservation, result)
    after = world.capital.current_snapshot()
    assert after["paradex"]["pools"]["arb"]["available"] == 2000
    assert after["total"]["volume"] == 800
    assert after["total"]["equity"] == 20_000
    assert world.exposure.by_symbol() == {}


def test_the_worst_case_is_stated_with_the_approval() -> None:
    """402 USD × (0.5 % adverse move + 0.1 % slippage + twice 0.05 % fees)."""
    answer = World().chain.ask(make_opportunity())
    assert answer.worst_case_loss == Decimal(402) * Decimal("0.007")


def test_a_second_pair_sees_the_first_in_flight() -> None:
    """Exposure and concentration count from the approval on, before any order was sent."""
    world = World()
    world.capital.reweight(0, 1, 0)
    reasons = [world.chain.ask(make_opportunity(size=Decimal(9))).reason for _ in range(4)]
    assert reasons == ["approved", "approved", "approved", "concentration"]


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "0", "-1"])
@pytest.mark.parametrize("name", ["size", "buy_price", "sell_price", "buy_touch", "sell_touch", "buy_contracts"])
def test_what_is_no_number_is_refused_before_capital_is_asked(name: str, figure: str) -> None:
    """A negative or NaN size or price ends in one verdict, never in an exception."""
    world = World()
    answer = world.chain.ask(make_opportunity(**{name: Decimal(figure)}))
    assert (answer.approved, answer.reason, len(answer.verdicts)) == (False, "order_invalid", 1)
    assert world.capital.live == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"strategy": "arbitrag"}, "did you mean arbitrage"), ({"size": Decimal("1e30")}, "too large to be meant")],
)
def test_what_capital_cannot_understand_is_a_verdict_too(changes: dict[str, Any], words: str) -> None:
    """A strategy without a pool, an amount beyond all sense: refused with the reason, not an exception."""
    verdict = World().chain.ask(make_opportunity(**changes)).verdict
    assert verdict.reason == "order_invalid"
    assert words in verdict.detail


class CustomRule(RiskManager):
    """Refuses one symbol, in the plain way users write it."""

    def check(self, opportunity: Trade) -> Any:
        ok, reason = super().check(opportunity)
        if ok and opportunity.symbol == ETH:
            return False, "no ether today"
        return ok, reason


def test_a_users_rule_counts_and_its_bare_answer_becomes_a_verdict() -> None:
    """The chain asks the subclass; ``(False, reason)`` is a verdict ``custom`` with its words."""
    world = World(manager_class=CustomRule)
    assert world.chain.ask(make_opportunity()).approved
    verdict = world.chain.ask(make_opportunity(symbol=ETH)).verdict
    assert (verdict.level, verdict.reason, verdict.detail) == (Level.ACCOUNT, "custom", "no ether today")
    world.account.drawdown = Decimal("0.2")
    verdict = world.chain.ask(make_opportunity()).verdict
    assert (verdict.reason, verdict.detail) == ("custom", "drawdown")


@pytest.mark.parametrize("answer", [None, True, "yes", (1, "x"), (True,), object()])
def test_a_rule_that_does_not_answer_refuses(answer: Any) -> None:
    """Only ``True`` opens."""

    class Vague(RiskManager):
        def check(self, opportunity: Trade) -> Any:
            return answer

    world = World(manager_class=Vague)
    assert ask_unchanged(world, make_opportunity()) == "custom"


def test_a_rule_that_fails_leaves_no_reservation_behind() -> None:
    """Its error passes through; capital is free."""

    class Broken(RiskManager):
        def check(self, opportunity: Trade) -> Any:
            raise ZeroDivisionError

    world = World(manager_class=Broken)
    with pytest.raises(ZeroDivisionError):
        world.chain.ask(make_opportunity())
    assert world.capital.live == ()


def test_an_override_by_trades_counts_trades_that_were_sent_only() -> None:
    """A refusal further down the chain, or at the gate, does not use one up."""
    world = World()
    fail_three_times(world)
    world.manager.override(trades=1)
    assert ask_unchanged(world, make_opportunity(**WALKED_FAR)) == "slippage"
    answer = world.chain.ask(make_opportunity())
    assert answer.reservation is not None
    world.chain.release(answer.reservation)
    assert world.chain.ask(make_opportunity()).approved
    world.chain.record_trade()
    assert ask_unchanged(world, make_opportunity()) == "consecutive_failures"


def limit_by(world: World, limiter: str) -> None:
    """Make one limit the tightest."""
    match limiter:
        case "capital":
            world.capital.reserve_for_arb(["extended"], 1500)
        case "safe mode":
            world.capital.update_drawdown("extended", "0.05")
        case "trade risk":
            world.account.total = Decimal(8000)
        case "exposure":
            world.exposure.add(ReservationId("x"), Holding(BTC, {"okx": Decimal(5700)}))
        case "concentration":
            world.account.equities["extended"] = Decimal(1500)
        case "worst case":
            world.instruments["extended", BTC] = make_instrument("extended", taker_fee_pct=Decimal("0.047"))
        case "reads":
            world.account.total = Decimal("NaN")


@pytest.mark.parametrize(
    ("limiter", "room"),
    [
        ("position size", 1000),
        ("capital", 500),
        ("safe mode", 0),
        ("trade risk", 400),
        ("exposure", 300),
        ("concentration", 450),
        ("worst case", 400),
        ("reads", 0),
    ],
)
def test_the_room_for_a_pair_is_what_the_tightest_limit_leaves(limiter: str, room: int) -> None:
    """A pair of that notional passes, a larger one does not."""
    world = World()
    limit_by(world, limiter)
    assert world.chain.max_notional("paradex", "extended", BTC) == room
    price = Decimal(100)
    pair = make_opportunity(sell_price=price, sell_touch=price, size=room / price or Decimal("0.01"))
    assert world.chain.ask(pair).approved is (room > 0)
    world = World()
    limit_by(world, limiter)
    assert not world.chain.ask(make_opportunity(size=room / price + Decimal("0.01"))).approved
