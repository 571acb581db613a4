"""A hosted tenant's store says what the tenant's YAML file says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, select

from profile_exchange.config import registry
from profile_exchange.domain.properties import FilterType, ProfileProperty
from profile_exchange.domain.tenant import Objective, Segment, Tenant
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import objective, profile_property, segment
from profile_exchange.tenants.postgres.describe import describe

FIRST = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LATER = FIRST + timedelta(days=1)
PAPER = Tenant(
    "paper",
    "Paper",
    "paper.localhost",
    "paper-store",
    properties=(
        ProfileProperty("email", "Email", FilterType.EMAIL, indexed=True, tags=("Contact",)),
        ProfileProperty("city", "City"),
    ),
    segments=(
        Segment("all", "All"),
        Segment(
            "ghent", "Ghent", {"property": "city", "operator": "CONTAINS_ANY", "values": ["G"]}
        ),
    ),
    objectives=(Objective("share", "Share", legislations=("GDPR",)),),
)


def rows(url: str, table: Table) -> dict[str, Any]:
    with engine_for(url).connect() as connection:
        return {row.id: row for row in connection.execute(select(table))}


def test_all_that_the_file_says_is_in_the_store(store_url: str) -> None:
    describe(store_url, PAPER, now=FIRST)
    email = rows(store_url, profile_property)["email"]
    assert (email.filter_type, email.indexed, email.tags) == ("EMAIL", True, ["Contact"])
    found = rows(store_url, segment)
    assert found["ghent"].refinement == PAPER.segments[1].refinement
    assert rows(store_url, objective)["share"].legislations == ["GDPR"]
    assert {row.modified_at for row in found.values()} == {FIRST}


def test_a_segment_of_everybody_has_no_refinement(store_url: str) -> None:
    describe(store_url, PAPER, now=FIRST)
    with engine_for(store_url).connect() as connection:
        nothing = select(segment.c.id).where(segment.c.refinement.is_(None))
        assert connection.execute(nothing).scalars().all() == ["all"]


def test_describing_again_moves_no_modification_time(store_url: str) -> None:
    describe(store_url, PAPER, now=FIRST)
    before = [rows(store_url, table) for table in (profile_property, segment, objective)]
    describe(store_url, PAPER, now=LATER)
    assert [rows(store_url, table) for table in (profile_property, segment, objective)] == before


def test_only_what_changed_is_modified(store_url: str) -> None:
    describe(store_url, PAPER, now=FIRST)
    narrower = replace(PAPER.segments[0], refinement={"property": "city", "operator": "IS_EMPTY"})
    describe(store_url, replace(PAPER, segments=(narrower, PAPER.segments[1])), now=LATER)
    found = rows(store_url, segment)
    assert (found["all"].created_at, found["all"].modified_at) == (FIRST, LATER)
    assert found["ghent"].modified_at == FIRST


def test_what_the_file_does_not_name_is_left_alone(store_url: str) -> None:
    describe(store_url, PAPER, now=FIRST)
    describe(store_url, replace(PAPER, properties=(), segments=(), objectives=()), now=LATER)
    assert rows(store_url, profile_property).keys() == {"email", "city"}
    assert rows(store_url, segment).keys() == {"all", "ghent"}


@pytest.mark.parametrize("tenant_id", ["taylor-times", "harbor-goods"])
def test_the_sample_tenants_can_be_described(store_url: str, tenant_id: str) -> None:
    tenant = registry.tenant(tenant_id)
    describe(store_url, tenant, now=FIRST)
    assert rows(store_url, profile_property).keys() == {known.id for known in tenant.properties}
