"""The tables of what was found when somebody looked: at the other tenant, a grant, or consents."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from profile_exchange.store.profile_tables import TIMESTAMP, metadata

#: What came of asking the other tenant last (`domain.checks`): whether it let us in, else why not.
#: ``found`` is what it exposed when it last let us in.
last_check = Table(
    "last_check",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("at", TIMESTAMP, nullable=False),
    Column("authenticated", Boolean, nullable=False),
    Column("failure", Text, nullable=False, server_default=""),
    Column("found", JSONB),
    schema="exchange",
)

#: What each run of an exposing connection's DAG found: how many profiles may leave, by segment,
#: and how many different ones have left so far. Both are null when it failed before it could count.
exposure_check = Table(
    "exposure_check",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("at", TIMESTAMP, nullable=False),
    Column("exposed", JSONB),
    Column("unique_sent", BigInteger),
    Column("failure", Text, nullable=False, server_default=""),
    Index("exposure_check_connection_at", "connection", "at"),
    schema="exchange",
)

#: How many of the tenant's profiles had consented to an objective, or refused it, and of how many,
#: when they were counted last.
consent_count = Table(
    "consent_count",
    metadata,
    Column("objective", Text, primary_key=True),
    Column("counted_at", TIMESTAMP, nullable=False),
    Column("consented", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("profiles", BigInteger, nullable=False),
    schema="exchange",
)
