"""The tables of a profile store: profiles, their identifiers, and what describes them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Index,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

metadata = MetaData()

TIMESTAMP = DateTime(timezone=True)
NO_TEXTS = text("'{}'::text[]")

#: ``properties`` is ``{property id: [value, ...]}`` without empty lists. The derived
#: properties (`domain.properties.DERIVED_PROPERTIES`) are columns and not among them.
#: ``privacy_legislation`` is null where nobody has said it: then every objective needs consent.
profile = Table(
    "profile",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("created_at", TIMESTAMP, nullable=False),
    Column("modified_at", TIMESTAMP, nullable=False),
    Column("privacy_legislation", Text),
    Column("consented_objectives", ARRAY(Text), nullable=False, server_default=NO_TEXTS),
    Column("refused_objectives", ARRAY(Text), nullable=False, server_default=NO_TEXTS),
    Column("properties", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    schema="tenant",
)

#: One row for each normalised value of a unique identifier (`domain.identifiers`). Not unique:
#: two profiles may claim one value, which matching then calls ambiguous.
profile_identifier = Table(
    "profile_identifier",
    metadata,
    Column("property_id", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("profile_id", UUID(as_uuid=True), primary_key=True),
    Index("profile_identifier_profile", "profile_id"),
    schema="tenant",
)

profile_property = Table(
    "profile_property",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("filter_type", Text, nullable=False, server_default="SELECT"),
    Column("indexed", Boolean, nullable=False, server_default=text("false")),
    Column("data_sensitivity", Text, nullable=False, server_default="NON_PII"),
    Column("tags", ARRAY(Text), nullable=False, server_default=NO_TEXTS),
    Column("description", Text, nullable=False, server_default=""),
    Column("created_at", TIMESTAMP, nullable=False, server_default=func.now()),
    Column("modified_at", TIMESTAMP, nullable=False, server_default=func.now()),
    schema="tenant",
)

segment = Table(
    "segment",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("refinement", JSONB),
    Column("description", Text, nullable=False, server_default=""),
    Column("tags", ARRAY(Text), nullable=False, server_default=NO_TEXTS),
    Column("created_at", TIMESTAMP, nullable=False, server_default=func.now()),
    Column("modified_at", TIMESTAMP, nullable=False, server_default=func.now()),
    schema="tenant",
)

objective = Table(
    "objective",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("title", Text, nullable=False, server_default=""),
    Column("description", Text, nullable=False, server_default=""),
    Column("needs_consent", Boolean, nullable=False, server_default=text("true")),
    Column("legislations", ARRAY(Text), nullable=False, server_default=NO_TEXTS),
    Column("tags", ARRAY(Text), nullable=False, server_default=NO_TEXTS),
    Column("created_at", TIMESTAMP, nullable=False, server_default=func.now()),
    Column("modified_at", TIMESTAMP, nullable=False, server_default=func.now()),
    schema="tenant",
)
