"""Who did not visit, or does not consent, does not leave, and is in no count."""

from __future__ import annotations

from typing import Any

import pytest

from tests.exposure.conftest import TENANT, Api, Installation


def count_everywhere(api: Api) -> set[int]:
    """Every number of profiles that the API tells of the segment of everybody."""
    page = api.profiles(count=1000)
    listed = api.ok("/segments")["segments"]
    return {
        page["totalResults"],
        len(page["profiles"]),
        *(segment["profileCount"] for segment in listed if segment["id"] == "everybody"),
    }


def test_a_profile_that_visited_no_channel_does_not_leave(
    installation: Installation, api: Api
) -> None:
    visitor = installation.add(section=["Sports"], visitedchannel=["", "web"])
    never = installation.add(section=["Sports"])
    installation.change(never, properties={"section": ["Sports"]})
    empty = installation.add(visitedchannel=[])
    installation.add(visitedchannel=["", " "])
    assert api.ids() == [visitor]
    assert count_everywhere(api) == {1}
    assert {key for _, _, key in installation.sent()} == {visitor}
    assert empty not in api.ids("everybody")


@pytest.mark.parametrize(
    ("record", "explicit", "or_unneeded"),
    [
        ({"consented": ("sharing",)}, 1, 1),
        ({}, 0, 0),
        ({"zone": "CCPA"}, 0, 1),
        ({"zone": "NONE"}, 0, 1),
        ({"zone": None}, 0, 0),
        ({"consented": ("sharing",), "refused": ("sharing",)}, 0, 0),
        ({"refused": ("sharing",), "zone": "CCPA"}, 0, 0),
        ({"consented": ("mailing",)}, 0, 0),
        ({"consented": ("sharing",), "refused": ("mailing",)}, 1, 1),
    ],
    ids=str,
)
def test_consent_decides_who_leaves(
    installation: Installation, api: Api, record: dict[str, Any], explicit: int, or_unneeded: int
) -> None:
    installation.add(**record)
    installation.connect(objectives=["sharing"], consent="explicit")
    assert count_everywhere(api) == {explicit}
    installation.connect(objectives=["sharing"], consent="consented_or_unneeded")
    assert count_everywhere(api) == {or_unneeded}
    installation.connect()
    assert count_everywhere(api) == {1}


def test_consent_to_any_of_several_objectives_is_enough(
    installation: Installation, api: Api
) -> None:
    installation.connect(objectives=["sharing", "mailing"])
    installation.add(consented=("mailing",), refused=("sharing",))
    assert count_everywhere(api) == {1}


def test_an_objective_that_is_not_needed_at_all_counts_when_it_may(
    installation: Installation, api: Api
) -> None:
    unneeded = {**TENANT["objectives"][0], "needs_consent": False}
    installation.host("taylor-times", {**TENANT, "objectives": [unneeded]})
    installation.connect(objectives=["sharing"], consent="consented_or_unneeded")
    installation.add()
    installation.add(refused=("sharing",))
    assert count_everywhere(api) == {1}


def test_an_objective_that_the_tenant_does_not_have_lets_nobody_out(
    installation: Installation, api: Api
) -> None:
    installation.connect(objectives=["no-longer"], consent="consented_or_unneeded")
    installation.add(consented=("no-longer",), zone="NONE")
    assert count_everywhere(api) == {0}


def test_who_withdraws_consent_between_two_pages_is_not_on_the_second(
    installation: Installation, api: Api
) -> None:
    installation.connect(objectives=["sharing"])
    keys = sorted(installation.add(consented=("sharing",)) for _ in range(3))
    first = api.profiles(count=1)
    installation.change(keys[1], refused_objectives=["sharing"])
    assert api.ids(count=5, cursor=first["nextCursor"]) == [keys[2]]


def test_a_segment_whose_rule_cannot_be_read_has_no_count_and_hides_no_other(
    installation: Installation, api: Api
) -> None:
    broken = {"id": "sports", "name": "Sports", "refinement": {"operator": "SOMEHOW"}}
    installation.describe_segment(broken)
    installation.add()
    listed = {segment["id"]: segment for segment in api.ok("/segments")["segments"]}
    assert listed["everybody"]["profileCount"] == 1
    assert "profileCount" not in listed["sports"]
    answer = api.get("/segments/sports/profiles")
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert api.ids("everybody")


def test_a_segment_whose_rule_cannot_be_read_is_stepped_over_where_others_are_told(
    installation: Installation, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    installation.describe_segment({"id": "sports", "refinement": {"operator": "SOMEHOW"}})
    reader = installation.add(section=["Sports"])
    [listed] = api.profiles("everybody", expand="profiles.profile.segments")["profiles"]
    alone = api.ok(f"/profiles/{reader}", expand="profile.segments")
    for told in (listed, alone):
        assert [each["id"] for each in told["segments"]] == ["everybody"]
    warned = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert len(warned) == 2
    assert all("segment sports cannot be read" in each for each in warned)


def test_a_profile_is_let_out_by_no_segment_whose_rule_cannot_be_read(
    installation: Installation, api: Api
) -> None:
    installation.connect(expose={"segments": ["sports"]})
    reader = installation.add(section=["Sports"])
    assert api.get(f"/profiles/{reader}").status_code == 200
    installation.describe_segment({"id": "sports", "refinement": {"operator": "SOMEHOW"}})
    assert api.get(f"/profiles/{reader}").status_code == 404
