"""How every room declares its settings: frozen dataclasses whose fields know their unit, range and meaning.

    @dataclass(frozen=True, slots=True)
    class CapitalSettings:
        '''Pools and safe mode.'''

        wu_size: Decimal = setting("10000", gt=0, unit="USD", help="assumed equity until a balance is read")

        def __post_init__(self) -> None:
            validate(self)

`validate` converts each value exactly (``0.7`` becomes ``Decimal("0.7")``) and refuses with a `SettingError` what is
not finite, not of the declared type or out of range. Rules across fields follow it in ``__post_init__`` as
``ValueError``. Field types: bool, int, float, Decimal, str, Literal, ``tuple[X, ...]``, ``Mapping[str, X]``, another
settings class, and unions of these. A trailing underscore is not part of the key: field ``class_`` is key ``class``.
"""

import difflib
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Number = int | float | Decimal
Tighter = Literal["lower", "higher", "either", "neither"]
"""Which way a change takes risk away: to a lower value, to a higher one; either: any change may add risk; neither: none
does. False is lower than true."""
SettingsT = TypeVar("SettingsT")

_METADATA = "perpbot.setting"
_DECLARED: dict[type, tuple["SettingField", ...]] = {}  # a class never changes, and is asked for often
_MAX_EXPONENT = 18  # beyond a quintillion, or below its inverse, a number is a slip of the finger
_SHOWN_CHARACTERS = 48
"""More than what makes a run of hex digits a secret: the beginning of a key must still look like one to be hidden."""


class SettingError(ValueError):
    """A value that a setting cannot take. `path` leads to it; `at_key` says that the key itself is what is wrong."""

    def __init__(self, message: str, path: tuple[str, ...] = (), *, at_key: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.at_key = at_key

    def __str__(self) -> str:
        return f"{'.'.join(map(quoted, self.path))} {self.message}".strip()

    def under(self, *path: str) -> "SettingError":
        """The same error as seen from further up."""
        return type(self)(self.message, (*path, *self.path), at_key=self.at_key)


class WrongTypeError(SettingError):
    """A value of another type than the setting's: in a union the next member may still take it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a field knows beside its type: meaning, unit, bounds, choices, and whether it may change while running.

    `tighter` says of one that may, which way takes risk away. What is `masked` may hold a token: it is never shown.
    """

    help: str = ""
    unit: str = ""
    ge: Number | str | None = None
    gt: Number | str | None = None
    le: Number | str | None = None
    lt: Number | str | None = None
    choices: tuple[str, ...] = ()
    live: bool = False
    tighter: Tighter = "either"
    masked: bool = False

    def admits(self, number: Number) -> bool:
        """Whether the number is within the bounds, compared exactly."""
        value = _exact(number)
        return (
            (self.ge is None or value >= _exact(self.ge))
            and (self.gt is None or value > _exact(self.gt))
            and (self.le is None or value <= _exact(self.le))
            and (self.lt is None or value < _exact(self.lt))
        )

    def allowed(self) -> str:
        """The bounds or choices in words, empty without any: ``more than 0 and at most 1``."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        bounds = {"at least": self.ge, "more than": self.gt, "at most": self.le, "less than": self.lt}
        return " and ".join(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting of a class, for those that explain it: key, attribute name, type and what it knows."""

    key: str
    name: str
    annotation: Any
    setting: Setting
    default: Any
    required: bool

    @property
    def inner(self) -> type | None:
        """The settings class of one that is a mapping of settings."""
        types_ = (self.annotation, *get_args(self.annotation))
        return next((each for each in types_ if isinstance(each, type) and is_dataclass(each)), None)

    @property
    def left_out(self) -> bool:
        """Whether it may be nothing."""
        return types.NoneType in get_args(self.annotation)

    def expected(self) -> str:
        """What the setting takes, in words: ``a number, at least 0 and at most 1``."""
        return _expected(self.annotation, self.setting)


def setting(
    default: Any = MISSING,
    *,
    help: str = "",  # noqa: A002 - the field's meaning is called help everywhere a user meets it
    unit: str = "",
    ge: Number | str | None = None,
    gt: Number | str | None = None,
    le: Number | str | None = None,
    lt: Number | str | None = None,
    choices: Iterable[str] = (),
    live: bool | Tighter = False,
    masked: bool = False,
) -> Any:
    """A settings field. `default` is converted like any value (``"0.70"`` is exact); without one it is required.

    `live` is given to what may change while the program runs, as the way that takes risk away; true is "either".
    What is `masked` is never shown: it may hold a token.
    """
    tighter: Tighter = "either" if isinstance(live, bool) else live
    metadata = {_METADATA: Setting(help, unit, ge, gt, le, lt, tuple(choices), bool(live), tighter, masked)}
    if isinstance(default, dict | list):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def validate(settings: Any) -> None:
    """Convert and check every field of a settings object in place. Call it first in ``__post_init__``.

    Raises `SettingError` naming the first field that is wrong.
    """
    for spec in setting_fields(type(settings)):
        try:
            value = convert(spec.annotation, getattr(settings, spec.name), spec.setting)
        except SettingError as error:
            raise error.under(spec.key) from None
        object.__setattr__(settings, spec.name, value)


def setting_fields(cls: type) -> tuple[SettingField, ...]:
    """The settings of a class in the order of declaration."""
    if cls not in _DECLARED:
        hints = get_type_hints(cls)
        _DECLARED[cls] = tuple(_setting_field(declared, hints[declared.name]) for declared in fields(cls))
    return _DECLARED[cls]


def build(cls: type[SettingsT], values: Mapping[str, Any], *, strict: bool = True) -> SettingsT:
    """Make a settings object from keys and values as a file has them.

    With `strict`, text is not taken for a number. Raises `SettingError` for unknown, missing and wrong keys.
    """
    specs = {spec.key: spec for spec in setting_fields(cls)}
    chosen: dict[str, Any] = {}
    for key, value in values.items():
        if key not in specs:
            raise SettingError(unknown(key, specs), (str(key),), at_key=True)
        try:
            chosen[specs[key].name] = convert(specs[key].annotation, value, specs[key].setting, strict=strict)
        except SettingError as error:
            raise error.under(key) from None
    for spec in specs.values():
        if spec.required and spec.name not in chosen:
            raise SettingError(f"is missing: {spec.expected()}", (spec.key,))
    try:
        return cls(**chosen)
    except SettingError:
        raise
    except ValueError as error:  # a rule across fields, raised by __post_init__
        raise SettingError(f"is not consistent: {error}") from error


def unknown(name: object, known: Iterable[str]) -> str:
    """The end of a sentence on a name nobody knows: the nearest one and those that are allowed."""
    names = sorted(known)
    nearest = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    question = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"is not known{question} (allowed: {', '.join(names) or 'nothing'})"


def convert(annotation: Any, value: Any, setting: Setting, *, strict: bool = False) -> Any:
    """The value as the annotated type has it, exact and within the setting's bounds; raises `SettingError`."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _convert_union(annotation, value, setting, strict=strict)
    if origin is Literal:
        return _require(value, isinstance(value, str) and value in get_args(annotation), annotation, setting)
    if origin is tuple:
        return _convert_tuple(annotation, value, setting, strict=strict)
    if origin is not None and issubclass(origin, Mapping):
        return _convert_mapping(annotation, value, setting, strict=strict)
    if is_dataclass(annotation) and isinstance(annotation, type):
        if isinstance(value, annotation):
            return value
        return build(annotation, _require(value, isinstance(value, Mapping), annotation, setting), strict=strict)
    if annotation in (int, float, Decimal):
        return _convert_number(annotation, value, setting, strict=strict)
    if annotation is Any:
        return value
    wanted = isinstance(value, annotation) and (not setting.choices or value in setting.choices)
    return _require(value, wanted, annotation, setting)


def quoted(name: str) -> str:
    """A key as an error message shows it: as it is, unless its end or its characters would not be seen."""
    plain = name.isprintable() and name == name.strip() and 0 < len(name) <= _SHOWN_CHARACTERS
    return name if plain else repr(name[:_SHOWN_CHARACTERS])


def shown(value: Any) -> str:
    """A value as an error message shows it: short, on one line, in the words of the file."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, str):
        text = value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}…"
        return f"the text {text!r}"
    return "a list" if isinstance(value, Sequence) else str(value)[:_SHOWN_CHARACTERS]


def _setting_field(declared: Field[Any], annotation: Any) -> SettingField:
    setting = declared.metadata.get(_METADATA, Setting())
    default = declared.default
    if declared.default_factory is not MISSING:
        default = declared.default_factory()
    required = default is MISSING
    if not required:
        default = convert(annotation, default, setting)
    return SettingField(declared.name.removesuffix("_"), declared.name, annotation, setting, default, required)


def _require(value: Any, condition: bool, annotation: Any, setting: Setting) -> Any:
    if not condition:
        raise WrongTypeError(_complaint(value, annotation, setting))
    return value


def _complaint(value: Any, annotation: Any, setting: Setting) -> str:
    return f"must be {_expected(annotation, setting)}, not {shown(value)}"


def _convert_union(annotation: Any, value: Any, setting: Setting, *, strict: bool) -> Any:
    for member in get_args(annotation):
        try:
            return convert(member, value, setting, strict=strict)
        except WrongTypeError as error:
            if error.path:  # the right kind of container, with something wrong inside
                raise
    raise WrongTypeError(_complaint(value, annotation, setting))


def _convert_tuple(annotation: Any, value: Any, setting: Setting, *, strict: bool) -> tuple[Any, ...]:
    member = get_args(annotation)[0]
    _require(value, isinstance(value, Sequence) and not isinstance(value, str), annotation, setting)
    return tuple(_convert_item(str(i), member, item, setting, strict=strict) for i, item in enumerate(value))


def _convert_mapping(annotation: Any, value: Any, setting: Setting, *, strict: bool) -> Mapping[str, Any]:
    member = get_args(annotation)[1]
    _require(value, isinstance(value, Mapping), annotation, setting)
    items = {str(key): _convert_item(str(key), member, item, setting, strict=strict) for key, item in value.items()}
    return types.MappingProxyType(items)


def _convert_item(key: str, annotation: Any, value: Any, setting: Setting, *, strict: bool) -> Any:
    try:
        return convert(annotation, value, setting, strict=strict)
    except SettingError as error:
        raise error.under(key) from None


def _convert_number(annotation: Any, value: Any, setting: Setting, *, strict: bool) -> Number:
    _require(value, not isinstance(value, bool) and not (strict and isinstance(value, str)), annotation, setting)
    try:
        exact = _exact(value)
    except (InvalidOperation, TypeError, ValueError):
        raise WrongTypeError(_complaint(value, annotation, setting)) from None
    if not exact.is_finite():
        raise SettingError(f"{_complaint(value, annotation, setting)}, which is not finite")
    if exact and abs(exact.adjusted()) > _MAX_EXPONENT:
        raise SettingError(f"{_complaint(value, annotation, setting)}, which is too far from 1 to be meant")
    _require(value, annotation is not int or exact == exact.to_integral_value(), annotation, setting)
    if not setting.admits(exact):
        raise SettingError(_complaint(value, annotation, setting))
    return exact if annotation is Decimal else int(exact) if annotation is int else float(exact)


def _exact(number: Number | str) -> Decimal:
    return number if isinstance(number, Decimal) else Decimal(str(number))


def _expected(annotation: Any, setting: Setting) -> str:
    allowed = setting.allowed()
    if setting.choices and annotation is str:
        return allowed
    kind = _kind(annotation)
    numeric = "number" in kind
    unit = f" ({setting.unit})" if setting.unit and numeric else ""
    return f"{kind}{unit}{', ' if allowed and numeric else ''}{allowed if numeric else ''}"


def _kind(annotation: Any) -> str:
    origin, members = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(member) for member in members)
    if origin is Literal:
        return f"one of {', '.join(members)}" if len(members) > 1 else str(members[0])
    if origin is tuple:
        return f"a list (each {_kind(members[0])})"
    if origin is not None and issubclass(origin, Mapping):
        return f"a mapping (each value {_kind(members[1])})"
    if is_dataclass(annotation):
        return "a mapping of settings"
    return _KINDS.get(annotation, "a value")


_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    str: "text",
    types.NoneType: "nothing",
}
