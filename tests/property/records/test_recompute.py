"""`export fills` alone gives every figure of the ledger again, to the last digit.

The figures are computed here by other means than the ledger's: exact fractions, one running average cost a position.
"""

import csv
import io
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from perpbot.core.events import InstrumentListed, OrderFilled
from perpbot.core.names import PairId
from perpbot.core.orders import Fill, Leg, OrderRequest, OrderType, Purpose, Side, TimeInForce
from perpbot.ledger.ledger import Ledger
from perpbot.records.database import Database
from perpbot.records.exports import COLUMNS, export
from perpbot.records.journal import MemoryJournal
from perpbot.records.projector import rebuild
from perpbot.records.rows import base_size, fill_row
from tests.unit.ledger.builders import BTC, INSTRUMENTS, INVERSE, LINEAR, fill
from tests.unit.records.scenes import StepClock

USD_PER_CONTRACT = {LINEAR: None, INVERSE: Fraction(100)}
"""What a stranger has to know of the instruments: contracts are coins, or so many USD."""


def cents(value: Fraction) -> Fraction:
    """Rounded to 1e-8, half to even."""
    scaled = value * 10**8
    return Fraction(round(scaled), 10**8)


@dataclass
class Holding:
    """A position by its contracts and their cost: USD if linear, coins if inverse."""

    contracts: Fraction = Fraction(0)
    cost: Fraction = Fraction(0)

    def trade(self, signed: Fraction, price: Fraction, usd_per_contract: Fraction | None) -> Fraction:
        """Realised USD."""
        each = price if usd_per_contract is None else usd_per_contract / price
        realised = Fraction(0)
        if self.contracts * signed < 0:
            part = min(abs(signed), abs(self.contracts)) / abs(self.contracts)
            closed, cost = self.contracts * part, self.cost * part
            gain = closed * each - cost
            realised = cents(gain) if usd_per_contract is None else cents(cents(-gain) * price)
            self.contracts, self.cost, signed = self.contracts - closed, self.cost - cost, signed + closed
        self.contracts += signed
        self.cost += signed * each
        return realised


def recompute(rows: Iterable[dict[str, str]]) -> tuple[dict[tuple[str, str], Holding], Fraction, Fraction]:
    """Holdings, realised price PnL and fees in USD, from exported rows alone."""
    holdings: dict[tuple[str, str], Holding] = {}
    price_pnl = fees = Fraction(0)
    for row in rows:
        per_contract, price = USD_PER_CONTRACT[row["exchange"]], Fraction(row["price"])
        sign = 1 if row["side"] == "BUY" else -1
        holding = holdings.setdefault((row["exchange"], row["pair_id"]), Holding())
        price_pnl += holding.trade(sign * Fraction(row["contracts"]), price, per_contract)
        fee = cents(Fraction(row["fee"]))
        fees += fee if row["fee_currency"] == "USD" else cents(fee * price)
    return holdings, price_pnl, fees


LOTS = tuple((exchange, owner) for exchange in (LINEAR, INVERSE) for owner in ("e-1", "e-2"))
SIZES = {LINEAR: Decimal("0.000001"), INVERSE: Decimal(1)}
"""Small on purpose: positions come back to zero and flip often, and linear averages end in ties at the ninth place."""
Trade = tuple[tuple[str, str], int, int, int]
histories = st.lists(
    st.tuples(
        st.sampled_from(LOTS),
        st.integers(-40, 40).filter(bool),
        st.integers(1_000_000, 9_999_999),
        st.integers(-500, 10**6),
    ),
    min_size=2,
    max_size=24,
)
"""Lot, signed size in steps, price in cents, fee in a tenth of what is booked."""


def booked(history: list[Trade]) -> tuple[Ledger, list[OrderFilled]]:
    ledger = Ledger(INSTRUMENTS)
    events = []
    for number, ((exchange, owner), steps, price, fee) in enumerate(history):
        side = Side.BUY if steps > 0 else Side.SELL
        size = SIZES[exchange] * abs(steps)
        once = fill(exchange, side, size, Decimal(price) / 100, fee=Decimal(fee) / 10**9, trade_id=f"t{number}")
        booking = ledger.book_fill(once, owner)
        events.append(OrderFilled(once, request(once, owner), booking.realized_usd, booking.fee_usd))
    return ledger, events


def request(fill: Fill, owner: str) -> OrderRequest:
    return OrderRequest(
        client_order_id=fill.client_order_id,
        exchange=fill.exchange,
        symbol=fill.symbol,
        side=fill.side,
        size=fill.size,
        price=fill.price,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        created_ns=0,
        pair_id=PairId(owner),
        leg=Leg.BUY if fill.side is Side.BUY else Leg.SELL,
        purpose=Purpose.ENTRY,
    )


def check(ledger: Ledger, rows: Iterable[dict[str, str]]) -> None:
    holdings, price_pnl, fees = recompute(rows)
    accounts = ledger.total_accounts()
    assert Fraction(accounts.price) == price_pnl
    assert Fraction(accounts.fees) == fees
    assert Fraction(accounts.total) == price_pnl - fees
    for (exchange, owner), holding in holdings.items():
        lot = ledger.lot(exchange, BTC, owner)
        assert Fraction(lot.contracts) == holding.contracts
        assert abs(Fraction(lot.entry_value) - holding.cost) < Fraction(1, 10**40)


@settings(max_examples=2000)
@given(histories)
def test_the_rows_of_the_export_give_the_ledgers_figures(history: list[Trade]) -> None:
    """Random fills on linear and inverse instruments, flips, partial closes and odd fees included."""
    ledger, events = booked(history)
    rows = (fill_row(event, INSTRUMENTS[event.fill.exchange, BTC]) for event in events)
    check(ledger, ({column: str(row[column]) for column in COLUMNS["fills"]} for row in rows))


@settings(max_examples=25)
@given(histories)
def test_the_exported_file_gives_them_too(history: list[Trade]) -> None:
    """The whole way: journal, database, CSV."""
    ledger, events = booked(history)
    journal = MemoryJournal(StepClock())
    for instrument in INSTRUMENTS.values():
        journal.append(InstrumentListed(instrument))
    for event in events:
        journal.append(event)
    with tempfile.TemporaryDirectory() as folder:
        database = Database.create(Path(folder) / "db", "replay")
        rebuild(journal.records(), database)
        out = io.StringIO()
        export(database, "fills", out)
        database.close()
    check(ledger, csv.DictReader(io.StringIO(out.getvalue())))


@given(st.integers(1, 10**6), st.integers(1, 10**9))
def test_base_sizes_of_linear_fills_are_exact_and_of_inverse_ones_to_eighteen_places(
    contracts: int, price_cents: int
) -> None:
    """size × price is the notional to the last booked digit."""
    price = Decimal(price_cents) / 100
    step = Decimal("1e-18")
    for exchange in (LINEAR, INVERSE):
        instrument = INSTRUMENTS[exchange, BTC]
        size = base_size(instrument, Decimal(contracts), price)
        exact = Fraction(contracts) * (Fraction(100) / Fraction(price) if instrument.inverse else 1)
        assert abs(Fraction(size) - exact) <= (Fraction(step) / 2 if instrument.inverse else 0)


def test_half_is_rounded_to_even() -> None:
    """The reference above and the booking agree on ties."""
    tie = Decimal("0.000000005")
    assert cents(Fraction(tie)) == Fraction(tie.quantize(Decimal("1e-8"), rounding=ROUND_HALF_EVEN)) == 0
