"""The account file stays short, and nothing that may still be asked for is lost by it, whenever the process dies."""

import asyncio
import shutil
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from perpbot.core.errors import InputError
from perpbot.core.names import ClientOrderId
from perpbot.core.orders import Side, TimeInForce
from perpbot.records.journal import FileJournal, read
from perpbot.service.found import LOOK_BACK_NS
from perpbot.service.recovery import PAYMENTS_BACK_NS
from perpbot.simulation.clock import VirtualClock
from perpbot.simulation.paper.accounts import GROWTH, LIMIT_BYTES, AccountFile, AccountsBegun
from perpbot.simulation.paper.rewriting import FORGOTTEN, KEPT_SECONDS, LOOK_SECONDS, keep_short, rewrite, steps
from perpbot.simulation.venue.engine import VenueEngine
from tests.unit.simulation.paper.test_accounts import EACH_MINUTE, Stage, Stopped, payments, play, started, turn
from tests.unit.simulation.venue.scene import SECOND, VENUE, Scene

LIMIT = 30_000


def opened(path: Path, limit_bytes: int = LIMIT_BYTES) -> tuple[Scene, AccountFile]:
    """The venue as ``path`` keeps it."""
    accounts = AccountFile(path, Stopped(), limit_bytes=limit_bytes)
    return Scene(accounts=("us", "them"), resume=accounts.resume), accounts


def trade(scene: Scene, life: str, count: int) -> None:
    """Orders that fill, rest, fill in part and are cancelled, each a second after the one before."""
    for number in range(count):
        scene.later(1)
        scene.snapshot([(100.0, 1.0)], [(101.0, 1.0)])
        side = Side.BUY if number // 4 % 2 else Side.SELL
        price, tif = ("101", TimeInForce.IOC) if number % 3 else ("90", TimeInForce.GTC)
        if side is Side.SELL:
            price = "100" if number % 3 else "110"
        scene.send(side, f"0.{number % 9 + 1}", price, tif, client_id=f"{life}{number}")
        if number % 6 == 0:
            scene.engine.cancel("us", ClientOrderId(f"{life}{number}"), scene.now_ns)


def told(engine: VenueEngine) -> tuple[object, ...]:
    """All that the venue can tell of its accounts."""
    fills = [engine.fills("us", request.client_order_id) for request, _ in engine.orders("us")]
    balances = [engine._accounts[name].balance for name in ("us", "them")]
    held = [(each.contracts, each.entry_value) for each in engine._accounts["us"].holdings.values()]
    return engine.orders("us"), fills, engine.open_orders("us"), engine.funding_payments("us", 0), balances, held


def full(accounts: AccountFile) -> bool:
    return accounts.full


def rewritten(accounts: AccountFile) -> None:
    """Write the file anew, all at once."""
    for _ in steps(accounts):
        pass


def task(act: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    return asyncio.get_running_loop().create_task(act)  # no supervisor: what it comes to is looked at here


class TestRewriting:
    def test_what_is_written_anew_is_what_was_and_shorter(self, tmp_path: Path) -> None:
        """Orders, fills, what rests, balances, positions; and it can be written on and anew."""
        scene, accounts = opened(tmp_path / "a")
        for life in ("x", "y", "z"):
            trade(scene, life, 40)
            before, size = told(scene.engine), accounts.size
            rewritten(accounts)
            assert accounts.size < size
            trade(scene, f"{life}+", 7)
            expected = told(scene.engine)
            assert before != expected
            accounts.close()
            scene_before, (scene, accounts) = scene, opened(tmp_path / "a")
            assert told(scene.engine) == expected
            scene.now_ns, scene.sequence = scene_before.now_ns, scene_before.sequence
        accounts.close()
        assert [each.name for each in tmp_path.iterdir()] == ["a"]

    def test_a_kill_at_any_byte_leaves_the_old_file_or_the_new(self, tmp_path: Path) -> None:
        """With every turn that was kept until then, told once; what was begun is gone with the next start."""
        (tmp_path / "a").mkdir()
        scene, accounts = opened(tmp_path / "a" / "f")
        trade(scene, "x", 45)
        number = 0
        for step, _ in enumerate(steps(accounts)):
            if step % 2:
                number += 1
                trade(scene, f"late{number}.", 1)
            self.check_killed(tmp_path, scene)
        trade(scene, "after", 1)
        self.check_killed(tmp_path, scene)
        accounts.close()

    def check_killed(self, folder: Path, scene: Scene) -> None:
        begun = folder / "a" / "f.next"
        size = len(begun.read_bytes().rstrip(b"\0")) if begun.exists() else 0
        for cut in sorted({0, size, *range(1, size, 2999)}):
            shutil.copytree(folder / "a", folder / "b")
            if begun.exists():
                (folder / "b" / "f.next").write_bytes(begun.read_bytes()[:cut])
            again, accounts = opened(folder / "b" / "f")
            assert told(again.engine) == told(scene.engine)
            accounts.close()
            assert [each.name for each in (folder / "b").iterdir()] == ["f"]
            shutil.rmtree(folder / "b")

    def test_ids_go_on_and_those_in_use_are_refused(self, tmp_path: Path) -> None:
        """Numbers of orders and trades are kept though the orders that had them are forgotten."""
        scene, accounts = opened(tmp_path / "a")
        scene.snapshot([(100.0, 9.0)], [(101.0, 9.0)])
        scene.send(Side.BUY, "1", "101", client_id="old")
        scene.later(10)
        scene.send(Side.BUY, "1", "101", client_id="young")
        scene.engine.forget(scene.now_ns, FORGOTTEN)
        rewritten(accounts)
        accounts.close()
        again, accounts = opened(tmp_path / "a")
        again.now_ns, again.sequence = scene.now_ns, scene.sequence
        again.snapshot([(100.0, 9.0)], [(101.0, 9.0)])
        assert again.engine.report("us", ClientOrderId("old")) is None
        assert again.engine.fills("us", ClientOrderId("old")) == ()
        assert again.send(Side.BUY, "1", "101", client_id="young").reason == "duplicate_client_id"
        assert again.send(Side.BUY, "1", "101", client_id="new").order_id == "p-o3"
        assert [fill.trade_id for fill in again.engine.fills("us", ClientOrderId("new"))] == ["p-t3"]
        assert again.contracts() == 3
        accounts.close()

    def test_a_liquidation_is_counted_on(self, tmp_path: Path) -> None:
        """Its orders are named by the count."""
        accounts = AccountFile(tmp_path / "a", Stopped())
        scene = Scene(accounts=("us", "them"), deposit="2000", resume=accounts.resume)
        scene.snapshot([(100.0, 99.0)], [(101.0, 99.0)])
        scene.buy("99", "101")
        scene.later(1)
        scene.snapshot([(82.0, 99.0)], [(83.0, 99.0)])
        scene.engine.advance(scene.now_ns)
        assert scene.engine.liquidations == 1
        rewritten(accounts)
        accounts.close()
        again, accounts = opened(tmp_path / "a")
        assert again.engine.liquidations == 1
        accounts.close()

    def test_settlements_that_wait_for_a_mark_are_paid_after_it(self, tmp_path: Path) -> None:
        """Opened again without a market, written anew, and opened once more: each is paid once."""

        async def act(clock: VirtualClock) -> None:
            first = await started(clock, tmp_path / "a", rate="0.001", instrument=EACH_MINUTE)
            _, answer = first.send(Side.BUY, "1", "101")
            await answer
            await clock.sleep(60)
            path = await first.killed()
            await clock.sleep(60)
            second = Stage(clock, path, rate="0.001", instrument=EACH_MINUTE)
            await second.exchange.start()
            await clock.sleep(60)
            assert len(await payments(second)) == 1
            rewritten(second.file)
            third = await started(clock, await second.killed(), rate="0.001", instrument=EACH_MINUTE)
            found = await payments(third)
            assert [paid.payment_id for paid in found] == ["p-f1", "p-f2", "p-f3"]
            assert [paid.timestamp_ns - found[0].timestamp_ns for paid in found] == [0, 60 * SECOND, 120 * SECOND]

        play(act)

    def test_an_exchange_that_is_left_out_is_not_forgotten(self, tmp_path: Path) -> None:
        """Written anew twice without it."""
        with AccountFile(tmp_path / "a", Stopped()) as accounts:
            accounts.keep(replace(turn(1), exchange="other"))
        with AccountFile(tmp_path / "a", Stopped()) as accounts:
            Scene(resume=accounts.resume)
            rewritten(accounts)
        with AccountFile(tmp_path / "a", Stopped()) as accounts:
            rewritten(accounts)
        with AccountFile(tmp_path / "a", Stopped()) as accounts:
            assert accounts.past("other") == [replace(turn(1), exchange="other")]
            venue = accounts.past(VENUE)
        assert len(venue) == 1

    def test_a_file_of_version_1_goes_on_and_is_written_anew_as_version_2(self, tmp_path: Path) -> None:
        """As it was read before."""
        scene, accounts = opened(tmp_path / "new")
        trade(scene, "x", 20)
        accounts.close()
        old = FileJournal(tmp_path / "a", Stopped())
        old.append(AccountsBegun(1))
        with AccountFile(tmp_path / "new", Stopped()) as accounts:
            for kept in accounts.past(VENUE):
                old.append(kept)
        old.close()
        again, accounts = opened(tmp_path / "a")
        assert told(again.engine) == told(scene.engine)
        assert self.version(tmp_path / "a") == 1
        rewritten(accounts)
        accounts.close()
        assert self.version(tmp_path / "a") == 2
        again, accounts = opened(tmp_path / "a")
        assert told(again.engine) == told(scene.engine)
        accounts.close()

    def version(self, path: Path) -> int:
        return next(int(record.data["version"]) for record in read(path) if record.kind == AccountsBegun.kind)

    def test_a_checkpoint_that_is_not_whole_is_refused_in_one_line(self, tmp_path: Path) -> None:
        """Somebody took lines from its end."""
        scene, accounts = opened(tmp_path / "a")
        trade(scene, "x", 20)
        rewritten(accounts)
        accounts.close()
        lines = (tmp_path / "a").read_bytes().splitlines(keepends=True)
        (tmp_path / "a").write_bytes(b"".join(lines[:-1]))
        with pytest.raises(InputError, match=r"a: its checkpoint is not whole; [^\n]*`perpbot paper reset`$"):
            AccountFile(tmp_path / "a", Stopped())

    def test_a_file_is_full_at_its_limit_and_then_at_a_multiple_of_its_checkpoint(self, tmp_path: Path) -> None:
        """Also after it was opened again: what must be kept is not written over and over."""
        scene, accounts = opened(tmp_path / "a", limit_bytes=10_000)
        while not full(accounts):
            trade(scene, f"{accounts.size}.", 1)
        assert 10_000 <= accounts.size < 12_000
        rewritten(accounts)
        took = accounts.size
        assert took > 5_000
        again = scene
        for _ in range(2):
            assert not full(accounts)
            accounts.close()
            again, accounts = opened(tmp_path / "a", limit_bytes=10_000)
        again.now_ns = scene.now_ns
        while not full(accounts):
            trade(again, f"{accounts.size}.", 1)
        assert accounts.size >= max(10_000, GROWTH * took)
        accounts.close()


async def traded(stage: Stage, seconds: int) -> None:
    """Buys and sells one contract in turn, about one a second."""
    for number in range(seconds):
        stage.quote()
        side, price = (Side.SELL, "100") if number % 2 else (Side.BUY, "101")
        await stage.send(side, "1", price)[1]
        await stage.clock.sleep(1)


async def staged(clock: VirtualClock, path: Path, limit_bytes: int = LIMIT) -> Stage:
    stage = await started(clock, path)
    stage.file._limit_bytes = stage.file._full_at = limit_bytes
    return stage


class TestKeptShort:
    def test_file_and_memory_stay_bounded_and_a_day_can_be_asked_for(self, tmp_path: Path) -> None:
        """Four days, an order each ten minutes, one that rests since the first hour."""

        async def act(clock: VirtualClock) -> None:
            scene, accounts = opened(tmp_path / "a", limit_bytes=LIMIT)
            scene.snapshot([(100.0, 5.0)], [(101.0, 5.0)])
            resting = scene.send(Side.BUY, "1", "50", TimeInForce.GTC)
            keeping = task(keep_short(accounts, clock, lambda: True))
            largest = 0
            for number in range(4 * 24 * 6):
                await clock.sleep(600)
                scene.now_ns = clock.now_ns()
                scene.snapshot([(100.0, 5.0)], [(101.0, 5.0)])
                _ = scene.sell("1", "100") if number % 2 else scene.buy("1", "101")
                largest = max(largest, accounts.size)
            await clock.sleep(2 * LOOK_SECONDS)
            keeping.cancel()
            known = scene.engine.orders("us")
            assert known[0][0].client_order_id == resting.client_order_id
            assert len(known) == 1 + KEPT_SECONDS // 600
            assert largest < (GROWTH + 1) * 1000 * len(known)
            expected = told(scene.engine)
            accounts.close()
            again, accounts = opened(tmp_path / "a", limit_bytes=LIMIT)
            again.engine.forget(clock.now_ns() - KEPT_SECONDS * SECOND, FORGOTTEN)
            assert told(again.engine) == expected
            accounts.close()

        play(act)

    def test_what_a_start_asks_back_for_is_kept(self) -> None:
        """Payments of a day and orders of some seconds before the bot's last record."""
        assert KEPT_SECONDS * SECOND > PAYMENTS_BACK_NS + LOOK_BACK_NS

    def test_nothing_is_forgotten_before_the_start_has_asked(self, tmp_path: Path) -> None:
        """Weeks may lie between two runs, and before them the order whose end the bot does not know."""

        async def act(clock: VirtualClock) -> None:
            scene, accounts = opened(tmp_path / "a", limit_bytes=1)
            scene.snapshot([(100.0, 5.0)], [(101.0, 5.0)])
            order = scene.buy("1", "101")
            await clock.sleep(2 * KEPT_SECONDS)
            recovered = False
            keeping = task(keep_short(accounts, clock, lambda: recovered))
            await clock.sleep(10 * LOOK_SECONDS)
            assert scene.engine.report("us", order.client_order_id) == order
            recovered = True
            await clock.sleep(2 * LOOK_SECONDS)
            assert scene.engine.report("us", order.client_order_id) is None
            assert scene.contracts() == 1
            keeping.cancel()
            accounts.close()

        play(act)

    def test_trading_goes_on_between_the_steps(self, tmp_path: Path) -> None:
        """No answer takes longer than without, and what was traded meanwhile is in the new file."""

        async def act(clock: VirtualClock) -> None:
            stage = await staged(clock, tmp_path / "a")
            await traded(stage, 500)
            writing = task(rewrite(stage.file, clock))
            orders = 0
            while not writing.done():
                stage.quote()
                sent_ns = clock.now_ns()
                await stage.send(Side.BUY, "1", "101")[1]
                assert clock.now_ns() - sent_ns == 0.01 * SECOND
                orders += 1
            assert orders > 5
            known = await stage.exchange.get_orders_since(0)
            again = await started(clock, await stage.killed())
            assert await again.exchange.get_orders_since(0) == known

        play(act)

    @pytest.mark.parametrize("fault", ["folder", "rename", "space"])
    def test_a_disk_that_does_not_want_it_is_named_and_trading_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
    ) -> None:
        """The file grows on, and it is tried again when it has grown by as much again."""

        def no_space(*_: object) -> None:
            raise OSError(28, "No space left on device")

        async def act(clock: VirtualClock) -> None:
            stage = await staged(clock, tmp_path / "a")
            await traded(stage, 100)
            assert full(stage.file)
            if fault == "folder":
                (tmp_path / "a.next").mkdir()
            elif fault == "rename":
                monkeypatch.setattr(Path, "rename", no_space)
            else:
                monkeypatch.setattr("perpbot.records.journal._allocate", no_space)
            with capture_logs() as logs:
                await rewrite(stage.file, clock)
            (entry,) = logs
            assert entry["log_level"] == "warning"
            assert str(tmp_path / "a") in entry["path"]
            assert not full(stage.file)
            assert (tmp_path / "a.next").is_file() is False
            monkeypatch.undo()
            await traded(stage, 20)
            known = await stage.exchange.get_orders_since(0)
            again = await started(clock, await stage.killed())
            assert await again.exchange.get_orders_since(0) == known

        play(act)

    def test_one_that_is_cancelled_leaves_the_old_file(self, tmp_path: Path) -> None:
        """At the end of a run."""

        async def act(clock: VirtualClock) -> None:
            stage = await staged(clock, tmp_path / "a")
            await traded(stage, 100)
            size = stage.file.size
            writing = task(rewrite(stage.file, clock))
            await clock.sleep(0.01)
            assert (tmp_path / "a.next").exists()
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            assert not (tmp_path / "a.next").exists()
            assert (stage.file.size, stage.file.follower) == (size, None)
            stage.file.close()

        play(act)
