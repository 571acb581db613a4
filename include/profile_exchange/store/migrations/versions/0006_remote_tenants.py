"""What is being added to sums of a tenant behind REST API v2."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "sum_intent",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("target_id", sa.UUID(), nullable=False),
        sa.Column("source_property", sa.Text(), nullable=False),
        sa.Column("source_id", sa.UUID(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("difference", sa.Numeric(), nullable=False),
        sa.Column("before", sa.Numeric(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("connection", "property_id", "target_id", "source_property"),
        schema="exchange",
    )


def downgrade() -> None:
    op.drop_table("sum_intent", schema="exchange")
