"""The account file: what was told outlives the process, and a file that cannot be trusted is refused in one line."""

import shutil
import stat
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from perpbot.core.errors import InputError, ReadFailed, Refused, SystemStopped
from perpbot.core.events import FundingPaid, RunStarted
from perpbot.core.instruments import Instrument
from perpbot.core.names import ClientOrderId
from perpbot.core.orders import OrderRequest, OrderStatus, Side, TimeInForce
from perpbot.core.ports import Approval, OrderOutcome, SendStatus
from perpbot.records.chain import Chain
from perpbot.records.journal import FileJournal
from perpbot.simulation.clock import VirtualClock, run
from perpbot.simulation.paper.accounts import AccountFile, AccountsBegun
from perpbot.simulation.paper.exchange import PaperExchange
from perpbot.simulation.paper.faults import Fault, FaultPlan
from perpbot.simulation.paper.opening import ACCOUNT, PaperTerms, open_paper
from perpbot.simulation.venue.market import Listing
from perpbot.simulation.venue.turns import AccountTurn, Kept
from tests.unit.simulation.venue.scene import LINEAR, SECOND, START, SYMBOL, VENUE, Scene

GTC, IOC = TimeInForce.GTC, TimeInForce.IOC
MINUTE = 60
DEPOSIT = Decimal(10_000)
ONE = Decimal(1)
EACH_MINUTE = replace(LINEAR, funding_interval_seconds=MINUTE)


class Stopped:
    """A clock that stands."""

    def now_ns(self) -> int:
        return START


class Stage:
    """One life of a paper exchange on an account file, 5 ms away from a market moved by hand."""

    def __init__(
        self,
        clock: VirtualClock,
        path: Path,
        *,
        rate: str = "0",
        prefix: str = "p-",
        instrument: Instrument = LINEAR,
        faults: FaultPlan | None = None,
    ) -> None:
        self.clock = clock
        self.path = path
        self.scene = Scene(instrument)
        terms = PaperTerms(DEPOSIT, lambda _: 0.005, lambda _: Decimal(rate), prefix)
        self.file = AccountFile(path, clock)
        listings = {VENUE: [Listing(instrument, self.scene.feed)]}
        self.exchange: PaperExchange = open_paper(listings, clock, terms, self.file)[VENUE]
        self.exchange.faults = faults or FaultPlan()
        self.heard: list[Any] = []
        self.exchange.subscribe_account(self.heard.append)
        self.approvals = 0

    def quote(self, bid: float = 100.0, ask: float = 101.0, size: float = 5.0) -> None:
        self.scene.now_ns = self.clock.now_ns()
        self.scene.snapshot([(bid, size)], [(ask, size)])

    def trade(self, price: float, size: float, *, taker: Side) -> None:
        self.scene.now_ns = self.clock.now_ns()
        self.scene.trade(price, size, taker=taker)

    def send(
        self, side: Side, size: str, price: str, tif: TimeInForce = IOC, **named: Any
    ) -> tuple[OrderRequest, Awaitable[OrderOutcome]]:
        self.scene.now_ns = self.clock.now_ns()
        request = self.scene.request(side, size, price, tif, **named)
        self.approvals += 1
        answer = self.exchange.send(
            self.exchange.prepare(request), Approval(request.client_order_id, self.approvals, 0)
        )
        return request, answer

    async def killed(self) -> Path:
        """A copy of the file as it stands now: what a process that is killed leaves."""
        await self.exchange.stop()
        return Path(shutil.copy(self.path, self.path.with_name(f"{self.path.name}+")))


def play(act: Callable[[VirtualClock], Coroutine[Any, Any, None]]) -> None:
    """Run ``act`` in virtual time."""
    run(act, START)


async def started(clock: VirtualClock, path: Path, **named: Any) -> Stage:
    stage = Stage(clock, path, **named)
    stage.quote()
    await stage.exchange.start()
    return stage


def test_an_order_that_the_engine_took_before_the_process_died_is_known_afterwards(tmp_path: Path) -> None:
    """Killed between its arrival at 5 ms and its answer at 10 ms: status, fills, position and balance are there."""

    async def act(clock: VirtualClock) -> None:
        first = await started(clock, tmp_path / "a")
        request, answer = first.send(Side.BUY, "1", "101")
        await clock.sleep(0.007)
        again = await started(clock, await first.killed())
        assert (await answer).status is SendStatus.UNKNOWN
        report = await again.exchange.get_order(SYMBOL, request.client_order_id)
        assert report is not None
        assert (report.status, report.filled_size, report.average_price) == (OrderStatus.FILLED, ONE, Decimal(101))
        (fill,) = await again.exchange.get_fills(SYMBOL, request.client_order_id)
        assert (fill.price, fill.size, fill.fee) == (Decimal(101), Decimal(1), Decimal("0.0505"))
        (position,) = await again.exchange.get_positions()
        assert (position.signed_size, position.entry_price) == (ONE, Decimal(101))
        assert (await again.exchange.get_balance()).balance == DEPOSIT - Decimal("0.0505")

    play(act)


def test_an_order_on_its_way_when_the_process_died_never_was(tmp_path: Path) -> None:
    """It did not reach the venue, and nothing says it did."""

    async def act(clock: VirtualClock) -> None:
        first = await started(clock, tmp_path / "a")
        request, _ = first.send(Side.BUY, "1", "101")
        await clock.sleep(0.004)
        again = await started(clock, await first.killed())
        assert await again.exchange.get_order(SYMBOL, request.client_order_id) is None
        assert (await again.exchange.get_balance()).balance == DEPOSIT

    play(act)


def test_ids_never_come_again_and_an_old_client_id_is_refused(tmp_path: Path) -> None:
    """Though the prefix is the same; the order that has the client id is left alone."""

    async def act(clock: VirtualClock) -> None:
        first = await started(clock, tmp_path / "a")
        request, answer = first.send(Side.BUY, "1", "101")
        before = (await answer).report
        again = await started(clock, await first.killed())
        repeated, answer = again.send(Side.SELL, "1", "100")
        assert repeated.client_order_id == request.client_order_id
        outcome = await answer
        assert (outcome.status, outcome.reason) == (SendStatus.REJECTED, "duplicate_client_id")
        other, answer = again.send(Side.SELL, "1", "100", client_id="other")
        after = (await answer).report
        assert before is not None
        assert after is not None
        assert before.order_id != after.order_id
        fills = [
            *await again.exchange.get_fills(SYMBOL, request.client_order_id),
            *await again.exchange.get_fills(SYMBOL, other.client_order_id),
        ]
        assert len({fill.trade_id for fill in fills}) == len(fills) == 2

    play(act)


def test_an_order_that_ended_stays_ended(tmp_path: Path) -> None:
    """Unfilled, or cancelled after a part: report for report as it was told."""

    async def act(clock: VirtualClock) -> None:
        first = await started(clock, tmp_path / "a")
        unfilled, answer = first.send(Side.BUY, "1", "100.5")
        await answer
        part, answer = first.send(Side.BUY, "7", "101", GTC)
        await answer
        await first.exchange.cancel_order(SYMBOL, part.client_order_id)
        requests = (unfilled, part)
        before = [await first.exchange.get_order(SYMBOL, each.client_order_id) for each in requests]
        again = await started(clock, await first.killed())
        after = [await again.exchange.get_order(SYMBOL, each.client_order_id) for each in requests]
        assert after == before
        assert [(report.reason, report.filled_size) for report in after if report] == [
            ("unfilled", Decimal(0)),
            ("cancelled", Decimal(5)),
        ]
        assert await again.exchange.get_open_orders() == []

    play(act)


def test_a_resting_order_rests_again_at_the_back_of_the_queue(tmp_path: Path) -> None:
    """It was first at its price; opened again, all that others show there goes before it."""

    async def act(clock: VirtualClock) -> None:
        first = await started(clock, tmp_path / "a")
        request, answer = first.send(Side.BUY, "1", "100.5", GTC)
        await answer
        again = Stage(clock, await first.killed())
        again.scene.now_ns = clock.now_ns()
        again.scene.delta(bids=[(90.0, 1.0)])  # without a snapshot it is no book: who stands ahead is not known
        again.trade(100.5, 9.0, taker=Side.SELL)
        await again.exchange.start()
        again.quote(bid=100.5, size=5.0)
        (resting,) = await again.exchange.get_open_orders()
        assert (resting.client_order_id, resting.status) == (request.client_order_id, OrderStatus.OPEN)
        again.trade(100.5, 5.0, taker=Side.SELL)
        assert len(await again.exchange.get_open_orders()) == 1
        again.trade(100.5, 1.0, taker=Side.SELL)
        assert await again.exchange.get_open_orders() == []
        report = await again.exchange.get_order(SYMBOL, request.client_order_id)
        assert report is not None
        assert report.status is OrderStatus.FILLED

    play(act)


def test_a_resting_order_keeps_its_margin_its_self_trade_guard_and_its_end(tmp_path: Path) -> None:
    """It binds what it bound, stops an order of the account that would meet it, and can be cancelled."""

    async def act(clock: VirtualClock) -> None:
        first = await started(clock, tmp_path / "a")
        request, answer = first.send(Side.BUY, "10", "100.5", GTC)
        await answer
        before = await first.exchange.get_balance()
        again = await started(clock, await first.killed())
        assert await again.exchange.get_balance() == before
        assert before.available < before.balance
        _, answer = again.send(Side.SELL, "1", "100", client_id="other")
        outcome = await answer
        assert outcome.report is not None
        assert outcome.report.reason == "self_trade"
        cancelled = await again.exchange.cancel_order(SYMBOL, request.client_order_id)
        assert cancelled is not None
        assert cancelled.status is OrderStatus.CANCELLED

    play(act)


def test_an_order_that_expired_while_nobody_ran_is_expired(tmp_path: Path) -> None:
    """At its time, not at that of the start."""

    async def act(clock: VirtualClock) -> None:
        first = await started(clock, tmp_path / "a")
        expires_ns = clock.now_ns() + SECOND
        request, answer = first.send(Side.BUY, "1", "99", GTC, expires_ns=expires_ns)
        await answer
        path = await first.killed()
        await clock.sleep(60)
        again = await started(clock, path)
        report = await again.exchange.get_order(SYMBOL, request.client_order_id)
        assert report is not None
        assert (report.status, report.timestamp_ns) == (OrderStatus.EXPIRED, expires_ns)

    play(act)


async def payments(stage: Stage, since_ns: int = 0) -> list[FundingPaid]:
    return list(await stage.exchange.get_funding_payments(since_ns))


def test_settlements_that_passed_while_nobody_ran_are_paid_once_there_is_a_mark(tmp_path: Path) -> None:
    """Two while it ran and two while it did not: four payments, the late ones at the later mark, none twice."""

    async def act(clock: VirtualClock) -> None:
        first = await started(clock, tmp_path / "a", rate="0.001", instrument=EACH_MINUTE)
        _, answer = first.send(Side.BUY, "1", "101")
        await answer
        await clock.sleep(2 * MINUTE)
        assert [paid.amount_usd for paid in await payments(first)] == [Decimal("-0.1005")] * 2
        path = await first.killed()
        await clock.sleep(2 * MINUTE)
        again = Stage(clock, path, rate="0.001", instrument=EACH_MINUTE)
        await again.exchange.start()
        await clock.sleep(5)
        assert len(await payments(again)) == 2  # no mark yet
        again.quote(200.0, 202.0)
        await clock.sleep(2)
        found = await payments(again)
        assert [paid.amount_usd for paid in found[2:]] == [Decimal("-0.201")] * 2
        assert [(paid.timestamp_ns - START) // SECOND for paid in found] == [MINUTE * n - 1 for n in (1, 2, 3, 4)]
        assert len({paid.payment_id for paid in found}) == 4
        assert [each for each in again.heard if isinstance(each, FundingPaid)] == found[2:]
        assert await payments(again, found[2].timestamp_ns) == found[2:]
        third = await started(clock, await again.killed(), rate="0.001", instrument=EACH_MINUTE)
        assert await payments(third) == found
        assert (await third.exchange.get_balance()).balance == DEPOSIT - Decimal("0.0505") - Decimal("0.603")

    play(act)


def test_settlements_before_a_rate_was_set_are_not_paid_afterwards(tmp_path: Path) -> None:
    """They passed at a rate of zero, and that is kept."""

    async def act(clock: VirtualClock) -> None:
        first = await started(clock, tmp_path / "a", instrument=EACH_MINUTE)
        _, answer = first.send(Side.BUY, "1", "101")
        await answer
        await clock.sleep(MINUTE)
        again = await started(clock, await first.killed(), rate="0.001", instrument=EACH_MINUTE)
        assert await payments(again) == []

    play(act)


def test_two_exchanges_share_a_file_and_one_that_is_left_out_is_not_forgotten(tmp_path: Path) -> None:
    """Each finds its own account."""
    other = replace(LINEAR, exchange="other")

    def opened(clock: VirtualClock, *names: str) -> tuple[AccountFile, dict[str, PaperExchange]]:
        file = AccountFile(tmp_path / "a", clock)
        scenes = {name: Scene(LINEAR if name == VENUE else other) for name in names}
        listings = {name: [Listing(scene.instrument, scene.feed)] for name, scene in scenes.items()}
        return file, open_paper(listings, clock, PaperTerms(DEPOSIT, lambda _: 0.005, lambda _: Decimal(0), "p-"), file)

    async def act(clock: VirtualClock) -> None:
        balances: dict[str, Decimal] = {}
        for names, deposits in (((VENUE, "other"), (1, 2)), ((VENUE,), (10,)), ((VENUE, "other"), (0, 0))):
            file, exchanges = opened(clock, *names)
            for exchange, deposit in zip(exchanges.values(), deposits, strict=True):
                exchange.engine.transfer(ACCOUNT, Decimal(deposit))
            balances = {
                name: exchange.engine.balance(ACCOUNT).balance - DEPOSIT for name, exchange in exchanges.items()
            }
            file.close()
        assert balances == {VENUE: 11, "other": 2}

    play(act)


def test_a_position_in_what_is_listed_no_more_is_refused_in_one_line(tmp_path: Path) -> None:
    """So is one whose contract changed; a market without anything open may go."""

    async def act(clock: VirtualClock) -> None:
        first = await started(clock, tmp_path / "a")
        _, answer = first.send(Side.BUY, "1", "101")
        await answer
        path = await first.killed()
        gone = replace(LINEAR, symbol="ETH-USD-PERP")
        with pytest.raises(InputError, match=r"venue: BTC-USD-PERP, .* not listed now: .* `perpbot paper reset`$"):
            Stage(clock, path, instrument=gone)
        path = Path(shutil.copy(path, tmp_path / "b"))
        with pytest.raises(InputError, match="has another contract now"):
            Stage(clock, path, instrument=replace(LINEAR, multiplier=Decimal(10)))
        again = await started(clock, Path(shutil.copy(path, tmp_path / "c")))
        request, answer = again.send(Side.SELL, "1", "100", client_id="close")
        await answer
        third = Stage(clock, await again.killed(), instrument=gone)
        await third.exchange.start()
        report = await third.exchange.get_order(gone.symbol, request.client_order_id)
        assert report is not None
        assert report.average_price == 100

    play(act)


def test_a_position_goes_on_under_todays_fees_and_leverage(tmp_path: Path) -> None:
    """What was booked stays; what is booked from now on costs what is listed now."""

    async def act(clock: VirtualClock) -> None:
        first = await started(clock, tmp_path / "a")
        _, answer = first.send(Side.BUY, "1", "101")
        await answer
        today = replace(LINEAR, taker_fee_pct=Decimal("0.001"), max_leverage=Decimal(5))
        again = await started(clock, await first.killed(), instrument=today)
        (position,) = await again.exchange.get_positions()
        assert (position.leverage, position.margin) == (Decimal(5), Decimal("20.1"))
        request, answer = again.send(Side.SELL, "1", "100", client_id="close")
        await answer
        (fill,) = await again.exchange.get_fills(SYMBOL, request.client_order_id)
        assert fill.fee == Decimal("0.1")
        assert (await again.exchange.get_balance()).balance == DEPOSIT - 1 - Decimal("0.0505") - Decimal("0.1")

    play(act)


def test_what_cannot_be_kept_is_not_told(tmp_path: Path) -> None:
    """A file that cannot be written ends all answers: orders are unknown, reads fail, the stream is silent."""

    async def act(clock: VirtualClock) -> None:
        stage = await started(clock, tmp_path / "a")
        stage.file.close()
        problems: list[Any] = []
        clock._loop.set_exception_handler(lambda _, context: problems.append(context["exception"]))
        _, answer = stage.send(Side.BUY, "1", "101")
        assert (await answer).status is SendStatus.UNKNOWN
        with pytest.raises(ReadFailed):
            await stage.exchange.get_balance()
        assert stage.heard == []
        assert {type(problem) for problem in problems} == {SystemStopped}

    play(act)


class TestFile:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A file with three turns, closed."""
        file = AccountFile(tmp_path / "accounts", Stopped())
        for number in (1, 2, 3):
            file.keep(turn(number))
        file.close()
        return tmp_path / "accounts"

    def test_is_its_owners_alone_and_one_process_has_it(self, path: Path) -> None:
        """Mode 0600, and a second one is refused."""
        file = AccountFile(path, Stopped())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(Refused, match="is being written by another process"):
            AccountFile(path, Stopped())
        file.close()
        file.close()
        for _ in range(2):
            with AccountFile(path, Stopped()):
                pass

    def test_a_torn_tail_is_dropped_and_reported_wherever_it_was_torn(self, path: Path) -> None:
        """At every byte of the last record; the turns before it are there, and it can be written on."""
        whole = path.read_bytes()
        last = len(whole) - len(whole.splitlines(keepends=True)[-1])
        for size in range(last + 1, len(whole)):
            path.write_bytes(whole[:size])
            with capture_logs() as logs:
                file = AccountFile(path, Stopped())
            assert [(entry["log_level"], entry["bytes"]) for entry in logs] == [("warning", size - last)]
            assert list(file.past(VENUE)) == [turn(1), turn(2)]
            file.keep(turn(4))
            file.close()
            assert list(reopened(path)) == [turn(1), turn(2), turn(4)]

    def test_any_changed_byte_before_the_last_line_is_refused_in_one_line(self, path: Path) -> None:
        """Whatever it is."""
        whole = path.read_bytes()
        for at in range(0, len(whole) - len(whole.splitlines()[-1]), 7):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(InputError, match=r"accounts: line \d: [^\n]*`perpbot paper reset`$"):
                AccountFile(path, Stopped())

    def test_a_newer_version_is_refused(self, tmp_path: Path) -> None:
        """And left alone."""
        journal = FileJournal(tmp_path / "accounts", Stopped())
        journal.append(AccountsBegun(3))
        journal.close()
        before = (tmp_path / "accounts").read_bytes()
        with pytest.raises(
            InputError, match="accounts of version 3, this PerpBot reads 2; use the PerpBot that wrote it"
        ):
            AccountFile(tmp_path / "accounts", Stopped())
        assert (tmp_path / "accounts").read_bytes() == before

    def test_a_journal_is_no_account_file(self, tmp_path: Path) -> None:
        """Though its lines are of the same form."""
        journal = FileJournal(tmp_path / "journal", Stopped())
        journal.append(RunStarted("demo", "e", "0.1.0"))
        journal.close()
        with pytest.raises(InputError, match="holds no paper accounts but run_started"):
            AccountFile(tmp_path / "journal", Stopped())

    def test_a_record_of_another_shape_is_refused(self, path: Path) -> None:
        """Whole by its seal, and not a turn."""
        journal = FileJournal(path, Stopped())
        journal.append(RunStarted("demo", "e", "0.1.0"))
        journal.close()
        with pytest.raises(InputError, match="record 5 cannot be read"):
            AccountFile(path, Stopped())

    def test_one_that_was_begun_and_holds_nothing_yet_goes_on(self, tmp_path: Path) -> None:
        """Killed between its header and what it is."""
        (tmp_path / "accounts").write_bytes(Chain().header(START))
        assert list(reopened(tmp_path / "accounts")) == []
        assert list(reopened(tmp_path / "accounts")) == []


def turn(number: int) -> AccountTurn:
    """A turn with an amount that JSON would like to write with an exponent."""
    return AccountTurn(VENUE, transfers=(("us", Decimal(f"{number}E-8")),))


def reopened(path: Path) -> list[Kept]:
    file = AccountFile(path, Stopped())
    file.close()
    return list(file.past(VENUE))


def test_an_answer_that_was_lost_is_found_by_reading_after_the_restart(tmp_path: Path) -> None:
    """As on a real exchange: UNKNOWN is settled by its client id."""

    async def act(clock: VirtualClock) -> None:
        lost = FaultPlan(sends=[Fault(lose_answer=True, lose_events=True)])
        first = await started(clock, tmp_path / "a", faults=lost)
        request, answer = first.send(Side.BUY, "1", "101")
        assert (await answer).status is SendStatus.UNKNOWN
        again = await started(clock, await first.killed(), prefix="q-")
        report = await again.exchange.get_order(SYMBOL, ClientOrderId(request.client_order_id))
        assert report is not None
        assert report.status is OrderStatus.FILLED

    play(act)
