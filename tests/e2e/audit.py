"""What must hold of a demo's files after any kill: every function returns what does not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from perpbot.records.database import Database
from perpbot.records.journal import verify
from perpbot.records.reports import report
from tests.e2e.evidence import FINAL, Books, Line, Run, Tail, Venues, pair_of

RESIDUAL = Decimal("0.05")
"""``execution.max_residual_pct`` as shipped: so unequal may the legs of a hedged pair be."""
_FILL_FACTS = ("symbol", "order_id", "client_order_id", "side", "price", "size", "fee", "fee_currency", "liquidity")


class Files:
    """One demo's files, read on from where the last look ended."""

    def __init__(self, db: Path) -> None:
        self.db = db
        self.journal = db.with_name(db.name + ".journal")
        self.books, self.venues = Books(), Venues()
        self._lines: list[Line] = []
        self._tails = Tail(self.journal), Tail(db.with_name(db.name + ".paper"))

    def look(self) -> Books:
        """Read what was added to the journal."""
        for line in self._tails[0].new():
            self._lines.append(line)
            self.books.take(line)
        return self.books

    def look_at_all(self) -> None:
        """Read what was added to both files. The exchanges' is read last: it may know more, never less."""
        self.look()
        for line in self._tails[1].new():
            self.venues.take(line)

    def books_at(self, time_ns: int) -> Books:
        """The journal up to a time."""
        books = Books()
        for line in self._lines:
            if line["t"] <= time_ns:
                books.take(line)
        return books

    def torn(self) -> list[str]:
        """Torn tails that were set aside."""
        return [path.name for path in self.db.parent.glob("*.torn")]


def problems(files: Files) -> list[str]:
    """All that does not hold in the files of a bot that is not running."""
    files.look_at_all()
    books, venues = files.books, files.venues
    found = [*books.problems, *venues.problems, *_orders(books, venues), *_fills(books, venues)]
    found += [*_pairs(books, venues), *_funding(books, venues), *_documents(files)]
    if files.db.with_name(files.db.name + ".latch").exists():
        found.append("the latch is set")
    return found


def _orders(books: Books, venues: Venues) -> Iterable[str]:
    """Each order at an exchange was meant before, as it is, and belongs to a pair that the journal knows."""
    for client_id, order in venues.orders.items():
        meant_ns, request = books.intents.get(client_id, (0, None))
        if request is None:
            yield f"order {client_id} is at its exchange and not in the journal"
        elif meant_ns > order["accepted_ns"]:
            yield f"order {client_id} was taken before it was meant"
        elif any(request[name] != order["request"][name] for name in ("exchange", "symbol", "side", "size", "price")):
            yield f"order {client_id} is another one than was meant"
        if books.states.get(pair_of(client_id), "PLANNED") == "PLANNED":
            yield f"order {client_id} belongs to no pair that the journal knows as sent"


def _fills(books: Books, venues: Venues) -> Iterable[str]:
    """What is booked happened, as it is booked, and what happened before a recovery is booked by its end."""
    for key, fill in books.fills.items():
        true = venues.fills.get(key)
        if true is None or any(_plain(true[name]) != _plain(fill[name]) for name in _FILL_FACTS):
            yield f"trade {key} is booked otherwise than it happened: {fill}, {true}"
    run = books.runs[-1] if books.runs else None
    if run is not None and run.recovered_ns:
        for key, time_ns in venues.filled_at.items():
            if time_ns < run.started_ns and key not in books.fills:
                yield f"trade {key} happened before the start of {run.epoch} and is not booked after its recovery"


def _plain(value: Any) -> Any:
    try:
        return Decimal(value)
    except (ArithmeticError, TypeError):
        return value


def _pairs(books: Books, venues: Venues) -> Iterable[str]:
    """A pair that is over holds nothing at its exchanges, one that is hedged holds the same on both, and each that a
    start found was taken up by it."""
    for pair_id, pair in books.pairs.items():
        legs = [venues.by_pair.get((pair_id, pair[leg]["exchange"]), Decimal(0)) for leg in ("buy", "sell")]
        state = books.states[pair_id]
        if (state in FINAL or state == "PLANNED") and any(legs):
            yield f"pair {pair_id} is {state} and holds {legs}"
        if state == "HEDGED" and abs(sum(legs, Decimal(0))) > RESIDUAL * max(map(abs, legs)):
            yield f"pair {pair_id} is hedged and holds {legs}"
    for run in books.runs:
        yield from _taken_up(books, run)


def _taken_up(books: Books, run: Run) -> Iterable[str]:
    if run.recovered_ns:
        named = {*run.recovered["resumed"], *run.recovered["refused"], *run.recovered["quarantined"]}
        for pair_id in run.live.keys() - named:
            if books.states[pair_id] not in FINAL:
                yield f"pair {pair_id} was {run.live[pair_id]} at the start of {run.epoch} and is not named"


def _funding(books: Books, venues: Venues) -> Iterable[str]:
    """Every payment is booked once, and once only; its shares among pairs add up to it."""
    booked: dict[str, Decimal] = {}
    for share in books.funding:
        payment = str(share["payment_id"])
        booked[payment] = booked.get(payment, Decimal(0)) + Decimal(share["amount_usd"])
    paid = {str(each["payment_id"]): Decimal(each["amount_usd"]) for each in venues.funding}
    for payment, amount in booked.items():
        if paid.get(payment) != amount:
            yield f"funding {payment}: {amount} booked, {paid.get(payment)} paid"


def _documents(files: Files) -> Iterable[str]:
    """What the bot last saved of itself: capital is what is open by the journal of that moment, identity exact."""
    saved = documents(files.db)
    if "capital" in saved:
        time_ns, capital = saved["capital"]
        books = files.books_at(time_ns)
        for exchange, expected in books.capital().items():
            pools = capital[exchange]["pools"].values()
            allocated = sum(Decimal(pool["allocated"]) for pool in pools)
            if allocated != expected:
                live = books.live()
                yield f"{exchange}: {allocated} allocated at {time_ns}, live pairs hold {expected} ({live})"
    if "result" in saved:
        yield from identity(saved["result"][1])


def identity(result: Line) -> Iterable[str]:
    """Equity moved by exactly what was earned, and by nothing unexplained."""
    pnl = {name: Decimal(amount) for name, amount in result["pnl"].items()}
    if pnl["total"] != pnl["price"] + pnl["funding"] - pnl["fees"] - pnl["gas"]:
        yield f"PnL does not add up: {result['pnl']}"
    if Decimal(result["transfers"]) != 0:
        yield f"{result['transfers']} came from nowhere and was taken for a transfer"
    if "equity_change" in result and Decimal(result["equity_change"]) != pnl["total"] + Decimal(result["transfers"]):
        yield f"equity moved by {result['equity_change']}, PnL is {pnl['total']}"
    violated = result.get("invariants", {}).get("violated")
    if violated:
        yield f"invariants violated: {violated}"


def settled(files: Files) -> list[str]:
    """What does not hold once a bot has been stopped in order with nothing in flight: books and exchanges are one."""
    books, venues = files.books, files.venues
    found = [f"trade {key} is not booked" for key in venues.fills.keys() - books.fills.keys()]
    for exchange, balance in venues.balance.items():
        if books.balance.get(exchange) != balance:
            found.append(f"{exchange}: balance {balance} there, {books.balance.get(exchange)} by the journal")
    found += [
        f"{key}: {venues.by_pair.get(key)} held, {books.by_pair.get(key)} by the journal"
        for key in {*venues.by_pair, *books.by_pair}
        if venues.by_pair.get(key, 0) != books.by_pair.get(key, 0)
    ]
    return found


def verified(files: Files) -> list[str]:
    """What ``perpbot journal verify`` finds wrong, if there is a journal yet."""
    if not files.journal.exists():
        return []
    found = verify(files.journal)
    return [] if found.ok else [f"journal verify: line {found.first_bad_line}: {found.reason}"]


def reported(files: Files) -> list[str]:
    """What is wrong with the identity in ``perpbot report``, once there is something to report."""
    if not files.books.fills:
        return []
    with closing(Database.read(files.db)) as database:
        return list(identity(report(database)))


def documents(db: Path) -> dict[str, tuple[int, Any]]:
    """What the bot saved of itself: time (nanoseconds) and content by name."""
    try:
        with closing(sqlite3.connect(f"file:{db}?mode=rw", uri=True)) as connection:
            rows = connection.execute("select name, time_ns, body from documents").fetchall()
    except sqlite3.OperationalError:  # killed before it made the table
        return {}
    return {name: (time_ns, json.loads(body)) for name, time_ns, body in rows}
