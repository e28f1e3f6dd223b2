"""``dataset.yaml``: what each file of a recording holds."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from perpbot.config.document import read_document
from perpbot.config.nodes import Node
from perpbot.core.errors import ConfigError, InputError
from perpbot.core.names import is_symbol
from perpbot.core.settings import SettingError, build, setting, validate

FILE_NAME = "dataset.yaml"

_EXCHANGE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Contract:
    """``size`` is the coins (linear) or USD (inverse) of one contract."""

    kind: str = setting(choices=("linear", "inverse"))
    size: Decimal = setting(gt=0)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """The frames of one market of one exchange, in one file, or in several that follow each other.

    ``step`` is contracts, ``min_notional`` USD. Of several ``files``, ``file`` is the first.
    """

    exchange: str = setting()
    market: str = setting()
    symbol: str = setting()
    contract: Contract = setting()
    tick: Decimal = setting(gt=0)
    step: Decimal = setting(gt=0)
    quote: str = setting()
    file: str = setting("")
    files: tuple[str, ...] = setting(())
    min_notional: Decimal = setting("0", ge=0)
    reference_only: bool = setting(False)

    def __post_init__(self) -> None:
        validate(self)
        self._check_files()
        if not _EXCHANGE.fullmatch(self.exchange):
            raise SettingError(f"must be a lower-case name, not {self.exchange!r}", ("exchange",))
        if not is_symbol(self.symbol):
            raise SettingError(f"must be a unified symbol like BTC-USD-PERP, not {self.symbol!r}", ("symbol",))

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of all files, oldest first."""
        return self.files or (self.file,)

    def _check_files(self) -> None:
        if self.files:
            if self.file not in ("", self.files[0]):
                raise SettingError("must not stand beside files", ("file",))
            object.__setattr__(self, "file", self.files[0])
        for i, name in enumerate(self.parts):
            if not name or Path(name).name != name:
                path = ("files", str(i)) if self.files else ("file",)
                raise SettingError(f"must be the name of a file in the dataset's folder, not {name!r}", path)


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """The whole file; only ``streams`` is needed to replay."""

    streams: tuple[StreamSpec, ...] = setting()
    name: str = setting("")
    source: str = setting("")
    start: str = setting("")
    end: str = setting("")

    def __post_init__(self) -> None:
        validate(self)
        if not self.streams:
            raise SettingError("must name at least one file", ("streams",))
        self._refuse_twice("file", (spec.parts for spec in self.streams))
        self._refuse_twice("symbol", ((f"{spec.symbol} of {spec.exchange}",) for spec in self.streams))

    def _refuse_twice(self, key: str, names: Iterable[tuple[str, ...]]) -> None:
        seen: set[str] = set()
        for i, of_stream in enumerate(names):
            for name in of_stream:
                if name in seen:
                    raise SettingError(f"stands twice: {name}", ("streams", str(i), key))
                seen.add(name)


def read_dataset_file(folder: Path) -> DatasetSpec:
    """What the folder's ``dataset.yaml`` says. Raises :class:`~perpbot.core.errors.InputError`, one line with place."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name one that holds a {FILE_NAME}")
    file = folder / FILE_NAME
    if not file.is_file():
        raise InputError(f"{file}: no such file; a dataset folder holds one beside its recordings")
    if not file.stat().st_size:
        raise InputError(f"{file}: is empty; it must list the recorded files under streams")
    try:
        node = read_document(file)
    except ConfigError as error:
        raise InputError(str(error)) from None
    if node is None or not isinstance(node.value, dict):
        raise InputError(f"{file}: must be a mapping with the key streams")
    return _checked(file, node, node.plain())


def _checked(file: Path, node: Node, values: dict[str, Any]) -> DatasetSpec:
    try:
        return build(DatasetSpec, values, strict=False)
    except SettingError as error:
        at, _ = node.nearest(error.path)
        where = (at.key_source if error.at_key else at.source).where if error.path else str(file)
        raise InputError(f"{where}: {error}") from None
