"""``perpbot replay`` and what is asked of it afterwards, on a small recording."""

import csv
import io
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import TRADING, Perpbot, start
from tests.e2e.identity import recomputed
from tests.e2e.recording import FRAMES, record

RESULT = (
    *("dataset", "frames", "updates", "gaps_bps", "opportunities", "verdicts", "pairs", "pairs_by_symbol"),
    *("slippage_bps", "pnl", "transfers", "equity_change", "capital", "assumed", "invariants"),
    *("elapsed_seconds", "events_per_second"),
)
"""The keys of CONTRACTS §2."""
MEASURED = {"elapsed_seconds", "events_per_second"}


def test_the_result_is_one_object_with_every_key(perpbot: Perpbot, dataset: Path) -> None:
    """On standard output alone; amounts are text, counts numbers; the sums that must hold hold."""
    ended = perpbot("replay", dataset, "--json", *TRADING)
    result = ended.json
    assert ended.code == 0, ended.err
    assert set(RESULT) <= set(result)
    assert (result["dataset"], result["frames"]) == ("small", FRAMES)
    assert result["updates"] == {"BTC-USD-PERP": 199}
    assert result["gaps_bps"] == {"BTC-USD-PERP": {"3": 20, "5": 20, "8": 20, "10": 20}}
    assert result["opportunities"] == sum(result["verdicts"].values()) == 40
    assert result["pairs"]["attempted"] == result["pairs"]["opened"] == result["pairs"]["closed"] == 1
    assert result["pairs_by_symbol"] == {"BTC-USD-PERP": result["pairs"]}
    pnl = {name: Decimal(amount) for name, amount in result["pnl"].items()}
    assert pnl["total"] == pnl["price"] + pnl["funding"] - pnl["fees"] - pnl["gas"] > 0
    assert Decimal(result["equity_change"]) == pnl["total"] + Decimal(result["transfers"])
    assert result["assumed"] == ["funding_rate", "usdt_usd"]
    assert result["invariants"]["violated"] == {}
    assert isinstance(result["elapsed_seconds"], float)


def test_two_runs_are_equal_and_the_second_replaces_the_first(perpbot: Perpbot, dataset: Path, home: Path) -> None:
    """Nothing learned in one run reaches the next; only the machine's speed differs."""
    first, second = (perpbot("replay", dataset, "--json", *TRADING).json for _ in range(2))
    assert {key: first[key] for key in first if key not in MEASURED} == {
        key: second[key] for key in second if key not in MEASURED
    }
    assert sorted(os.listdir(home)) == ["replay.db", "replay.db.journal", "replay.db.lock"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (home, *sorted(home.iterdir()))] == [
        0o700,
        0o600,
        0o600,
        0o600,
    ]


def test_until_stops_after_so_many_seconds_of_the_recording(perpbot: Perpbot, dataset: Path) -> None:
    """Counted from the first frame: the snapshots, and both streams' three frames of each step."""
    assert perpbot("replay", dataset, "--json", "--until", "2").json["frames"] == 2 * (1 + 3 * 20)


def test_people_get_tables(perpbot: Perpbot, dataset: Path, home: Path) -> None:
    """The same figures, and where they are kept."""
    ended = perpbot("replay", dataset, *TRADING)
    assert ended.code == 0
    assert f"small: {FRAMES} frames" in ended.out
    assert "symbol already has a pair" in ended.out
    assert "assumed: funding_rate, usdt_usd" in ended.out
    assert f"kept in {home}/replay.db" in ended.err


def test_the_environment_and_the_file_set_it_too(perpbot: Perpbot, dataset: Path, home: Path) -> None:
    """perpbot.yaml in the home folder is read and said; the environment beats it."""
    home.mkdir()
    (home / "perpbot.yaml").write_text("arbitrage: {enabled: true, candidate_gap_bps: 40}\n")
    quiet = perpbot("replay", dataset, "--json", *TRADING)
    assert quiet.json["opportunities"] == 0
    assert f"configuration: {home}/perpbot.yaml" in quiet.err
    again = perpbot("replay", dataset, "--json", *TRADING, PERPBOT_ARBITRAGE__CANDIDATE_GAP_BPS="1")
    assert again.json["opportunities"] == 40


@dataclass(frozen=True)
class Kept:
    """A home in which the small recording was replayed once, for several questions."""

    home: Path
    perpbot: Perpbot
    result: dict[str, Any]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("kept")
    run = start(folder / "home", folder)
    return Kept(folder / "home", run, run("replay", record(folder / "small"), "--json", *TRADING).json)


class TestAfterwards:
    """What a replay left behind can be asked about."""

    @pytest.fixture(autouse=True)
    def _replayed(self, kept: Kept) -> None:
        self.result = kept.result

    @pytest.fixture
    def perpbot(self, kept: Kept) -> Perpbot:
        return kept.perpbot

    @pytest.fixture
    def home(self, kept: Kept) -> Path:
        return kept.home

    def test_why_gives_every_reason_in_both_languages(self, perpbot: Perpbot) -> None:
        """With its count and share; a program reads the same as people."""
        ended = perpbot("why", "btc-usd-perp", "--json")
        told = ended.json
        assert {step["reason"]: step["count"] for step in told["reasons"]} == self.result["verdicts"]
        assert [step["reason"] for step in told["reasons"]] == ["symbol_busy", "approved"]
        assert told["reasons"][0]["chinese"] == "该品种已有配对"
        assert told["reasons"][0]["share"] == 0.975
        assert told["symbols"]["BTC-USD-PERP"]["sentence"] == (
            "BTC-USD-PERP: 40 candidates, 1 tried as a pair, 1 opened: symbol already has a pair (39)"
        )
        assert "replay.db (replay)" in ended.err
        shown = perpbot("why", "--set", "display.language=zh", "--set", "display.timezone=Asia/Shanghai")
        assert shown.out.startswith("BTC-USD-PERP：40 个候选")
        assert "08-09 07:50:07.000" in shown.out

    def test_an_unknown_symbol_gets_the_nearest(self, perpbot: Perpbot) -> None:
        """On one line; the database is named beside it."""
        ended = perpbot("why", "BTC")
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.splitlines()[-1].endswith("no such symbol in " + self._database(ended.err))

    def _database(self, err: str) -> str:
        path = err.splitlines()[0].removeprefix("database: ").removesuffix(" (replay)")
        return f"{path}; did you mean BTC-USD-PERP?"

    def test_the_report_agrees_with_the_run(self, perpbot: Perpbot) -> None:
        """Pairs, PnL by account and slippage are those of the run; the database alone gives them."""
        told = perpbot("report", "--json").json
        assert told["pairs"] == self.result["pairs"]
        assert {name: Decimal(amount) for name, amount in told["pnl"].items()} == {
            name: Decimal(amount) for name, amount in self.result["pnl"].items()
        }
        assert {name: Decimal(bps) for name, bps in told["slippage_bps"].items()} == {
            name: Decimal(bps) for name, bps in self.result["slippage_bps"].items()
        }
        assert (told["win_rate"], told["won"]) == (1.0, 1)
        assert told["by_symbol"]["BTC-USD-PERP"]["closed"] == 1
        assert "largest drawdown" in perpbot("report").out

    def test_exports_are_csv_with_the_promised_columns(self, perpbot: Perpbot, tmp_path: Path) -> None:
        """To standard output or to a file."""
        fills = list(csv.DictReader(io.StringIO(perpbot("export", "fills").out)))
        assert [row["purpose"] for row in fills] == ["entry", "entry", "exit", "exit"]
        target = tmp_path / "pairs.csv"
        said = perpbot("export", "pairs", "--out", target).err
        assert f"1 pairs written to {target}" in said
        (pair,) = csv.DictReader(io.StringIO(target.read_text()))
        assert pair["total"] == self.result["pnl"]["total"]
        for what in ("orders", "trades", "equity"):
            assert len(perpbot("export", what).out.splitlines()) > 1

    def test_pairs_orders_and_trades_are_listed(self, perpbot: Perpbot) -> None:
        """As tables, or whole as JSON."""
        for name, count in (("pairs", 1), ("orders", 4), ("trades", 4)):
            assert len(perpbot(name, "--json").json[name]) == count
            shown = perpbot(name, "--limit", "1").out
            assert shown.startswith(f"{name.capitalize()}: {count}")
            assert "replay-1" in shown

    def test_capital_and_risk_are_as_they_were_at_the_end(self, perpbot: Perpbot) -> None:
        """The capital of the run, and every limit with what is used of it."""
        assert perpbot("capital", "--json").json["capital"] == self.result["capital"]
        assert "reserve" in perpbot("capital").out
        risk = perpbot("risk", "--json").json
        assert risk["account"]["consecutive_failures"] == {"measured": 0, "limit": 3}
        assert risk["exposure"] == {
            "BTC-USD-PERP": {"measured": "0", "limit": risk["exposure"]["BTC-USD-PERP"]["limit"]}
        }
        assert risk["stops"] == []
        assert "worst_case_loss" in perpbot("risk").out

    def test_a_changed_byte_of_the_journal_is_found(self, perpbot: Perpbot, home: Path, tmp_path: Path) -> None:
        """Whole: exit code 0; changed: exit code 1 and the line of the record."""
        assert perpbot("journal", "verify", home / "replay.db", "--json").json["ok"] is True
        content = bytearray((home / "replay.db.journal").read_bytes())
        content[len(content) // 2] ^= 1
        journal = tmp_path / "changed.journal"
        journal.write_bytes(content)
        ended = perpbot("journal", "verify", journal, "--json")
        assert ended.code == 1
        assert ended.json["ok"] is False
        assert f"line {ended.json['first_bad_line']}:" in ended.err

    def test_the_journal_is_shown(self, perpbot: Perpbot) -> None:
        """Records in order, all or of one kind; with --json one object a line."""
        lines = perpbot("journal", "show", "--json", "--kind", "pair_moved").out.splitlines()
        assert len(lines) > 3
        assert "run_stopped" in perpbot("journal", "show").out

    def test_a_report_reads_the_database_it_is_given(self, perpbot: Perpbot, home: Path, tmp_path: Path) -> None:
        """``--db`` names one; nothing else is needed then."""
        copied = tmp_path / "elsewhere.db"
        shutil.copy(home / "replay.db", copied)
        assert perpbot("why", PERPBOT_HOME=str(tmp_path)).code == 2
        assert perpbot("why", "--db", copied, "--json").json["candidates"] == 40

    def test_the_fills_alone_give_pnl_and_fees(self, perpbot: Perpbot) -> None:
        """Fees in coin are rounded in coin, then converted at their fill's price."""
        price, fees = recomputed(perpbot("export", "fills").out)
        assert fees > 0
        assert (price, fees) == (Decimal(self.result["pnl"]["price"]), Decimal(self.result["pnl"]["fees"]))


def test_help_imports_nothing_heavy(home: Path) -> None:
    """It answers at once: no table, database, YAML or log library, no room."""
    script = (
        "import sys\nfrom perpbot.cli.command_line import run\nrun(['--help'])\n"
        "print(sorted(set(sys.modules) & {'rich', 'sqlalchemy', 'alembic', 'ruamel.yaml', 'structlog', 'msgspec', "
        "'asyncio', 'perpbot.service', 'perpbot.records'}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_whoever_stops_reading_hears_no_complaint(perpbot: Perpbot, dataset: Path, home: Path) -> None:
    """``perpbot export fills | head -1`` is quiet, also when the pipe is closed before the first line."""
    assert perpbot("replay", dataset, *TRADING).code == 0
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PERPBOT_HOME": str(home)}
    for arguments in (["export", "fills"], ["why"], ["pairs", "--json"]):
        command = [sys.executable, "-m", "perpbot", *arguments]
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment, check=False)
        assert (done.returncode, done.stderr.splitlines()[1:]) == (1, [])
    os.close(writing)
