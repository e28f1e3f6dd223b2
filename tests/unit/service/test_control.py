"""The one door: what is allowed when, what it does, and what the journal says of it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpbot.core.commands import (
    COMMANDS,
    ChangeSetting,
    ClearHalt,
    ClosePair,
    Command,
    EndSafeMode,
    Freeze,
    Halt,
    Override,
    Pause,
    Reduce,
    ResetPeak,
    ResolvePair,
    Reweight,
    Start,
    Stop,
    TradingState,
)
from perpbot.core.errors import SystemStopped
from perpbot.core.events import CommandRefused, CommandTaken, PairResolved, SettingChanged, StateChanged
from perpbot.core.names import PairId
from perpbot.core.orders import OrderType, Side
from perpbot.core.pairs import ExitReason, Pair, PairState
from perpbot.service.control import Control
from tests.world import ALPHA, BETA, BTC, DEPOSIT, LOST_ANSWER, World, play

QUIET = ("arbitrage.enabled=false", "exits.time_limit_seconds=100000", "exits.target_profit_pct=0.5")
A_COMMAND: dict[str, Command] = {
    "start": Start(),
    "pause": Pause(),
    "freeze": Freeze((BTC,)),
    "reduce": Reduce(),
    "halt": Halt(),
    "clear-halt": ClearHalt(),
    "stop": Stop(),
    "close": ClosePair("t-1"),
    "resolve": ResolvePair(PairId("t-1")),
    "reset-peak": ResetPeak(),
    "override": Override(minutes=5),
    "safe-mode": EndSafeMode(ALPHA),
    "reweight": Reweight(Decimal("0.1"), Decimal("0.8"), Decimal("0.1")),
    "config set": ChangeSetting("risk.max_risk_pct", "0.02"),
}


async def standing(world: World) -> Pair:
    """A pair that no exit rule closes for the next half minute: the gap usually is much smaller than now."""
    for name in (ALPHA, BETA):
        world.quote(name, 60_000.0)
    await world.keep_quoting(5.0)
    world.edge()
    return await world.hedged()


async def say(world: World, command: Command, reason: str = "a test", key: str = "") -> str:
    """Apply it for alice: ``ok`` or why it was refused."""
    result = await world.control.apply(command, "alice", reason, key)
    return "ok" if result.done else result.reason


def test_there_is_an_example_of_every_command() -> None:
    """What follows is about all of them."""
    assert set(A_COMMAND) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(A_COMMAND))
@pytest.mark.parametrize("state", list(TradingState))
def test_a_command_in_a_state_that_forbids_it_is_refused_naming_the_state(name: str, state: TradingState) -> None:
    """Nothing is done then, and the journal says who tried."""

    async def act(world: World) -> None:
        command = A_COMMAND[name]
        if state is TradingState.HALTED:
            world.status.halt("bob", "drill")
        else:
            world.status.move(state, "bob", "drill")
        before = world.status.state
        said = await say(world, command)
        if state in command.allowed_in:
            assert "is not allowed while" not in said
        else:
            assert said.startswith(f"{name} is not allowed while {state} (drill)")
            assert world.status.state is before
            refused = world.journal.of(CommandRefused)[-1]
            assert (refused.command, refused.actor, refused.reason, refused.why) == (name, "alice", "a test", said)

    play(act, running=True, set_=QUIET)


@pytest.mark.parametrize("name", sorted(name for name, command in A_COMMAND.items() if command.needs_reason))
def test_what_wants_a_reason_is_refused_without_one(name: str) -> None:
    """Clearing a halt, ending a quarantine, changing a limit: somebody must say why."""

    async def act(world: World) -> None:
        if name == "clear-halt":
            world.status.halt("bob", "drill")
        assert "needs a reason" in await say(world, A_COMMAND[name], reason="  ")

    play(act, running=True, set_=QUIET)


def test_pause_stops_openings_and_start_resumes_them() -> None:
    """Both are journaled with who and why."""

    async def act(world: World) -> None:
        assert await say(world, Pause(), "lunch") == "ok"
        world.edge()
        assert (await world.execute()).reason == "not_active"
        assert await say(world, Start(), "back") == "ok"
        assert (await world.execute()).success
        changes = [(change.after, change.actor, change.reason) for change in world.journal.of(StateChanged)]
        assert changes[-2:] == [(TradingState.REDUCING, "alice", "lunch"), (TradingState.ACTIVE, "alice", "back")]
        taken = [(event.command, event.actor, event.reason) for event in world.journal.of(CommandTaken)]
        assert taken == [("pause", "alice", "lunch"), ("start", "alice", "back")]

    play(act, running=True, set_=QUIET)


def test_exits_go_on_while_paused_and_a_reduce_closes_everything_at_once() -> None:
    """A pause leaves the pair to its exit; reduce gives it one, with the operator as reason."""

    async def act(world: World) -> None:
        pair = await standing(world)
        await say(world, Pause())
        assert world.pair.state is PairState.HEDGED
        assert await say(world, Reduce()) == "ok"
        await world.keep_quoting(1.0)
        over = world.parts.pairs.get(pair.pair_id)
        assert (over.state, over.exit_reason) == (PairState.CLOSED, ExitReason.OPERATOR)
        assert world.flat()

    play(act, running=True, set_=QUIET)


def test_a_pair_that_is_hedged_only_after_the_reduce_is_closed_too() -> None:
    """It was in flight when the command came."""

    async def act(world: World) -> None:
        world.edge()
        flight = world.execute()
        await say(world, Reduce())
        assert (await flight).success
        await world.keep_quoting(3.0)
        assert world.pair.state is PairState.CLOSED

    play(act, running=True, set_=QUIET)


def test_a_key_that_another_command_had_is_refused() -> None:
    """A halt must never be taken for done because somebody paused under that key."""

    async def act(world: World) -> None:
        assert await say(world, Pause(), key="k1") == "ok"
        assert await say(world, Halt(), key="k1") == "the key k1 was used for pause: take another"
        assert await say(world, Freeze((BTC,)), key="k2") == "ok"
        assert await say(world, Freeze(), key="k2") == "the key k2 was used for freeze: take another"
        assert world.status.state is TradingState.REDUCING
        assert [refused.command for refused in world.journal.of(CommandRefused)] == ["halt", "freeze"]

    play(act, running=True, set_=QUIET)


@pytest.mark.parametrize(("flatten", "state"), [(False, PairState.HEDGED), (True, PairState.CLOSED)])
def test_a_halt_sets_the_latch_and_closes_only_if_told_to(flatten: bool, state: PairState) -> None:
    """Cleared with a reason it leaves REDUCING; only a start trades again."""

    async def act(world: World) -> None:
        await standing(world)
        assert await say(world, Halt(flatten), "smoke") == "ok"
        assert world.latch.reason == "alice: smoke"
        await world.keep_quoting(2.0)
        assert world.pair.state is state
        assert await say(world, ClearHalt(), "aired") == "ok"
        states = [world.status.state]
        assert not world.latch.is_set()
        assert await say(world, Start()) == "ok"
        assert [*states, world.status.state] == [TradingState.REDUCING, TradingState.ACTIVE]

    play(act, running=True, set_=QUIET)


def test_a_freeze_holds_one_symbol_and_ends_by_itself_or_by_start() -> None:
    """An unknown symbol is refused with those that are known."""

    async def act(world: World) -> None:
        assert "DOGE-USD-PERP is not a symbol here (known: BTC-USD-PERP)" in await say(
            world, Freeze(("DOGE-USD-PERP",))
        )
        assert await say(world, Freeze((BTC,))) == "ok"
        world.edge()
        assert (await world.execute()).reason == "frozen"
        await world.keep_quoting(61.0)
        world.edge()
        assert (await world.execute()).success
        await say(world, Freeze())
        assert world.status.frozen() == ["*"]
        await say(world, Start())
        assert world.status.frozen() == []

    play(act, running=True, set_=QUIET)


@pytest.mark.parametrize("target", ["t-1", BTC])
def test_a_pair_is_closed_by_its_id_or_by_its_symbol(target: str) -> None:
    """What is not open is refused with what is."""

    async def act(world: World) -> None:
        assert "no open pair or symbol" in await say(world, ClosePair(target))
        world.edge()
        await world.hedged()
        assert await say(world, ClosePair(target)) == "ok"
        await world.keep_quoting(1.0)
        assert (world.pair.state, world.pair.exit_reason) == (PairState.CLOSED, ExitReason.OPERATOR)
        assert "t-1" not in await say(world, ClosePair(BTC))
        assert "is CLOSED" in await say(world, ClosePair("t-1"))

    play(act, running=True, set_=QUIET)


def test_a_command_with_a_key_acts_once() -> None:
    """A double click gives the first answer again; keys of earlier runs count."""

    async def act(world: World) -> None:
        assert await say(world, Pause(), key="k1") == "ok"
        world.resume()
        again = await world.control.apply(Pause(), "alice", "a test", "k1")
        assert (again.done, again.data) == (True, {"state": "ACTIVE"}), "what was done then, and how it stands now"
        assert again.detail.startswith("done already under this key, nothing is done again: nothing opens any more")
        assert world.status.state is TradingState.ACTIVE
        later = Control(world.service, world.stops.append, taken={"k9": "halt"})
        assert (await later.apply(Halt(), "alice", "", "k9")).detail.endswith(
            "again: taken before the restart, the journal says what came of it"
        )
        assert world.status.state is TradingState.ACTIVE
        assert (await later.apply(Pause(), "alice", "", "k9")).reason == "the key k9 was used for halt: take another"

    play(act, running=True, set_=QUIET)


def test_a_switch_is_told_as_it_is_written_in_the_file() -> None:
    """``true`` and ``false``."""

    async def act(world: World) -> None:
        off = await world.control.apply(ChangeSetting("risk.misses_count_as_failures", "true"), "alice", "strict")
        assert off.detail == "risk.misses_count_as_failures is true, was false"

    play(act, running=True)


def test_a_limit_is_tightened_at_once_and_loosened_only_when_confirmed() -> None:
    """The journal has key, both values, who and why; a value it cannot take changes nothing."""

    async def act(world: World) -> None:
        key = "position.max_position_size"
        assert await say(world, ChangeSetting(key, "100"), "careful") == "ok"
        assert world.parts.settings.position.max_position_size == 100
        world.edge()
        assert (await world.execute()).reason == "position_size"
        assert "--confirm" in await say(world, ChangeSetting(key, "5000"))
        assert world.parts.settings.position.max_position_size == 100
        assert await say(world, ChangeSetting(key, "5000", confirm=True), "brave") == "ok"
        assert (await world.execute()).success
        told = [(e.key, e.before, e.after, e.actor, e.reason) for e in world.journal.of(SettingChanged)]
        assert told == [(key, "1000", "100", "alice", "careful"), (key, "100", "5000", "alice", "brave")]
        for bad in (
            ChangeSetting(key, "-1"),
            ChangeSetting("position.max_positon_size", "1"),
            ChangeSetting("demo.pulse_bps", "1"),
        ):
            assert await say(world, bad) != "ok"
        assert len(world.journal.of(SettingChanged)) == 2

    play(act, running=True, set_=QUIET)


def test_what_adds_no_risk_changes_at_once() -> None:
    """How times are shown, and a limit said with another number of digits, want no confirming."""

    async def act(world: World) -> None:
        assert await say(world, ChangeSetting("display.timezone", "Asia/Shanghai")) == "ok"
        assert world.parts.settings.display.timezone == "Asia/Shanghai"
        assert await say(world, ChangeSetting("position.max_position_size", "1000.00")) == "ok"

    play(act, running=True, set_=QUIET)


def test_shares_are_reweighted_together_and_never_below_what_is_in_use() -> None:
    """Shares that do not sum to 1 are refused."""

    async def act(world: World) -> None:
        assert await say(world, Reweight(Decimal("0.1"), Decimal("0.8"), Decimal("0.1"))) == "ok"
        assert world.parts.capital.current_snapshot()[ALPHA]["pools"]["arb"]["pool"] == Decimal("0.8") * DEPOSIT
        assert await say(world, Reweight(Decimal("0.5"), Decimal("0.8"), Decimal("0.1"))) != "ok"
        world.edge()
        await world.hedged()
        assert "is in use" in await say(world, Reweight(Decimal(1), Decimal(0), Decimal(0)))

    play(act, running=True, set_=QUIET)


def test_a_stop_is_handed_to_who_runs_the_program() -> None:
    """With whether to flatten."""

    async def act(world: World) -> None:
        await say(world, Stop())
        await say(world, Stop(flatten=True))
        assert world.stops == [False, True]

    play(act, running=True, set_=QUIET)


def test_a_quarantine_ends_when_the_exchanges_show_the_pair_flat() -> None:
    """Before that it is refused; what the operator's own closing brought is booked from the balance, to the digit."""

    async def act(world: World) -> None:
        world.edge()
        pair = await world.hedged()
        assert "not QUARANTINED" in await say(world, ResolvePair(pair.pair_id))
        world.executor.quarantine(pair.pair_id, "naked_leg")
        assert "still holds" in await say(world, ResolvePair(pair.pair_id))
        for exchange, side in ((ALPHA, Side.SELL), (BETA, Side.BUY)):
            by_hand(world, exchange, side)
        await world.keep_quoting(0.5)
        assert await say(world, ResolvePair(pair.pair_id), "closed by hand") == "ok"
        event = world.journal.of(PairResolved)[0]
        assert (event.actor, event.note, len(event.written_off)) == ("alice", "closed by hand", 2)
        assert world.parts.pairs.get(pair.pair_id).state is PairState.CLOSED
        assert world.reserved() == 0
        for name, account in world.exchanges.items():
            assert (await account.get_balance()).balance == world.parts.ledger.balance(name)
        await world.settle()
        assert world.violated == {}
        assert world.status.opening_refusal(BTC, [ALPHA, BETA]) is None

    play(act, running=True, set_=QUIET)


def test_closing_a_quarantined_pair_that_is_gone_at_its_exchanges_ends_in_quarantine_again() -> None:
    """Both exchanges reject the closing orders: it must not try for ever, and the operator can still resolve it."""

    async def act(world: World) -> None:
        world.edge()
        pair = await world.hedged()
        world.executor.quarantine(pair.pair_id, "naked_leg")
        for exchange, side in ((ALPHA, Side.SELL), (BETA, Side.BUY)):
            by_hand(world, exchange, side)
        await world.keep_quoting(0.5)
        assert await say(world, ClosePair(pair.pair_id)) == "ok"
        await world.keep_quoting(5.0)
        assert (world.pair.state, world.pair.reason) == (PairState.QUARANTINED, "rejected")
        assert await say(world, ResolvePair(pair.pair_id), "was gone") == "ok"
        assert world.pair.state is PairState.CLOSED

    play(act, running=True, set_=QUIET)


def by_hand(world: World, exchange: str, side: Side) -> None:
    """Close what is held there as somebody else at the same account would."""
    request = world.parts.singles.request(
        exchange,
        BTC,
        side,
        abs(world.truth(exchange)),
        None,
        strategy="manual",
        reduce_only=True,
        order_type=OrderType.MARKET,
    )
    world.exchanges[exchange].engine.submit("main", request, world.clock.now_ns())


def test_a_quarantine_with_an_order_of_unknown_outcome_is_not_resolved() -> None:
    """Reads fail: nothing is concluded."""

    async def act(world: World) -> None:
        world.edge()
        world.arm(ALPHA, LOST_ANSWER, reads=[LOST_ANSWER] * 40)
        result = await world.execute()
        assert result.reason == "outcome_unknown"
        assert "still unknown" in await say(world, ResolvePair(world.pair.pair_id))

    play(act, set_=QUIET, running=True)


class TestJournalThatCannotBeWritten:
    @pytest.mark.parametrize("name", ["pause", "freeze", "reduce", "halt", "stop"])
    def test_what_forbids_or_ends_is_done_all_the_same(self, name: str) -> None:
        """The operator's way out needs no disk."""

        async def act(world: World) -> None:
            world.journal.dead = SystemStopped("the journal cannot be written")
            assert await say(world, A_COMMAND[name]) == "ok"
            if name == "stop":
                assert world.stops == [False]
            elif name != "freeze":
                assert world.status.state is not TradingState.ACTIVE

        play(act)

    @pytest.mark.parametrize("name", ["start", "config set", "reset-peak"])
    def test_all_else_is_refused_and_says_why(self, name: str) -> None:
        """Nothing is let loose that nobody could read about later."""

        async def act(world: World) -> None:
            world.service.recovered = True
            before = world.service.parts.settings
            world.journal.dead = SystemStopped("the journal cannot be written: make room")
            assert await say(world, A_COMMAND[name]) == "the journal cannot be written: make room"
            assert world.service.parts.settings == before

        play(act)

    def test_a_refusal_that_cannot_be_journaled_is_still_one(self) -> None:
        """It says what it would have said."""

        async def act(world: World) -> None:
            world.journal.dead = SystemStopped("the journal cannot be written")
            assert await say(world, ClearHalt()) == await say(world, ClearHalt()) != "ok"

        play(act)

    def test_nothing_is_started_on_a_full_disk(self) -> None:
        """What is reserved is for closing."""

        async def act(world: World) -> None:
            world.journal.crowded = True
            await say(world, Pause())
            said = await say(world, Start())
            assert said == "the journal's disk is full: make room there, then stop the bot and start it again"
            assert world.status.state is TradingState.REDUCING

        play(act, running=True)
