"""What the files of a demo say, read from outside and by nothing of the program's own: its journal is what was meant
and taken in, the accounts file of the paper exchanges is what happened."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

FINAL = frozenset({"REFUSED", "MISSED", "FAILED", "CLOSED"})
ENTRY_STATES = frozenset({"RESERVED", "SENT"})
STEP = Decimal("1e-8")
NEVER = ("order_found", "position_found", "capital_transferred", "invariant_broken", "task_died", "pair_resolved")
"""Records that no kill of the process alone may bring about: nothing that was written is lost by it."""

_CHUNK = 65_536
Line: TypeAlias = dict[str, Any]


class Tail:
    """Reads sealed lines that are being written: each call what was added, up to the last whole line. Where a file is
    finished and another begun, it goes on in that one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 1
        self._offset = 0

    def new(self) -> list[Line]:
        """The lines added since the last call; none if there is no such file yet."""
        lines: list[Line] = []
        while True:
            added = self._of_finished()
            if added is None:
                current = self._read(self._path.open) if self._path.exists() else b""
                added = self._of_finished()  # it may have been finished just now
                if added is None:
                    return lines + self._taken(current)
            lines += self._taken(added)
            self._number, self._offset = self._number + 1, 0

    def _of_finished(self) -> bytes | None:
        """What is new in the file that was read last, if it is finished by now."""
        finished = self._path.with_name(f"{self._path.name}.{self._number:05d}")
        with suppress(FileNotFoundError):
            return self._read(finished.open)
        with suppress(FileNotFoundError):
            return self._read(partial(gzip.open, f"{finished}.gz"))
        return None

    def _read(self, opened: Callable[[str], Any]) -> bytes:
        """Up to the reserved space, which is NULs."""
        content = b""
        with opened("rb") as file:
            file.seek(self._offset)
            while b"\0" not in content and (chunk := file.read(_CHUNK)):
                content += chunk
        return content.partition(b"\0")[0]

    def _taken(self, content: bytes) -> list[Line]:
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


class AverageCost:
    """Linear positions at average cost, by any key."""

    def __init__(self) -> None:
        self.held: dict[Any, tuple[Decimal, Decimal]] = defaultdict(lambda: (Decimal(0), Decimal(0)))

    def book(self, key: Any, fill: Line) -> Decimal:
        """Book a fill; what it realised in USD, less its fee, each rounded to 1e-8."""
        with localcontext(Context(prec=60)):
            contracts, price = signed(fill), Decimal(fill["price"])
            size, value = self.held[key]
            gain = Decimal(0)
            if size * contracts < 0:
                closed = -contracts if abs(contracts) <= abs(size) else size
                share = value * closed / size
                gain = closed * price - share
                size, value, contracts = size - closed, value - share, contracts + closed
            self.held[key] = size + contracts, value + contracts * price
            return _booked(gain) - _booked(Decimal(fill["fee"]))


def signed(fill: Line) -> Decimal:
    """Contracts bought, or sold as negative."""
    return Decimal(fill["size"]) * (1 if fill["side"] == "BUY" else -1)


def pair_of(client_id: str) -> str:
    """The pair that an order's id names."""
    return client_id.rpartition("-")[0]


def _booked(amount: Decimal) -> Decimal:
    return amount.quantize(STEP, rounding=ROUND_HALF_EVEN)


def _reserved(amount: Decimal) -> Decimal:
    """Never less is reserved than was asked for."""
    return amount.quantize(STEP, rounding=ROUND_CEILING)


class Venues:
    """The paper exchanges' own truth."""

    def __init__(self) -> None:
        self.orders: dict[str, Line] = {}
        self.fills: dict[tuple[str, str], Line] = {}
        self.filled_at: dict[tuple[str, str], int] = {}
        self.balance: dict[str, Decimal] = defaultdict(Decimal)
        self.funding: list[Line] = []
        self.positions = AverageCost()
        self.by_pair: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.liquidations: dict[str, int] = {}
        self.problems: list[str] = []
        self._order_ids: set[tuple[str, str]] = set()

    def take(self, line: Line) -> None:
        """Take one record of the accounts file."""
        if line["k"] != "account_turn":
            return
        turn = line["d"]
        exchange = turn["exchange"]
        for _, amount in turn["transfers"]:
            self.balance[exchange] += Decimal(amount)
        for order in turn["accepted"]:
            self._accept(exchange, order)
        for _, fill in turn["fills"]:
            self._fill(exchange, fill, line["t"])
        for _, paid in turn["funding"]:
            self.balance[exchange] += Decimal(paid["amount_usd"])
            self.funding.append(paid)
        self.liquidations[exchange] = turn["liquidations"]

    def _accept(self, exchange: str, order: Line) -> None:
        client_id, order_id = order["request"]["client_order_id"], order["order_id"]
        if client_id in self.orders:
            self.problems.append(f"{exchange}: order {client_id} was taken twice")
        if (exchange, order_id) in self._order_ids:
            self.problems.append(f"{exchange}: order id {order_id} came again")
        self.orders[client_id] = order
        self._order_ids.add((exchange, order_id))

    def _fill(self, exchange: str, fill: Line, time_ns: int) -> None:
        key = exchange, fill["trade_id"]
        if key in self.fills:
            self.problems.append(f"{exchange}: trade id {fill['trade_id']} came again")
        self.fills[key], self.filled_at[key] = fill, time_ns
        self.balance[exchange] += self.positions.book((exchange, fill["symbol"]), fill)
        self.by_pair[pair_of(fill["client_order_id"]), exchange] += signed(fill)


@dataclass
class Run:
    """One start as the journal has it. ``live`` are the pairs that it found, ``recovered`` its own word."""

    epoch: str
    started_ns: int
    live: dict[str, str] = field(default_factory=dict)
    recovered_ns: int = 0
    recovered: Line = field(default_factory=dict)
    stopped: bool = False


class Books:
    """The journal, added up anew."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.pairs: dict[str, Line] = {}
        self.states: dict[str, str] = {}
        self.reasons: dict[str, str] = {}
        self.intents: dict[str, tuple[int, Line]] = {}
        self.fills: dict[tuple[str, str], Line] = {}
        self.opened: dict[str, Decimal] = {}
        self.balance: dict[str, Decimal] = {}
        self.by_pair: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.funding: list[Line] = []
        self.held: dict[tuple[str, str], Decimal] = {}
        self.kinds: Counter[str] = Counter()
        self.problems: list[str] = []
        self._lots = AverageCost()

    def take(self, line: Line) -> None:
        """Take one record."""
        self.kinds[line["k"]] += 1
        act = getattr(self, f"_{line['k']}", None)
        if act is not None:
            act(line["d"], line["t"])
        elif line["k"] in NEVER:
            self.problems.append(f"record {line['n']}: {line['k']} {json.dumps(line['d'])[:200]}")

    def live(self) -> dict[str, str]:
        """Pairs with an order, and their states, that are not over; ``RESERVED`` if not yet seen as sent."""
        return {pair: state for pair, state in self.states.items() if state not in FINAL and state != "PLANNED"}

    def capital(self) -> dict[str, Decimal]:
        """What must be allocated on each exchange: what every live pair was opened with, and what its repairs and
        exits needed beyond that."""
        live, sums = self.live(), dict.fromkeys(self.opened, Decimal(0))
        for (pair, exchange), usd in self.held.items():
            sums[exchange] += usd if pair in live else 0
        return sums

    def _run_started(self, data: Line, time_ns: int) -> None:
        if any(run.epoch == data["epoch"] for run in self.runs):
            self.problems.append(f"epoch {data['epoch']} came again")
        self.runs.append(Run(data["epoch"], time_ns, self.live()))

    def _recovered(self, data: Line, time_ns: int) -> None:
        run = self.runs[-1]
        run.recovered_ns, run.recovered = time_ns, data

    def _run_stopped(self, data: Line, _: int) -> None:
        self.runs[-1].stopped = True

    def _account_opened(self, data: Line, _: int) -> None:
        if data["exchange"] in self.balance:
            self.problems.append(f"{data['exchange']}: its account was opened twice")
        self.opened[data["exchange"]] = self.balance[data["exchange"]] = Decimal(data["balance"])

    def _pair_planned(self, data: Line, _: int) -> None:
        pair = data["pair"]
        if pair["pair_id"] in self.pairs:
            self.problems.append(f"pair {pair['pair_id']} was planned twice")
        self.pairs[pair["pair_id"]], self.states[pair["pair_id"]] = pair, "PLANNED"
        for leg in ("buy", "sell"):
            self.held[pair["pair_id"], pair[leg]["exchange"]] = _reserved(Decimal(pair["notional"]))

    def _pair_moved(self, data: Line, _: int) -> None:
        pair = data["pair"]
        pair_id = pair["pair_id"]
        if self.states.get(pair_id) in FINAL:
            self.problems.append(f"pair {pair_id} was {self.states[pair_id]} and became {pair['state']}")
        self.states[pair_id], self.reasons[pair_id] = pair["state"], pair["reason"] or pair["exit_reason"] or ""

    def _order_intended(self, request: Line, time_ns: int) -> None:
        request = request["request"]
        client_id, pair = request["client_order_id"], request["pair_id"]
        if client_id in self.intents:
            self.problems.append(f"order {client_id} was meant twice")
        self.intents[client_id] = time_ns, request
        if self.states.get(pair) == "PLANNED":
            self.states[pair] = "RESERVED"
        if request["purpose"] != "entry":
            self._cover(request)

    def _cover(self, request: Line) -> None:
        key = request["pair_id"], request["exchange"]
        contracts = Decimal(request["size"]) + (0 if request["reduce_only"] else abs(self.by_pair[key]))
        missing = contracts * Decimal(request["price"]) - self.held[key]
        self.held[key] += _reserved(max(missing, Decimal(0)))

    def _order_filled(self, data: Line, _: int) -> None:
        fill = data["fill"]
        key, pair = (fill["exchange"], fill["trade_id"]), pair_of(fill["client_order_id"])
        if key in self.fills:
            self.problems.append(f"trade {key} was booked twice")
        self.fills[key] = fill
        self.by_pair[pair, fill["exchange"]] += signed(fill)
        self.balance[fill["exchange"]] += self._lots.book((pair, fill["exchange"]), fill)

    def _funding_paid(self, data: Line, _: int) -> None:
        self.funding.append(data)
        self.balance[data["exchange"]] += Decimal(data["amount_usd"])

    def _equity_marked(self, data: Line, _: int) -> None:
        ours, told = self.balance[data["exchange"]], Decimal(data["balance"])
        if ours != told:
            self.problems.append(f"{data['exchange']}: balance {told} journaled, its fills and payments make {ours}")
