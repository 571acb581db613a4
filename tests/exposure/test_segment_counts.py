"""How many profiles a segment has: exactly, or by a sample where a store is large."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import insert, text

from profile_exchange.exposure import segment_counts
from profile_exchange.exposure.segment_counts import rounded
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import profile
from tests.exposure.conftest import START, TENANT, Api, Installation

PROFILES = 20_000
#: One in four reads the sports pages, spread over the store.
READERS = PROFILES // 4
VISITOR: dict[str, list[str]] = {"visitedchannel": ["web"]}
READER = {**VISITOR, "section": ["Sports"]}


def fill(store: str, found: Sequence[dict[str, list[str]]]) -> None:
    rows = [
        {
            "id": UUID(int=number + 1),
            "created_at": START,
            "modified_at": START,
            "properties": properties,
        }
        for number, properties in enumerate(found)
    ]
    with engine_for(store).begin() as database:
        database.execute(insert(profile), rows)


def analyse(store: str) -> None:
    with engine_for(store).begin() as database:
        database.execute(text("analyze tenant.profile"))


def counts(api: Api) -> dict[str, int | None]:
    listed = api.ok("/segments")["segments"]
    return {segment["id"]: segment.get("profileCount") for segment in listed}


@pytest.fixture
def small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample that a test's store is large beside."""
    monkeypatch.setattr(segment_counts, "SAMPLE", PROFILES // 10)
    monkeypatch.setattr(segment_counts, "WORTH_SAMPLING", 10)
    monkeypatch.setattr(segment_counts, "ENOUGH", 200)


@pytest.fixture
def readers(installation: Installation) -> None:
    fill(installation.store, [READER if n % 4 == 0 else VISITOR for n in range(PROFILES)])


@pytest.mark.usefixtures("readers")
def test_a_store_that_is_not_large_is_counted_whole(installation: Installation, api: Api) -> None:
    analyse(installation.store)
    assert counts(api) == {"everybody": PROFILES, "sports": READERS}


@pytest.mark.usefixtures("readers", "small_sample")
def test_a_sample_stands_for_a_large_store(installation: Installation, api: Api) -> None:
    analyse(installation.store)
    found = counts(api)
    assert found == counts(api)
    # Blocks are drawn, and a tenth of them is drawn in some number of its own.
    assert found["everybody"] == pytest.approx(PROFILES, rel=0.4)
    assert found["sports"] == pytest.approx(READERS, rel=0.4)
    assert all(number == rounded(number) for number in found.values() if number)


@pytest.mark.usefixtures("small_sample")
def test_a_segment_that_has_few_in_the_sample_is_counted_whole(
    installation: Installation, api: Api
) -> None:
    fill(installation.store, [READER] * 3 + [VISITOR] * (PROFILES - 3))
    analyse(installation.store)
    found = counts(api)
    assert found["sports"] == 3
    assert found["everybody"] == rounded(found["everybody"] or 0)


@pytest.mark.usefixtures("readers", "small_sample")
def test_a_store_whose_size_nobody_knows_is_counted_whole(api: Api) -> None:
    assert counts(api) == {"everybody": PROFILES, "sports": READERS}


def test_more_segments_are_counted_than_a_statement_has_columns(
    installation: Installation, api: Api
) -> None:
    rule = {"property": "section", "operator": "CONTAINS_ANY"}
    described = [
        {"id": f"s{number:04}", "name": "One", "refinement": {**rule, "values": [str(number % 3)]}}
        for number in range(2_000)
    ]
    installation.host("taylor-times", {**TENANT, "segments": described})
    installation.connect(expose={"segments": [each["id"] for each in described]})
    fill(installation.store, [{**VISITOR, "section": [str(number)]} for number in (0, 1, 1)])
    listed = api.ok("/segments", count=2_000)["segments"]
    assert [each["profileCount"] for each in listed] == [(1, 2, 0)[n % 3] for n in range(2_000)]


@pytest.mark.usefixtures("readers", "small_sample")
@pytest.mark.parametrize("sampled", [True, False])
def test_many_segments_are_counted_some_at_a_time(
    installation: Installation, api: Api, monkeypatch: pytest.MonkeyPatch, *, sampled: bool
) -> None:
    if sampled:
        analyse(installation.store)
    at_once = counts(api)
    monkeypatch.setattr(segment_counts, "AT_ONCE", 1)
    assert counts(api) == at_once


@pytest.mark.usefixtures("readers")
def test_no_more_are_counted_once_it_has_taken_as_long_as_a_count_may(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_counts, "AT_ONCE", 1)
    monkeypatch.setattr(segment_counts, "SECONDS", 0)
    assert counts(api) == {"everybody": PROFILES, "sports": None}


@pytest.mark.parametrize(
    ("number", "expected"), [(1, 1), (99.4, 99), (12_345, 12_000), (987_654_321, 990_000_000)]
)
def test_a_number_that_stands_for_a_sample_is_round(number: float, expected: int) -> None:
    assert rounded(number) == expected
