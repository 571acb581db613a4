"""A grant held against its tenant: what is missing is named, who may leave is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, func, select, update

from profile_exchange.config import registry
from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.domain.connection import AcceptGoal, Strategy
from profile_exchange.domain.errors import GrantOutdated
from profile_exchange.sample.loading import load
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import profile, profile_property, segment
from profile_exchange.tenants.postgres.granting import granted_profiles

NOW = datetime(2026, 11, 2, tzinfo=UTC)
CONNECTION = registry.connection("harbor-goods", PROJECT_ROOT / "include" / "connections")


@pytest.fixture
def store(store_url: str) -> str:
    load("taylor-times", store_url, 500, now=NOW)
    return store_url


def test_every_granted_segment_is_counted_and_withheld_profiles_are_not(store: str) -> None:
    counts = granted_profiles(store, CONNECTION, now=NOW)
    with engine_for(store).connect() as database:
        everybody = database.execute(select(func.count()).select_from(profile)).scalar_one()
    assert set(counts) == {"subscribers", "sports-readers", "avid-readers"}
    assert all(0 < count < everybody for count in counts.values())


def test_nobody_is_counted_who_withdrew_consent(store: str) -> None:
    with engine_for(store).begin() as database:
        database.execute(update(profile).values(consented_objectives=[]))
    assert set(granted_profiles(store, CONNECTION, now=NOW).values()) == {0}


def test_what_the_tenant_no_longer_has_is_named_all_at_once(store: str) -> None:
    with engine_for(store).begin() as database:
        database.execute(delete(segment).where(segment.c.id == "subscribers"))
        database.execute(delete(profile_property).where(profile_property.c.id == "newsletters"))
        database.execute(update(profile_property).values(indexed=False))
    with pytest.raises(
        GrantOutdated,
        match="segment subscribers, profile property newsletters, unique identifier email, "
        "unique identifier subscriber_number",
    ):
        granted_profiles(store, CONNECTION, now=NOW)


def test_what_entries_are_accepted_by_has_to_be_there_too(store: str) -> None:
    goal = AcceptGoal(
        properties={"Not_Yet": (Strategy.SET,)}, identifiers=("email",), segments=("subscribers",)
    )
    only_accepts = replace(CONNECTION, expose=None, accept=goal)
    assert granted_profiles(store, only_accepts, now=NOW) == {}
    with engine_for(store).begin() as database:
        database.execute(delete(segment).where(segment.c.id == "subscribers"))
        database.execute(update(profile_property).values(indexed=False))
    with pytest.raises(GrantOutdated, match="by segment subscribers, unique identifier email, "):
        granted_profiles(store, only_accepts, now=NOW)
