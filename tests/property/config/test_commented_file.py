"""Whatever is done to whichever key of the commented file: refused at its line, or read exactly as YAML 1.2 has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from difflib import SequenceMatcher
from pathlib import Path
from tempfile import TemporaryDirectory
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpbot.cli.command_line import run
from perpbot.config import Each, plain
from perpbot.core.errors import ConfigError
from perpbot.core.settings import Setting, SettingField, setting_fields
from perpbot.service.configuration import SECTIONS, Settings, load_settings
from perpbot.service.profiles import commented_file
from tests.configurations import SettingLine, in_force, setting_lines

TEXT = re.sub(r"(?m)^ *# .*$", "", in_force(commented_file("balanced")))
"""The file with every key in force; comments are blanked, so that it is read faster and lines keep their numbers."""
LINES = TEXT.splitlines()
KEYS = setting_lines(TEXT)
NUMBERS = {int, float, Decimal}
NEVER_A_NUMBER = [
    "'0.5'", "five", "true", "no", "ON", "yes", "[1]", "{a: 1}", "5%", "0,5", "12:30", "4:30", "1_000", "nan", "inf",
    ".nan", ".NaN", ".inf", "-.inf", "1e400", "-1e400", "1e99999999999", "9" * 400, "0b11", "2026-11-23", "!!str 1",
]  # fmt: skip
NEVER_A_SWITCH = [
    "1",
    "0",
    "no",
    "ON",
    "off",
    "yes",
    "y",
    "'true'",
    "[true]",
    "{a: true}",
    "1e-3",
    "0x1",
    "12:30",
    "null",
]
NEVER_A_WORD = ["1", "0.5", "true", "[a]", "{a: b}", "010", "0x7c62", "1e-3", ".nan", "''", "' '", "no such word"]
NEVER_A_LIST = ["1", "true", "no such word", "{a: b}", "[1]", "[true]", "[[a]]", "[null]", "12:30", "1e-3", ".inf"]
NEVER_A_MAPPING = ["1", "true", "text", "[a]", "{a: 1}", "12:30", "1e-3", ".nan", "null"]


def spec_of(line: SettingLine) -> SettingField:
    """What the setting of a line knows of itself."""
    section, *path = line.key.split(".")
    found = SECTIONS[section]
    cls: Any = found.cls if isinstance(found, Each) else found
    for name in path[1:-1] if isinstance(found, Each) else path[:-1]:
        cls = next(spec for spec in setting_fields(cls) if spec.key == name).inner
    return next(spec for spec in setting_fields(cls) if spec.key == path[-1])


def with_line(number: int, *lines: str) -> str:
    """The file with other lines in place of one."""
    return "\n".join([*LINES[: number - 1], *lines, *LINES[number:]]) + "\n"


def alone(text: str, line: SettingLine) -> str:
    """Only the section of a line, at its old line numbers: the rest would say the same and take longer to read."""
    rows = text.splitlines()
    begin = max(i for i in range(line.number) if re.match("[a-z]", rows[i]))
    end = next((i for i in range(begin + 1, len(rows)) if re.match("[a-z]", rows[i])), len(rows))
    return "\n" * begin + "\n".join(rows[begin:end]) + "\n"


def outcome(text: str) -> Settings | str:
    """The settings, or the one line that refuses them without the file's name."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "perpbot.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            settings, _ = load_settings(file=file)
        except ConfigError as error:
            message = str(error)
            assert "\n" not in message
            assert message.startswith(f"{file}:")
            return message.removeprefix(f"{file}:").replace(str(file), "FILE")
        return settings


def refusal(text: str, told: str = "") -> str:
    found = outcome(text)
    if not isinstance(found, str):
        pytest.fail(f"taken: {told}")
    return found


def value_of(settings: Settings, line: SettingLine) -> Any:
    found: Any = settings
    for name in line.key.split("."):
        found = (
            found[name]
            if not hasattr(found, "__dataclass_fields__")
            else getattr(found, name.replace("class", "class_"))
        )
    return found


def typos(name: str, places: Iterable[int]) -> Iterator[str]:
    """Slips of the finger: a letter too few, too many, two swapped, another one, capitals."""
    for i in places:
        yield name[:i] + name[i + 1 :]
        yield name[: i + 1] + name[i:]
        yield name[:i] + name[i + 1 : i + 2] + name[i] + name[i + 2 :]
    yield name.upper()
    yield f"{name}s"


def likeness(a: str, b: str) -> float:
    return SequenceMatcher(None, b, a).ratio()


def kind(spec: SettingField) -> str:
    members = set(get_args(spec.annotation)) - {NoneType}
    annotation = spec.annotation if get_origin(spec.annotation) in {Literal, tuple} or not members else None
    if spec.inner:
        return "mapping"
    if NUMBERS & {spec.annotation, *members} and get_origin(spec.annotation) is not tuple:
        return "number" if spec.name != "borrow_from" else "mapping"
    if spec.annotation is bool or bool in members:
        return "switch"
    if annotation is None and any(get_origin(each) is tuple for each in members):
        return "list"
    if get_origin(spec.annotation) is tuple:
        return "list"
    return "mapping" if "Mapping" in str(spec.annotation) else "word"


WRONG = {
    "number": NEVER_A_NUMBER,
    "switch": NEVER_A_SWITCH,
    "word": NEVER_A_WORD,
    "list": NEVER_A_LIST,
    "mapping": NEVER_A_MAPPING,
}


def out_of_range(spec: SettingField) -> Iterator[str]:
    """The first numbers beyond each bound, and far ones."""
    bounds, step = spec.setting, Decimal(1) if spec.annotation is int else Decimal("1e-9")
    for bound, sign in ((bounds.ge, -1), (bounds.le, 1)):
        if bound is not None:
            yield format(Decimal(str(bound)) + sign * step, "f")
            yield format(Decimal(str(bound)) + sign * 1_000_000, "f")
    for bound in (bounds.gt, bounds.lt):
        if bound is not None:
            yield str(bound)
    yield "1e30"
    yield "-1e17"


@pytest.fixture(scope="module", autouse=True)
def _sound() -> None:
    """What is mutated here is right before it is."""
    assert isinstance(outcome(TEXT), Settings)
    assert len(KEYS) > 80


def ids(line: SettingLine) -> str:
    return line.key


each_key = pytest.mark.parametrize("line", KEYS, ids=ids)


@each_key
def test_a_typo_is_refused_at_its_line_with_the_right_name(line: SettingLine) -> None:
    """A letter at either end and in the middle dropped, doubled, swapped; the name that was meant is proposed."""
    siblings = {other.name for other in KEYS if other.key.rpartition(".")[0] == line.key.rpartition(".")[0]}
    for typo in dict.fromkeys(typos(line.name, {0, len(line.name) // 2, len(line.name) - 1})):
        if typo in siblings or not typo:
            continue
        written = f"{' ' * line.indent}{typo}: {line.value}"
        message = refusal(alone(with_line(line.number, written), line))
        assert message.startswith(f"{line.number}:{line.indent + 1}: "), message
        assert "is not known; did you mean " in message, message
        if len(line.name) > 4:
            proposed = re.search(r"did you mean (\w+)\?", message)
            assert proposed is not None
            assert likeness(typo, proposed[1]) >= likeness(typo, line.name), message


@each_key
def test_a_blank_at_the_end_of_a_key_is_refused(line: SettingLine) -> None:
    """Within quotes it belongs to the key, and is shown; outside them it is none."""
    for quote in "'\"":
        written = f"{' ' * line.indent}{quote}{line.name} {quote}: {line.value}"
        message = refusal(alone(with_line(line.number, written), line))
        assert message.startswith(f"{line.number}:{line.indent + 1}: ")
        assert f"'{line.name} ' is not known; did you mean {line.name}?" in message
    assert isinstance(
        outcome(alone(with_line(line.number, f"{' ' * line.indent}{line.name} : {line.value}"), line)), Settings
    )


@each_key
def test_a_key_on_the_wrong_level_is_refused_with_its_section(line: SettingLine) -> None:
    """On the top level, and in another section; the line is that of the key."""
    home = re.sub(r"^exchanges\.paradex$", "exchanges", line.key.rpartition(".")[0])
    message = refusal(with_line(line.number, "") + f"{line.name}: {line.value}\n")
    assert message.startswith(f"{len(LINES) + 1}:1: {line.name} is not known")
    assert re.search(rf"; {line.name} belongs under .*\b{re.escape(home)}\b", message), message
    other = "display" if line.name == "durability" else "journal"
    below = LINES.index(f"{other}:") + 1
    moved = with_line(below, f"{other}:", f"  {line.name}: {line.value}")
    message = refusal(moved)
    assert message.startswith(f"{below + 1}:3: {other}.{line.name} is not known")
    assert re.search(rf"; {line.name} belongs under .*\b{re.escape(home)}\b", message), message


@each_key
def test_a_key_that_stands_twice_is_refused_at_the_second(line: SettingLine) -> None:
    """With the line of the first; the same value is no excuse."""
    again = LINES[line.number - 1]
    message = refusal(alone(with_line(line.number, again, again), line))
    told = f"{line.number + 1}:{line.indent + 1}: the key {line.name} stands twice; first at FILE:{line.number}:"
    assert message.startswith(told)


@each_key
def test_a_value_of_the_wrong_kind_is_refused_at_its_place(line: SettingLine) -> None:
    """Text, switches, lists, times of day, comma decimals, percent signs, NaN, infinity: none is taken for another."""
    spec = spec_of(line)
    for value in WRONG[kind(spec)]:
        if value == "null" and spec.left_out:
            continue
        message = refusal(alone(changed(line, value), line), value)
        assert message.startswith(f"{line.number}:"), (value, message)
        assert line.key in message, (value, message)


@each_key
def test_nothing_is_refused_where_something_is_needed(line: SettingLine) -> None:
    """An empty value is a key whose value was forgotten; some settings say that they may be nothing."""
    for value in ("", "null", "~"):
        found = outcome(alone(changed(line, value), line))
        if spec_of(line).left_out:
            assert isinstance(found, Settings)
            assert value_of(found, line) is None
        else:
            assert isinstance(found, str)
            assert found.startswith(f"{line.number}:")
            assert line.key in found


@each_key
def test_a_number_out_of_range_is_refused_on_either_side(line: SettingLine) -> None:
    """Just beyond the bound and far beyond it; the range is told."""
    spec = spec_of(line)
    if kind(spec) != "number":
        return
    bounded: Setting = spec.setting
    assert bounded.ge is not None or bounded.gt is not None
    for value in out_of_range(spec):
        message = refusal(alone(changed(line, value), line), value)
        told = f"{line.number}:{line.column}: {line.key} must be {spec.expected()}, not ".replace(" or nothing", "")
        assert message.startswith(told), message


@each_key
def test_what_yaml_1_2_knows_as_a_number_is_read_exactly_or_refused(line: SettingLine) -> None:
    """``1e-3`` is a thousandth, ``010`` ten, ``0x10`` sixteen; where they do not fit it is for their size."""
    spec = spec_of(line)
    if kind(spec) != "number":
        return
    for value, meant in (
        ("1e-3", "0.001"),
        ("010", "10"),
        ("0x10", "16"),
        ("0o17", "15"),
        ("5E-1", "0.5"),
        (".5", "0.5"),
    ):
        found = outcome(alone(changed(line, value), line))
        if isinstance(found, Settings):
            taken = value_of(found, line)
            assert Decimal(str(taken)) == Decimal(meant)
        else:
            fits = spec.setting.admits(Decimal(meant)) and (spec.annotation is not int or "." not in meant)
            assert (" is not consistent: " if fits else " must be ") in found


@each_key
def test_broken_yaml_is_refused_at_the_line_that_is_broken(line: SettingLine) -> None:
    """Tabs, what never ends, a missing colon, a colon too many, and a blank too many before the key."""
    blanks, key, value = " " * line.indent, line.name, line.value
    for written in (
        f"\t{key}: {value}",
        f"{blanks}\t{key}: {value}",
        f"{blanks}{key}: [",
        f"{blanks}{key}: {{a",
        f"{blanks}{key}: 'five",
        f'{blanks}{key}: "five',
        f"{blanks}{key}: a: b",
        f"{blanks}{key}: @5",
        f"{blanks}{key}: *none",
        f"{blanks}{key}: !odd 1",
        f"{blanks}{key} 5",
        f"{blanks}{key}: 5 }}",
    ):
        message = refusal(alone(with_line(line.number, written), line))
        assert message.startswith(f"{line.number}:"), (written, message)


def changed(line: SettingLine, value: str) -> str:
    """The file with another value at a key."""
    return with_line(line.number, f"{' ' * line.indent}{line.name}: {value}".rstrip())


@given(st.sampled_from(KEYS), st.data())
def test_in_the_whole_file_a_slip_is_found_too(line: SettingLine, data: st.DataObject) -> None:
    """As above, with every other section beside it."""
    typo = data.draw(st.sampled_from([each for each in typos(line.name, range(len(line.name))) if each != line.name]))
    message = refusal(with_line(line.number, f"{' ' * line.indent}{typo}: {line.value}"))
    assert message.startswith((f"{line.number}:{line.indent + 1}: ", f"{line.number}:"))


@each_key
def test_the_command_ends_with_2_and_one_line(
    line: SettingLine, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused here is refused by every command that reads the file."""
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    file = tmp_path / "perpbot.yaml"
    file.write_text(
        alone(with_line(line.number, f"{' ' * line.indent}x{line.name}: {line.value}"), line), encoding="utf-8"
    )
    assert run(["config", "check", str(file)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{file}:{line.number}:" in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("start", ["\ufeff", "\ufeff# a comment\n"])
def test_a_byte_order_mark_is_refused(start: str) -> None:
    """An editor put it there, and nobody sees it."""
    assert refusal(start + TEXT).startswith("1:1: begins with a byte order mark")


def test_the_defaults_shown_are_those_in_force() -> None:
    """What the file shows of a key is what holds without it."""
    shown = outcome(TEXT)
    assert isinstance(shown, Settings)
    for line in KEYS:
        spec = spec_of(line)
        if not spec.required and not line.key.startswith("capital."):
            assert plain(value_of(shown, line)) == plain(spec.default), line.key
