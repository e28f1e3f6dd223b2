"""The commented configuration file says everything and sets only what its profile sets."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from perpbot.config import describe
from perpbot.service.configuration import SECTIONS, load_settings
from perpbot.service.profiles import PROFILES, commented_file
from tests.configurations import in_force, setting_lines

SHARES = {"arbitrage": ("0", "0.9", "0.1"), "balanced": ("0.4", "0.5", "0.1"), "volume": ("0.7", "0.2", "0.1")}


def test_as_written_it_changes_nothing(tmp_path: Path) -> None:
    """Every value is the default, and says so."""
    file = tmp_path / "perpbot.yaml"
    file.write_text(commented_file(), encoding="utf-8")
    settings, loaded = load_settings(file=file)
    defaults, _ = load_settings()
    for name in SECTIONS:
        if name != "exchanges":
            assert getattr(settings, name) == getattr(defaults, name), name
    assert settings.exchange("paradex") == defaults.exchange("paradex")
    assert {row.source.origin for row in describe(SECTIONS, loaded)} == {"default"}


@pytest.mark.parametrize("profile", SHARES)
def test_a_profile_sets_the_shares_and_nothing_else(tmp_path: Path, profile: str) -> None:
    """0/90/10, 40/50/10 and 70/20/10 for hedged volume, arbitrage and reserve, explained in words."""
    file = tmp_path / "perpbot.yaml"
    file.write_text(commented_file(profile), encoding="utf-8")
    settings, loaded = load_settings(file=file)
    assert tuple(settings.capital.shares.values()) == tuple(map(Decimal, SHARES[profile]))
    stated = {row.key for row in describe(SECTIONS, loaded) if row.source.origin == "file"}
    assert stated == {"capital.wash_budget_pct", "capital.arb_budget_pct", "capital.reserve_pct"}
    words = " ".join(commented_file(profile).replace("#", " ").split())
    assert f"Profile {profile}: of each exchange's equity" in words
    assert PROFILES[profile].meaning in words


@pytest.mark.parametrize("profile", [None, *SHARES])
def test_with_every_line_of_settings_in_force_it_loads_and_is_the_same(tmp_path: Path, profile: str | None) -> None:
    """So that removing any one # cannot break the file, and every value shown is the one that holds."""
    file = tmp_path / "perpbot.yaml"
    file.write_text(in_force(commented_file(profile)), encoding="utf-8")
    settings, _ = load_settings(file=file)
    (tmp_path / "plain.yaml").write_text(commented_file(profile), encoding="utf-8")
    plain, _ = load_settings(file=tmp_path / "plain.yaml")
    for name in SECTIONS:
        if name != "notifications":  # what it shows of them is an example
            assert getattr(settings, name) == getattr(plain, name), name
    assert settings.notifications.webhook is not None


def test_every_setting_stands_in_it_once_with_its_meaning_range_and_default() -> None:
    """Nobody must look elsewhere for what a key is."""
    text = commented_file()
    words = " ".join(text.replace("#", " ").split())
    rows = describe(SECTIONS)
    assert {line.key.replace(".paradex.", ".<name>.") for line in setting_lines(text)} == {row.key for row in rows}
    for row in rows:
        assert f"{row.help}." in words
        assert " ".join(row.takes.split()) in words
    assert text.count("may change while running") == sum(row.live for row in rows)


def test_no_line_is_too_long_for_an_editor() -> None:
    """Comments are folded."""
    assert max(map(len, commented_file("balanced").splitlines())) <= 120
    assert not re.search(r"[ \t]$", commented_file(), re.MULTILINE)
