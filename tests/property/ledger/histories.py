"""Random histories of fills, payments and transfers on linear and inverse instruments."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st

from perpbot.core.orders import Fill, Side
from tests.unit.ledger.builders import INVERSE, LINEAR, OTHER, fill

OWNERS = ("e-1", "e-2", "volume")
EXCHANGES = (LINEAR, OTHER, INVERSE)


@dataclass(frozen=True)
class Step:
    """One booking. ``kind`` is fill, funding, gas or transfer; ``amount`` is USD."""

    kind: str
    exchange: str
    owner: str
    fill: Fill
    amount: Decimal
    number: int
    decision_price: Decimal | None


def prices(low: int = 1_000_000, high: int = 9_999_999) -> st.SearchStrategy[Decimal]:
    """Prices on a 0.01 grid."""
    return st.integers(low, high).map(lambda cents: Decimal(cents) / 100)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    exchange = draw(st.sampled_from(EXCHANGES))
    whole = exchange == INVERSE
    number = draw(st.integers(0, 10**9))
    size = Decimal(draw(st.integers(1, 500))) if whole else Decimal(draw(st.integers(1, 5_000_000))) / 10**6
    fee_grid = 10**9 if whole else 10**8  # finer than what is booked, so that rounding has to happen
    return Step(
        kind=draw(st.sampled_from(("fill", "fill", "fill", "fill", "funding", "gas", "transfer"))),
        exchange=exchange,
        owner=draw(st.sampled_from(OWNERS)),
        fill=fill(
            exchange,
            draw(st.sampled_from(Side)),
            size,
            draw(prices()),
            fee=Decimal(draw(st.integers(-500, 10**6))) / fee_grid,
            trade_id=f"t{number}",
            order=f"e-{number % 7}-b0",
        ),
        amount=Decimal(draw(st.integers(-(10**12), 10**12))) / 10**9,
        number=number,
        decision_price=draw(st.one_of(st.none(), prices())),
    )


def histories(max_size: int = 40) -> st.SearchStrategy[list[Step]]:
    return st.lists(steps(), min_size=1, max_size=max_size, unique_by=lambda step: step.number)
