"""What came of asking the other tenant last is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from profile_exchange.config import registry
from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.domain.checks import Found, FoundProperty, FoundSegment
from profile_exchange.domain.errors import CredentialsRefused, TargetRefused
from profile_exchange.domain.properties import FilterType, ProfileProperty
from profile_exchange.orchestration.checking import noting
from profile_exchange.pipeline.authenticate import Exposed
from profile_exchange.pipeline.ports import ExposedSegment
from profile_exchange.tenants.postgres.last_checks import last_check, note_kept_out, note_let_in

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
FOUND = Found(
    segments=(FoundSegment("readers", "Readers", 12), FoundSegment("others", "Others", None)),
    properties=(FoundProperty("email", "Email", "EMAIL"),),
    identifiers=("email",),
    missing=("segment gone",),
)
CONNECTION = registry.connection("taylor-times", PROJECT_ROOT / "include" / "connections")


def test_a_connection_that_never_asked_has_none(store_url: str) -> None:
    assert last_check(store_url, "taylor-times") is None


def test_being_kept_out_says_why_and_forgets_nothing_that_was_found(store_url: str) -> None:
    note_let_in(store_url, "taylor-times", FOUND, now=NOON)
    later = NOON + timedelta(hours=1)
    note_kept_out(store_url, "taylor-times", "The secret is wrong.", now=later)
    found = last_check(store_url, "taylor-times")
    assert found is not None
    assert (found.at, found.authenticated, found.failure) == (later, False, "The secret is wrong.")
    assert found.found == FOUND
    note_let_in(store_url, "taylor-times", FOUND, now=later)
    again = last_check(store_url, "taylor-times")
    assert again is not None
    assert (again.authenticated, again.failure) == (True, "")


def test_an_error_on_the_way_in_is_why_we_are_kept_out(store_url: str) -> None:
    with pytest.raises(CredentialsRefused), noting(store_url, CONNECTION):
        raise CredentialsRefused("The secret is wrong.")
    found = last_check(store_url, CONNECTION.id)
    assert found is not None
    assert (found.authenticated, found.failure) == (False, "The secret is wrong.")


def test_an_error_after_we_were_let_in_says_nothing_against_that(store_url: str) -> None:
    segments = (ExposedSegment("readers", "Readers", 3),)
    properties = (ProfileProperty("email", "Email", FilterType.EMAIL, indexed=True),)

    def get_in_and_fail() -> None:
        with noting(store_url, CONNECTION) as let_in:
            let_in(Exposed(segments, properties, ()))
            raise TargetRefused("It is taken.")

    with pytest.raises(TargetRefused):
        get_in_and_fail()
    found = last_check(store_url, CONNECTION.id)
    assert found is not None
    assert found.found is not None
    assert found.authenticated
    assert found.found.identifiers == ("email",)
