"""What left is on record: every page, and every profile once over the connection's life."""

from __future__ import annotations

import json

from sqlalchemy import select

from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import exchanged_profile
from profile_exchange.tenants.postgres.credentials import IssuedCredential
from tests.exposure.conftest import START, Api, Installation


def test_every_page_is_one_row_of_who_when_what_and_how_many(
    installation: Installation, api: Api, issued: IssuedCredential
) -> None:
    for _ in range(3):
        installation.add(section=["Sports"])
    cursor = api.profiles("sports", count=2, profileProperty="section")["nextCursor"]
    installation.clock.forward(minutes=5)
    api.profiles("sports", count=2, cursor=cursor)
    first, second = installation.disclosures()
    assert (first.connection, first.client_id, first.segment) == (
        "harbor-goods",
        issued.key,
        "sports",
    )
    assert (first.at, first.request, first.profiles) == (START, "properties section", 2)
    assert (second.at, second.profiles) == (installation.clock.now, 1)
    assert second.request == "properties section, articles, since, email"


def test_the_record_tells_what_a_refinement_looked_at_and_none_of_its_values(
    installation: Installation, api: Api
) -> None:
    asked = {"property": "email", "operator": "CONTAINS_ANY", "values": ["jane@example.org"]}
    api.profiles(refinement=json.dumps(asked), profileProperty="section")
    [row] = installation.disclosures()
    assert (row.request, row.profiles) == ("properties section; refined on email", 0)


def test_the_record_tells_that_segments_were_told_and_which(
    installation: Installation, api: Api
) -> None:
    installation.add(section=["Sports"])
    asked = {"profileProperty": "section", "expand": "profiles.profile.segments"}
    api.profiles("sports", **asked)
    [row] = installation.disclosures()
    assert row.request == "properties section; segments everybody, sports"


def test_the_record_of_one_profile_tells_what_of_it_left(
    installation: Installation, api: Api
) -> None:
    path = f"/profiles/{installation.add(section=['Sports'])}"
    api.ok(path)
    api.ok(path, profileProperty=["section", "city"], expand="profile.segments")
    api.ok(path, profileProperty="city")
    assert [(row.request, row.profiles) for row in installation.disclosures()] == [
        ("one profile; properties section, articles, since, email", 1),
        ("one profile; properties section; segments everybody, sports", 1),
        ("one profile; no properties", 1),
    ]


def test_a_refused_request_is_no_disclosure(installation: Installation, api: Api) -> None:
    installation.add(section=["Sports"])
    api.get("/segments/secret/profiles")
    api.get("/segments/sports/profiles", profileProperty="city")
    api.get("/segments/sports/profiles", cursor="AAAA")
    api.request("GET", "/rest/v2/segments/sports/profiles", headers={"Authorization": "Bearer x"})
    assert installation.disclosures() == []
    assert installation.sent() == set()


def test_a_profile_that_leaves_again_and_again_is_one(installation: Installation, api: Api) -> None:
    keys = {installation.add(section=["Sports"]) for _ in range(5)}
    for _ in range(2):
        cursor = api.profiles("everybody", count=3)["nextCursor"]
        api.profiles("everybody", count=3, cursor=cursor)
    installation.clock.forward(minutes=5)
    api.profiles("sports")
    new = installation.add(section=["Sports"])
    api.profiles("sports")
    assert installation.sent() == {("harbor-goods", "sent", key) for key in {*keys, new}}
    with engine_for(installation.store).connect() as database:
        times = set(database.scalars(select(exchanged_profile.c.first_at)))
    assert times == {START, installation.clock.now}


def test_the_profile_that_only_tells_of_a_next_page_has_not_left(
    installation: Installation, api: Api
) -> None:
    first, _ = sorted(installation.add() for _ in range(2))
    assert "nextCursor" in api.profiles(count=1)
    assert installation.sent() == {("harbor-goods", "sent", first)}
    [row] = installation.disclosures()
    assert row.profiles == 1


def test_two_connections_count_their_own(installation: Installation, api: Api) -> None:
    key = installation.add()
    installation.connect("other-partner", title="Another partner")
    api.profiles()
    api.log_in(installation.issue("other-partner"))
    api.profiles()
    assert installation.sent() == {
        ("harbor-goods", "sent", key),
        ("other-partner", "sent", key),
    }
