"""What is kept how long, and that it is gone after that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, inspect, select

from profile_exchange.domain.errors import RunOvertaken
from profile_exchange.pipeline.retention import STAGING_DAYS
from profile_exchange.pipeline.runs import find_run, hold_pen, record_failure
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import claim, quarantine
from tests.pipeline.exchange import NOW, Exchange, furnish

TYPES = {"email": "EMAIL!", "sports": "SELECT", "visits": "RANGE"}
GOAL = {
    "links": [{"theirs": "email", "ours": "email"}],
    "unmatched": "create",
    "mappings": [{"from": "visits", "to": "Visits", "overwrite": True}],
    "limits": {"max_rejected_share": 1},
    "keep": {"quarantine_days": 5, "fate_days": 3},
}
THEIRS = [
    {"id": 1, "email": "a@example.com", "visits": 1},
    {"id": 2, "email": "b@example.com", "visits": "many"},
]


def exchange(store_url: str, connection: str = "taylor-times", **more: Any) -> Exchange:
    return Exchange(store_url, GOAL, THEIRS, TYPES, connection_id=connection, **more)


def staging_tables(store_url: str) -> set[str]:
    with engine_for(store_url).connect() as database:
        names = inspect(database).get_table_names(schema="exchange")
    return {name for name in names if name.rpartition("_")[2].isdigit()}


def run_on(exchange: Exchange, day: int) -> None:
    """Take a run that starts and is reported that many days after the first."""
    exchange.now = NOW + timedelta(days=day - exchange.runs - 1)
    exchange.run()


@pytest.fixture
def store(store_url: str) -> str:
    furnish(store_url, {"email": "EMAIL!"}, [])
    return store_url


def test_fates_go_after_their_days_and_the_newest_stay(store: str) -> None:
    one = exchange(store)
    for day, kept in ((0, {"fate_1"}), (2, {"fate_1", "fate_2"}), (4, {"fate_2", "fate_3"})):
        run_on(one, day)
        assert staging_tables(store) == kept
    run_on(one, 40)
    assert staging_tables(store) == {"fate_4"}


def test_the_quarantine_is_purged_by_the_run_after_its_days(store: str) -> None:
    one = exchange(store)
    for day in (0, 4, 6):
        run_on(one, day)
    with engine_for(store).connect() as database:
        query = select(quarantine.c.run_seq).order_by(quarantine.c.run_seq)
        assert list(database.execute(query).scalars()) == [2, 3]


def test_one_connection_does_not_purge_the_quarantine_of_another(store: str) -> None:
    run_on(exchange(store, "another"), 0)
    run_on(exchange(store), 100)
    with engine_for(store).connect() as database:
        assert database.execute(select(func.count()).select_from(quarantine)).scalar_one() == 2


def fail(store: str, connection: str) -> Exchange:
    """A connection whose only run failed after it had pulled, on the first day."""
    one = exchange(store, connection, now=NOW - timedelta(days=1))
    one.pulled()
    record_failure(store, connection, "run-1", "gate: too many", NOW)
    return one


def test_what_a_failed_run_pulled_is_dropped_even_if_its_connection_never_runs_again(
    store: str,
) -> None:
    failed = fail(store, "given-up")
    other = exchange(store)
    run_on(other, STAGING_DAYS - 1)
    assert "staged_1" in staging_tables(store)
    run_on(other, STAGING_DAYS + 1)
    assert not {"staged_1", "matched_1", "mapped_1"} & staging_tables(store)
    with pytest.raises(RunOvertaken, match="not kept any more"):
        find_run(store, failed.connection, "run-1")


def test_a_failed_run_that_is_taken_up_again_is_left_alone(store: str) -> None:
    failed = fail(store, "taken-up")
    run = find_run(store, failed.connection, "run-1")
    with engine_for(store).begin() as database:
        hold_pen(database, run)
        run_on(exchange(store), STAGING_DAYS + 1)
    assert "staged_1" in staging_tables(store)


def test_claims_are_forgotten_the_next_day(store: str) -> None:
    one = exchange(store)
    run_on(one, 0)
    with engine_for(store).connect() as database:
        assert database.execute(select(func.count()).select_from(claim)).scalar_one() == 1
    run_on(one, 3)
    with engine_for(store).connect() as database:
        assert database.execute(select(func.count()).select_from(claim)).scalar_one() == 0
