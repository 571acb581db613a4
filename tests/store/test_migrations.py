"""The migrations make exactly the tables that the code sees, and can be repeated."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import select
from tests.pipeline.exchange import Exchange, furnish

from profile_exchange.store.database import MIGRATIONS, engine_for, migrate
from profile_exchange.store.tables import metadata, run


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


def test_a_run_that_is_on_its_way_is_brought_along(store_url: str) -> None:
    """Such as one that waits for a person's approval, for days perhaps."""
    furnish(store_url, {"email": "EMAIL!"}, [{"id": "a", "email": "a@example.com"}])
    goal = {
        "links": [{"theirs": "email", "ours": "email"}],
        "mappings": [{"from": "sports", "to": "TaylorTimes_Sports"}],
        "pull": "changed",
    }
    theirs = [{"id": n, "email": f"{mail}@example.com"} for n, mail in enumerate("abc")]
    exchange = Exchange(store_url, goal, theirs, {"email": "EMAIL!", "sports": "SELECT"})
    gated = exchange.gated()
    with engine_for(store_url).begin() as database:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = database
        command.downgrade(config, "0006")
    migrate(store_url)
    with engine_for(store_url).connect() as database:
        assert database.execute(select(run.c.pulled)).scalar_one() == 3
    counts = exchange.finish(*gated).counts
    assert (counts.received, counts.unchanged, counts.unmatched) == (3, 1, 2)
