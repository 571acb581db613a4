"""The migrations make exactly the tables that the code sees, and can be repeated."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from profile_exchange.store.database import engine_for, migrate
from profile_exchange.store.tables import metadata


def test_migrations_and_tables_agree(store_url: str) -> None:
    with engine_for(store_url).connect() as connection:
        options = {
            "include_schemas": True,
            "version_table": "schema_version",
            "version_table_schema": "exchange",
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(store_url: str) -> None:
    migrate(store_url)
    migrate(store_url)
