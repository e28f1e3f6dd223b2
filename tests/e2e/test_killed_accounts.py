"""What a paper venue has told is known after SIGKILL, whenever it came."""

import subprocess
import sys
from pathlib import Path

from perpbot.core.names import ClientOrderId
from tests.e2e.paper_life import line, opened

LIVES = 6
ROOT = Path(__file__).resolve().parents[2]


def lived_and_killed(path: Path, life: int) -> list[str]:
    """What a process said on ``path`` until it was killed, after some hundred orders."""
    command = [sys.executable, "-m", "tests.e2e.paper_life", str(path), f"life{life}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(100 + 37 * life)]
        process.kill()
        said += process.stdout.readlines()
    return [each.rstrip("\n") for each in said if each.endswith("\n")]


def test_all_that_was_told_is_known_after_every_kill_and_no_id_comes_again(tmp_path: Path) -> None:
    """Life after life on one file: the last order as it was told, all of them there, ids unique over all lives."""
    path = tmp_path / "accounts"
    told: list[list[str]] = []
    untold_before: set[ClientOrderId] = set()
    for life in range(LIVES):
        told += [each.split() for each in lived_and_killed(path, life)]
        scene, accounts = opened(path)
        known = {request.client_order_id: report for request, report in scene.engine.orders("us")}
        untold = set(known) - {words[0] for words in told} - untold_before
        untold_before |= untold
        assert len(untold) <= 1, "only the order under way when it was killed may have been taken and not told"
        if not untold:
            last = told[-1]
            assert line(scene, ClientOrderId(last[0])).split()[4:] == last[4:]
        for client_id, order_id, trades, status, filled, *_ in told:
            report = known[ClientOrderId(client_id)]
            assert (report.order_id, f"{report.filled_size}") == (order_id, filled)
            assert report.status == status or (status, report.status) == ("OPEN", "CANCELLED")
            fills = scene.engine.fills("us", ClientOrderId(client_id))
            assert ("+".join(fill.trade_id for fill in fills) or "none") == trades
        accounts.close()
    order_ids = [words[1] for words in told]
    assert len(order_ids) == len(set(order_ids))
    trade_ids = [trade for words in told if words[2] != "none" for trade in words[2].split("+")]
    assert len(trade_ids) == len(set(trade_ids)) > 100
