"""Loading blocks of profiles into a tenant's store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select

from profile_exchange.domain.properties import FilterType, ProfileProperty
from profile_exchange.domain.tenant import Tenant
from profile_exchange.store.database import engine_for
from profile_exchange.store.identifiers import identifiers_of
from profile_exchange.store.tables import metadata, profile, profile_identifier
from profile_exchange.tenants.postgres.describe import describe
from profile_exchange.tenants.postgres.loading import (
    LoadCounts,
    ProfileRepeated,
    ProfilesUnreadable,
    load_profiles,
)

FIRST = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LATER = FIRST + timedelta(days=1)
ADA, BO, CY = (UUID(int=number) for number in (1, 2, 3))
SHOP = Tenant(
    "shop",
    "Shop",
    "shop.localhost",
    "shop-store",
    properties=(
        ProfileProperty("email", "Email", FilterType.EMAIL, indexed=True),
        ProfileProperty("card", "Card", indexed=True),
        ProfileProperty("city", "City"),
    ),
)


@pytest.fixture
def shop(store_url: str) -> str:
    describe(store_url, SHOP, now=FIRST)
    return store_url


def line(
    profile_id: UUID,
    properties: Mapping[str, list[str]] | None = None,
    *,
    zone: str = r"\N",
    consented: str = r"\N",
    refused: str = r"\N",
    created: str = r"\N",
) -> bytes:
    body = json.dumps(properties or {}).replace("\\", "\\\\")
    return f"{profile_id}\t{created}\t\\N\t{zone}\t{consented}\t{refused}\t{body}\n".encode()


def load(url: str, *lines: bytes, now: datetime = FIRST, keep_existing: bool = False) -> LoadCounts:
    return load_profiles(url, lines, now=now, keep_existing=keep_existing)


def stored(url: str) -> dict[UUID, Any]:
    with engine_for(url).connect() as connection:
        return {row.id: row for row in connection.execute(select(profile))}


def identifiers(url: str) -> set[tuple[str, str, UUID]]:
    with engine_for(url).connect() as connection:
        return {tuple(row) for row in connection.execute(select(profile_identifier))}


def test_a_profile_is_stored_as_it_was_given(shop: str) -> None:
    said = line(
        ADA,
        {"city": ["Ghent"]},
        zone="GDPR",
        consented='{"a","b"}',
        refused='{"c"}',
        created="2020-01-02 03:04:05+00",
    )
    assert load(shop, said) == LoadCounts(created=1)
    row = stored(shop)[ADA]
    assert row.properties == {"city": ["Ghent"]}
    assert row.privacy_legislation == "GDPR"
    assert row.consented_objectives == ["a", "b"]
    assert row.refused_objectives == ["c"]
    assert row.created_at == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert row.modified_at == FIRST


def test_what_a_new_profile_does_not_say_gets_the_stores_default(shop: str) -> None:
    load(shop, line(ADA))
    row = stored(shop)[ADA]
    assert (row.created_at, row.modified_at) == (FIRST, FIRST)
    assert row.privacy_legislation is None
    assert (row.consented_objectives, row.refused_objectives) == ([], [])


def test_what_a_known_profile_does_not_say_stays(shop: str) -> None:
    load(shop, line(ADA, {"city": ["Ghent"]}, zone="GDPR", consented='{"a"}', refused='{"b"}'))
    before = stored(shop)[ADA]
    assert load(shop, line(ADA, {"city": ["Bruges"]}), now=LATER) == LoadCounts(replaced=1)
    after = stored(shop)[ADA]
    assert after.properties == {"city": ["Bruges"]}
    assert after.modified_at == LATER
    for name in ("created_at", "privacy_legislation", "consented_objectives", "refused_objectives"):
        assert getattr(after, name) == getattr(before, name)


def test_consent_that_is_said_to_be_none_is_none(shop: str) -> None:
    load(shop, line(ADA, consented='{"a"}'))
    assert load(shop, line(ADA, consented="{}"), now=LATER) == LoadCounts(replaced=1)
    assert stored(shop)[ADA].consented_objectives == []


def test_loading_the_same_again_changes_nothing(shop: str) -> None:
    lines = [line(ADA, {"email": ["ada@example.com"]}, zone="GDPR"), line(BO)]
    load(shop, *lines)
    before = stored(shop), identifiers(shop)
    assert load(shop, *lines, now=LATER) == LoadCounts(unchanged=2)
    assert (stored(shop), identifiers(shop)) == before


def test_counts_tell_created_replaced_and_unchanged_apart(shop: str) -> None:
    load(shop, line(ADA), line(BO))
    counts = load(shop, line(ADA), line(BO, {"city": ["Ghent"]}), line(CY), now=LATER)
    assert counts == LoadCounts(created=1, replaced=1, unchanged=1)


def test_identifiers_of_a_replaced_profile_are_its_new_ones(shop: str) -> None:
    load(shop, line(ADA, {"email": ["old@example.com"], "card": ["1"]}), line(BO, {"card": ["1"]}))
    load(shop, line(ADA, {"email": [" New@Example.com\n", "new@example.com", " "], "city": ["x"]}))
    assert identifiers(shop) == {("email", "new@example.com", ADA), ("card", "1", BO)}


def test_existing_profiles_can_be_kept(shop: str) -> None:
    load(shop, line(ADA, {"city": ["Ghent"]}))
    counts = load(shop, line(ADA, {"city": ["Bruges"]}), line(BO), keep_existing=True)
    assert counts == LoadCounts(created=1, unchanged=1)
    assert stored(shop)[ADA].properties == {"city": ["Ghent"]}


def test_no_profiles_at_all_are_loaded_without_fuss(shop: str) -> None:
    assert load(shop) == LoadCounts()


def test_when_the_blocks_break_off_nothing_is_stored(shop: str) -> None:
    def broken() -> Iterator[bytes]:
        yield line(ADA)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        load_profiles(shop, broken(), now=FIRST)
    assert stored(shop) == {}
    assert load(shop, line(ADA)) == LoadCounts(created=1)


@pytest.mark.parametrize("known", [False, True])
def test_an_id_that_stands_twice_is_refused_by_its_row(shop: str, known: bool) -> None:
    if known:
        load(shop, line(BO))
    before = stored(shop)
    with pytest.raises(ProfileRepeated, match=f"{BO} stands a second time in row 3") as caught:
        load(shop, line(ADA), line(BO), line(BO, {"city": ["Ghent"]}), line(CY))
    assert caught.value.row == 3
    assert stored(shop) == before


@pytest.mark.parametrize(
    "bad",
    [b"no columns\n", line(ADA).replace(b"{}", b'{"secret"}'), line(ADA, zone="x") + b"\xff\n"],
)
def test_a_block_that_cannot_be_read_is_refused_without_its_values(shop: str, bad: bytes) -> None:
    with pytest.raises(ProfilesUnreadable) as caught:
        load(shop, line(BO), bad)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert stored(shop) == {}


def test_a_first_load_leaves_the_schema_as_the_migrations_made_it(shop: str) -> None:
    def schema() -> Any:
        inspector = inspect(engine_for(shop))
        return [
            (
                inspector.get_pk_constraint(table.name, "tenant"),
                inspector.get_indexes(table.name, "tenant"),
            )
            for table in (profile, profile_identifier)
        ]

    before = schema()
    load(shop, line(ADA, {"email": ["ada@example.com"]}))
    assert schema() == before
    with engine_for(shop).connect() as connection:
        options = {
            "include_schemas": True,
            "version_table": "schema_version",
            "version_table_schema": "exchange",
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_identifiers_are_complete_whatever_was_there_before(shop: str) -> None:
    for number in range(3):
        lines = [
            line(UUID(int=100 * number + n), {"email": [f"{n}@example.com"], "card": [str(number)]})
            for n in range(40)
        ]
        load(shop, *lines)
        with engine_for(shop).connect() as connection:
            expected = {tuple(row) for row in connection.execute(identifiers_of(profile))}
        assert identifiers(shop) == expected
        assert len(expected) == 80 * (number + 1)


def test_readers_are_not_held_up_while_profiles_are_added(shop: str) -> None:
    load(shop, line(ADA))
    seen: list[int] = []

    def look(doing: str, share: float) -> None:
        if doing == "storing" and share < 1:
            seen.append(len(stored(shop)))

    load_profiles(shop, [line(BO)], now=LATER, progress=look)
    assert set(seen) == {1}
