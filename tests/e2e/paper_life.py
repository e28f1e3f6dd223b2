"""A process that trades on a paper venue kept in a file, says what it is told, and never ends: to be killed.

    python -m tests.e2e.paper_life FILE LIFE

One line for each order, after its answer: client id, order id, trade ids, filled size, balance, position. Between
orders its file is written anew, again and again, one step after each.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from perpbot.core.names import ClientOrderId
from perpbot.core.orders import Side, TimeInForce
from perpbot.simulation.paper.accounts import AccountFile
from perpbot.simulation.paper.rewriting import steps
from tests.unit.simulation.venue.scene import START, SYMBOL, Scene


class Stopped:
    """A clock that stands."""

    def now_ns(self) -> int:
        return START


def opened(path: Path) -> tuple[Scene, AccountFile]:
    """The venue as ``path`` keeps it, and the file to close."""
    accounts = AccountFile(path, Stopped())
    return Scene(accounts=("us",), resume=accounts.resume), accounts


def line(scene: Scene, client_id: ClientOrderId) -> str:
    """What the venue tells of an order and its account."""
    report = scene.engine.report("us", client_id)
    assert report is not None
    fills = scene.engine.fills("us", client_id)
    position = scene.engine.position("us", SYMBOL)
    trades = "+".join(fill.trade_id for fill in fills) or "none"
    held = (position.signed_size, position.entry_price) if position else (0, 0)
    balance = scene.engine.balance("us").balance
    return f"{client_id} {report.order_id} {trades} {report.status} {report.filled_size} {balance} {held[0]} {held[1]}"


def rewriting(accounts: AccountFile) -> Iterator[None]:
    """Write the file anew, for ever."""
    while True:
        yield from steps(accounts)


def main() -> None:
    (scene, accounts), life = opened(Path(sys.argv[1])), sys.argv[2]
    number, writing = 0, rewriting(accounts)
    while True:
        number += 1
        client_id = ClientOrderId(f"{life}.{number}")
        scene.later(0.001)
        scene.snapshot([(100.0, 1.0), (99.5, 1.0)], [(101.0, 1.0), (101.5, 1.0)])
        side = Side.BUY if number // 5 % 2 else Side.SELL
        price = ("101.2" if side is Side.BUY else "99.8") if number % 3 else ("99" if side is Side.BUY else "103")
        tif = TimeInForce.IOC if number % 3 else TimeInForce.GTC
        scene.send(side, f"0.{number % 9 + 1}07", price, tif, client_id=client_id)
        print(line(scene, client_id), flush=True)  # noqa: T201 - that is what it is for
        if number % 3 == 0:
            scene.engine.cancel("us", client_id, scene.now_ns)
        next(writing)


if __name__ == "__main__":
    main()
