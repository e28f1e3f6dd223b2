"""``PERPBOT_HOME``: where configuration, databases and journals stand, and which database a report reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpbot.cli.asking import NoAnswer, NoBot, ask, is_running
from perpbot.cli.output import say
from perpbot.core.errors import InputError
from perpbot.service.half_restored import refuse_half_restored

if TYPE_CHECKING:
    from perpbot.records.database import Database
    from perpbot.service.configuration import Settings
    from perpbot.service.settings import DisplaySettings

CONFIGURATION = "perpbot.yaml"
REPLAY = "replay"
BOTS = ("demo", "paper", "live")
"""Modes in which a bot runs; each has its own database."""
EVERY_MODE = (*BOTS, REPLAY)
BOTS_FIRST = (BOTS, (REPLAY,))
"""For what concerns a running bot; a replay is shown only where no bot ever ran."""


def home() -> Path:
    """The folder, whether it exists or not."""
    stated = os.environ.get("PERPBOT_HOME")
    try:
        return Path(stated).expanduser() if stated else Path.home() / ".perpbot"
    except RuntimeError:
        raise InputError("the home folder is not known; set PERPBOT_HOME") from None


def made_home() -> Path:
    """The folder, made if it is missing, for its owner only."""
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(f"PERPBOT_HOME {folder}: {error.strerror}; set it to a folder that can be written") from None
    return folder


def database_path(mode: str, stated: Path | None = None) -> Path:
    """Where a run of ``mode`` keeps its database: as stated, else in the home folder."""
    return stated if stated is not None else made_home() / f"{mode}.db"


def load(config: Path | None, overrides: Iterable[str], exchanges: Iterable[str] = ()) -> Settings:
    """The settings of this command; ``exchanges`` are names known beside the shipped ones."""
    from perpbot.service.configuration import load_settings  # noqa: PLC0415 - imports every room
    from perpbot.service.extensions import look_beside  # noqa: PLC0415

    if config is None and os.path.lexists(home() / CONFIGURATION):
        config = home() / CONFIGURATION
        say(f"configuration: {config}")
    if config is not None:
        look_beside(config)
    settings, _ = load_settings(file=config, overrides=tuple(overrides), environ=os.environ, exchanges=exchanges)
    return settings


@contextmanager
def reading(
    stated: Path | None, config: Path | None, overrides: Iterable[str], *groups: tuple[str, ...]
) -> Iterator[tuple[Database, DisplaySettings]]:
    """The database to report on: as stated, else of the bot that runs, else the newest of the first group of modes that
    has one. A bot that runs on it is asked to bring it up to date first.

    Says on standard error which one it is, and whether a bot runs on it. Raises ``InputError`` if there is none.
    """
    from perpbot.records import queries  # noqa: PLC0415 - SQLAlchemy is slow to import
    from perpbot.records.database import Database  # noqa: PLC0415

    path = stated if stated is not None else running(groups or (EVERY_MODE,)) or newest(groups or (EVERY_MODE,))
    refuse_half_restored(path)
    database = Database.read(path)
    try:
        settings = load(config, overrides, queries.exchanges(database))
        say(f"{_up_to_date(path)}: {path} ({database.mode})")
        yield database, display_of(database, settings)
    finally:
        database.close()


def display_of(database: Database, settings: Settings) -> DisplaySettings:
    """How times and texts are shown, with what was changed while the bot of the database ran."""
    from perpbot.core.events import SettingChanged  # noqa: PLC0415 - as above
    from perpbot.records import queries  # noqa: PLC0415

    events = queries.events(database, SettingChanged.kind)
    return display_after(((event["data"], event["time_ns"]) for event in events), settings)


def display_after(changed: Iterable[tuple[Mapping[str, Any], int]], settings: Settings) -> DisplaySettings:
    """The same, of the data and times of records `setting_changed`."""
    from perpbot.service.changes import KeptChange, with_changes  # noqa: PLC0415 - as above

    changes = [
        KeptChange(data["key"], data["value"], data["actor"], data["reason"], time_ns)
        for data, time_ns in changed
        if data["key"].partition(".")[0] == "display"
    ]
    if settings.loaded is None or not changes:
        return settings.display
    return with_changes(settings, settings.loaded, changes).settings.display


def _up_to_date(path: Path) -> str:
    """Have a bot that runs on the database write what it holds; says whose figures they are."""
    try:
        saved: bool = ask(path, "save")["saved"]
    except NoBot:
        return "database"
    except NoAnswer as error:
        say(f"{error}: figures are those of its last save")
        return "database"
    if not saved:
        say(
            "the bot cannot write its database (another program holds it, or its disk is full): figures are those of "
            "its last save"
        )
    return "running bot"


def running(groups: Iterable[tuple[str, ...]] = (BOTS,)) -> Path | None:
    """The database of the bot that runs, of several that which was written last; ``None`` if none of these modes runs.

    A bot on a database elsewhere is found by its name alone.
    """
    named = [home() / f"{mode}.db" for modes in groups for mode in modes if mode in BOTS]
    return max((path for path in named if is_running(path)), key=_written_ns, default=None)


def newest(groups: Iterable[tuple[str, ...]]) -> Path:
    """The database written last, of the first group of modes that has one. Raises ``InputError`` if none has."""
    folder = home()
    for modes in groups:
        for mode in modes:
            refuse_half_restored(folder / f"{mode}.db")
        if found := _found(modes):
            return max(found, key=_written_ns)
    raise InputError(
        f"{folder}: no run has been recorded there; first `perpbot demo` or `perpbot replay DATASET`, or name a "
        "database with --db"
    )


def _found(modes: Iterable[str]) -> list[Path]:
    return [path for path in (home() / f"{mode}.db" for mode in modes) if path.is_file()]


def _written_ns(path: Path) -> int:
    """When the database was last written: what is new may still stand in its write-ahead log."""
    log = path.with_name(path.name + "-wal")
    return max((each.stat().st_mtime_ns for each in (path, log) if each.exists()), default=0)
