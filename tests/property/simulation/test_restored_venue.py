"""A venue that died at any moment and was opened again from its file is the one that never died."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from hypothesis import event, given, settings
from hypothesis import strategies as st

from perpbot.core.events import FundingPaid
from perpbot.core.instruments import Instrument
from perpbot.core.names import Symbol
from perpbot.core.orders import Fill, OrderReport, OrderRequest
from perpbot.simulation.paper.accounts import AccountFile
from perpbot.simulation.venue.engine import VenueEngine
from perpbot.simulation.venue.turns import AccountTurn, Kept
from tests.property.simulation.test_venue import ACCOUNTS, KINDS, STEPS, History, Move, Step
from tests.unit.simulation.venue.scene import START, VENUE, Scene

FIRST_BOOK = Move("snapshot", [(1000, 20), (998, 40)], [(1001, 20), (1003, 40)])
MARK = Move("trade", [(1000, 1)], [])
RATE, DEPOSIT = "0.001", "100000"


class Stopped:
    """A clock that stands."""

    def now_ns(self) -> int:
        return START


@dataclass
class Told:
    """All that a venue can tell of one account, to the last digit."""

    balance: Decimal
    holdings: dict[Symbol, tuple[Decimal, Decimal]]
    orders: list[tuple[OrderRequest, OrderReport]]
    resting: list[OrderReport]
    fills: list[tuple[Fill, ...]]
    funding: list[FundingPaid]
    liquidations: int


def told(engine: VenueEngine) -> list[Told]:
    return [
        Told(
            engine._accounts[account].balance,
            {symbol: (held.contracts, held.entry_value) for symbol, held in engine._accounts[account].holdings.items()},
            engine.orders(account),
            engine.open_orders(account),
            [engine.fills(account, request.client_order_id) for request, _ in engine.orders(account)],
            engine.funding_payments(account, 0),
            engine.liquidations,
        )
        for account in ACCOUNTS
        if engine.knows(account)
    ]


@dataclass
class Life:
    """A venue kept in a file, with what it could tell after each record."""

    history: History
    path: Path
    accounts: AccountFile
    after: list[list[Told]]

    def died(self, records: int) -> Scene:
        """The venue opened again from the first ``records`` turns of the file."""
        copy = self.path.with_name("copy")
        copy.write_bytes(b"".join(self.path.read_bytes().rstrip(b"\0").splitlines(keepends=True)[: records + 2]))
        accounts = AccountFile(copy, Stopped())
        accounts.close()
        assert len(accounts.past(VENUE)) == records
        return opened_again(self.history.scene, accounts.past(VENUE))


def opened_again(old: Scene, past: Iterable[Kept]) -> Scene:
    """The venue of ``old`` as ``past`` has it, on the same market at the same time."""
    scene = Scene(
        old.instrument,
        funding_rate=RATE,
        deposit=DEPOSIT,
        accounts=(),
        resume=lambda engine: engine.resume(past, lambda turn: None),
    )
    scene.now_ns, scene.sequence, scene.sent = old.now_ns, old.sequence, old.sent
    return scene


@contextmanager
def lived(instrument: Instrument, steps: list[Step]) -> Iterator[Life]:
    """A life of ``steps``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "accounts"
        accounts = AccountFile(path, Stopped())
        after: list[list[Told]] = []
        engines: list[VenueEngine] = []

        def keep(turn: AccountTurn) -> None:
            accounts.keep(turn)
            after.append(told(engines[0]) if engines else [])

        scene = Scene(
            instrument,
            funding_rate=RATE,
            deposit=DEPOSIT,
            accounts=(),
            resume=lambda engine: engine.resume((), keep),
        )
        engines.append(scene.engine)
        for account in ACCOUNTS:
            scene.engine.open_account(account, Decimal(DEPOSIT))
        life = Life(History(scene), path, accounts, after)
        for step in (FIRST_BOOK, *steps):
            life.history.take(step)
        accounts.flush()
        yield life
        accounts.close()


@KINDS
@settings(max_examples=60)
@given(steps=STEPS, cut=st.floats(0, 1))
def test_a_venue_that_died_after_any_record_knows_what_it_had_told(
    instrument: Instrument, steps: list[Step], cut: float
) -> None:
    """Balances, positions, orders, fills and funding are equal to the last digit, and what rested rests."""
    with lived(instrument, steps) as life:
        records = 1 + round(cut * (len(life.after) - 1))
        scene = life.died(records)
        expected = life.after[records - 1]
        assert told(scene.engine) == expected
        event(f"funding paid: {any(account.funding for account in expected)}")
        event(f"something rests: {any(account.resting for account in expected)}")
        event(f"positions: {any(account.holdings for account in expected)}")


@KINDS
@settings(max_examples=60)
@given(steps=STEPS, more=STEPS)
def test_a_venue_opened_again_goes_on_as_if_it_had_never_died(
    instrument: Instrument, steps: list[Step], more: list[Step]
) -> None:
    """From the next book on, with no order left whose place in the queue it cannot know: ids and all."""
    with lived(instrument, steps) as life:
        life.accounts.flush()
        again = History(life.died(len(life.after)))
        for history in (life.history, again):
            for account in ACCOUNTS:
                history.scene.engine.cancel_all(account, history.scene.now_ns)
                history.scene.engine.collect(account)
            for kept in (history.fills, history.reports, history.funding):
                for account in ACCOUNTS:
                    kept[account].clear()
            for step in (FIRST_BOOK, MARK, *more):
                history.take(step)
        assert told(again.scene.engine) == told(life.history.scene.engine)
        assert (again.fills, again.reports, again.funding) == (
            life.history.fills,
            life.history.reports,
            life.history.funding,
        )
        event(f"fills after: {min(3, sum(map(len, again.fills.values())))}")
        event(f"funding after: {any(again.funding.values())}")
