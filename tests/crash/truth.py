"""What must be true after every crash, asked of the exchanges; and a bot's books as one value, to be compared."""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from typing import Any

from perpbot.core.orders import OrderRequest
from perpbot.core.ports import Clock
from perpbot.execution.status import MemoryLatch
from perpbot.records.chain import verify_lines
from perpbot.service.bootstrap import build
from perpbot.service.checks import check_turn
from perpbot.service.parts import Outside, Parts
from perpbot.service.recall import Memory
from perpbot.service.system import RunIds
from tests.crash.world import SETTINGS, CrashWorld, history
from tests.world import ACCOUNT, BTC, MemoryJournal, settings_of


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


def recalled(clock: Clock, world: CrashWorld, content: bytes) -> tuple[Parts, Memory]:
    """The books of a bot that has read the journal ``content``, and was not yet opened."""
    outside = Outside(
        clock=world.clock,
        supervisor=world.supervisor,
        ids=RunIds("z"),
        journal=MemoryJournal(),
        latch=MemoryLatch(),
        exchanges=world.exchanges,
        instruments=world.parts.outside.instruments,
    )
    service = build(settings_of(SETTINGS), "replay", outside)
    memory = service.recall(history(content))
    return service.parts, memory


def books(parts: Parts) -> dict[str, Any]:
    """Everything that outlives a run, by name."""
    ledger, capital, failures = parts.ledger, parts.capital, parts.manager.failures
    exchanges = sorted(parts.outside.trading)
    tracks = {"total": parts.account._total, **parts.account._tracks}
    snapshot = capital.current_snapshot()
    return {
        "balances": {name: (ledger.balance(name), ledger.deposits(name), ledger.transfers(name)) for name in exchanges},
        "accounts": {name: ledger.exchange_accounts(name) for name in exchanges},
        "owners": {owner: ledger.accounts(owner) for owner in ledger.owners},
        "lots": sorted((lot for lot in ledger.lots()), key=lambda lot: (lot.exchange, lot.symbol, lot.owner)),
        "pools": {name: snapshot[name]["pools"] for name in (*exchanges, "total")},
        "figures": {name: [snapshot[name][key] for key in ("equity", "volume", "fees")] for name in exchanges},
        "safe mode": {name: capital.in_safe_mode(name) for name in exchanges},
        "reserved": sorted((each.strategy, each.pool, each.amount, *each.allocations) for each in capital.live),
        "exposure": parts.manager.exposure.by_symbol(),
        "exposure on": {name: parts.manager.exposure.on(name, BTC) for name in exchanges},
        "failures": (failures.count, failures._paused_until_ns, failures._lifted_until_ns, failures._lifted_trades),
        "cooldowns": parts.guard._failed_ns,
        "back-off": parts.pairs._backoff_until,
        "stops": parts.manager.stops,
        "peaks": {name: (track.peak, track.drawdown_pct, track.daily_pnl_usd) for name, track in tracks.items()},
        "positions": {name: parts.tracker.position(name, BTC) for name in exchanges},
        "unsettled": [order.client_order_id for order in parts.tracker.unsettled()],
        "pairs": {pair.pair_id: pair for pair in parts.pairs.pairs()},
        "foreign": parts.foreign.all(),
    }


def assert_recall_is_exact(world: CrashWorld) -> None:
    """What the journal says is what the living bot knows, whatever happened to it on the way."""
    world.service.mark()
    parts, _ = recalled(world.clock, world, world.mortal.survives())
    found, expected = books(parts), books(world.parts)
    for name, figure in expected.items():
        assert found[name] == figure, name
