"""A market move on a hedged pair and a withdrawal are no loss: ledger, capital and risk together."""

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from perpbot.capital.orchestrator import CapitalOrchestrator
from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.names import ClientOrderId, OrderId, TradeId
from perpbot.core.orders import Fill, Liquidity, Side
from perpbot.ledger.account import Account
from perpbot.ledger.ledger import Ledger
from perpbot.risk.account import RiskManager
from perpbot.risk.settings import RiskSettings
from tests.unit.risk.fakes import BTC, FakeClock, make_instrument, make_opportunity

LONG, SHORT = "paradex", "extended"
START = Decimal(10_000)


class Prices:
    """One price everywhere, without spread."""

    def __init__(self, price: Decimal) -> None:
        self.price = price

    def touch(self, exchange: str, symbol: str) -> tuple[Decimal, Decimal]:
        return self.price, self.price


@dataclass(frozen=True)
class Figures:
    """What must not move."""

    drawdown: Decimal
    exchange_drawdowns: tuple[Decimal, ...]
    daily_loss: Decimal
    safe_modes: tuple[bool, ...]
    stopped: bool


class House:
    """A ledger with two exchanges, its account, and capital and risk fed from it as the service does."""

    def __init__(self, price: Decimal, short_instrument: Instrument | None = None) -> None:
        self.instruments = {
            (LONG, BTC): make_instrument(LONG),
            (SHORT, BTC): short_instrument or make_instrument(SHORT),
        }
        self.clock, self.prices, self.ledger = FakeClock(), Prices(price), Ledger(self.instruments)
        self.account = Account(self.ledger, self.prices, self.clock)
        self.capital = CapitalOrchestrator(START)
        self.manager = RiskManager(RiskSettings(), self.clock, self.account)
        for exchange in (LONG, SHORT):
            self.ledger.open_account(exchange, START)
        self.mark()

    def hedge(self, coins: Decimal) -> None:
        """Buy ``coins`` on one exchange and sell as many on the other."""
        self.ledger.open_pair("pair", LONG, SHORT)
        for number, (exchange, side) in enumerate(((LONG, Side.BUY), (SHORT, Side.SELL))):
            contracts = self.instruments[exchange, BTC].contracts(coins, self.prices.price)
            self.ledger.book_fill(make_fill(exchange, side, self.prices.price, contracts, number), "pair")
        self.mark()

    def lose(self, share: Decimal) -> None:
        """Pay that share of each exchange's equity for nothing."""
        for exchange in (LONG, SHORT):
            amount = (self.account.equity(exchange) * share).quantize(Decimal("0.00000001"))
            self.ledger.book_gas(exchange, amount, f"{exchange}-{self.clock.now_ns()}", "costs")
        self.mark()

    def withdraw(self, share: Decimal) -> None:
        """Take that share of each exchange's equity away."""
        for exchange in (LONG, SHORT):
            amount = (self.account.equity(exchange) * share).quantize(Decimal("0.01"))
            assume(amount > 0)  # an exchange may be worth nothing after a move; then there is nothing to withdraw
            self.ledger.book_transfer(exchange, -amount, f"{exchange}-{self.clock.now_ns()}")
        self.mark()

    def mark(self) -> None:
        self.clock.advance(1)
        self.account.mark()
        for exchange in (LONG, SHORT):
            self.capital.set_equity(exchange, self.account.equity(exchange))
            self.capital.update_drawdown(exchange, self.account.drawdown_pct(exchange))
        self.manager.observe_account()

    def figures(self) -> Figures:
        return Figures(
            drawdown=self.account.drawdown_pct(),
            exchange_drawdowns=tuple(self.account.drawdown_pct(exchange) for exchange in (LONG, SHORT)),
            daily_loss=self.account.daily_loss_usd(),
            safe_modes=tuple(self.capital.in_safe_mode(exchange) for exchange in (LONG, SHORT)),
            stopped=self.manager.check(make_opportunity(size=Decimal("0.01"))).reason in ("drawdown", "daily_loss"),
        )


def make_fill(exchange: str, side: Side, price: Decimal, contracts: Decimal, number: int) -> Fill:
    return Fill(
        exchange,
        BTC,
        OrderId(str(number)),
        ClientOrderId(f"t-1-{side.value[0].lower()}{number}"),
        TradeId(str(number)),
        side,
        price,
        contracts,
        Decimal(0),
        "USD",
        Liquidity.TAKER,
        0,
    )


prices = st.decimals(100, 100_000, places=2)
shares = st.decimals("0.01", "3", places=3)
moves = st.decimals("-0.10", "0.10", places=4)
losses = st.decimals(0, "0.12", places=4)
withdrawals = st.decimals("0.01", "0.50", places=3)


@settings(max_examples=1000)
@given(prices, shares, losses, st.lists(moves | withdrawals.map(str), min_size=1, max_size=6))
def test_a_market_move_on_a_hedged_pair_and_a_withdrawal_leave_every_stop_as_it_was(
    price: Decimal, share: Decimal, loss: Decimal, events: list[Decimal | str]
) -> None:
    """Moves of up to 10 % each and withdrawals of up to half the equity, in any order, at up to three times equity;
    whether a loss before them has set off safe mode and daily stop or not."""
    house = House(price)
    house.lose(loss)
    house.hedge((START * share / price).quantize(Decimal("0.00000001")))
    before = house.figures()
    for event in events:
        if isinstance(event, Decimal):
            house.prices.price *= 1 + event
            house.mark()
        else:
            house.withdraw(Decimal(event))
        assert house.figures() == before


@given(prices, shares, st.sampled_from([Decimal("0.9"), Decimal("1.1")]))
def test_the_named_case_leaves_every_stop_as_it_was(price: Decimal, share: Decimal, factor: Decimal) -> None:
    """A 10 % market move, up or down, then half of all equity withdrawn."""
    house = House(price)
    house.hedge((START * share / price).quantize(Decimal("0.00000001")))
    before = house.figures()
    assert before == Figures(Decimal(0), (Decimal(0), Decimal(0)), Decimal(0), (False, False), stopped=False)
    house.prices.price *= factor
    house.mark()
    assert house.figures() == before
    house.withdraw(Decimal("0.5"))
    assert house.figures() == before
    assert abs(house.account.total_equity() - START) <= Decimal("0.01")


@given(prices, withdrawals)
def test_a_loss_after_a_withdrawal_is_a_share_of_what_was_left(price: Decimal, withdrawn: Decimal) -> None:
    """6 % of the remaining equity is 6 % drawdown, however much was taken out before."""
    house = House(price)
    house.withdraw(withdrawn)
    house.lose(Decimal("0.06"))
    figures = house.figures()
    assert all(abs(pct - Decimal("0.06")) < Decimal("1e-9") for pct in (figures.drawdown, *figures.exchange_drawdowns))
    assert figures.safe_modes == (True, True)


@given(prices, st.decimals("0.06", "0.5", places=3))
def test_a_move_against_one_leg_alone_is_a_loss(price: Decimal, fall: Decimal) -> None:
    """The same move without the hedge trips what it should: nothing above is blind."""
    house = House(price)
    coins = (START / price).quantize(Decimal("0.00000001"))
    house.ledger.book_fill(make_fill(LONG, Side.BUY, price, coins, 0), "lonely")
    house.prices.price *= 1 - fall
    house.mark()
    figures = house.figures()
    assert figures.safe_modes == (True, False)
    assert figures.stopped
    assert figures.daily_loss > 500


@given(prices, st.sampled_from([Decimal("0.9"), Decimal("1.1")]))
def test_an_inverse_leg_hedges_in_coin_and_trips_nothing(price: Decimal, factor: Decimal) -> None:
    """Contracts of 100 USD settle in coin: the hedge of a coin is not exact in USD, but far from any limit."""
    inverse = make_instrument(SHORT, kind=ContractKind.INVERSE, multiplier=Decimal(100))
    house = House(price, inverse)
    house.hedge((START / 10 / price).quantize(Decimal("0.00000001")))
    house.prices.price *= factor
    house.mark()
    figures = house.figures()
    assert (figures.safe_modes, figures.stopped) == ((False, False), False)
    assert figures.drawdown < Decimal("0.001")
