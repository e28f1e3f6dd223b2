"""What must be true after every crash, asked of the exchanges; and of its journal, that it says it."""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from typing import Any

from perpbot.core.events import Event, InstrumentListed
from perpbot.core.orders import OrderRequest
from perpbot.execution.status import MemoryLatch
from perpbot.ledger.accounts import Accounts
from perpbot.ledger.ledger import EARLIER
from perpbot.records.chain import Record, records, verify_lines
from perpbot.records.encoding import encode
from perpbot.service.bootstrap import build
from perpbot.service.checks import check_turn
from perpbot.service.condensing import shorten
from perpbot.service.parts import Outside, Parts
from perpbot.service.recall import Memory
from perpbot.service.system import RunIds
from tests.crash.books import books_of, differences, narrowed
from tests.crash.world import BEGIN, CrashWorld, history
from tests.world import ACCOUNT, BTC, SECOND, MemoryJournal

DAY_NS = 86_400 * SECOND
ONE_BY_ONE = frozenset({"trades booked", "payments booked", "last owners", "slippage"})
"""What a condensed journal does not say of what is long over."""


def assert_recovered(world: CrashWorld) -> None:
    """Right after a start: nothing is under way unseen, and capital is what is open."""
    parts = world.parts
    assert not parts.invariants.violated, parts.invariants.violated
    assert not world.latch.is_set(), world.latch.reason
    assert parts.capital.find_violations() == []
    world.service.mark()
    check_turn(parts)
    for name in world.exchanges:
        if not parts.tracker.unsettled() and not world.executor.in_flight():
            assert world.truth(name) == parts.tracker.position(name, BTC) == parts.ledger.position(name, BTC)
    live = [pair.reservation_id for pair in parts.pairs.live()]
    backed = [each.reservation_id for each in parts.capital.live if each.strategy == "arbitrage"]
    assert sorted(map(str, backed)) == sorted(map(str, live))


def assert_true(world: CrashWorld) -> None:
    """All is over: what the exchanges say and what we say is the same, to the last digit, and no order went twice."""
    parts = world.parts
    assert parts.invariants.violated == {}, parts.invariants.violated
    assert not world.latch.is_set(), world.latch.reason
    assert world.all_deaths == []
    assert parts.foreign.all() == {}
    assert parts.tracker.unsettled() == []
    assert verify_lines(BytesIO(world.mortal.survives())).ok
    assert_sent_once(world)
    known = {pair.pair_id: pair for pair in parts.pairs.pairs()}
    assert {request.pair_id for request in world.sent() if request.pair_id} <= set(known)
    assert all(pair.state.final for pair in known.values()), known
    for name, engine in world.engines.items():
        assert world.truth(name) == parts.tracker.position(name, BTC) == parts.ledger.position(name, BTC) == 0
        balance = engine.balance(ACCOUNT)
        assert parts.ledger.balance(name) == balance.balance == balance.equity
        assert parts.ledger.transfers(name) == 0
    assert parts.capital.live == ()
    assert parts.manager.exposure.by_symbol() == {}


def assert_sent_once(world: CrashWorld) -> None:
    """Each client id reached an exchange at most once, in no life again, and equal orders only replace each other."""
    seen = Counter(each for kind, each in world.seen if kind == "seen")
    assert max(seen.values(), default=1) == 1, seen.most_common(3)
    meant = Counter(each for kind, each in world.seen if kind == "intended")
    assert max(meant.values(), default=1) == 1, meant.most_common(3)
    assert set(seen) <= set(meant)
    contents: dict[tuple[object, ...], OrderRequest] = {}
    for request in sorted(world.sent(), key=lambda each: each.created_ns):
        key = (request.exchange, request.side, request.size, request.price, request.reduce_only, request.owner)
        before = contents.get(key)
        assert before is None or request.replaces is not None or request.pair_id is None, (before, request)
        contents[key] = request


def recalled(world: CrashWorld, history: list[tuple[int, Event]]) -> tuple[Parts, Memory]:
    """The books of a bot that has read ``history``, and was not yet opened."""
    outside = Outside(
        clock=world.clock,
        supervisor=world.supervisor,
        ids=RunIds("z"),
        journal=MemoryJournal(),
        latch=MemoryLatch(),
        exchanges=world.exchanges,
        instruments=world.parts.outside.instruments,
    )
    service = build(world.settings_after(world.mortal.survives()), "replay", outside)
    memory = service.recall(history)
    return service.parts, memory


def assert_recall_is_exact(world: CrashWorld) -> None:
    """What the journal says is what the living bot knows, whatever happened to it on the way."""
    world.service.mark()
    parts, _ = recalled(world, history(world.mortal.survives()))
    found = differences(parts, world.parts)
    assert not found, found


def assert_condensed_alike(world: CrashWorld, young_ns: int = 0) -> int:
    """What is left of the journal once it was condensed, a third of it at a time, says the same; what is younger than
    ``young_ns`` before each time stays. Returns how many records were left out."""
    listed = [InstrumentListed(each) for each in world.parts.outside.instruments.values()]
    whole = [Record(-number, BEGIN, each.kind, encode(each), "") for number, each in enumerate(listed, 1)]
    whole += list(records(BytesIO(world.mortal.survives()), "journal"))[1:]
    left: list[Record] = []
    for third in range(3):
        left += whole[len(whole) * third // 3 : len(whole) * (third + 1) // 3]
        told, count, kept = shorten(tuple(left).__iter__, left[-1].time_ns - young_ns)
        left = [Record(0, left[-1].time_ns, told.kind, encode(told), ""), *kept]
        assert len(left) == count + 1
    parts, memory = recalled(world, [(each.time_ns, each.event) for each in whole])
    found, remembered = recalled(world, [(each.time_ns, each.event) for each in left])
    left_out = {EARLIER, *(pair.pair_id for pair in parts.pairs.pairs() if found.pairs.find(pair.pair_id) is None)}
    since_ns = whole[-1].time_ns - young_ns
    backoff_ns = round(world.settings.execution.miss_backoff_seconds * SECOND)
    figures = [_comparable(books_of(each), left_out, since_ns, backoff_ns) for each in (found, parts)]
    if whole[len(listed)].time_ns // DAY_NS != whole[-1].time_ns // DAY_NS:
        for each in figures:
            del each["day"]  # it is measured from the night's last mark, which was old enough to go
    differing = {name: narrowed(figure, figures[1][name]) for name, figure in figures[0].items()}
    assert figures[0] == figures[1], {name: each for name, each in differing.items() if each[0] != each[1]}
    assert remembered == memory, (remembered, memory)
    return len(whole) - len(left)


def _comparable(books: dict[str, Any], left_out: set[str], since_ns: int, backoff_ns: int) -> dict[str, Any]:
    """Without what a condensed journal does not know one by one, and without rests that began before ``since_ns``."""
    owners: dict[str, Accounts] = books["owners"]
    return {
        **{name: figure for name, figure in books.items() if name not in ONE_BY_ONE},
        "pairs": {pair_id: pair for pair_id, pair in books["pairs"].items() if pair_id not in left_out},
        "failed pairs": books["failed pairs"] - left_out,
        "owners": {owner: accounts for owner, accounts in owners.items() if owner not in left_out},
        "of those left out": sum((owners[owner] for owner in owners if owner in left_out), Accounts()),
        "cooldowns": {key: at for key, at in books["cooldowns"].items() if at > since_ns},
        "back-off": {symbol: until for symbol, until in books["back-off"].items() if until - backoff_ns > since_ns},
    }
