"""A change of settings is planned on the whole, and refused whole."""

from __future__ import annotations

from typing import Any

import pytest

from perpbot.core.errors import ConfigError
from perpbot.service.changes import ChangeKind, KeptChange, plan_change, with_changes
from perpbot.service.configuration import load_settings

SETTINGS, LOADED = load_settings()
SHARES = "{wash_budget_pct: 0, arb_budget_pct: 0.9, reserve_pct: 0.1}"
NOON_NS = 1_764_590_400_000_000_000  # 2025-12-01 12:00 UTC


def kept(key: str, value: str) -> KeptChange:
    return KeptChange(key, value, "anna", "too quiet", NOON_NS)


@pytest.mark.parametrize(
    ("key", "value", "before", "after", "kind"),
    [
        ("risk.max_risk_pct", "0.02", "0.05", "0.02", ChangeKind.TIGHTENING),
        ("risk.max_risk_pct", "0.06", "0.05", "0.06", ChangeKind.LOOSENING),
        ("risk.max_risk_pct", "5e-2", "0.05", "0.05", ChangeKind.NEUTRAL),
        ("arbitrage.min_profit_pct", "0.001", "0.0005", "0.001", ChangeKind.TIGHTENING),
        ("arbitrage.min_profit_pct", "0", "0.0005", "0", ChangeKind.LOOSENING),
        ("arbitrage.enabled", "false", True, False, ChangeKind.TIGHTENING),
        ("risk.misses_count_as_failures", "true", False, True, ChangeKind.TIGHTENING),
        ("risk.max_consecutive_failures", "4", 3, 4, ChangeKind.LOOSENING),
        ("exits.target_profit_pct", "0.02", "0.01", "0.02", ChangeKind.LOOSENING),
        ("exits.target_profit_pct", "0.001", "0.01", "0.001", ChangeKind.LOOSENING),
        ("execution.limit_mode", "slippage", "edge", "slippage", ChangeKind.LOOSENING),
        ("display.timezone", "Europe/Berlin", "UTC", "Europe/Berlin", ChangeKind.NEUTRAL),
        (
            "position",
            "{max_position_size: 10, cooldown_seconds: 90}",
            {"max_position_size": "1000", "cooldown_seconds": 60.0},
            {"max_position_size": "10", "cooldown_seconds": 90.0},
            ChangeKind.TIGHTENING,
        ),
        (
            "position",
            "{max_position_size: 10, cooldown_seconds: 1}",
            {"max_position_size": "1000", "cooldown_seconds": 60.0},
            {"max_position_size": "10", "cooldown_seconds": 1.0},
            ChangeKind.LOOSENING,
        ),
    ],
)
def test_a_change_says_what_it_does_to_the_risk(
    key: str, value: str, before: Any, after: Any, kind: ChangeKind
) -> None:
    """Tightening is done at once, loosening wants confirming; a mixture is a loosening."""
    change = plan_change(SETTINGS, key, value)
    assert (change.before, change.after, change.kind) == (before, after, kind)
    assert (change.key, change.value) == (key, value)
    assert (change.settings == SETTINGS) == (before == after)


def test_shares_change_together() -> None:
    """One alone could never sum to 1 with the others."""
    change = plan_change(SETTINGS, "capital", SHARES)
    assert str(change.settings.capital.arb_budget_pct) == "0.9"
    assert change.kind is ChangeKind.LOOSENING
    with pytest.raises(ConfigError, match=r"must sum to 1, not 1\.10"):
        plan_change(SETTINGS, "capital.arb_budget_pct", "0.3")


def test_a_part_of_a_setting_can_be_changed() -> None:
    """A weight, with the others as they are, must still fit them."""
    weights = "{profit: 0.6, liquidity: 0.1, reliability: 0.3}"
    change = plan_change(SETTINGS, "arbitrage.score_weights", weights)
    assert str(change.settings.arbitrage.score_weights.profit) == "0.6"
    again = plan_change(change.settings, "arbitrage.score_weights.profit", "0.6")
    assert again.kind is ChangeKind.NEUTRAL
    with pytest.raises(ConfigError, match=r"arbitrage\.score_weights is not consistent: .* must sum to 1, not 1\.1$"):
        plan_change(SETTINGS, "arbitrage.score_weights.profit", "0.6")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("risk.max_riks_pct", "1", "risk.max_riks_pct is not known; did you mean max_risk_pct?"),
        ("riks.max_risk_pct", "1", "riks is not known; did you mean risk?"),
        ("max_risk_pct", "1", "; max_risk_pct belongs under risk"),
        ("capital.max_risk_pct", "1", "; max_risk_pct belongs under risk"),
        ("exchanges.okx.taker_fee", "1", "exchanges.okx.taker_fee is not known; did you mean taker_fee_pct?"),
        ("risk.max_risk_pct", "2", "risk.max_risk_pct must be a number, more than 0 and at most 1, not 2"),
        ("risk.max_risk_pct", "5%", "risk.max_risk_pct must be a number, more than 0 and at most 1, not the text '5%'"),
        ("risk.max_risk_pct", ".nan", "not NaN, which is not finite"),
        ("risk.max_risk_pct", "[", "not valid YAML"),
        ("risk.max_risk_pct", "", "must be a number, more than 0 and at most 1, not nothing"),
        ("risk.max_risk_pct.x", "1", "risk.max_risk_pct has nothing below it, so no x"),
        ("risk", "1", "risk is a section: name one of its keys, or give a mapping of keys to values"),
        ("risk", "{max_risk_pct: 0.01, class: 'a:B'}", "risk.class may not change while running"),
        ("risk", "{max_risk_pct: 0.01, maxx: 1}", "risk.maxx is not known"),
        ("live.max_pair_notional", "501", "live is not consistent: max_pair_notional 501 must not exceed"),
        ("display.timezone", "Mars/Olympus", "display.timezone must be a time zone such as UTC"),
        ("service.mode", "live", "service.mode may not change while running; set it in the file: it needs a restart"),
        ("demo.pulse_bps", "5", "demo.pulse_bps may not change while running"),
        ("journal.durability", "power", "journal.durability may not change while running"),
        ("exchanges.okx.enabled", "false", "exchanges.okx.enabled may not change while running"),
        ("strategies", "[]", "strategies may not change while running"),
        ("notifications.webhook", "{}", "notifications.webhook may not change while running"),
        ("", "1", "is not known"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(key: str, value: str, words: str) -> None:
    """With the nearest name, the section it belongs to, the range, or that a restart is needed."""
    with pytest.raises(ConfigError) as caught:
        plan_change(SETTINGS, key, value)
    assert str(caught.value).startswith(f"config set {key}")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_kept_changes_are_on_top_after_a_restart() -> None:
    """What an operator set stands, says who set it, and survives that the file says otherwise."""
    settings, loaded = load_settings(overrides=(), environ={"PERPBOT_RISK__MAX_RISK_PCT": "0.04"})
    replayed = with_changes(
        settings,
        loaded,
        [kept("risk.max_risk_pct", "0.03"), kept("risk.max_risk_pct", "0.02"), kept("capital", SHARES)],
    )
    assert str(replayed.settings.risk.max_risk_pct) == "0.02"
    assert str(replayed.settings.capital.arb_budget_pct) == "0.9"
    assert replayed.loaded.settings["risk"] == replayed.settings.risk
    words = "changed while running by anna at 2025-12-01 12:00:00 UTC: too quiet"
    for key in ("risk.max_risk_pct", "capital.arb_budget_pct"):
        assert (replayed.loaded.source(key).origin, replayed.loaded.source(key).where) == ("change", words)
    assert replayed.loaded.source("risk.freeze_seconds").origin == "default"
    assert replayed.warnings == ()


def test_a_kept_change_that_no_longer_fits_is_named_and_left_out() -> None:
    """A start never fails on it: the key may be gone in a new version, the file may say otherwise now."""
    replayed = with_changes(
        SETTINGS,
        LOADED,
        [kept("risk.gone", "1"), kept("risk.max_risk_pct", "7"), kept("position.cooldown_seconds", "5")],
    )
    assert replayed.settings.risk == SETTINGS.risk
    assert replayed.settings.position.cooldown_seconds == 5
    assert len(replayed.warnings) == 2
    assert replayed.warnings[0].startswith("config set risk.gone: risk.gone is not known")
    assert all("changed while running by anna at 2025" in each and "\n" not in each for each in replayed.warnings)


def test_the_command_line_beats_what_was_kept() -> None:
    """Who starts the bot with ``--set`` has decided later than who changed it while it ran."""
    settings, loaded = load_settings(overrides=("risk.max_risk_pct=0.01",))
    replayed = with_changes(settings, loaded, [kept("risk.max_risk_pct", "0.03")])
    assert str(replayed.settings.risk.max_risk_pct) == "0.01"
    assert replayed.warnings[0].startswith("risk.max_risk_pct: --set risk.max_risk_pct beats what was changed")
