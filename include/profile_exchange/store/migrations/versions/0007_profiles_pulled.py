"""How many different profiles a run pulled, so that nobody has to count them again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("run", sa.Column("pulled", sa.BigInteger(), nullable=True), schema="exchange")


def downgrade() -> None:
    op.drop_column("run", "pulled", schema="exchange")
