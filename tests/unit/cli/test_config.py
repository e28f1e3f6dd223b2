"""``perpbot config``: what it writes, it reads."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from perpbot.cli.command_line import run
from perpbot.core.events import SettingChanged
from perpbot.service.configuration import load_settings
from perpbot.service.store import Store
from perpbot.service.system import SystemClock


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))


def test_the_file_written_is_for_its_owner_and_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As written it sets nothing, and loads."""
    file = tmp_path / "perpbot.yaml"
    assert run(["config", "init"]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert run(["config", "check", str(file)]) == 0
    assert "it sets 0 of the settings" in capsys.readouterr().out


def test_a_file_is_overwritten_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second time is refused; with --force it is replaced, and is its owner's alone again."""
    file = tmp_path / "a.yaml"
    assert run(["config", "init", str(file)]) == 0
    assert run(["config", "init", str(file), "--profile", "arbitrage"]) == 2
    assert "exists already" in capsys.readouterr().err
    file.chmod(0o644)
    assert run(["config", "init", str(file), "--profile", "arbitrage", "--force"]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["a.yaml"]
    assert load_settings(file=file)[0].capital.arb_budget_pct == Decimal("0.9")


def test_a_profile_nobody_knows_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With those that exist."""
    assert run(["config", "init", str(tmp_path / "a.yaml"), "--profile", "ballanced"]) == 2
    assert "arbitrage" in capsys.readouterr().err
    assert not (tmp_path / "a.yaml").exists()


def test_one_setting_is_explained_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    """How it can be given, and whether and how it may change while running."""
    assert run(["config", "explain", "risk.max_risk_pct"]) == 0
    told = capsys.readouterr().out
    for words in (
        "PERPBOT_RISK__MAX_RISK_PCT",
        "--set risk.max_risk_pct",
        "to a higher one with --confirm",
        "at most 1",
    ):
        assert words in told
    assert run(["config", "explain", "demo.pulse_bps"]) == 0
    assert "needs a restart" in capsys.readouterr().out


def test_explain_says_where_a_value_came_from(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Default, file with its place, environment or --set."""
    (tmp_path / "perpbot.yaml").write_text("risk:\n  max_risk_pct: 0.02\n")
    assert run(["config", "explain", "risk", "--json", "--set", "risk.freeze_seconds=7"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["risk.max_risk_pct"]["value"] == "0.02"
    assert told["risk.max_risk_pct"]["from"] == f"{tmp_path}/perpbot.yaml:2:17"
    assert told["risk.freeze_seconds"]["from"] == "--set risk.freeze_seconds"
    assert told["risk.max_drawdown_pct"] == {**told["risk.max_drawdown_pct"], "from": "default", "value": "0.10"}


def test_explain_says_what_was_changed_while_running(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """By whom, when and why; it beats the file, and --set beats it."""
    (tmp_path / "perpbot.yaml").write_text("risk:\n  max_risk_pct: 0.04\n")
    with Store(tmp_path / "demo.db", "demo") as store:
        journal = store.open_journal(SystemClock())
        journal.append(SettingChanged("risk.max_risk_pct", "0.02", "0.04", "0.02", "anna", "too quiet"))
    assert run(["config", "explain", "risk.max_risk_pct", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["risk.max_risk_pct"]
    assert told["value"] == "0.02"
    assert told["from"].startswith("changed while running by anna at ")
    assert told["from"].endswith(" UTC: too quiet")
    assert run(["config", "explain", "risk.max_risk_pct", "--json", "--set", "risk.max_risk_pct=0.01"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["risk.max_risk_pct"]["value"] == "0.01"
    assert "--set risk.max_risk_pct beats what was changed while running by anna" in printed.err


def test_a_replay_s_exchanges_are_known_when_its_dataset_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Without it their names are a typo."""
    file = tmp_path / "a.yaml"
    file.write_text("exchanges: {venue: {taker_fee_pct: 0}}\n")
    (tmp_path / "dataset.yaml").write_text(
        "streams: [{file: a.gz, exchange: venue, market: A, symbol: A-USD-PERP, contract: {kind: linear, size: '1'},"
        " tick: '1', step: '1', quote: USD}]"
    )
    assert run(["config", "check", str(file)]) == 2
    assert "exchanges.venue" in capsys.readouterr().err
    assert run(["config", "check", str(file), "--dataset", str(tmp_path)]) == 0
