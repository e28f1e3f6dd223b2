"""What holds on the venue over random markets and random orders, linear and inverse."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias, TypeVar

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from perpbot.core.events import FundingPaid
from perpbot.core.instruments import Instrument
from perpbot.core.market_data import BookDelta, BookSnapshot, TopOfBook
from perpbot.core.orders import Fill, Liquidity, OrderReport, OrderRequest, OrderStatus, Side, TimeInForce
from perpbot.core.ports import Rng
from tests.unit.simulation.venue.scene import INVERSE, LINEAR, SYMBOL, Scene

ACCOUNTS = ("us", "them")
T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Send:
    account: str
    side: Side
    size: int
    price: int | None
    tif: TimeInForce
    reduce_only: bool


@dataclass(frozen=True)
class Move:
    kind: str
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


@dataclass(frozen=True)
class Wait:
    seconds: int


@dataclass(frozen=True)
class CancelOldest:
    account: str


Step: TypeAlias = Send | Move | Wait | CancelOldest


def pick(rng: Rng, *options: T) -> T:
    return options[int(rng.random() * len(options))]


def around(rng: Rng, middle: int, width: int) -> int:
    return middle - width + int(rng.random() * (2 * width + 1))


def a_send(rng: Rng) -> Send:
    price = None if rng.random() < 0.1 else around(rng, 1000, 8)
    tif = pick(rng, TimeInForce.IOC, TimeInForce.GTC, TimeInForce.GTC, TimeInForce.POST_ONLY)
    return Send(pick(rng, *ACCOUNTS), pick(rng, *Side), around(rng, 30, 29), price, tif, rng.random() < 0.3)


def a_move(rng: Rng) -> Move:
    kind = pick(rng, "snapshot", "delta", "delta", "delta", "ticker", "ticker", "trade", "trade", "trade")
    sizes = (0, 1, 5, 10, 20, 40)
    middle = around(rng, 1000, 4)
    bids = [(middle - k - pick(rng, 0, 0, 1), pick(rng, *sizes)) for k in (0, 2, 4)]
    asks = [(middle + 1 + k + pick(rng, 0, 0, 1), pick(rng, *sizes)) for k in (0, 2, 4)]
    return Move(kind, bids, asks)


def a_step(rng: Rng) -> Step:
    roll = rng.random()
    if roll < 0.45:
        return a_send(rng)
    if roll < 0.9:
        return a_move(rng)
    return Wait(around(rng, 10_000, 9_999)) if roll < 0.97 else CancelOldest(pick(rng, *ACCOUNTS))


def some(make: Callable[[Rng], S], count: int) -> st.SearchStrategy[list[S]]:
    """Lists made by ``make`` from a seed: denser histories than lists grown element by element."""
    return st.randoms(use_true_random=True).map(lambda rng: [make(rng) for _ in range(count)])


STEPS = some(a_step, 40)


@dataclass
class History:
    """A scene played step by step, with everything that was said on the way."""

    scene: Scene
    requests: dict[tuple[str, str], OrderRequest] = field(default_factory=dict)
    fills: dict[str, list[Fill]] = field(default_factory=lambda: {account: [] for account in ACCOUNTS})
    reports: dict[str, list[OrderReport]] = field(default_factory=lambda: {account: [] for account in ACCOUNTS})
    funding: dict[str, list[FundingPaid]] = field(default_factory=lambda: {account: [] for account in ACCOUNTS})

    def unit(self, size: int) -> Decimal:
        return size * self.scene.instrument.step * (10 if self.scene.instrument is LINEAR else 1)

    def listen(self) -> None:
        for account in ACCOUNTS:
            for said in self.scene.events(account):
                if isinstance(said, Fill):
                    self.fills[account].append(said)
                elif isinstance(said, OrderReport):
                    self.reports[account].append(said)
                else:
                    self.funding[account].append(said)

    def take(self, step: Step) -> None:
        if isinstance(step, Send):
            self._send(step)
        elif isinstance(step, Move):
            self._move(step)
        elif isinstance(step, Wait):
            self.scene.later(step.seconds)
        else:
            self.scene.engine.advance(self.scene.now_ns)  # which order is the oldest that lives depends on the book
            live = self.scene.engine.open_orders(step.account)
            if live:
                self.scene.engine.cancel(step.account, live[0].client_order_id, self.scene.now_ns)
        self.listen()

    def take_unwatched(self, step: Move | Wait) -> None:
        if isinstance(step, Move):
            self._move(step)
        else:
            self.scene.later(step.seconds)

    def _send(self, step: Send) -> None:
        price = None if step.price is None else str(Decimal(step.price) / 10)
        request = self.scene.request(
            step.side, str(self.unit(step.size)), price, step.tif, reduce_only=step.reduce_only
        )
        self.requests[step.account, request.client_order_id] = request
        self.scene.engine.submit(step.account, request, self.scene.now_ns)

    def _move(self, step: Move) -> None:
        bids = [(price / 10, float(self.unit(size))) for price, size in step.bids]
        asks = [(price / 10, float(self.unit(size))) for price, size in step.asks]
        if step.kind == "snapshot":
            self.scene.snapshot(bids, asks)
        elif step.kind == "delta":
            self.scene.delta(bids, asks)
        elif step.kind == "ticker":
            self.scene.ticker(bids[0] if bids else (0.0, 0.0), asks[0] if asks else (0.0, 0.0))
        elif bids and bids[0][1]:
            self.scene.trade(*bids[0], taker=Side.SELL)
        elif asks and asks[0][1]:
            self.scene.trade(*asks[0], taker=Side.BUY)


def played(instrument: Instrument, steps: list[Step], rate: str = "0.001") -> History:
    history = History(Scene(instrument, funding_rate=rate, deposit="100000"))
    history.take(Move("snapshot", [(1000, 20), (998, 40)], [(1001, 20), (1003, 40)]))
    for step in steps:
        history.take(step)
    fills = [fill for account in ACCOUNTS for fill in history.fills[account]]
    event(f"fills: {min(5, len(fills))}")
    event(f"maker fills: {any(fill.liquidity is Liquidity.MAKER for fill in fills)}")
    event(f"self trades prevented: {history.scene.engine.self_trades_prevented > 0}")
    return history


KINDS = pytest.mark.parametrize("instrument", [LINEAR, INVERSE], ids=["linear", "inverse"])


@KINDS
@given(steps=STEPS)
def test_no_fill_is_worse_than_its_orders_limit(instrument: Instrument, steps: list[Step]) -> None:
    """A buy never above, a sell never below; a resting order at its limit exactly."""
    history = played(instrument, steps)
    for account in ACCOUNTS:
        for fill in history.fills[account]:
            limit = history.requests[account, fill.client_order_id].price
            if limit is not None:
                assert fill.side.sign * fill.price <= fill.side.sign * limit
            if fill.liquidity is Liquidity.MAKER:
                assert fill.price == limit


@KINDS
@given(steps=STEPS)
def test_cumulative_fills_are_the_reports_and_never_exceed_the_order(instrument: Instrument, steps: list[Step]) -> None:
    """Per order: sum of fills = reported size ≤ size, never falling; trade ids are unique; a final order is silent."""
    history = played(instrument, steps)
    ids = [fill.trade_id for account in ACCOUNTS for fill in history.fills[account]]
    assert len(ids) == len(set(ids))
    for account in ACCOUNTS:
        seen: dict[str, OrderReport] = {}
        for report in history.reports[account]:
            before = seen.get(report.client_order_id)
            assert before is None or (not before.status.final and before.filled_size <= report.filled_size)
            seen[report.client_order_id] = report
        for client_id, report in seen.items():
            fills = [fill for fill in history.fills[account] if fill.client_order_id == client_id]
            size = history.requests[account, client_id].size
            assert sum(fill.size for fill in fills) == report.filled_size <= size
            assert (report.status is OrderStatus.FILLED) is (report.filled_size == size)
            assert report == history.scene.engine.report(account, report.client_order_id)


@KINDS
@given(steps=STEPS)
def test_reduce_only_never_grows_or_turns_a_position(instrument: Instrument, steps: list[Step]) -> None:
    """After every such fill the position is nearer to flat, on the same side."""
    history = played(instrument, steps)
    for account in ACCOUNTS:
        position = Decimal(0)
        for fill in history.fills[account]:
            after = position + fill.side.sign * fill.size
            if history.requests[account, fill.client_order_id].reduce_only:
                assert abs(after) < abs(position)
                assert after * position >= 0
            position = after
        stated = history.scene.engine.position(account, SYMBOL)
        assert position == (stated.signed_size if stated else 0)


@KINDS
@given(steps=STEPS)
def test_own_orders_never_meet(instrument: Instrument, steps: list[Step]) -> None:
    """One account's live orders are never crossed; accounts trade with each other in equal sizes at equal prices."""
    history = History(Scene(instrument, deposit="100000"))
    history.take(Move("snapshot", [(999, 20)], [(1001, 20)]))
    for step in steps:
        told = {account: len(history.fills[account]) for account in ACCOUNTS}
        history.take(step)
        new = {account: history.fills[account][told[account] :] for account in ACCOUNTS}
        if isinstance(step, Send):
            other = ACCOUNTS[1 - ACCOUNTS.index(step.account)]
            taken = [(f.price, f.size) for f in new[step.account]]
            assert all(fill.liquidity is Liquidity.TAKER and fill.side is step.side for fill in new[step.account])
            assert all((fill.price, fill.size) in taken and fill.side is not step.side for fill in new[other])
        for account in ACCOUNTS:
            live = [
                history.requests[account, report.client_order_id]
                for report in history.scene.engine.open_orders(account)
            ]
            bids = [o.price for o in live if o.side is Side.BUY and o.price]
            asks = [o.price for o in live if o.side is Side.SELL and o.price]
            assert not bids or not asks or max(bids) < min(asks)


@KINDS
@given(moves=some(a_move, 8), sends=some(a_send, 6))
def test_takers_together_never_take_more_than_is_shown(
    instrument: Instrument, moves: list[Move], sends: list[Send]
) -> None:
    """Between two words of the market on it, a level gives at most its size, whoever asks how often."""
    history = played(instrument, [])
    for move in moves:
        history.take(move)
    shown = naive_book(history)
    for send in sends:
        history.take(Send(send.account, send.side, send.size, send.price, TimeInForce.IOC, send.reduce_only))
    taken: dict[tuple[Side, Decimal], Decimal] = defaultdict(Decimal)
    for account in ACCOUNTS:
        for fill in history.fills[account]:
            taken[fill.side.opposite, fill.price] += fill.size
    for level, size in taken.items():
        assert size <= shown.get(level, Decimal(0))


def naive_book(history: History) -> dict[tuple[Side, Decimal], Decimal]:
    """The external book by the words of the rule: depth in full, then the ticker on top while it is newer."""
    depth: dict[tuple[Side, Decimal], Decimal] = {}
    depth_sequence = 0
    ticker: TopOfBook | None = None
    for said in history.scene.pushed:
        if isinstance(said, BookSnapshot):
            depth = {}
        if isinstance(said, BookSnapshot | BookDelta):
            depth_sequence = said.sequence if isinstance(said, BookSnapshot) else said.last
            for side, levels in ((Side.BUY, said.bids), (Side.SELL, said.asks)):
                for price, size in levels:
                    depth[side, Decimal(str(price))] = Decimal(str(size))
        elif isinstance(said, TopOfBook):
            ticker = said
    if ticker is None or ticker.sequence < depth_sequence:
        return depth
    tops = {Side.BUY: (ticker.bid, ticker.bid_size), Side.SELL: (ticker.ask, ticker.ask_size)}
    book: dict[tuple[Side, Decimal], Decimal] = {}
    for side, (top, top_size) in tops.items():
        if top_size:
            best = Decimal(str(top))
            behind = {
                key: shown for key, shown in depth.items() if key[0] is side and side.sign * key[1] < side.sign * best
            }
            book |= {**behind, (side, best): Decimal(str(top_size))}
    return book


@KINDS
@given(steps=STEPS)
def test_balance_and_equity_are_the_fills_and_nothing_else(instrument: Instrument, steps: list[Step]) -> None:
    """Recomputed in fractions from the exported fills and funding alone, to the last digit, at average cost."""
    history = played(instrument, steps)
    for account in ACCOUNTS:
        book = Recomputed(instrument)
        for fill in history.fills[account]:
            book.add(fill)
        funding = sum((Fraction(paid.amount_usd) for paid in history.funding[account]), Fraction(0))
        stated = history.scene.engine.balance(account)
        assert Fraction(stated.balance) == 100_000 + book.realised - book.fees + funding
        position = history.scene.engine.position(account, SYMBOL)
        unrealised = book.gain(book.contracts, book.cost, Fraction(position.current_price)) if position else Fraction(0)
        assert Fraction(stated.equity) == Fraction(stated.balance) + unrealised


@given(steps=STEPS)
def test_funding_moves_nothing_but_the_balance(steps: list[Step]) -> None:
    """Without a rate the same history has the same fills, and every payment is the whole difference."""
    paid, free = played(LINEAR, steps), played(LINEAR, steps, rate="0")
    for account in ACCOUNTS:
        assert paid.fills[account] == free.fills[account]
        assert free.funding[account] == []
        difference = paid.scene.engine.balance(account).balance - free.scene.engine.balance(account).balance
        assert difference == sum(each.amount_usd for each in paid.funding[account])


@KINDS
@given(steps=STEPS)
def test_the_same_history_twice_is_the_same_to_the_last_event(instrument: Instrument, steps: list[Step]) -> None:
    """Nothing in the venue is random or depends on the order of a set."""
    one, two = played(instrument, steps), played(instrument, steps)
    assert (one.fills, one.reports, one.funding) == (two.fills, two.reports, two.funding)


@given(steps=STEPS)
def test_looking_at_the_venue_less_often_changes_no_fill(steps: list[Step]) -> None:
    """Books are brought up to date lazily: what trades when does not depend on who looks."""
    watched = played(LINEAR, steps)
    lazy = History(Scene(LINEAR, funding_rate="0.001", deposit="100000"))
    lazy.take(Move("snapshot", [(1000, 20), (998, 40)], [(1001, 20), (1003, 40)]))
    for step in steps:
        if isinstance(step, Wait | Move):
            lazy.take_unwatched(step)
        else:
            lazy.take(step)
    lazy.listen()
    assert lazy.fills == watched.fills


class Recomputed:
    """Average-cost accounting in exact fractions, independent of the engine's."""

    def __init__(self, instrument: Instrument) -> None:
        self.inverse = instrument.inverse
        self.multiplier = Fraction(instrument.multiplier)
        self.rates = {Liquidity.MAKER: instrument.maker_fee_pct, Liquidity.TAKER: instrument.taker_fee_pct}
        self.contracts = self.cost = self.realised = self.fees = Fraction(0)

    def add(self, fill: Fill) -> None:
        price, signed = Fraction(fill.price), fill.side.sign * Fraction(fill.size)
        if self.contracts * signed < 0:
            closed = max(signed, -self.contracts) if signed < 0 else min(signed, -self.contracts)
            cost = self.cost * (-closed / self.contracts)
            self.realised += self.gain(-closed, cost, price)
            self.contracts, self.cost, signed = self.contracts + closed, self.cost - cost, signed - closed
        self.contracts, self.cost = self.contracts + signed, self.cost + self.value(signed, price)
        fee = grid(abs(self.value(Fraction(fill.size), price)) * Fraction(self.rates[fill.liquidity]))
        assert fee == Fraction(fill.fee)
        self.fees += self.usd(fee, price)

    def gain(self, contracts: Fraction, cost: Fraction, price: Fraction) -> Fraction:
        moved = self.value(contracts, price) - cost
        return self.usd(-moved if self.inverse else moved, price)

    def value(self, contracts: Fraction, price: Fraction) -> Fraction:
        return contracts * self.multiplier / price if self.inverse else contracts * self.multiplier * price

    def usd(self, amount: Fraction, price: Fraction) -> Fraction:
        return grid(grid(amount) * price) if self.inverse else grid(amount)


def grid(value: Fraction) -> Fraction:
    """On 1e-8, half to even."""
    return Fraction(round(value * 10**8), 10**8)
