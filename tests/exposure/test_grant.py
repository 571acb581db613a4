"""The API shows what the expose goal grants, and of everything else not even that it exists."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.exposure.conftest import START, Api, Installation


def refined(name: str, operator: str = "NOT_IS_EMPTY", **operands: Any) -> str:
    return json.dumps({"property": name, "operator": operator, **operands})


def properties(profile: dict[str, Any]) -> dict[str, list[str]]:
    return {each["id"]: each["values"] for each in profile["properties"]}


def test_only_granted_segments_are_listed(api: Api) -> None:
    listed = api.ok("/segments")
    assert [segment["id"] for segment in listed["segments"]] == ["everybody", "sports"]
    assert listed["totalResults"] == 2


def test_a_segment_that_is_not_granted_is_as_one_that_does_not_exist(api: Api) -> None:
    refused, unknown, odd = (
        api.get(f"/segments/{name}/profiles") for name in ("secret", "unknown", "%00")
    )
    assert refused.status_code == 404
    assert refused.content == unknown.content == odd.content


def test_a_granted_segment_that_the_tenant_does_not_have_is_not_there(
    installation: Installation, api: Api
) -> None:
    installation.connect(expose={"segments": ["sports", "no-longer"]})
    assert [segment["id"] for segment in api.ok("/segments")["segments"]] == ["sports"]
    assert api.get("/segments/no-longer/profiles").status_code == 404


def test_a_profile_shows_granted_properties_and_identifiers_only(
    installation: Installation, api: Api
) -> None:
    key = installation.add(
        section=["Sports", "World"], articles=["7"], city=["Utrecht"], email=["a@b.nl"]
    )
    [shown] = api.profiles()["profiles"]
    assert shown["id"] == key
    assert properties(shown) == {
        "section": ["Sports", "World"],
        "articles": ["7"],
        "email": ["a@b.nl"],
    }
    assert set(shown) == {
        "id",
        "privacyLegislation",
        "consentedObjectives",
        "refusedObjectives",
        "properties",
    }


@pytest.mark.parametrize(
    "asked",
    [
        {"profileProperty": "city"},
        {"profileProperty": ["section", "city"]},
        {"properties": "section,city"},
        {"refinement": refined("city")},
        {"refinement": refined("city", "CONTAINS_ANY", values=["Utrecht"])},
        {"refinement": json.dumps({"operator": "OR", "filters": [json.loads(refined("city"))]})},
        {"refinement": refined("lastmodifieddate", "IN_LAST_DAYS", daysCount=3)},
        {"profileProperty": "creationdate"},
        {"profileProperty": "number"},
        {"profileProperty": "visitedchannel"},
    ],
    ids=str,
)
def test_asking_for_what_is_not_granted_never_tells_whether_it_exists(
    installation: Installation, api: Api, asked: dict[str, Any]
) -> None:
    installation.add(city=["Utrecht"])
    nonsense = json.loads(
        json.dumps(asked)
        .replace("city", "nonsense")
        .replace("lastmodifieddate", "nonsense")
        .replace("creationdate", "nonsense")
        .replace("number", "nonsense")
        .replace("visitedchannel", "nonsense")
    )
    refused = api.get("/segments/everybody/profiles", **asked)
    unknown = api.get("/segments/everybody/profiles", **nonsense)
    assert refused.status_code == 400
    assert refused.content == unknown.content
    assert not any(name in refused.text for name in ("city", "Utrecht", "nonsense"))
    assert installation.disclosures() == []


def test_an_objective_that_is_not_granted_cannot_be_asked_about(
    installation: Installation, api: Api
) -> None:
    installation.connect(objectives=["sharing"])
    installation.add(consented=("sharing", "mailing"))
    filters = {"objective": "CONSENTED", "operator": "CONTAINS_ANY"}
    granted, other, unknown = (
        api.get(
            "/segments/everybody/profiles", refinement=json.dumps({**filters, "values": [name]})
        )
        for name in ("sharing", "mailing", "nonsense")
    )
    assert granted.json()["totalResults"] == 1
    assert other.status_code == 400
    assert other.content == unknown.content


def test_consent_to_objectives_that_are_not_granted_is_not_shown(
    installation: Installation, api: Api
) -> None:
    installation.connect(objectives=["sharing"])
    installation.add(consented=("sharing", "mailing"), zone="CCPA")
    installation.add(consented=("sharing",), refused=("mailing",))
    for shown in api.profiles()["profiles"]:
        assert shown["consentedObjectives"] == ["sharing"]
        assert shown["refusedObjectives"] == []
    assert [one["id"] for one in api.ok("/objectives")["objectives"]] == ["sharing"]


def test_without_objectives_no_consent_is_shown(installation: Installation, api: Api) -> None:
    installation.add(consented=("sharing",), refused=("mailing",))
    [shown] = api.profiles()["profiles"]
    assert (shown["consentedObjectives"], shown["refusedObjectives"]) == ([], [])
    assert api.ok("/objectives")["totalResults"] == 0


def test_only_granted_properties_are_listed(api: Api) -> None:
    listed = api.ok("/profileProperties")
    assert [one["id"] for one in listed["profileProperties"]] == [
        "articles",
        "email",
        "section",
        "since",
    ]
    assert listed["totalResults"] == 4


def test_a_property_may_be_linked_on_only_when_granted_as_an_identifier(
    installation: Installation, api: Api
) -> None:
    installation.connect(expose={"properties": ["number", "section"]})
    listed = {one["id"]: one for one in api.ok("/profileProperties")["profileProperties"]}
    assert {name: one["indexed"] for name, one in listed.items()} == {
        "email": True,
        "number": False,
        "section": False,
    }


def test_derived_properties_come_from_the_profile_itself_when_granted(
    installation: Installation, api: Api
) -> None:
    derived = ["creationdate", "lastmodifieddate", "privacy_legislation"]
    installation.connect(expose={"properties": derived, "identifiers": []})
    installation.add(zone="CCPA")
    [shown] = api.profiles()["profiles"]
    created = START - timedelta(days=400, microseconds=-1234)
    assert properties(shown) == {
        "creationdate": [str(int(created.timestamp() * 1000))],
        "lastmodifieddate": [str(int((START - timedelta(days=2)).timestamp() * 1000))],
        "privacy_legislation": ["CCPA"],
    }
    assert shown["creationDate"] == "2024-01-26T12:00:00.001Z"
    listed = api.ok("/profileProperties")["profileProperties"]
    assert {one["id"]: one["filterType"] for one in listed} == {
        "creationdate": "DATETIME",
        "lastmodifieddate": "DATETIME",
        "privacy_legislation": "SELECT",
    }
    assert len(api.ids(refinement=refined("lastmodifieddate", "IN_LAST_DAYS", daysCount=2))) == 1
    assert api.ids(refinement=refined("lastmodifieddate", "IN_LAST_HOURS", hoursCount=47)) == []


def test_properties_asked_for_are_shown_in_either_spelling(
    installation: Installation, api: Api
) -> None:
    installation.add(section=["Sports"], articles=["7"], email=["a@b.nl"], city=["Utrecht"])
    for asked in (
        {"profileProperty": ["section", "email"]},
        {"properties": "section, email"},
        {"profileProperty": "section", "properties": "email"},
    ):
        [shown] = api.profiles(**asked)["profiles"]
        assert set(properties(shown)) == {"section", "email"}
    [shown] = api.profiles(profileProperty="")["profiles"]
    assert properties(shown) == {}


def test_a_refinement_narrows_the_segment(installation: Installation, api: Api) -> None:
    many = installation.add(section=["Sports"], articles=["20"])
    installation.add(section=["Sports"], articles=["3"])
    installation.add(section=["World"], articles=["30"])
    asked = refined("articles", "IN_RANGE", fromValue=20)
    page = api.profiles("sports", refinement=asked)
    assert [one["id"] for one in page["profiles"]] == [many]
    assert page["totalResults"] == 1


@pytest.mark.parametrize(
    "refinement", ["{", "[]", refined("section", "LIKE"), '{"property":"section"}', " " * 20_000]
)
def test_a_refinement_that_cannot_be_read_is_refused(api: Api, refinement: str) -> None:
    answer = api.get("/segments/sports/profiles", refinement=refinement)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_what_is_taken_out_of_the_grant_is_out_from_the_next_page_on(
    installation: Installation, api: Api
) -> None:
    for _ in range(3):
        installation.add(section=["Sports"], articles=["1"])
    page = api.profiles(count=1)
    assert "articles" in properties(page["profiles"][0])
    installation.connect(expose={"properties": ["section"]})
    page = api.profiles(count=1, cursor=page["nextCursor"])
    assert set(properties(page["profiles"][0])) == {"section"}
    assert api.get("/segments/everybody/profiles", profileProperty="articles").status_code == 400
    assert "articles" not in api.get("/profileProperties").text
    installation.connect(expose={"segments": ["sports"]})
    refused = api.get("/segments/everybody/profiles", cursor=page["nextCursor"])
    assert refused.status_code == 404


def test_a_profile_tells_only_of_granted_segments_that_it_is_in(
    installation: Installation, api: Api
) -> None:
    both = installation.add(section=["Sports"])
    one = installation.add(section=["World"])
    page = api.profiles(expand="profiles.profile.segments")
    names = {
        shown["id"]: [segment["name"] for segment in shown["segments"]]
        for shown in page["profiles"]
    }
    assert names == {both: ["Everybody", "Sports readers"], one: ["Everybody"]}


@pytest.mark.parametrize(
    ("asked", "segments"),
    [
        ({"filterTag": "Reading"}, ["sports"]),
        ({"filterTag": ["Big", "Reading"]}, ["everybody", "sports"]),
        ({"filterTag": "reading"}, []),
        ({"count": 1}, ["everybody"]),
        ({"startIndex": 1}, ["sports"]),
        ({"startIndex": 9}, []),
        ({"count": 0}, []),
    ],
    ids=str,
)
def test_segments_are_filtered_and_paged(
    api: Api, asked: dict[str, Any], segments: list[str]
) -> None:
    listed = api.ok("/segments", **asked)
    assert [segment["id"] for segment in listed["segments"]] == segments
    assert listed["itemsPerPage"] == asked.get("count", 20)
    assert listed["startIndex"] == asked.get("startIndex", 0)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"filterType": "EMAIL"}, ["email"]),
        ({"filterType": ["EMAIL", "RANGE"]}, ["articles", "email"]),
        ({"filterValue": "MAIL"}, ["email"]),
        ({"filterValue": "city"}, []),
        ({"groupTypeId": "household"}, []),
        ({"groupTypeId": "", "filterType": "EMAIL"}, ["email"]),
        ({"groupTypeId": ["household", ""], "filterType": "EMAIL"}, ["email"]),
        ({"count": 3, "startIndex": 3}, ["since"]),
    ],
    ids=str,
)
def test_properties_are_filtered_and_paged(
    api: Api, asked: dict[str, Any], found: list[str]
) -> None:
    listed = api.ok("/profileProperties", **asked)
    assert [one["id"] for one in listed["profileProperties"]] == found


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/segments", {"count": "many"}),
        ("/segments", {"startIndex": -1}),
        ("/profileProperties", {"filterType": "city"}),
        ("/segments/sports/profiles", {"count": -1}),
        ("/segments/sports/profiles", {"count": 2**31}),
        ("/segments/sports/profiles", {"trackProperties": "section"}),
        ("/segments/sports/profiles", {"trackPropertiesModifiedSince": "2025-01-01T00:00:00Z"}),
        ("/segments/sports/profiles", {"audienceId": "x"}),
        ("/segments/sports/profiles", {"expand": "profiles.profile.timeline"}),
    ],
    ids=str,
)
def test_what_is_not_served_is_refused_by_the_name_of_the_parameter(
    api: Api, path: str, asked: dict[str, Any]
) -> None:
    answer = api.get(path, **asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    [name] = asked
    assert name in answer.text or "expands" in answer.text
    assert "many" not in answer.text
