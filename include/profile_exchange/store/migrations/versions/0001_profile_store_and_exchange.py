"""The profile store, and what the exchange remembers beside it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("create schema if not exists tenant")
    op.execute("create schema if not exists exchange")
    op.create_table(
        "adopted_property",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("connection", "property_id"),
        schema="exchange",
    )
    op.create_table(
        "contribution",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("target_id", sa.UUID(), nullable=False),
        sa.Column("source_property", sa.Text(), nullable=False),
        sa.Column("source_id", sa.UUID(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "property_id", "target_id", "source_property"),
        schema="exchange",
    )
    op.create_table(
        "credential",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column(
            "scopes",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{read}'::text[]"),
            nullable=False,
        ),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("client_id"),
        schema="exchange",
    )
    op.create_index(
        "credential_connection", "credential", ["connection"], unique=False, schema="exchange"
    )
    op.create_table(
        "disclosure",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), server_default="", nullable=False),
        sa.Column("profiles", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="exchange",
    )
    op.create_index(
        "disclosure_connection_at",
        "disclosure",
        ["connection", "at"],
        unique=False,
        schema="exchange",
    )
    op.create_table(
        "exchanged_profile",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("connection", "direction", "profile_id"),
        schema="exchange",
    )
    op.create_table(
        "pen",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("run_seq", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("connection"),
        schema="exchange",
    )
    op.create_table(
        "run",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "plan",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("received", sa.BigInteger(), nullable=True),
        sa.Column("superseded", sa.BigInteger(), nullable=True),
        sa.Column("unmatched", sa.BigInteger(), nullable=True),
        sa.Column("ambiguous", sa.BigInteger(), nullable=True),
        sa.Column("withheld", sa.BigInteger(), nullable=True),
        sa.Column("rejected", sa.BigInteger(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=True),
        sa.Column("modified", sa.BigInteger(), nullable=True),
        sa.Column("unchanged", sa.BigInteger(), nullable=True),
        sa.Column("unique_received", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        schema="exchange",
    )
    op.create_index(
        "run_connection_run_id", "run", ["connection", "run_id"], unique=False, schema="exchange"
    )
    op.create_index(
        "run_connection_seq", "run", ["connection", "seq"], unique=False, schema="exchange"
    )
    op.create_table(
        "last_check",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("authenticated", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.Text(), server_default="", nullable=False),
        sa.Column("found", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("connection"),
        schema="exchange",
    )
    op.create_table(
        "signing_key",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("purpose"),
        schema="exchange",
    )
    op.create_table(
        "objective",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("needs_consent", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "legislations",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "tags",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "modified_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="tenant",
    )
    op.create_table(
        "profile",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("privacy_legislation", sa.Text(), nullable=True),
        sa.Column(
            "consented_objectives",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "refused_objectives",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "properties",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="tenant",
    )
    op.create_table(
        "profile_identifier",
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("property_id", "value", "profile_id"),
        schema="tenant",
    )
    op.create_index(
        "profile_identifier_profile",
        "profile_identifier",
        ["profile_id"],
        unique=False,
        schema="tenant",
    )
    op.create_table(
        "profile_property",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("filter_type", sa.Text(), server_default="SELECT", nullable=False),
        sa.Column("indexed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("data_sensitivity", sa.Text(), server_default="NON_PII", nullable=False),
        sa.Column(
            "tags",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "modified_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="tenant",
    )
    op.create_table(
        "segment",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("refinement", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "tags",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "modified_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="tenant",
    )
    op.create_table(
        "access_token",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["exchange.credential.client_id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest"),
        schema="exchange",
    )
    op.create_index(
        "access_token_expires", "access_token", ["expires_at"], unique=False, schema="exchange"
    )
    op.create_table(
        "package",
        sa.Column("run_seq", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("parts", sa.SmallInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column(
            "properties",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_seq"], ["exchange.run.seq"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_seq", "part"),
        schema="exchange",
    )
    op.create_table(
        "run_property",
        sa.Column("run_seq", sa.BigInteger(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("written", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("taken_back", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_seq"], ["exchange.run.seq"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_seq", "property_id"),
        schema="exchange",
    )
    op.create_table(
        "pull_progress",
        sa.Column("run_seq", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("segment", sa.SmallInteger(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["run_seq"], ["exchange.run.seq"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_seq", "part", "segment"),
        schema="exchange",
    )
    op.create_table(
        "quarantine",
        sa.Column("run_seq", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("property_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), server_default="", nullable=False),
        sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_seq"], ["exchange.run.seq"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_seq", "profile_id", "property_id", "rule"),
        schema="exchange",
    )
    op.create_index(
        "quarantine_held",
        "quarantine",
        ["run_seq", "profile_id"],
        schema="exchange",
        postgresql_where=sa.text("outcome is null"),
    )
    op.create_table(
        "replay",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("connection", "profile_id"),
        schema="exchange",
    )
    op.create_table(
        "claim",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("run_seq", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        schema="exchange",
    )


def downgrade() -> None:
    op.drop_table("claim", schema="exchange")
    op.drop_table("replay", schema="exchange")
    op.drop_table("quarantine", schema="exchange")
    op.drop_table("pull_progress", schema="exchange")
    op.drop_table("run_property", schema="exchange")
    op.drop_table("package", schema="exchange")
    op.drop_table("access_token", schema="exchange")
    op.drop_table("segment", schema="tenant")
    op.drop_table("profile_property", schema="tenant")
    op.drop_table("profile_identifier", schema="tenant")
    op.drop_table("profile", schema="tenant")
    op.drop_table("objective", schema="tenant")
    op.drop_table("signing_key", schema="exchange")
    op.drop_table("last_check", schema="exchange")
    op.drop_table("run", schema="exchange")
    op.drop_table("pen", schema="exchange")
    op.drop_table("exchanged_profile", schema="exchange")
    op.drop_table("disclosure", schema="exchange")
    op.drop_table("credential", schema="exchange")
    op.drop_table("contribution", schema="exchange")
    op.drop_table("adopted_property", schema="exchange")
    op.execute("drop schema if exists tenant cascade")
