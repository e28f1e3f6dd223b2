"""YAML 1.2 as it was written, with every place; what is wrong is one line with its place."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.config.document import read_document
from perpbot.core.errors import ConfigError


def read(tmp_path: Path, text: str | bytes) -> Any:
    file = tmp_path / "perpbot.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    node = read_document(file)
    return node and node.plain()


def refusal(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("12:30", "12:30"),
        ("4:30", "4:30"),
        ("no", "no"),
        ("ON", "ON"),
        ("010", 10),
        ("0o17", 15),
        ("0x10", 16),
        ("-0", 0),
        ("+7", 7),
        ("1e-3", Decimal("0.001")),
        ("0.1", Decimal("0.1")),
        (".5", Decimal("0.5")),
        ("5.", Decimal(5)),
        ("0.30000000000000000001", Decimal("0.30000000000000000001")),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("0,5", "0,5"),
        ("5%", "5%"),
        ("nan", "nan"),
        ("2026-11-23", "2026-11-23"),
        ("=", "="),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("9" * 60, Decimal("9" * 60)),
        ("1e99999999999", "1e99999999999"),
        ("0x7c62aB", 0x7C62AB),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(tmp_path: Path, written: str, value: Any) -> None:
    """Neither sexagesimal numbers, nor booleans by other words, nor octal by a leading zero; numbers are exact."""
    read_value = read(tmp_path, f"key: {written}\n")["key"]
    assert read_value == value
    assert type(read_value) is type(value)


@pytest.mark.parametrize(("written", "value"), [(".inf", "Infinity"), ("-.INF", "-Infinity"), (".NaN", "NaN")])
def test_infinity_and_nan_are_kept_for_the_check_to_refuse(tmp_path: Path, written: str, value: str) -> None:
    """They are numbers to YAML; whether a setting takes them is not for the reader to say."""
    assert str(read(tmp_path, f"key: {written}\n")["key"]) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "perpbot.yaml:1:1: is empty; name at least one setting, or remove the file"),
        (" \n\n", "perpbot.yaml:1:1: is empty; name at least one setting, or remove the file"),
        ("risk:\n\tlimit: 1\n", "perpbot.yaml:2:1: not valid YAML: found character '\\t' that cannot start any token"),
        (
            "a: [1\n",
            (
                "perpbot.yaml:1:4: not valid YAML: a flow sequence does not end:"
                " expected ',' or ']', but got '<stream end>'"
            ),
        ),
        (
            "a: 1\nb: 'x\nc: 2\n",
            "perpbot.yaml:2:4: not valid YAML: a quoted scalar does not end: found unexpected end of stream",
        ),
        ("a:\n  b 1\n  c: 2\n", "perpbot.yaml:2:1: not valid YAML: the line has no colon; write key: value"),
        ("b 1\nc: 2\n", "perpbot.yaml:1:1: not valid YAML: the line has no colon; write key: value"),
        ("a: b: c\n", "perpbot.yaml:1:5: not valid YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2\n", "perpbot.yaml:2:1: not valid YAML: but found another document"),
        ("a: 1\nb: 2\na: 3\n", "perpbot.yaml:3:1: the key a stands twice; first at perpbot.yaml:1:1"),
        ("a: 1\n'a': 3\n", "perpbot.yaml:2:1: the key a stands twice; first at perpbot.yaml:1:1"),
        ("? [a]\n: 1\n", "perpbot.yaml:1:3: a key must be a name, not a list or mapping"),
        ("a: !python/object:os.system x\n", "perpbot.yaml:1:4: the tag !python/object:os.system is not known here"),
        ("a: !mine {}\n", "perpbot.yaml:1:4: the tag !mine is not known here"),
        ("%YAML 1.1\n---\na: no\n", "perpbot.yaml:1:1: only YAML 1.2 is read; remove the %YAML line"),
        ("# why\n%YAML 1.1\n---\na: no\n", "perpbot.yaml:2:1: only YAML 1.2 is read; remove the %YAML line"),
        ("a: " + "[" * 5000, "perpbot.yaml: not valid YAML: nested too deeply"),
        ("a: &a [*a]\n", "perpbot.yaml: not valid YAML: nested too deeply"),
        (b"a: 1\nb: \xff\n", "perpbot.yaml:2:4: not UTF-8 text; save the file as UTF-8"),
        (b"\xef\xbb\xbfa: 1\n", "perpbot.yaml:1:1: begins with a byte order mark; save the file as UTF-8 without it"),
        ("a: 1\n".encode("utf-16"), "perpbot.yaml:1:1: not UTF-8 text; save the file as UTF-8"),
    ],
)
def test_a_bad_file_is_one_line_with_its_place(tmp_path: Path, text: str | bytes, message: str) -> None:
    """Line and column count from 1; nothing is ever a traceback."""
    assert refusal(tmp_path, text) == message


def test_a_control_character_is_refused_at_its_place(tmp_path: Path) -> None:
    """It could hide text on a terminal, and nobody finds what cannot be seen."""
    assert refusal(tmp_path, "a: 1\nb: \x01\n") == "perpbot.yaml:2:4: has the unprintable character U+0001; remove it"
    assert refusal(tmp_path, "a: 1\0\n") == "perpbot.yaml:1:5: has the unprintable character U+0000; remove it"


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_quote_that_is_not_closed_is_named_where_it_begins(tmp_path: Path, quote: str) -> None:
    """Not at the next apostrophe of a comment, lines below, which it took for its end."""
    text = f"a: 1\nb: {quote}x\n# the exchange{quote}s own\nc: 2\n"
    assert refusal(tmp_path, text) == (
        "perpbot.yaml:2:4: not valid YAML: the quoted text that begins here does not end on its line"
    )


def test_a_bracket_that_is_not_closed_is_named_where_it_begins(tmp_path: Path) -> None:
    """Also where nothing but comments follows."""
    text = "a: [[1], 2]\nb:\n  c: {\n  # more\n"
    assert refusal(tmp_path, text) == "perpbot.yaml:3:6: not valid YAML: the bracket that begins here does not end"


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    """A few lines of aliases of aliases must not fill the memory."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "more than 20000 values; check its aliases" in refusal(tmp_path, "\n".join(lines))


def test_an_alias_stands_for_what_it_names(tmp_path: Path) -> None:
    """Anchors and aliases are plain YAML."""
    assert read(tmp_path, "a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_file_that_begins_with_many_empty_lines_is_read_at_once(tmp_path: Path) -> None:
    """Looking for a %YAML line behind them must not take longer with every line."""
    assert read(tmp_path, "\n" * 5_000 + "# none\n" + "a: 1\n") == {"a": 1}
    assert "only YAML 1.2" in refusal(tmp_path, "\n \n# a\n%YAML 1.1\n---\na: 1\n")


def test_a_file_of_comments_says_nothing(tmp_path: Path) -> None:
    """The file that `config init` writes has every setting commented out."""
    assert read(tmp_path, "# risk:\n#   max_risk_pct: 0.05\n") is None


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    """The file named on the command line must be there."""
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file; `perpbot config init .*none\.yaml` writes one$"):
        read_document(tmp_path / "none.yaml")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    """It exists, so "no such file" would mislead."""
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory$"):
        read_document(tmp_path)


def test_a_huge_file_is_not_read_into_memory(tmp_path: Path) -> None:
    """A recording given in place of the configuration is noticed by its size."""
    assert "larger than 4 MB; this is no configuration file" in refusal(tmp_path, b"#" * 4_000_001)
