"""What a run would do, who decided on it, and how many it received in each segment."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("preview", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("segments", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("matched", sa.BigInteger(), nullable=True),
        sa.Column("forecast", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("stopped_by", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_by", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
    ]


def upgrade() -> None:
    for column in _columns():
        op.add_column("run", column, schema="exchange")


def downgrade() -> None:
    for column in _columns():
        op.drop_column("run", column.name, schema="exchange")
