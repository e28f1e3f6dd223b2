"""Migrations from within the program: no configuration file, and from an installed wheel as well."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def current(connection: Connection) -> str | None:
    """The revision of the tables; ``None`` of an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def revisions() -> frozenset[str]:
    """All revisions this PerpBot knows."""
    return frozenset(script.revision for script in _scripts().walk_revisions())


@cache
def newest() -> str | None:
    """The revision this PerpBot works with."""
    return _scripts().get_current_head()


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest revision, within the connection's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
