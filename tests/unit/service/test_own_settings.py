"""Extensions bring settings of their own: in the same section, checked like all others, handed to who is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.config import describe
from perpbot.core.errors import ConfigError
from perpbot.core.settings import setting, validate
from perpbot.risk.account import RiskManager
from perpbot.risk.settings import RiskSettings
from perpbot.service.configuration import SECTIONS, Settings, load_settings
from perpbot.service.extensions import make_exchanges
from perpbot.simulation.paper.exchange import PaperExchange
from tests.world import World, play

HERE = __name__


@dataclass(frozen=True, slots=True)
class MineSettings:
    """What a user's classes may be told."""

    patience_seconds: float = setting(5, gt=0, le=60, unit="seconds", help="how long to wait")
    share: Decimal = setting("0.5", ge=0, le=1, help="how much to take")

    def __post_init__(self) -> None:
        validate(self)


class Waiter:
    """A user's strategy."""

    settings_class = MineSettings

    def __init__(self, own: MineSettings) -> None:
        self.own = own

    def analyze(self, market_data: Mapping[str, Any]) -> list[Any]:
        del market_data
        return []


class Patient(RiskManager):
    """A user's risk rule."""

    settings_class = MineSettings

    def __init__(self, settings: RiskSettings, clock: Any, account: Any, exposure: Any, own: MineSettings) -> None:
        super().__init__(settings, clock, account, exposure)
        self.own = own


class Mine(PaperExchange):
    """A user's exchange; what it does is of no interest here."""

    settings_class = MineSettings

    def __init__(self, settings: Any, own: MineSettings) -> None:
        self.settings = settings
        self.own = own


FILE = f"""\
risk:
  class: "{HERE}:Patient"
  max_risk_pct: 0.02
  patience_seconds: 7
exchanges:
  mine:
    class: "{HERE}:Mine"
    taker_fee_pct: 0.0004
    share: 0.25
strategies:
  - class: "{HERE}:Waiter"
    patience_seconds: 9
"""


def load(tmp_path: Path, text: str = FILE) -> Settings:
    file = tmp_path / "perpbot.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file=file)[0]


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_their_keys_stand_beside_the_room_s_own(tmp_path: Path) -> None:
    """Each object gets what it declared, exact, with its defaults; the room's settings are as always."""
    settings = load(tmp_path)
    assert settings.risk.max_risk_pct == Decimal("0.02")
    assert settings.own("risk") == MineSettings(patience_seconds=7)
    assert settings.exchange("mine").taker_fee_pct == Decimal("0.0004")
    assert settings.own("exchanges.mine") == MineSettings(share=Decimal("0.25"))
    assert settings.own("strategies.0") == MineSettings(patience_seconds=9)
    assert settings.own("exchanges.okx") is None


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            "patience_seconds: 7",
            "patiense_seconds: 7",
            "4:3: risk.patiense_seconds is not known; did you mean patience_",
        ),
        ("patience_seconds: 7", "patience_seconds: 70", "4:21: risk.patience_seconds must be a number (seconds), more"),
        ("max_risk_pct: 0.02", "max_riks_pct: 0.02", "3:3: risk.max_riks_pct is not known; did you mean max_risk_pct?"),
        ("share: 0.25", "shares: 0.25", "9:5: exchanges.mine.shares is not known; did you mean share?"),
        ("share: 0.25", "share: '0.25'", "9:12: exchanges.mine.share must be a number, at least 0 and at most 1"),
        ("patience_seconds: 9", "patience: 9", "12:5: strategies.0.patience is not known; did you mean patience_seco"),
        ("patience_seconds: 9", "patience_seconds: 0", "12:23: strategies.0.patience_seconds must be a number"),
    ],
)
def test_they_are_checked_like_all_others(tmp_path: Path, before: str, after: str, words: str) -> None:
    """Line, column, nearest name of both, type and range."""
    assert FILE.count(before) == 1
    assert refusal(tmp_path, FILE.replace(before, after)).startswith(f"perpbot.yaml:{words}")


def test_they_are_handed_to_who_is_made(tmp_path: Path) -> None:
    """A rule gets them last, an exchange second, a strategy alone."""
    exchanges = make_exchanges(load(tmp_path))
    made = exchanges["mine"]
    assert isinstance(made, Mine)
    assert (made.own.share, made.settings.taker_fee_pct) == (Decimal("0.25"), Decimal("0.0004"))

    async def act(world: World) -> None:
        (waiter,) = world.service.strategies
        assert waiter.own == MineSettings(patience_seconds=9)
        manager = world.parts.manager
        assert isinstance(manager, Patient)
        assert manager.own == MineSettings(patience_seconds=7)

    listed = f"strategies=[{{class: '{HERE}:Waiter', patience_seconds: 9}}]"
    play(act, set_=(listed, f"risk.class={HERE}:Patient", "risk.patience_seconds=7"))


def test_they_are_explained_with_where_they_came_from(tmp_path: Path) -> None:
    """As any setting is."""
    settings = load(tmp_path)
    rows = {row.key: row for row in describe(SECTIONS, settings.loaded)}
    assert rows["risk.patience_seconds"].source.where.endswith("perpbot.yaml:4:21")
    assert rows["exchanges.mine.patience_seconds"].source.origin == "default"
    assert (rows["strategies.0.patience_seconds"].value, rows["strategies.0.patience_seconds"].help) == (
        9.0,
        "how long to wait",
    )


def test_a_class_that_cannot_be_loaded_does_not_stop_a_report(tmp_path: Path) -> None:
    """Who builds the service says so; who reads a database need not."""
    assert load(tmp_path, "risk: {class: 'no.such:Rule'}\n").own("risk") is None
