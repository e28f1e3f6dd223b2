"""Whatever is done to whichever key: one line, exit-code-2 error, at the right place."""

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perpbot.config import load
from perpbot.core.errors import ConfigError
from perpbot.core.settings import SettingField, setting_fields
from tests.unit.config.sections import SECTIONS, SINGLE

KEYS = [(name, spec) for name, cls in SINGLE.items() for spec in setting_fields(cls)]
NUMERIC = [(name, spec) for name, spec in KEYS if spec.annotation in {int, float, Decimal, Decimal | None}]
NOT_NUMBERS = ["12:30", "0,5", "5%", "true", "no", "'0.5'", "nan", "[1]", "{a: 1}", "1_000", "1e99999999999", "one"]
NOT_FINITE = [".nan", ".inf", "-.inf", "1e400", "-1e400", "1e-400", "9" * 400]

OR_NOTHING = " or nothing"  # said of a value of the wrong type, not of a number out of range

keys = st.sampled_from(KEYS)
comments = st.integers(0, 3)


def refusal(text: str) -> str:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "perpbot.yaml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load(SECTIONS, file=file)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{file}:").replace(OR_NOTHING, "")


def expected(spec: SettingField) -> str:
    return spec.expected().replace(OR_NOTHING, "")


def value_or_refusal(section: str, spec: SettingField, value: str) -> Any:
    try:
        settings = load(SECTIONS, overrides=[f"{section}.{spec.key}={value}"]).settings[section]
    except ConfigError as error:
        return str(error)
    return getattr(settings, spec.name)


def written(section: str, key: str, value: str, above: int) -> tuple[str, int, int]:
    """A file that sets one key, the line of that key, and the column of its value."""
    return "# a comment\n" * above + f"{section}:\n  {key}: {value}\n", above + 2, 5 + len(key)


@given(keys, st.integers(0, 30), st.sampled_from("xq_7"), comments)
def test_a_typo_is_refused_with_the_nearest_name(
    chosen: tuple[str, SettingField], place: int, letter: str, above: int
) -> None:
    """The line and column are those of the key, and the known keys are listed."""
    section, spec = chosen
    place = place % len(spec.key)
    typo = spec.key[:place] + letter + spec.key[place + 1 :]
    siblings = [other.key for other in setting_fields(SINGLE[section])]
    assume(typo not in siblings)
    text, line, _ = written(section, typo, "1", above)
    message = refusal(text)
    assert message.startswith(f"{line}:3: {section}.{typo} is not known")
    assert f"(allowed: {', '.join(sorted(siblings))})" in message
    if len(spec.key) > 4:
        assert "; did you mean " in message


@given(st.sampled_from(NUMERIC), st.sampled_from(NOT_NUMBERS + NOT_FINITE), comments)
def test_what_is_no_finite_number_is_refused_for_a_number(
    chosen: tuple[str, SettingField], value: str, above: int
) -> None:
    """Text, booleans, times of day, comma decimals, infinity, NaN and what floats cannot hold."""
    section, spec = chosen
    text, line, column = written(section, spec.key, value, above)
    message = refusal(text)
    assert message.startswith(f"{line}:{column}: {section}.{spec.key} must be {expected(spec)}, not ")


@given(st.sampled_from(NUMERIC), st.decimals(min_value=-10_000_000, max_value=10_000_000, places=6), comments)
def test_a_number_is_taken_exactly_if_and_only_if_it_is_in_range(
    chosen: tuple[str, SettingField], number: Decimal, above: int
) -> None:
    """The declared range is the one that is kept, at its ends too."""
    section, spec = chosen
    written_number = format(number, "f")
    whole = spec.annotation is not int or number == number.to_integral_value()
    text, line, column = written(section, spec.key, written_number, above)
    if whole and spec.setting.admits(number):
        outcome = value_or_refusal(section, spec, written_number)
        if not isinstance(outcome, str):
            assert outcome == (float(number) if spec.annotation is float else number)
        else:  # in range, but not beside the defaults of the other keys
            assert f"{section} is not consistent: " in outcome
    else:
        assert refusal(text).startswith(f"{line}:{column}: {section}.{spec.key} must be {expected(spec)}, not ")


@given(st.sampled_from(NUMERIC), st.sampled_from(["ge", "gt", "le", "lt"]))
def test_a_range_ends_where_it_says(chosen: tuple[str, SettingField], bound: str) -> None:
    """`at least` and `at most` take the bound, `more than` and `less than` do not."""
    section, spec = chosen
    limit = getattr(spec.setting, bound)
    assume(limit is not None)
    text, _, _ = written(section, spec.key, str(limit), 0)
    if bound in {"gt", "lt"}:
        assert f"must be {expected(spec)}, not {limit}" in refusal(text)
    else:
        assert spec.setting.admits(limit)


@given(keys, comments)
def test_a_key_that_stands_twice_is_refused(chosen: tuple[str, SettingField], above: int) -> None:
    """Also with the same value: one of the two lines is not what its author believes."""
    section, spec = chosen
    text, line, _ = written(section, spec.key, "1", above)
    message = refusal(f"{text}  {spec.key}: 1\n")
    assert message.startswith(f"{line + 1}:3: the key {spec.key} stands twice; first at ")
    assert message.endswith(f":{line}:3")


@given(keys, st.sampled_from(["{a: {}}", "[[1]]", "!odd 1", "\tx", "'"]), comments)
def test_nothing_but_a_config_error_ever_comes_out(chosen: tuple[str, SettingField], value: str, above: int) -> None:
    """No value of any shape is a traceback."""
    section, spec = chosen
    text, _, _ = written(section, spec.key, value, above)
    assert refusal(text)


@given(st.text(max_size=60))
def test_no_text_at_all_is_a_traceback(text: str) -> None:
    """A file of anything is settings or one line of refusal."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "perpbot.yaml"
        file.write_text(text, encoding="utf-8", errors="replace", newline="")
        try:
            outcome = str(load(SECTIONS, file=file))
        except ConfigError as error:
            outcome = str(error)
    assert "\n" not in outcome
