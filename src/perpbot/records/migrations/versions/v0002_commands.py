"""Commands get a table of their own: who asked for what, when and why, and what was refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FROM_EVENTS = """
INSERT INTO commands (time_ns, command, arguments, actor, reason, refused)
SELECT time_ns, json_extract(data, '$.command'), json_extract(data, '$.arguments'), json_extract(data, '$.actor'),
       json_extract(data, '$.reason'), json_extract(data, '$.why')
FROM events WHERE kind IN ('command_taken', 'command_refused') ORDER BY id
"""


def upgrade() -> None:
    op.create_table(
        "commands",
        sa.Column("id", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("time_ns", sa.Integer(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("refused", sa.Text(), nullable=True),
    )
    op.create_index("commands_by_time", "commands", ["time_ns"])
    op.execute(_FROM_EVENTS)
