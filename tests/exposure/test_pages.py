"""Pages: every profile once, cursors that nobody can make or move, and ranges side by side."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import text

from profile_exchange.domain.packages import IdRange
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import signing_key
from tests.exposure.conftest import TENANT, Api, Installation

#: The ids at both ends of everything, and on both sides of the middle.
EDGES = [UUID(int=number) for number in (0, 1, 2**127 - 1, 2**127, 2**128 - 2, 2**128 - 1)]


def follow(api: Api, segment: str = "everybody", **asked: Any) -> list[list[str]]:
    """The ids on every page from the first, or from a cursor, to the last."""
    pages = []
    while True:
        page = api.profiles(segment, **asked)
        pages.append([one["id"] for one in page["profiles"]])
        if "nextCursor" not in page:
            return pages
        assert page["profiles"]
        asked["cursor"] = page["nextCursor"]


def cursors_of(page: dict[str, Any]) -> list[str]:
    ranges = [link for link in page["links"] if link["rel"] == "range"]
    return [parse_qs(urlsplit(link["href"]).query)["cursor"][0] for link in ranges]


def crowd(installation: Installation, number: int) -> None:
    statement = text(
        "insert into tenant.profile (id, created_at, modified_at, properties)"
        " select gen_random_uuid(), now(), now(),"
        """ '{"visitedchannel": ["web"], "section": ["Sports"]}'"""
        " from generate_series(1, :number)"
    )
    with engine_for(installation.store).begin() as database:
        database.execute(statement, {"number": number})


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7])
def test_every_profile_comes_once_in_order_of_id(
    installation: Installation, api: Api, count: int
) -> None:
    for key in EDGES:
        installation.add(key)
    pages = follow(api, count=count)
    assert [key for page in pages for key in page] == [str(key) for key in EDGES]
    assert [len(page) for page in pages[:-1]] == [count] * (len(pages) - 1)
    assert pages[-1]


def test_an_empty_segment_is_one_empty_page(api: Api) -> None:
    page = api.profiles()
    assert (page["profiles"], page["totalResults"], page["totalPages"]) == ([], 0, 0)
    assert "nextCursor" not in page


def test_the_first_page_may_be_asked_for_in_three_ways(
    installation: Installation, api: Api
) -> None:
    key = installation.add()
    for asked in ({}, {"cursor": "*"}, {"cursor": ""}):
        page = api.profiles(**asked)
        assert [one["id"] for one in page["profiles"]] == [key]
        assert page["cursor"] == "*"


def test_totals_are_counted_once_and_carried_on(installation: Installation, api: Api) -> None:
    for _ in range(5):
        installation.add()
    page = api.profiles(count=2)
    assert (page["totalResults"], page["totalPages"], page["itemsPerPage"]) == (5, 3, 2)
    crowd(installation, 3)
    page = api.profiles(count=2, cursor=page["nextCursor"])
    assert (page["totalResults"], page["totalPages"], page["itemsPerPage"]) == (5, 3, 2)


def test_a_page_of_none_costs_none(installation: Installation, api: Api) -> None:
    installation.add()
    page = api.profiles(count=0)
    assert (page["profiles"], page["totalResults"]) == ([], 1)
    assert "nextCursor" not in page
    assert installation.sent() == set()


def test_more_than_ten_thousand_a_page_are_served_as_ten_thousand(
    installation: Installation, api: Api
) -> None:
    crowd(installation, 10_003)
    page = api.profiles(count=1_000_000)
    assert (len(page["profiles"]), page["itemsPerPage"], page["totalPages"]) == (10_000, 10_000, 2)
    assert len(api.ids(count=20_000, cursor=page["nextCursor"])) == 3


def test_links_lead_to_the_first_and_the_next_page(installation: Installation, api: Api) -> None:
    for _ in range(3):
        installation.add(section=["Sports"])
    asked = {"count": 1, "profileProperty": ["section", "since"], "expand": "ranges", "ranges": 2}
    links = {link["rel"]: link for link in api.profiles(**asked)["links"]}
    assert set(links["next"]) == {"href", "rel", "type"}
    parts = urlsplit(links["next"]["href"])
    assert (parts.netloc, parts.path) == (
        "taylor-times.localhost",
        "/rest/v2/segments/everybody/profiles",
    )
    assert parse_qs(parts.query)["profileProperty"] == ["section", "since"]
    first, second = (
        api.request("GET", links[rel]["href"]).json()["profiles"] for rel in ("first", "next")
    )
    assert len(first) == len(second) == 1
    assert first[0]["id"] < second[0]["id"]


def test_a_link_repeats_what_decides_about_the_page_and_nothing_else(api: Api) -> None:
    refinement = json.dumps({"property": "section", "operator": "NOT_IS_EMPTY"})
    asked = "count=30&properties=section,since&profileProperty=since&ranges=2&expand=ranges"
    more = "&expand=profiles.profile.segments&made-up=1&cursor=*" + "&a" * 20_000
    path = f"/rest/v2/segments/everybody/profiles?{asked}{more}"
    answer = api.request("GET", f"{path}&{urlencode({'refinement': refinement})}")
    kept = {
        "profileProperty": ["since", "section"],
        "refinement": [refinement],
        "expand": ["profiles.profile.segments"],
    }
    first, *ranges = (parse_qs(urlsplit(link["href"]).query) for link in answer.json()["links"])
    assert first == {"cursor": ["*"], "count": ["30"], **kept}
    assert [{**one, "cursor": ""} for one in ranges] == [{"cursor": "", **kept}] * 2
    assert len(answer.content) < 2_000


def test_a_link_to_a_page_without_properties_asks_for_none(api: Api) -> None:
    [link] = api.profiles(profileProperty="")["links"]
    assert parse_qs(urlsplit(link["href"]).query, True)["profileProperty"] == [""]


def test_links_to_ranges_are_refused_before_they_are_too_large_together(
    installation: Installation, api: Api
) -> None:
    """Neither does anything leave, nor is it told to have left."""
    installation.add()
    refinement = json.dumps({"property": "section", "operator": "IS_EMPTY"}) + " " * 9_000
    few, many = (
        api.get(
            "/segments/everybody/profiles", expand="ranges", ranges=parts, refinement=refinement
        )
        for parts in (8, 256)
    )
    assert few.status_code == 200
    assert (many.status_code, many.json()["error"]) == (400, "invalid_request")
    assert "fewer ranges" in many.json()["error_description"]
    assert len(installation.disclosures()) == 1


def forged(cursor: str) -> list[str]:
    sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    moved = bytes([*sealed[:5], sealed[5] ^ 1, *sealed[6:]])
    longer = sealed + b"\0"
    unsealed = [base64.urlsafe_b64encode(each).decode().rstrip("=") for each in (moved, longer)]
    return [*unsealed, cursor[:-2], cursor + "!", "AAAA", "**", "é", "x" * 200]


def test_no_page_of_profiles_is_stored_on_its_way(installation: Installation, api: Api) -> None:
    installation.add(section=["Sports"])
    answer = api.get("/segments/everybody/profiles")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


def test_a_forged_cursor_is_refused(installation: Installation, api: Api) -> None:
    for _ in range(3):
        installation.add()
    cursor = api.profiles(count=1)["nextCursor"]
    for false in forged(cursor):
        answer = api.get("/segments/everybody/profiles", cursor=false)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), false
    assert api.ids(cursor=cursor)


def test_a_cursor_is_good_for_its_own_list_only(
    installation: Installation, api: Api, serve: Callable[[], Api]
) -> None:
    for _ in range(3):
        installation.add(section=["Sports"])
    refinement = json.dumps({"property": "section", "operator": "NOT_IS_EMPTY"})
    cursor = api.profiles("everybody", count=1)["nextCursor"]
    refined = api.profiles("everybody", count=1, refinement=refinement)["nextCursor"]
    foreign = [
        api.get("/segments/sports/profiles", cursor=cursor),
        api.get("/segments/everybody/profiles", cursor=cursor, refinement=refinement),
        api.get("/segments/everybody/profiles", cursor=refined),
    ]
    installation.connect("other-partner", title="Another partner")
    stranger = serve()
    stranger.log_in(installation.issue("other-partner"))
    foreign.append(stranger.get("/segments/everybody/profiles", cursor=cursor))
    assert [answer.status_code for answer in foreign] == [400] * 4


def test_a_cursor_of_one_tenant_is_nothing_to_another_that_shares_its_key(
    installation: Installation, other_store_url: str, serve: Callable[[], Api], api: Api
) -> None:
    """As after a copy of one tenant's database became another tenant's."""
    for _ in range(2):
        installation.add()
    cursor = api.profiles(count=1)["nextCursor"]
    other = Installation(installation.folder, other_store_url, installation.clock)
    other.host("other-times", {**TENANT, "host": "other.localhost", "store": "other-store"})
    with engine_for(installation.store).connect() as ours:
        row = ours.execute(signing_key.select()).one()._asdict()
    with engine_for(other_store_url).begin() as theirs:
        theirs.execute(signing_key.update().values(key=row["key"]))
    other.connect("harbor-goods", tenant="other-times")
    there = serve()
    there.client.base_url = "http://other.localhost"
    there.log_in(other.issue())
    assert there.get("/segments/everybody/profiles").status_code == 200
    assert there.get("/segments/everybody/profiles", cursor=cursor).status_code == 400


def test_a_cursor_is_good_with_every_worker_and_after_a_rotation(
    installation: Installation, api: Api, serve: Callable[[], Api]
) -> None:
    for _ in range(2):
        installation.add()
    cursor = api.profiles(count=1)["nextCursor"]
    another = serve()
    another.log_in(installation.issue())
    assert len(another.ids(cursor=cursor)) == 1


def test_a_cursor_does_not_fix_which_properties_are_shown(
    installation: Installation, api: Api
) -> None:
    for _ in range(2):
        installation.add(section=["Sports"])
    cursor = api.profiles(count=1)["nextCursor"]
    [shown] = api.profiles(cursor=cursor, profileProperty="section")["profiles"]
    assert shown["properties"] == [{"id": "section", "values": ["Sports"]}]


@pytest.mark.parametrize(("parts", "count"), [(1, 1), (2, 0), (3, 1), (7, 0), (40, 1)])
def test_ranges_together_are_the_whole_segment_each_profile_once(
    installation: Installation, api: Api, parts: int, count: int
) -> None:
    for key in EDGES:
        installation.add(key)
    crowd(installation, 20)
    offer = api.profiles(count=count, expand="ranges", ranges=parts)
    cursors = cursors_of(offer)
    assert len(cursors) == parts
    assert "totalResults" not in offer
    in_ranges = [follow(api, cursor=cursor, count=3) for cursor in cursors]
    for part, pages in enumerate(in_ranges):
        ids = IdRange(part, parts)
        found = [UUID(key) for page in pages for key in page]
        assert all(ids.first <= key <= ids.last for key in found)
    merged = [key for pages in in_ranges for page in pages for key in page]
    assert merged == [key for page in follow(api, count=1000) for key in page]


def test_as_many_as_256_ranges_are_offered(installation: Installation, api: Api) -> None:
    cursors = cursors_of(api.profiles(count=0, expand="ranges", ranges=256))
    assert len(set(cursors)) == 256
    assert api.ids(cursor=cursors[255]) == []
    last = installation.add(EDGES[-1])
    assert api.ids(cursor=cursors[255]) == [last]


@pytest.mark.parametrize(
    "asked",
    [
        {"ranges": 0},
        {"ranges": 257},
        {"ranges": "all"},
        {"ranges": 2, "cursor": "AAAA"},
    ],
    ids=str,
)
def test_ranges_that_cannot_be_given_are_refused(api: Api, asked: dict[str, Any]) -> None:
    answer = api.get("/segments/everybody/profiles", expand="ranges", **asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_nobody_gets_ranges_without_asking(installation: Installation, api: Api) -> None:
    installation.add()
    assert cursors_of(api.profiles(ranges=4)) == []


def test_values_arrive_as_they_are_whatever_is_in_them(
    installation: Installation, api: Api
) -> None:
    values = ['"', "\\", "\n\t", "{}", "é😀", "\u2028", "'; drop table", "%s", "", "\x7f"]
    installation.add(section=values)
    [shown] = api.profiles(profileProperty="section")["profiles"]
    assert shown["properties"] == [{"id": "section", "values": values}]


def test_a_grant_may_be_wider_than_a_function_of_postgresql(
    installation: Installation, api: Api
) -> None:
    names = [f"p{number}" for number in range(250)]
    properties = [{"id": name, "name": name} for name in names]
    segments = TENANT["segments"][:1]
    tenant = {**TENANT, "properties": properties, "segments": segments}
    installation.host("taylor-times", tenant)
    installation.connect(expose={"identifiers": [], "properties": names, "segments": ["everybody"]})
    installation.add(**{name: ["x"] for name in names if name != "p90"})
    installation.add(p90=["alone"])
    shown = api.profiles()["profiles"]
    counts = sorted(len(one["properties"]) for one in shown)
    assert counts == [1, 249]
    many = max(shown, key=lambda one: len(one["properties"]))
    assert [each["id"] for each in many["properties"]] == [n for n in names if n != "p90"]
