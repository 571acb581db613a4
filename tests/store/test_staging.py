"""The staging tables of a run, and what PostgreSQL is to know of them."""

from __future__ import annotations

from sqlalchemy import insert, text

from profile_exchange.store.database import engine_for
from profile_exchange.store.staging import staging


def test_whoever_analyzes_a_run_that_waits_learns_nothing_of_its_fates(store_url: str) -> None:
    """Learnt before anybody was written, that would make each package compare each with each."""
    tables = staging(1)
    engine = engine_for(store_url)
    nobody_written = text(
        "select gen_random_uuid(), 'unmatched', 'no_match' from generate_series(1, 100)"
    ).columns(*tables.fate.c)
    with engine.begin() as database:
        tables.create(database)
        database.execute(insert(tables.fate).from_select(list(tables.fate.c), nobody_written))
    known = text("select attname from pg_stats where tablename = :name")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as database:
        database.execute(text("analyze"))
        found = database.execute(known, {"name": tables.fate.name}).scalars().all()
    assert found == ["profile_id"]
