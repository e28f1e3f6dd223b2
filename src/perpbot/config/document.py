"""YAML 1.2 text to nodes, with line and column; whatever is wrong with it is one line.

Numbers are taken from the text as written: ``0.1`` is one tenth, ``0x10`` sixteen; ``12:30``, ``no`` and ``1_000`` are
text.
"""

import re
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.tokens import (
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    ScalarToken,
)

from perpbot.config.nodes import Node, Source
from perpbot.core.errors import ConfigError
from perpbot.core.settings import quoted

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = {_TAG + name for name in ("str", "timestamp", "value", "merge")}
_INTEGER = re.compile(r"[-+]?[0-9]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,9})?")
_SPECIAL = re.compile(r"(?P<infinity>[-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_OLD_VERSION = re.compile(r"\A(?:[ \t\r]*(?:#.*)?\n)*%YAML[ \t]+(?!1\.2\b)")
_BEGUN = re.compile(r"while (?:scanning|parsing) (a (?:quoted scalar|flow sequence|flow mapping|simple key))")
_MAX_NODES = 20_000
_MAX_BYTES = 4_000_000


def read_document(file: Path) -> Node | None:
    """The nodes of a YAML file, ``None`` if it says nothing. Raises `ConfigError`."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such file; `perpbot config init {file}` writes one") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    if len(raw) > _MAX_BYTES:
        raise ConfigError(f"{file}: larger than {_MAX_BYTES // 1_000_000} MB; this is no configuration file")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise ConfigError(f"{file}:{line}:{column}: not UTF-8 text; save the file as UTF-8") from None
    if text.startswith("\ufeff"):
        raise ConfigError(f"{file}:1:1: begins with a byte order mark; save the file as UTF-8 without it")
    if not text.strip():
        raise ConfigError(f"{file}:1:1: is empty; name at least one setting, or remove the file")
    return Reader(str(file), positions=True).read(text)


def read_value(text: str, source: Source) -> Node:
    """The node of a single value, as given with ``--set`` or in the environment. Raises `ConfigError`."""
    node = Reader(source.where, positions=False, origin=source.origin).read(text)
    return node or Node(None, source, source)


class Reader:
    """Turns one text into nodes; `positions` says whether a place is a line and column or the name alone."""

    def __init__(self, name: str, *, positions: bool, origin: Any = "file") -> None:
        self._name = name
        self._positions = positions
        self._origin = origin
        self._count = 0

    def read(self, text: str) -> Node | None:
        """The nodes of the text, ``None`` if it is empty. Raises `ConfigError`."""
        if _OLD_VERSION.match(text):
            raise ConfigError(f"{self._at(text, text.index('%YAML'))}: only YAML 1.2 is read; remove the %YAML line")
        try:
            with warnings.catch_warnings(action="ignore"):  # an anchor used twice is not the operator's concern
                composed = YAML(typ="safe", pure=True).compose(text)
            return None if composed is None else self._node(composed, self._source(composed.start_mark))
        except MarkedYAMLError as error:
            raise ConfigError(self._not_yaml(error, text)) from None
        except ReaderError as error:
            where, character = self._at(text, error.position), ord(text[error.position])
            raise ConfigError(f"{where}: has the unprintable character U+{character:04X}; remove it") from None
        except YAMLError as error:
            raise ConfigError(f"{self._name}: not valid YAML: {_one_line(str(error))}") from None
        except RecursionError:
            raise ConfigError(f"{self._name}: not valid YAML: nested too deeply") from None

    def _not_yaml(self, error: MarkedYAMLError, text: str) -> str:
        """What is wrong at its place; of what was begun and never ended that is where it began."""
        quote = _runaway_quote(error, text)
        if quote is not None:
            return f"{self._where(quote)}: not valid YAML: the quoted text that begins here does not end on its line"
        begun = _BEGUN.match(error.context or "")
        if begun and error.context_mark is not None:
            place, problem = self._where(error.context_mark), _one_line(error.problem)
            return f"{place}: not valid YAML: {begun[1]} does not end: {problem}"
        lines = text.splitlines()
        if self._positions and "<stream end>" in (error.problem or ""):
            return f"{self._where(_open_bracket(text))}: not valid YAML: the bracket that begins here does not end"
        bare = _bare_line(error, lines)
        if bare and self._positions:
            return f"{self._name}:{bare}:1: not valid YAML: the line has no colon; write key: value"
        return f"{self._where(error.problem_mark)}: not valid YAML: {_one_line(error.problem)}"

    def _node(self, composed: Any, key_source: Source) -> Node:
        self._count += 1
        if self._count > _MAX_NODES:
            raise ConfigError(f"{self._name}: more than {_MAX_NODES} values; check its aliases")
        source = self._source(composed.start_mark)
        if isinstance(composed, ScalarNode):
            if not (composed.value or composed.style):
                source = key_source  # an empty value has no place of its own: YAML puts it where the next thing begins
            return Node(self._scalar(composed, source), source, key_source, composed.value)
        known = {MappingNode: "map", SequenceNode: "seq"}.get(type(composed))
        if known is None or composed.tag != _TAG + known:
            raise ConfigError(f"{source.where}: the tag {_one_line(str(composed.tag))} is not known here")
        if known == "seq":
            return Node([self._node(item, source) for item in composed.value], source, key_source)
        return Node(self._mapping(composed), source, key_source)

    def _mapping(self, composed: MappingNode) -> dict[str, Node]:
        nodes: dict[str, Node] = {}
        for key_node, value_node in composed.value:
            key_source = self._source(key_node.start_mark)
            if not isinstance(key_node, ScalarNode):
                raise ConfigError(f"{key_source.where}: a key must be a name, not a list or mapping")
            key = key_node.value
            if key in nodes:
                first = nodes[key].key_source.where
                raise ConfigError(f"{key_source.where}: the key {quoted(key)} stands twice; first at {first}")
            nodes[key] = self._node(value_node, key_source)
        return nodes

    def _scalar(self, composed: ScalarNode, source: Source) -> Any:
        tag, text = str(composed.tag), composed.value
        if tag in _TEXT_TAGS:
            return text
        if tag == _TAG + "null":
            return None
        if tag == _TAG + "bool" and text.lower() in {"true", "false"}:
            return text.lower() == "true"
        if tag in {_TAG + "int", _TAG + "float"}:
            return _number(text)
        raise ConfigError(f"{source.where}: the tag {_one_line(tag)} is not known here")

    def _source(self, mark: Any) -> Source:
        return Source(self._origin, self._where(mark))

    def _at(self, text: str, index: int) -> str:
        """The place of a character of the text."""
        if not self._positions:
            return self._name
        line, column = text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
        return f"{self._name}:{line}:{column}"

    def _where(self, mark: Any) -> str:
        if not self._positions or mark is None:
            return self._name
        return f"{self._name}:{mark.line + 1}:{mark.column + 1}"


def _runaway_quote(error: MarkedYAMLError, text: str) -> Any:
    """Where a quote begins that is not closed, and took an apostrophe lines below for its end; ``None``: none does."""
    ends = {mark.line for mark in (error.context_mark, error.problem_mark) if mark is not None}
    found = None
    try:
        for token in YAML(typ="safe", pure=True).scan(text):
            quoted_text = isinstance(token, ScalarToken) and token.style in {"'", '"'}
            if quoted_text and token.start_mark.line < token.end_mark.line and token.end_mark.line in ends:
                found = token.start_mark
    except YAMLError:
        return found
    return found


def _open_bracket(text: str) -> Any:
    """Where the last bracket that nothing closes begins."""
    begun = []
    for token in YAML(typ="safe", pure=True).scan(text):
        if isinstance(token, FlowSequenceStartToken | FlowMappingStartToken):
            begun.append(token.start_mark)
        elif isinstance(token, FlowSequenceEndToken | FlowMappingEndToken):
            begun.pop()
    return begun[-1] if begun else None


def _bare_line(error: MarkedYAMLError, lines: list[str]) -> int | None:
    """The number of the line without a colon that YAML read together with the next one, if that is what is wrong."""
    if error.problem_mark is None or not (error.problem or "").startswith("mapping values are not allowed"):
        return None
    above = [(number, line) for number, line in enumerate(lines[: error.problem_mark.line], 1) if line.strip()]
    number, line = above[-1] if above else (0, ":")
    return None if ":" in line or line.lstrip().startswith("#") else number


def _number(text: str) -> int | Decimal | str:
    """What YAML 1.2's core schema makes of the text: exact, or text again if it only looks like a number."""
    if _INTEGER.fullmatch(text):
        return int(text)
    if re.fullmatch(r"0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}", text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return Decimal(text)
    special = _SPECIAL.fullmatch(text)
    if special:
        sign = special["infinity"]
        return Decimal("NaN") if sign is None else Decimal(f"{sign}Infinity")
    return text


def _one_line(text: str | None) -> str:
    return " ".join((text or "cannot be read").split())[:200]
