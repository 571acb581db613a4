"""What guards the exposing side: its audit, policies on rows, and the record of its checks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

AUDIT = ("disclosure", "sign_in", "submission")
GUARDED = ("tenant.profile", "exchange.exchanged_profile")


def upgrade() -> None:
    op.create_table(
        "sign_in",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="exchange",
    )
    op.create_index(
        "sign_in_client",
        "sign_in",
        ["client_id", "outcome", "address", "at"],
        unique=False,
        schema="exchange",
    )
    op.create_table(
        "submission",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("states", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="exchange",
    )
    op.create_index(
        "submission_connection_at",
        "submission",
        ["connection", "at"],
        unique=False,
        schema="exchange",
    )
    op.create_table(
        "exposure_check",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("exposed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("unique_sent", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("connection", "run_id"),
        schema="exchange",
    )
    op.create_index(
        "exposure_check_connection_at",
        "exposure_check",
        ["connection", "at"],
        unique=False,
        schema="exchange",
    )
    op.create_table(
        "consent_count",
        sa.Column("objective", sa.Text(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consented", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("profiles", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("objective"),
        schema="exchange",
    )
    _keep_the_audit()
    _let_rows_be_guarded()


def _keep_the_audit() -> None:
    """What was appended to the audit stays as it is, whoever asks."""
    op.execute(
        """
        create function exchange.refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception 'the audit is append-only' using errcode = 'insufficient_privilege';
        end $$
        """
    )
    for table in AUDIT:
        op.execute(
            f"""
            create trigger append_only before update or delete or truncate on exchange.{table}
            for each statement execute function exchange.refuse_change()
            """
        )


def _let_rows_be_guarded() -> None:
    """Everybody who may read a table sees its rows, until a policy says otherwise for a role."""
    for table in GUARDED:
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy whoever_may on {table} using (true) with check (true)")


def downgrade() -> None:
    for table in GUARDED:
        op.execute(f"drop policy whoever_may on {table}")
        op.execute(f"alter table {table} disable row level security")
    for table in AUDIT:
        op.execute(f"drop trigger append_only on exchange.{table}")
    op.execute("drop function exchange.refuse_change()")
    op.drop_index("exposure_check_connection_at", table_name="exposure_check", schema="exchange")
    op.drop_table("consent_count", schema="exchange")
    op.drop_table("exposure_check", schema="exchange")
    op.drop_index("submission_connection_at", table_name="submission", schema="exchange")
    op.drop_table("submission", schema="exchange")
    op.drop_index("sign_in_client", table_name="sign_in", schema="exchange")
    op.drop_table("sign_in", schema="exchange")
