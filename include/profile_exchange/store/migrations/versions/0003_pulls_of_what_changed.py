"""Where pulls of what changed go on, and who waits to be let in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "waiting_profile",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("source_id", sa.UUID(), nullable=False),
        sa.Column("target_id", sa.UUID(), nullable=True),
        sa.Column("modified", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "source_id"),
        schema="exchange",
    )
    op.create_table(
        "waiting_identifier",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("source_id", sa.UUID(), nullable=False),
        sa.Column("theirs", sa.Text(), nullable=False),
        sa.Column("ours", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "source_id", "theirs", "ours", "fingerprint"),
        schema="exchange",
    )
    op.create_table(
        "watermark",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("run_seq", sa.BigInteger(), nullable=False),
        sa.Column("source_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("complete_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("connection"),
        schema="exchange",
    )


def downgrade() -> None:
    op.drop_table("watermark", schema="exchange")
    op.drop_table("waiting_identifier", schema="exchange")
    op.drop_table("waiting_profile", schema="exchange")
