"""What a partner writes counts as received, each profile once over its connection's life."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import make_url

from profile_exchange.store.database import connect
from profile_exchange.tenants.postgres.run_history import data_exchange
from profile_exchange.tenants.postgres.writing_role import open_to_writing
from tests.accepting.conftest import Writer, entry, rule
from tests.exposure.conftest import START, Installation, writing_url
from tests.exposure.test_database_rights import refused

CITY = rule("city", "Delft")


def received(installation: Installation) -> set[str]:
    """The profiles of ours that came in."""
    rows = installation.sent()
    assert {(who, which) for who, which, _ in rows} <= {("harbor-goods", "received")}
    return {one for *_, one in rows}


def test_whom_an_entry_created_modified_or_left_as_it_was_is_received_once(
    writer: Writer, installation: Installation
) -> None:
    jane = installation.add(email=["jane@example.org"])
    joe = installation.add(email=["joe@example.org"], city=["Delft"])
    asked = [
        entry(CITY),
        entry(CITY),
        entry(CITY, email="joe@example.org"),
        entry(CITY, email="new@example.org", strategy="UPSERT"),
    ]
    made = writer.results(*asked)[-1]["profileId"]
    assert received(installation) == {jane, joe, made}
    installation.clock.forward(minutes=1)
    assert writer.states(*asked) == ["UNCHANGED"] * 4
    assert received(installation) == {jane, joe, made}
    told = data_exchange(installation.store, "harbor-goods")
    assert (told.received, told.sent) == (3, 0)


def test_whom_nothing_was_written_for_is_not_received(
    writer: Writer, installation: Installation
) -> None:
    installation.add(email=["jane@example.org"])
    writer.accept(connection={"objectives": ["sharing"]})
    restricted: dict[str, Any] = {"restriction": {"isMemberOfSegment": "sports"}}
    asked = [entry(CITY), entry(CITY, email="x@example.org"), entry(rule("articles", "x"))]
    states = ["CONSENT_MISMATCH", "NOTFOUND", "SKIPPED", "UNAUTHORIZED"]
    assert writer.states(*asked, entry(rule("x", "y"))) == states
    writer.accept()
    assert writer.states(entry(CITY, **restricted)) == ["RESTRICTION_MISMATCH"]
    assert received(installation) == set()


def test_requests_side_by_side_count_a_profile_once(
    writer: Writer, installation: Installation
) -> None:
    ids = {installation.add(email=[f"{n}@example.org"], city=["Delft"]) for n in range(5)}
    asked = [entry(CITY, email=f"{n}@example.org") for n in range(5)]
    answers = writer.api.at_once(6, lambda: writer.put(*asked))
    assert {answer.status_code for answer in answers} == {200}
    assert received(installation) == ids


@pytest.mark.usefixtures("writer")
def test_the_role_that_writes_enters_what_came_in_and_reads_and_changes_nothing_of_it(
    installation: Installation,
) -> None:
    own = writing_url(installation.store)
    enter = (
        "insert into exchange.exchanged_profile (connection, direction, profile_id, first_at)"
        " values ('harbor-goods', '{}', gen_random_uuid(), now()) on conflict do nothing"
    )
    with connect(own, autocommit=True) as database:
        assert not refused(database, enter.format("received"))
        assert refused(database, enter.format("sent"))
        assert refused(database, "select * from exchange.exchanged_profile")
        assert refused(database, "update exchange.exchanged_profile set first_at = now()")
        assert refused(database, "delete from exchange.exchanged_profile")


@pytest.mark.usefixtures("writer")
def test_a_role_from_before_gets_the_right_when_it_is_opened_again(
    installation: Installation,
) -> None:
    own = writing_url(installation.store)
    with connect(installation.store, autocommit=True) as owner:
        owner.execute("drop policy if exists writing on exchange.exchanged_profile")
        role = make_url(own).username
        owner.execute(f'revoke all on exchange.exchanged_profile from "{role}"'.encode())
    enter = (
        "insert into exchange.exchanged_profile (connection, direction, profile_id, first_at)"
        f" values ('harbor-goods', 'received', gen_random_uuid(), '{START}')"
    )
    with connect(own, autocommit=True) as database:
        assert refused(database, enter)
        for _ in range(2):
            open_to_writing(installation.store, own)
        assert not refused(database, enter)
        assert refused(database, enter.replace("received", "sent"))
