"""The demo's screen: why nothing opens stands on top, with what the operator may do."""

from __future__ import annotations

from rich.text import Text

from perpbot.cli.screen import _attention
from perpbot.core.commands import Freeze, Halt, Pause
from tests.world import ALPHA, BTC, LOST_ANSWER, World, play


def shown(world: World, language: str = "en") -> list[str]:
    """The lines."""
    return Text.assemble(*_attention(world.parts, language)).plain.splitlines()[1:]


def test_while_all_is_well_there_is_nothing_to_say() -> None:
    """The banner stays as small as it was."""

    async def act(world: World) -> None:
        assert shown(world) == []

    play(act, running=True)


def test_a_pause_and_a_freeze_say_how_they_end() -> None:
    """The state's reason is the operator's own word."""

    async def act(world: World) -> None:
        await world.control.apply(Pause(), "ann", "lunch")
        await world.control.apply(Freeze((BTC,)), "ann")
        assert shown(world) == [
            "nothing opens, exits go on: lunch   `perpbot start` lets it open again",
            f"frozen: {BTC}",
        ]
        await world.control.apply(Freeze(), "ann")
        assert "frozen: all symbols" in shown(world)[-1]

    play(act, running=True)


def test_a_halt_names_the_way_out() -> None:
    """Clearing it wants a reason."""

    async def act(world: World) -> None:
        await world.control.apply(Halt(), "ann", "drill")
        (line,) = shown(world)
        assert line == "halted, exits go on: drill   `perpbot clear-halt --reason WHY`, then `perpbot start`"

    play(act, running=True)


def test_a_quarantined_pair_is_named_whatever_the_language() -> None:
    """With where to read on."""

    async def act(world: World) -> None:
        world.edge()
        world.arm(ALPHA, LOST_ANSWER, reads=[LOST_ANSWER] * 40)
        await world.execute()
        for language in ("en", "zh"):
            assert f"QUARANTINED: {world.pair.pair_id}   `perpbot status` says what to do" in shown(world, language)

    play(act, running=True)
