"""Alembic's entry: runs the migrations on the connection that `store.database.migrate` opened."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from profile_exchange.store.tables import metadata

connection = context.config.attributes["connection"]
# One migration at a time, whoever starts first: a second caller waits and finds nothing to do.
connection.execute(text("select pg_advisory_xact_lock(hashtext('profile_exchange.migrate'))"))
connection.execute(text("create schema if not exists exchange"))
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table="schema_version",
    version_table_schema="exchange",
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
