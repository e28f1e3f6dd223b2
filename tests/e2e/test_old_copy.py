"""An old copy of the journal put back while the account at the exchange has become another one: nothing is assumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perpbot.records.journal import read
from tests.e2e.kills import QUIET, Bot
from tests.e2e.test_demo_process import LASTING
from tests.e2e.test_state_folder import until


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    bot = Bot(tmp_path / "home", seed=3)
    yield bot
    bot.kill()


def json_of(bot: Bot, *words: str) -> Any:
    code, said = bot.ask(*words, "--json")
    assert code == 0, said
    return json.loads(said)


def put_back(bot: Bot) -> list[str]:
    """Pairs that were hedged in a copy of which the exchange's account knows nothing any more."""
    archive = bot.home / "old.tar.gz"
    bot.start(LASTING)
    until(lambda: "HEDGED" in [state for state, _ in pairs(bot).values()], bot.process)
    assert bot.ask("backup", str(archive))[0] == 0
    bot.stop()
    assert bot.ask("paper", "reset", "--yes")[0] == 0
    bot.start(QUIET)
    until(recovered(bot, 0), bot.process)
    bot.stop()
    told = json_of(bot, "restore", str(archive), "--yes")
    assert told["exchange_kept"] is True
    return [pair for pair, (state, _) in pairs(bot).items() if state == "HEDGED"]


def pairs(bot: Bot) -> dict[str, tuple[str, str | None]]:
    """State and reason of every pair that the journal knows as moved."""
    journal = bot.db.with_name("demo.db.journal")
    moved = [each.data["pair"] for each in read(journal) if each.kind == "pair_moved"] if journal.exists() else []
    return {pair["pair_id"]: (pair["state"], pair.get("reason")) for pair in moved}


def recovered(bot: Bot, after: int) -> Callable[[], bool]:
    """Whether a start on the journal has come to its end behind record ``after``."""
    journal = bot.db.with_name("demo.db.journal")

    def look() -> bool:
        return journal.exists() and any(each.kind == "recovered" and each.number > after for each in read(journal))

    return look


def test_what_the_exchange_no_longer_holds_is_quarantined_named_and_ended_by_resolve(bot: Bot) -> None:
    """status, why and pairs name it; nothing opens on its exchanges, however good the gaps are; once each is resolved,
    trading goes on."""
    hedged = put_back(bot)
    restored = len(pairs(bot))
    copied = max(each.number for each in read(bot.db.with_name("demo.db.journal")))
    bot.start(LASTING)
    until(recovered(bot, copied), bot.process)
    until(lambda: json_of(bot, "why")["reasons"], bot.process)

    live = json_of(bot, "status")["quarantined"]
    assert set(hedged) <= set(live)  # and one that was on its way when the copy was made
    why = json_of(bot, "why")
    assert sorted(each["pair_id"] for each in why["quarantined"]) == sorted(live)
    assert {each["reason"] for each in why["quarantined"] if each["pair_id"] in hedged} == {"position_mismatch"}
    assert "approved" not in {each["reason"] for each in why["reasons"]}
    shown = {each["pair_id"]: each for each in json_of(bot, "pairs")["pairs"]}
    assert {(shown[each]["state"], shown[each]["reason"]) for each in hedged} == {("QUARANTINED", "position_mismatch")}
    assert len(pairs(bot)) == restored

    code, said = bot.ask("close", hedged[0])
    assert code == 0, said
    until(lambda: pairs(bot)[hedged[0]] not in (("QUARANTINED", "position_mismatch"), ("CLOSING", None)), bot.process)
    until(lambda: pairs(bot)[hedged[0]][0] == "QUARANTINED", bot.process)
    for pair in live:
        code, said = bot.ask("resolve", pair, "--note", "flat on both")
        assert code == 0, said
    until(lambda: len(pairs(bot)) > restored, bot.process)
    bot.stop()
    assert bot.result()["invariants"]["violated"] == {}
    assert {pairs(bot)[each][0] for each in live} <= {"CLOSED", "FAILED"}
