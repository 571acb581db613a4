"""An exposing connection's checks: counted against last time, and on record when they fail."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, update

from profile_exchange.config import registry
from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.domain.connection import AcceptGoal
from profile_exchange.domain.errors import CredentialsEnding, GrantOutdated
from profile_exchange.domain.scopes import Scope
from profile_exchange.sample.loading import load
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import profile, segment
from profile_exchange.tenants.postgres.credentials import issue, list_credentials, revoke, rotate
from profile_exchange.tenants.postgres.exposure_checks import (
    NOTICE,
    check_credentials,
    check_exposure,
    exposure_checks,
)

NOW = datetime(2026, 11, 2, tzinfo=UTC)
CONNECTION = registry.connection("harbor-goods", PROJECT_ROOT / "include" / "connections")


@pytest.fixture
def store(store_url: str) -> str:
    load("taylor-times", store_url, 300, now=NOW)
    return store_url


def test_what_may_leave_is_told_against_last_time(store: str) -> None:
    first = check_exposure(store, CONNECTION, "first", now=NOW)
    counts = first.exposed
    assert counts is not None
    assert first.sentence() == (
        f"May leave: avid-readers {counts['avid-readers']}, sports-readers "
        f"{counts['sports-readers']}, subscribers {counts['subscribers']}."
    )
    with engine_for(store).begin() as database:
        database.execute(update(profile).values(consented_objectives=[]))
    later = NOW + timedelta(days=1)
    second = check_exposure(store, CONNECTION, "second", now=later)
    assert f"subscribers 0 (-{counts['subscribers']})" in second.sentence()
    assert [check.run_id for check in exposure_checks(store, CONNECTION.id)] == ["second", "first"]


def test_a_segment_that_was_not_granted_last_time_is_new(store: str) -> None:
    check_exposure(store, CONNECTION, "first", now=NOW)
    with engine_for(store).begin() as database:
        database.exec_driver_sql(
            "update exchange.exposure_check set exposed = exposed - 'subscribers'"
        )
    again = check_exposure(store, CONNECTION, "second", now=NOW + timedelta(hours=1))
    assert "(new)" in again.sentence()


def test_a_run_that_is_repeated_is_one_and_compares_with_the_one_before(store: str) -> None:
    check_exposure(store, CONNECTION, "first", now=NOW)
    for hours in (1, 2):
        again = check_exposure(store, CONNECTION, "second", now=NOW + timedelta(hours=hours))
        assert "(+0)" in again.sentence()
    assert len(exposure_checks(store, CONNECTION.id)) == 2


def test_a_grant_that_is_outdated_is_on_record_and_spoils_no_comparison(store: str) -> None:
    check_exposure(store, CONNECTION, "first", now=NOW)
    with engine_for(store).begin() as database:
        row = database.execute(segment.select().where(segment.c.id == "subscribers")).one()
        database.execute(delete(segment).where(segment.c.id == "subscribers"))
    with pytest.raises(GrantOutdated, match="segment subscribers"):
        check_exposure(store, CONNECTION, "second", now=NOW + timedelta(hours=1))
    assert "segment subscribers" in exposure_checks(store, CONNECTION.id)[0].failure
    with engine_for(store).begin() as database:
        database.execute(segment.insert().values(row._asdict()))
    third = check_exposure(store, CONNECTION, "third", now=NOW + timedelta(hours=2))
    assert "subscribers" in third.sentence()
    assert "(+0)" in third.sentence()


def test_a_last_key_that_is_about_to_end_is_told_with_what_to_do(store_url: str) -> None:
    assert check_credentials(store_url, CONNECTION, now=NOW) is None
    issue(store_url, CONNECTION.id, now=NOW)
    assert check_credentials(store_url, CONNECTION, now=NOW) is None
    new = rotate(store_url, CONNECTION.id, now=NOW, overlap=NOTICE + timedelta(days=1))
    assert check_credentials(store_url, CONNECTION, now=NOW) is None
    revoke(store_url, CONNECTION.id, new.key, now=NOW)
    [ends] = [
        key.expires_at for key in list_credentials(store_url, CONNECTION.id) if key.usable(NOW)
    ]
    assert check_credentials(store_url, CONNECTION, now=NOW) == ends
    with pytest.raises(
        CredentialsEnding, match=r"ends on 2026-11-10: .*credentials rotate harbor-goods"
    ):
        check_credentials(store_url, CONNECTION, now=NOW + timedelta(days=2))


def test_a_key_for_something_else_does_not_stand_in_for_the_last_one(store_url: str) -> None:
    both = replace(CONNECTION, accept=AcceptGoal())
    for each in (Scope.READ, Scope.WRITE):
        issue(store_url, both.id, now=NOW, scopes=[each])
    assert check_credentials(store_url, both, now=NOW) is None
    new = rotate(store_url, both.id, now=NOW, overlap=timedelta(hours=1))
    revoke(store_url, both.id, new.key, now=NOW)
    with pytest.raises(CredentialsEnding, match=r"can read ends on .* rotate .* --scope read"):
        check_credentials(store_url, both, now=NOW)
    with pytest.raises(CredentialsEnding, match=r"No consumer key .* can read any more: .*rotate"):
        check_credentials(store_url, both, now=NOW + timedelta(hours=2))
    issue(store_url, both.id, now=NOW, scopes=[Scope.READ, Scope.WRITE])
    assert check_credentials(store_url, both, now=NOW + timedelta(hours=2)) is None


def test_a_connection_whose_keys_have_all_ended_is_told(store_url: str) -> None:
    first, second = (issue(store_url, CONNECTION.id, now=NOW) for _ in range(2))
    revoke(store_url, CONNECTION.id, first.key, now=NOW)
    assert check_credentials(store_url, CONNECTION, now=NOW) is None
    revoke(store_url, CONNECTION.id, second.key, now=NOW)
    with pytest.raises(CredentialsEnding, match="No consumer key of harbor-goods can read"):
        check_credentials(store_url, CONNECTION, now=NOW)
