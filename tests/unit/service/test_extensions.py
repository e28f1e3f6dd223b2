"""What users add by their settings: risk rules and strategies."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from examples.exchange import SwingExchange
from perpbot.core.errors import ConfigError
from perpbot.core.verdicts import Verdict
from perpbot.risk.account import RiskManager
from perpbot.risk.settings import RiskSettings
from perpbot.risk.trades import Trade
from perpbot.service.configuration import Settings, load_settings
from perpbot.service.extensions import (
    check_classes,
    look_beside,
    make_exchanges,
    make_strategies,
    risk_manager_class,
)
from tests.world import World, play

HERE = __name__


class NothingOnFridays(RiskManager):
    """A user's rule with a bare answer."""

    def check(self, opportunity: Trade) -> Verdict:
        asked = super().check(opportunity)
        return (False, "it is Friday") if asked.approved else asked  # type: ignore[return-value]


class Watcher:
    """A user's strategy."""

    def __init__(self, size: Decimal = Decimal(1)) -> None:
        self.size = size
        self.seen: list[Mapping[str, Any]] = []

    def analyze(self, market_data: Mapping[str, Any]) -> list[Any]:
        self.seen.append(market_data)
        return []


class Needing(Watcher):
    """One that cannot do without its size."""

    def __init__(self, size: Decimal, **_: Any) -> None:
        super().__init__(size)


def test_the_risk_rule_of_the_settings_decides() -> None:
    """``risk.class`` takes the place of RiskManager; a rule that was named and ignored would be no rule."""

    async def act(world: World) -> None:
        assert isinstance(world.parts.manager, NothingOnFridays)
        world.edge()
        before = world.parts.capital.current_snapshot()
        assert (await world.execute()).reason == "custom"
        assert world.parts.capital.current_snapshot() == before

    play(act, set_=(f"risk.class={HERE}:NothingOnFridays",))


@pytest.mark.parametrize(
    ("path", "words"), [("no.such:Rule", "cannot be loaded"), (f"{HERE}:Watcher", "is not a risk rule")]
)
def test_a_risk_rule_that_is_none_is_refused(path: str, words: str) -> None:
    """One line that names the setting."""
    with pytest.raises(ConfigError, match=f"risk.class: .*{words}"):
        risk_manager_class(RiskSettings(class_=path))


def test_an_installed_risk_rule_is_named_shortly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its entry point under ``perpbot.risk``."""
    package = tmp_path / "friday-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: friday\nVersion: 1.0\n", encoding="utf-8")
    (package / "entry_points.txt").write_text(f"[perpbot.risk]\nfriday = {HERE}:NothingOnFridays\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert risk_manager_class(RiskSettings(class_="friday")) is NothingOnFridays


def test_the_strategies_of_the_settings_are_asked() -> None:
    """Each is made with what its entry says, and gets its desk."""

    async def act(world: World) -> None:
        await world.keep_quoting(2.2)
        (watcher,) = world.service.strategies
        assert watcher.size == Decimal("0.5")
        assert watcher.desk is world.service.desk
        assert len(watcher.seen) == 2

    listed = f"strategies=[{{class: '{HERE}:Watcher', size: 0.5}}]"
    play(act, running=True, set_=("arbitrage.enabled=false", listed))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"size": 1}, r"strategies\.0: has no class"),
        ({"class": "no.such:Strategy"}, r"strategies\.0\.class: .*cannot be loaded"),
        ({"class": f"{HERE}:HERE"}, r"strategies\.0\.class: .*is not a class"),
        ({"class": f"{HERE}:Watcher", "sise": 1}, r"strategies\.0\.sise is not known; did you mean size\?"),
        ({"class": f"{HERE}:Needing"}, r"strategies\.0\.size is missing"),
        ({"class": "decimal:Decimal"}, r"strategies\.0\.class: .*no strategy"),
    ],
)
def test_a_strategy_that_cannot_be_made_is_refused(entry: dict[str, Any], words: str) -> None:
    """One line that names the entry."""
    with pytest.raises(ConfigError, match=words) as caught:
        make_strategies([entry])
    assert "\n" not in str(caught.value)


def written(tmp_path: Path, *lines: str) -> Settings:
    """The settings of a configuration file."""
    file = tmp_path / "perpbot.yaml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_settings(file=file)[0]


def test_an_exchange_of_the_settings_is_made_with_its_settings(tmp_path: Path) -> None:
    """By its class, with what its entry says; one that is not enabled is not made."""
    own = "  mine: {class: 'examples.exchange:SwingExchange', min_order_size: 25}"
    off = "  idle: {class: 'examples.exchange:SwingExchange', enabled: false}"
    made = make_exchanges(written(tmp_path, "exchanges:", own, off, "  okx: {taker_fee_pct: 0.0004}"))
    assert list(made) == ["mine"]
    assert isinstance(made["mine"], SwingExchange)
    assert made["mine"].config.min_order_size == 25


def test_an_installed_exchange_needs_no_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry point under ``perpbot.exchanges`` makes the name known; it is used once it is named."""
    package = tmp_path / "swing-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: swing\nVersion: 1.0\n", encoding="utf-8")
    points = "[perpbot.exchanges]\nswing = examples.exchange:SwingExchange\n"
    (package / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(make_exchanges(written(tmp_path, "exchanges:", "  swing: {enabled: true}"))) == ["swing"]
    assert make_exchanges(written(tmp_path, "exchanges:", "  okx: {enabled: true}")) == {}
    with pytest.raises(ConfigError, match="exchanges.swimg is not known and has no class; did you mean swing"):
        written(tmp_path, "exchanges:", "  swimg: {enabled: true}")


def test_a_name_that_the_mode_has_already_is_refused(tmp_path: Path) -> None:
    """Two exchanges of one name could not be told apart."""
    settings = written(tmp_path, "exchanges:", "  okx: {class: 'examples.exchange:SwingExchange'}")
    with pytest.raises(ConfigError, match=r"perpbot.yaml:2:16: exchanges.okx.class: there is an exchange okx in"):
        make_exchanges(settings, {"okx"})


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            ("strategies:", f"  - class: '{HERE}:Watcher'", "    sise: 1"),
            r"perpbot.yaml:3:11: strategies.0.sise is not known; did you mean size\? \(allowed: size\)",
        ),
        (("risk:", "  class: 'nowhere:Rule'"), r"perpbot.yaml:2:10: risk.class: nowhere:Rule cannot be loaded"),
        (("strategies:", "  - class: 'nowhere:Plan'"), r"perpbot.yaml:2:12: strategies.0.class: nowhere:Plan cannot"),
        (("exchanges:", "  mine: {class: 'nowhere:Mine'}"), r"perpbot.yaml:2:17: exchanges.mine.class: nowhere:Mine"),
    ],
)
def test_a_class_is_looked_for_before_anything_runs(tmp_path: Path, lines: tuple[str, ...], words: str) -> None:
    """And the complaint begins with the place where it is named."""
    with pytest.raises(ConfigError, match=words):
        check_classes(written(tmp_path, *lines))


def test_a_module_is_found_beside_its_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After what is installed, so that no file beside it can take the place of a package."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "rule_beside.py").write_text(
        "from perpbot.risk import RiskManager\nclass Rule(RiskManager): ...\n", encoding="utf-8"
    )
    settings = written(tmp_path, "risk:", "  class: 'rule_beside:Rule'")
    with pytest.raises(ConfigError, match="No module named 'rule_beside'"):
        check_classes(settings)
    look_beside(tmp_path / "perpbot.yaml")
    check_classes(settings)
    assert sys.path[-1] == str(tmp_path.resolve())
