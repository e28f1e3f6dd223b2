"""Run by alembic: migrates over the connection that :mod:`perpbot.records.migrations.runner` hands in."""

from __future__ import annotations

from alembic import context

from perpbot.records.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
