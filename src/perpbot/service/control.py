"""The one door: every command, whoever gives it, is allowed or refused by the state, journaled, and carried out here.

Command line, signal handlers, REST, chat and alerts are thin callers. A command with an idempotency key acts once,
also across a restart.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import structlog

from perpbot.core.commands import (
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
from perpbot.core.errors import ConfigError, InputError, Refused, SystemStopped
from perpbot.core.events import CommandRefused, CommandTaken, SettingChanged
from perpbot.core.money import plain
from perpbot.core.names import PairId
from perpbot.core.pairs import ExitReason, Pair, PairState
from perpbot.core.reasons import message
from perpbot.execution.notes import note
from perpbot.service.adoption import ChangeKind, adopt, plan_change
from perpbot.service.resolving import resolve_pair
from perpbot.service.trading import DISK_FULL, TradingService

log = structlog.get_logger(__name__)

OBEYED_UNWRITTEN = (Pause, Freeze, Reduce, Halt, Stop)
"""Commands that are carried out although the journal cannot be written: they let nothing loose."""
REMEMBERED_KEYS = 1000
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ControlResult:
    """``done``, or refused with the reason; ``detail`` says in one line what was done, ``data`` holds figures."""

    done: bool
    reason: str = ""
    detail: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """``{"status": "success", …}`` or ``{"status": "refused", "reason": …}``."""
        if self.done:
            return {"status": "success", "detail": self.detail, **self.data}
        return {"status": "refused", "reason": self.reason}


Act = Callable[[Any, str, str], Awaitable[str] | str]


class Control:
    """Applies commands to one service. ``on_stop`` is called with whether to flatten: its owner ends the run."""

    def __init__(
        self, service: TradingService, on_stop: Callable[[bool], None], taken: Mapping[str, str] | None = None
    ) -> None:
        """``taken`` are the idempotency keys that earlier runs took, each with its command's name."""
        self._service = service
        self._parts = service.parts
        self._on_stop = on_stop
        self._results: OrderedDict[str, tuple[Command | str, ControlResult]] = OrderedDict()
        self._acting: dict[str, asyncio.Future[None]] = {}
        for key, name in (taken or {}).items():
            self._remember(
                key, name, ControlResult(True, detail="taken before the restart, the journal says what came of it")
            )
        self._acts: dict[type[Command], Act] = {
            Start: self._start,
            Pause: self._pause,
            Freeze: self._freeze,
            Reduce: self._reduce,
            Halt: self._halt,
            ClearHalt: self._clear_halt,
            Stop: self._stop,
            ClosePair: self._close,
            ResolvePair: self._resolve,
            ResetPeak: self._reset_peak,
            Override: self._override,
            EndSafeMode: self._end_safe_mode,
            Reweight: self._reweight,
            ChangeSetting: self._change_setting,
        }

    async def apply(self, command: Command, actor: str, reason: str = "", key: str = "") -> ControlResult:
        """Carry ``command`` out for ``actor``, or say why not; a ``key`` that was taken before acts no more.

        While the key's first call is under way another waits, and gets its result.
        """
        while key in self._acting:
            await self._acting[key]
        if not key:
            return await self._apply(command, actor, reason, key)
        over = self._acting[key] = asyncio.get_running_loop().create_future()
        try:
            return await self._apply(command, actor, reason, key)
        finally:
            del self._acting[key]
            over.set_result(None)

    async def _apply(self, command: Command, actor: str, reason: str, key: str) -> ControlResult:
        given, earlier = self._results.get(key, (None, None))
        if earlier is not None and given in (command, command.name):
            detail = f"done already under this key, nothing is done again: {earlier.detail}"
            return replace(earlier, detail=detail, data={"state": str(self._parts.status.state)})
        taken = given and f"the key {key} was used for {given if isinstance(given, str) else given.name}: take another"
        refusal, detail, freed = taken or self._refusal(command, reason), "", ""
        if refusal is None:
            refusal = self._journal(CommandTaken(command.name, command.arguments(), actor, reason, key), command)
        if refusal is None:
            try:
                told = self._acts[type(command)](command, actor, reason)
                detail = told if isinstance(told, str) else await told
            except (Refused, ConfigError, InputError) as error:
                refusal, freed = str(error), key
        if refusal is not None:
            refused = CommandRefused(command.name, command.arguments(), actor, reason, refusal, freed)
            note(self._parts.outside.journal, refused)
            log.warning("command refused", command=command.name, actor=actor, why=refusal)
            return ControlResult(False, refusal)
        result = ControlResult(True, detail=detail, data={"state": str(self._parts.status.state)})
        log.info("command", command=command.name, actor=actor, reason=reason, detail=detail)
        if key:
            self._remember(key, command, result)
        return result

    def _journal(self, taken: CommandTaken, command: Command) -> str | None:
        """Journal a command, or say why it cannot be: then only what forbids or ends is carried out."""
        try:
            if isinstance(command, ResetPeak):
                self._service.mark()  # so that the journal has the equity that becomes the peak
            self._parts.outside.journal.append(taken)
        except SystemStopped as error:
            if not isinstance(command, OBEYED_UNWRITTEN):
                return str(error)
            log.warning("command not journaled", command=command.name, actor=taken.actor, reason=taken.reason)
        return None

    def _remember(self, key: str, given: Command | str, result: ControlResult) -> None:
        self._results[key] = given, result
        while len(self._results) > REMEMBERED_KEYS:
            self._results.popitem(last=False)

    def _refusal(self, command: Command, reason: str) -> str | None:
        status = self._parts.status
        if status.state not in command.allowed_in:
            allowed = " or ".join(sorted(command.allowed_in))
            hint = ": clear-halt first" if status.state is TradingState.HALTED else ""
            return f"{command.name} is not allowed while {status.state} ({status.reason}), only while {allowed}{hint}"
        if isinstance(command, Start) and not self._service.recovered:
            return "start has to wait: what earlier runs left is still being looked at"
        if isinstance(command, Start) and self._service.disk_full:
            return DISK_FULL
        if command.needs_reason and not reason.strip():
            return f"{command.name} needs a reason: say why"
        return None

    # trading state

    def _start(self, _: Start, actor: str, reason: str) -> str:
        status = self._parts.status
        status.thaw()
        self._service.closing_all = False
        status.move(TradingState.ACTIVE, actor, reason or "start")
        stops = ", ".join(message(stop.reason) for stop in self._parts.manager.stops)
        return f"trading; still nothing opens: {stops}" if stops else "trading"

    def _pause(self, _: Pause, actor: str, reason: str) -> str:
        self._service.closing_all = False
        self._parts.status.move(TradingState.REDUCING, actor, reason or "pause")
        return f"nothing opens any more; {self._open_pairs('exits go on for')}"

    def _freeze(self, command: Freeze, _: str, __: str) -> str:
        unknown = [symbol for symbol in command.symbols if symbol not in self._parts.outside.symbols]
        if unknown:
            known = ", ".join(self._parts.outside.symbols)
            raise Refused(f"{unknown[0]} is not a symbol here (known: {known})")
        seconds = self._parts.settings.risk.freeze_seconds
        self._parts.status.freeze(command.symbols, self._now() + round(seconds * SECOND_NS))
        return f"nothing opens in {', '.join(command.symbols) or 'any symbol'} for {seconds:g} s"

    def _reduce(self, _: Reduce, actor: str, reason: str) -> str:
        self._parts.status.move(TradingState.REDUCING, actor, reason or "reduce")
        self._service.closing_all = True
        self._service.close_all(ExitReason.OPERATOR)
        return f"nothing opens any more; {self._open_pairs('closing')}"

    def _halt(self, command: Halt, actor: str, reason: str) -> str:
        self._parts.status.halt(actor, reason or "halt")
        self._service.closing_all = command.flatten
        if command.flatten:
            self._service.close_all(ExitReason.OPERATOR)
        return f"halted; {self._open_pairs('closing' if command.flatten else 'exits go on for')}"

    def _clear_halt(self, _: ClearHalt, actor: str, reason: str) -> str:
        self._parts.status.clear_latch(actor, reason)
        return "the halt is cleared; nothing opens until start"

    def _stop(self, command: Stop, _: str, __: str) -> str:
        self._service.closing_all = self._service.closing_all or command.flatten
        self._on_stop(command.flatten)
        return f"stopping; {self._open_pairs('closing' if command.flatten else 'what is hedged stays open, of')}"

    # pairs

    def _close(self, command: ClosePair, _: str, __: str) -> str:
        pairs = self._named(command.target)
        refused = []
        for pair in pairs:
            found = self._service.close_pair(pair.pair_id)
            if found is not None:
                refused.append(f"{pair.pair_id} ({pair.state}): {found}")
        if len(refused) == len(pairs):
            raise Refused(f"not closed: {'; '.join(refused)}")
        closing = ", ".join(pair.pair_id for pair in pairs if not any(r.startswith(pair.pair_id) for r in refused))
        return f"closing {closing}" + (f"; not {'; '.join(refused)}" if refused else "")

    def _named(self, target: str) -> list[Pair]:
        """The live pairs meant by a pair's id or a symbol."""
        book = self._parts.pairs
        pair = book.find(PairId(target))
        if pair is not None and not pair.state.final:
            return [pair]
        found = book.live_in(target)
        if found:
            return found
        if pair is not None:
            raise Refused(f"pair {target} is {pair.state}: nothing of it is open")
        live = ", ".join(f"{each.pair_id} ({each.symbol})" for each in book.live()) or "none"
        raise Refused(f"no open pair or symbol {target} (open: {live})")

    async def _resolve(self, command: ResolvePair, actor: str, reason: str) -> str:
        return await resolve_pair(self._parts, command.pair_id, actor, reason)

    # limits

    def _reset_peak(self, _: ResetPeak, __: str, ___: str) -> str:
        self._parts.manager.reset_peak()
        return f"the peak is today's equity, {plain(self._parts.account.total_equity())} USD"

    def _override(self, command: Override, _: str, __: str) -> str:
        self._parts.manager.override(minutes=command.minutes, trades=command.trades)
        return f"failures in a row stop nothing for {self._span(command)}"

    @staticmethod
    def _span(command: Override) -> str:
        return f"{command.trades} trades" if command.minutes is None else f"{command.minutes:g} minutes"

    def _end_safe_mode(self, command: EndSafeMode, _: str, reason: str) -> str:
        if command.exchange not in self._parts.outside.trading:
            known = ", ".join(self._parts.outside.trading)
            raise Refused(f"{command.exchange} is not a trading exchange (known: {known})")
        if not self._parts.capital.clear_safe_mode(command.exchange, reason):
            raise Refused(f"{command.exchange} is not in safe mode")
        return f"safe mode of {command.exchange} ended"

    def _reweight(self, command: Reweight, actor: str, reason: str) -> str:
        shares = (("wash", command.wash), ("arb", command.arb), ("reserve", command.reserve))
        names = {"wash": "wash_budget_pct", "arb": "arb_budget_pct", "reserve": "reserve_pct"}
        value = "{" + ", ".join(f"{names[pool]}: {plain(share)}" for pool, share in shares) + "}"
        return self._change("capital", value, actor, reason or "reweight", confirmed=True)

    def _change_setting(self, command: ChangeSetting, actor: str, reason: str) -> str:
        return self._change(command.key, command.value, actor, reason, confirmed=command.confirm)

    def _change(self, key: str, value: str, actor: str, reason: str, *, confirmed: bool) -> str:
        """Plan on the whole settings, journal, swap: all in this turn."""
        change = plan_change(self._parts.settings, key, value)
        before, after = _shown(change.before), _shown(change.after)
        if before == after:
            return f"{key} is {after} already"
        if change.kind is ChangeKind.LOOSENING and not confirmed:
            raise Refused(f"{key} from {before} to {after} is {change.kind}: say so with --confirm")
        adopt(self._parts, change.settings)
        self._parts.outside.journal.append(SettingChanged(change.key, change.value, before, after, actor, reason))
        return f"{key} is {after}, was {before}"

    # inside

    def _open_pairs(self, what_happens: str) -> str:
        """What happens to which pairs; quarantined ones are left alone."""
        live = [pair for pair in self._parts.pairs.live() if pair.state is not PairState.QUARANTINED]
        if not live:
            return "no pair is open"
        named = ", ".join(f"{pair.pair_id} ({pair.symbol})" for pair in live)
        return f"{what_happens} {len(live)} pair{'s' if len(live) > 1 else ''}: {named}"

    def _now(self) -> int:
        return self._parts.outside.clock.now_ns()


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(each)}" for key, each in value.items())
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return plain(value) if isinstance(value, Decimal) else str(value)
