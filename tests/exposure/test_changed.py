"""A pull of what changed, as an importing tenant asks for it, on the API that answers it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from profile_exchange.pipeline.plan import Span
from profile_exchange.tenants.rest.source import _refinement
from tests.exposure.conftest import START, Api, Installation

GRANT = {"properties": ["section", "lastmodifieddate"], "identifiers": []}


def asked(*spans: Span) -> dict[str, Any]:
    return dict(_refinement(spans))


@pytest.fixture
def moments(installation: Installation) -> dict[str, str]:
    """Profiles by how many hours ago they were modified; each a fraction of a millisecond later."""
    installation.connect(expose=GRANT)
    found = {}
    for hours in (1, 2, 3, 30):
        found[str(hours)] = installation.add()
        modified = START - timedelta(hours=hours) + timedelta(microseconds=700)
        installation.change(found[str(hours)], modified_at=modified)
    return found


def hours_ago(hours: float) -> datetime:
    return START - timedelta(hours=hours)


def test_only_what_was_modified_since_comes(api: Api, moments: dict[str, str]) -> None:
    assert sorted(api.ids(**asked(Span(hours_ago(2))))) == sorted([moments["1"], moments["2"]])
    assert api.ids(**asked(Span(hours_ago(0.5)))) == []


def test_spans_bring_what_was_modified_to_the_millisecond(
    api: Api, moments: dict[str, str]
) -> None:
    exactly = Span(hours_ago(30), hours_ago(30))
    assert api.ids(**asked(exactly)) == [moments["30"]]
    both = api.ids(**asked(Span(hours_ago(1)), exactly, Span(hours_ago(29), hours_ago(28))))
    assert sorted(both) == sorted([moments["1"], moments["30"]])


def test_as_many_spans_as_are_ever_asked_for_are_understood(
    api: Api, moments: dict[str, str]
) -> None:
    many = [Span(hours_ago(n + 0.5), hours_ago(n + 0.1)) for n in range(40, 70)]
    found = api.ids(count=1, **asked(Span(hours_ago(1)), *many))
    assert found == [moments["1"]]


def test_pages_and_ranges_keep_to_the_spans(api: Api, moments: dict[str, str]) -> None:
    narrowed = asked(Span(hours_ago(3), None))
    first = api.profiles(count=2, **narrowed)
    second = api.profiles(count=2, cursor=first["nextCursor"], **narrowed)
    ids = [one["id"] for page in (first, second) for one in page["profiles"]]
    assert sorted(ids) == sorted(moments[hours] for hours in ("1", "2", "3"))


def test_without_the_grant_of_that_property_nothing_is_told(
    installation: Installation, api: Api
) -> None:
    installation.connect(expose={"properties": ["section"], "identifiers": []})
    installation.add()
    answer = api.get(
        "/segments/everybody/profiles", **asked(Span(datetime(2020, 1, 1, tzinfo=UTC)))
    )
    assert answer.status_code == 400
