"""Settings are frozen, exact and in range, whoever makes them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpbot.core.settings import SettingError, build, setting, setting_fields, shown, unknown, validate


@dataclass(frozen=True, slots=True)
class Weights:
    profit: Decimal = setting("0.5", ge=0, le=1)
    rest: Decimal = setting("0.5", ge=0, le=1)

    def __post_init__(self) -> None:
        validate(self)
        if self.profit + self.rest != 1:
            raise ValueError(f"profit + rest must be 1, not {self.profit + self.rest}")


@dataclass(frozen=True, slots=True)
class Sample:
    share: Decimal = setting("0.70", ge=0, le=1, unit="fraction", help="a share", live=True)
    count: int = setting(3, ge=1)
    wait_seconds: float = setting(0.5, gt=0, lt=60)
    on: bool = setting(True)
    mode: Literal["edge", "slippage"] = setting("edge")
    zone: str = setting("UTC", choices=("UTC", "local"))
    pools: tuple[str, ...] = setting(("wash", "reserve"))
    symbols: tuple[str, ...] | Literal["auto"] = setting("auto")
    costs: Mapping[str, Decimal] = setting({"gas": "0"}, ge=0)
    weights: Weights = setting(Weights())
    class_: str | None = setting(None)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True, slots=True)
class Entry:
    name: str = setting()

    def __post_init__(self) -> None:
        validate(self)


def complaint(**values: Any) -> str:
    with pytest.raises(SettingError) as caught:
        build(Sample, values)
    return str(caught.value)


def test_defaults_are_converted_like_any_value() -> None:
    """A default is written as text and is exact."""
    assert Sample().share == Decimal("0.70")
    assert Sample().costs == {"gas": Decimal(0)}


@given(st.decimals(0, 1, places=12), st.integers(1, 10**9))
def test_numbers_are_exact_however_they_are_given(share: Decimal, count: int) -> None:
    """As Decimal, text, or float by its shortest text."""
    assert Sample(share=share, count=count).share == share
    assert Sample(share=str(share)).share == share  # type: ignore[arg-type]
    assert Sample(share=float(share)).share == Decimal(repr(float(share)))  # type: ignore[arg-type]


def test_a_setting_made_in_code_is_checked_too() -> None:
    """Nobody gets around the ranges."""
    with pytest.raises(
        SettingError, match=r"^share must be a number \(fraction\), at least 0 and at most 1, not 1\.5$"
    ):
        Sample(share=Decimal("1.5"))
    with pytest.raises(SettingError, match=r"^wait_seconds must be a number, .* not nan, which is not finite$"):
        Sample(wait_seconds=float("nan"))


def test_settings_are_frozen_and_replaced_as_a_whole() -> None:
    """A change is a new object, checked like the first."""
    settings = Sample()
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.count = 5  # type: ignore[misc]
    assert dataclasses.replace(settings, count=5).count == 5
    with pytest.raises(SettingError):
        dataclasses.replace(settings, count=0)
    with pytest.raises(TypeError):
        settings.costs["gas"] = Decimal(1)  # type: ignore[index]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"share": True}, "share must be a number (fraction), at least 0 and at most 1, not true"),
        ({"share": "0.5"}, "share must be a number (fraction), at least 0 and at most 1, not the text '0.5'"),
        ({"share": None}, "share must be a number (fraction), at least 0 and at most 1, not nothing"),
        ({"count": Decimal("2.5")}, "count must be a whole number, at least 1, not 2.5"),
        ({"wait_seconds": 60}, "wait_seconds must be a number, more than 0 and less than 60, not 60"),
        ({"wait_seconds": Decimal("1e19")}, "not 1E+19, which is too far from 1 to be meant"),
        ({"on": 1}, "on must be true or false, not 1"),
        ({"mode": "x"}, "mode must be one of edge, slippage, not the text 'x'"),
        ({"zone": "CET"}, "zone must be one of UTC, local, not the text 'CET'"),
        ({"pools": "wash"}, "pools must be a list (each text), not the text 'wash'"),
        ({"pools": ["wash", 5]}, "pools.1 must be text, not 5"),
        ({"symbols": "all"}, "symbols must be a list (each text) or auto, not the text 'all'"),
        ({"symbols": [5]}, "symbols.0 must be text, not 5"),
        ({"costs": {"gas": -1}}, "costs.gas must be a number, at least 0, not -1"),
        ({"costs": [1]}, "costs must be a mapping (each value a number), at least 0, not a list"),
        ({"weights": 1}, "weights must be a mapping of settings, not 1"),
        ({"weights": {"profit": 2}}, "weights.profit must be a number, at least 0 and at most 1, not 2"),
        ({"weights": {"profit": 1}}, "weights is not consistent: profit + rest must be 1, not 1.5"),
        ({"weights": {"profits": 1}}, "weights.profits is not known; did you mean profit? (allowed: profit, rest)"),
        ({"class": 5}, "class must be text or nothing, not 5"),
        ({"mode": "x" * 99}, f"not the text '{'x' * 48}…'"),
    ],
)
def test_a_refusal_names_the_key_and_what_is_allowed(values: dict[str, Any], message: str) -> None:
    """One line, in the words of the file."""
    said = complaint(**values)
    assert said.endswith(message)
    assert said.startswith(next(iter(values)))
    assert "\n" not in said


def test_a_required_setting_must_be_given() -> None:
    """Some things have no default."""
    with pytest.raises(SettingError, match="^name is missing: text$"):
        build(Entry, {})
    assert build(Entry, {"name": "x"}) == Entry("x")


def test_nested_settings_may_be_objects_or_mappings() -> None:
    """In code and in a file."""
    built = build(Sample, {"weights": {"profit": Decimal("0.4"), "rest": Decimal("0.6")}})
    assert built.weights == Weights(Decimal("0.4"), Decimal("0.6"))


def test_fields_know_what_they_are() -> None:
    """Key, default, unit, range and meaning, for whoever explains them."""
    fields = {spec.key: spec for spec in setting_fields(Sample)}
    assert (fields["share"].setting.unit, fields["share"].setting.help, fields["share"].setting.live) == (
        "fraction",
        "a share",
        True,
    )
    assert fields["share"].default == Decimal("0.70")
    assert fields["class"].name == "class_"
    assert fields["zone"].expected() == "one of UTC, local"


def test_bounds_are_compared_exactly() -> None:
    """A tenth is a tenth, also where the bound was written as a float."""

    @dataclass(frozen=True, slots=True)
    class Tenth:
        value: Decimal = setting("0.1", ge=0.1, le=0.1)

        def __post_init__(self) -> None:
            validate(self)

    assert Tenth().value == Decimal("0.1")
    with pytest.raises(SettingError):
        Tenth(Decimal("0.10000000000000000001"))


def test_the_nearest_name_is_proposed_only_if_it_is_near() -> None:
    """A wrong proposal is worse than none."""
    assert unknown("max_riks_pct", ["max_risk_pct", "class"]).startswith("is not known; did you mean max_risk_pct?")
    assert unknown("zzz", ["max_risk_pct"]) == "is not known (allowed: max_risk_pct)"
    assert unknown("x", []) == "is not known (allowed: nothing)"


def test_values_are_shown_on_one_line() -> None:
    """Whatever they hold."""
    assert shown("a\nb\x1b") == r"the text 'a\nb\x1b'"
    values: list[Any] = [None, True, False, {}, [], Decimal("1.50")]
    assert [shown(value) for value in values] == [
        "nothing",
        "true",
        "false",
        "a mapping",
        "a list",
        "1.50",
    ]
