"""The identity, over random histories: equity changes by transfers, price, funding, fees and gas, to the last digit."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from perpbot.core.events import FundingPaid
from perpbot.core.orders import Fill, Side
from perpbot.ledger.accounts import Accounts
from perpbot.ledger.ledger import Ledger
from tests.property.ledger.histories import EXCHANGES, OWNERS, Step, histories, prices
from tests.unit.ledger.builders import BTC, INSTRUMENTS, INVERSE, LINEAR, OTHER, Prices, fill

START = Decimal("10000.00000001")
touches = st.fixed_dictionaries({exchange: prices() for exchange in EXCHANGES})


def opened() -> Ledger:
    ledger = Ledger(INSTRUMENTS)
    for exchange in EXCHANGES:
        ledger.open_account(exchange, START)
    ledger.open_pair("e-1", LINEAR, INVERSE)
    ledger.open_pair("e-2", OTHER, LINEAR)
    return ledger


def book(ledger: Ledger, step: Step) -> None:
    if step.kind == "fill":
        ledger.book_fill(step.fill, step.owner, decision_price=step.decision_price)
    elif step.kind == "funding":
        ledger.book_funding(FundingPaid(step.exchange, BTC, step.amount, str(step.number), 0))
    elif step.kind == "gas":
        ledger.book_gas(step.exchange, abs(step.amount), str(step.number), step.owner)
    else:
        ledger.book_transfer(step.exchange, step.amount, str(step.number))


def marked(at: dict[str, Decimal]) -> Prices:
    return Prices(**{exchange: (str(price), str(price + Decimal("0.1"))) for exchange, price in at.items()})


@settings(max_examples=1000)
@given(histories(), touches)
def test_equity_changes_by_exactly_what_was_booked(history: list[Step], at: dict[str, Decimal]) -> None:
    """I19, per exchange, in total, and by owner."""
    ledger, view = opened(), marked(at)
    for step in history:
        book(ledger, step)
    for exchange in EXCHANGES:
        accounts = ledger.exchange_accounts(exchange)
        price = accounts.price + sum(ledger.unrealized(lot, view) for lot in ledger.lots(exchange))
        change = ledger.equity(exchange, view) - START
        assert change == ledger.transfers(exchange) + price + accounts.funding - accounts.fees - accounts.gas
    gained = ledger.total_equity(view) - 3 * START - sum(ledger.transfers(exchange) for exchange in EXCHANGES)
    assert gained == sum(owner.total for owner in ledger.attribution(view).values())
    assert ledger.total_accounts() == sum((ledger.accounts(owner) for owner in ledger.owners), Accounts())


@settings(max_examples=1000)
@given(histories(), touches)
def test_hedged_equity_adds_up_to_equity(history: list[Step], at: dict[str, Decimal]) -> None:
    """Halves of an odd amount are exact: nothing is lost by carrying a pair on two exchanges."""
    ledger, view = opened(), marked(at)
    for step in history:
        book(ledger, step)
    assert sum(ledger.hedged_equity(exchange, view) for exchange in EXCHANGES) == ledger.total_equity(view)


@given(histories())
def test_booking_everything_twice_is_booking_it_once(history: list[Step]) -> None:
    """I8: every id counts once, whatever the channel and however often."""
    once, twice = opened(), opened()
    for step in history:
        book(once, step)
        book(twice, step)
        book(twice, step)
    assert list(once.lots()) == list(twice.lots())
    for owner in OWNERS:
        assert once.accounts(owner) == twice.accounts(owner)
    assert [once.deposits(exchange) for exchange in EXCHANGES] == [twice.deposits(exchange) for exchange in EXCHANGES]


@settings(max_examples=1000)
@given(histories(), touches)
def test_closing_all_that_is_open_realises_what_was_unrealised(history: list[Step], at: dict[str, Decimal]) -> None:
    """Marking at executable prices is neither hope nor fear: it is what closing there brings, fees aside."""
    ledger, view = opened(), marked(at)
    for step in history:
        book(ledger, step)
    before = ledger.total_equity(view)
    for number, lot in enumerate(list(ledger.lots())):
        bid, ask = view.touches[lot.exchange]
        exit_price = bid if lot.contracts > 0 else ask
        ledger.book_fill(closing(lot.exchange, lot.contracts, exit_price, number), lot.owner)
    assert list(ledger.lots()) == []
    assert ledger.total_equity(view) == before


@settings(max_examples=50)
@given(prices(), st.integers(-1000, 1000), st.integers(1, 400))
def test_a_market_move_on_a_hedged_pair_is_no_loss_of_either_exchange(
    entry: Decimal, move_bps: int, contracts: int
) -> None:
    """Linear against inverse, matched in value: a 10 % move leaves hedged equity within the rounding of a coin."""
    ledger = opened()
    size = INSTRUMENTS[INVERSE, BTC].base(Decimal(contracts), entry)
    ledger.book_fill(closing(LINEAR, -size, entry, 1), "e-1")
    ledger.book_fill(closing(INVERSE, Decimal(contracts), entry, 2), "e-1")
    moved = entry + entry * move_bps / 10_000
    view = Prices(**{exchange: (str(moved), str(moved)) for exchange in EXCHANGES})
    for exchange in (LINEAR, INVERSE):
        assert abs(ledger.hedged_equity(exchange, view) - START) < Decimal("0.01")


def closing(exchange: str, contracts: Decimal, price: Decimal, number: int) -> Fill:
    side = Side.SELL if contracts > 0 else Side.BUY
    return fill(exchange, side, abs(contracts), price, trade_id=f"close{number}")
