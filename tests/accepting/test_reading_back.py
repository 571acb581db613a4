"""Who may write may read back what it may write, where the accept goal says so, and no more."""

from __future__ import annotations

from uuid import uuid4

import pytest

from profile_exchange.domain.scopes import Scope
from tests.accepting.conftest import Writer, entry, rule
from tests.exposure.conftest import Api, Installation

JANE = {"email": ["jane@example.org"], "number": ["7"], "city": ["Delft"], "section": ["Sports"]}
BACK = {"properties": {"city": ["SET"]}, "identifiers": ["email"], "read_back": True}


def shown(api: Api, profile_id: str, **params: object) -> dict[str, list[str]]:
    found = api.ok(f"/profiles/{profile_id}", **params)
    assert found["id"] == profile_id
    return {each["id"]: each["values"] for each in found["properties"]}


def test_nothing_is_read_back_unless_the_goal_says_so(
    writer: Writer, installation: Installation
) -> None:
    jane = installation.add(**JANE)
    assert writer.api.get(f"/profiles/{jane}").status_code == 401
    assert writer.api.get("/profiles", property="number", value="7").status_code == 401


@pytest.mark.parametrize("read_back", [False, True])
def test_whom_nothing_was_done_to_is_named_only_where_reading_back_is_allowed(
    writer: Writer, installation: Installation, read_back: bool
) -> None:
    """Else entries that ask for nothing would tell whose an identifier is."""
    jane = installation.add(**JANE)
    writer.accept(read_back=read_back)
    joe = installation.add(email=["joe@example.org"], section=["Travel"])
    restricted = {"restriction": {"isMemberOfSegment": "sports"}}
    city = rule("city", "Delft")
    asked = [entry(city), entry(city, email="joe@example.org", **restricted)]
    named = [{"profileId": jane}, {"profileId": joe}] if read_back else [{}, {}]
    assert writer.results(*asked) == [
        {"state": "UNCHANGED", **named[0]},
        {"state": "RESTRICTION_MISMATCH", **named[1]},
    ]
    asked = [entry(rule("city", "Breda")), entry(email="new@example.org", strategy="UPSERT")]
    modified, created = writer.results(*asked)
    assert modified == {"state": "MODIFIED", "profileId": jane}
    assert installation.stored(created["profileId"])["email"] == ["new@example.org"]


def test_what_may_be_written_and_matched_on_is_read_back(
    writer: Writer, installation: Installation
) -> None:
    jane = installation.add(**JANE)
    writer.accept(**BACK)
    assert shown(writer.api, jane) == {"email": ["jane@example.org"], "city": ["Delft"]}
    assert shown(writer.api, jane, profileProperty=["city", "section"]) == {"city": ["Delft"]}
    row = installation.disclosures()[0]
    assert (row.connection, row.request, row.profiles) == (
        "harbor-goods",
        "one profile, read back; properties city, email",
        1,
    )
    assert installation.sent() == {("harbor-goods", "sent", jane)}


def test_who_was_created_is_read_back_though_it_visited_no_channel(writer: Writer) -> None:
    writer.accept(**BACK)
    made = writer.one(entry(rule("city", "Delft"), strategy="UPSERT"))["profileId"]
    assert shown(writer.api, made) == {"email": ["jane@example.org"], "city": ["Delft"]}


def test_the_grant_shows_a_profile_as_its_lists_do(
    writer: Writer, installation: Installation
) -> None:
    jane, hidden = installation.add(**JANE), installation.add(visitedchannel=[])
    writer.api.log_in(installation.issue(scopes=[Scope.READ]))
    assert shown(writer.api, jane) == {"email": ["jane@example.org"], "section": ["Sports"]}
    segments = writer.api.ok(f"/profiles/{jane}", expand="profile.segments")["segments"]
    assert [each["id"] for each in segments] == ["everybody", "sports"]
    for nobody in (hidden, str(uuid4()), "nobody"):
        assert writer.api.get(f"/profiles/{nobody}").status_code == 404
    installation.connect(expose={"segments": ["sports"]})
    assert writer.api.get(f"/profiles/{installation.add(section=['Travel'])}").status_code == 404
    assert writer.api.get(f"/profiles/{jane}").status_code == 200


def test_both_scopes_show_what_either_shows(writer: Writer, installation: Installation) -> None:
    jane = installation.add(**JANE)
    writer.accept(**BACK)
    writer.api.log_in(installation.issue(scopes=[Scope.READ, Scope.WRITE]))
    assert shown(writer.api, jane).keys() == {"email", "section", "city"}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([("email", " JANE@example.org")], True),
        ([("email", "jane@example.org"), ("number", "7")], True),
        ([("email", "jane@example.org"), ("number", "8")], False),
        ([("number", "7"), ("number", "7 ")], True),
        ([("number", " ")], False),
        ([("number", "\x00")], False),
    ],
    ids=str,
)
def test_finding_by_unique_identifiers(
    writer: Writer, installation: Installation, asked: list[tuple[str, str]], found: bool
) -> None:
    jane = installation.add(**JANE)
    installation.add(email=["joe@example.org"], number=["9"])
    writer.accept(read_back=True)
    names, values = [name for name, _ in asked], [value for _, value in asked]
    answer = writer.api.ok("/profiles", property=names, value=values)
    assert answer["profiles"] == ([{"id": jane}] if found else [])
    assert answer["totalResults"] == int(found)
    assert installation.disclosures()[-1].profiles == int(found)


def test_whose_id_is_told_counts_as_sent_once(writer: Writer, installation: Installation) -> None:
    jane, other = installation.add(**JANE), installation.add(email=JANE["email"])
    installation.add(email=["nobody@example.org"])
    writer.accept(**BACK)
    for _ in range(2):
        writer.api.ok("/profiles", property="email", value="jane@example.org")
    assert installation.sent() == {("harbor-goods", "sent", each) for each in (jane, other)}
    writer.api.ok("/profiles", property="email", value="unknown@example.org")
    assert len(installation.sent()) == 2


def test_finding_is_for_the_identifiers_that_may_be_matched_on(
    writer: Writer, installation: Installation
) -> None:
    installation.add(**JANE)
    writer.accept(**BACK)
    for name in ("number", "city", "nothing"):
        assert writer.api.get("/profiles", property=name, value="7").status_code == 501
    for params in ({}, {"property": "email"}, {"property": "email", "value": ["a", "b"]}):
        assert writer.api.get("/profiles", **params).status_code == 400
    writer.api.log_in(installation.issue(scopes=[Scope.READ]))
    assert writer.api.get("/profiles", property="email", value="x").status_code == 401


def test_consent_decides_who_is_found_and_read_back(
    writer: Writer, installation: Installation
) -> None:
    jane = installation.add(**JANE, consented=("sharing",))
    writer.accept(read_back=True, connection={"objectives": ["sharing"]})
    assert shown(writer.api, jane)["city"] == ["Delft"]
    installation.change(jane, consented_objectives=[])
    assert writer.api.get(f"/profiles/{jane}").status_code == 404
    assert writer.api.ok("/profiles", property="number", value="7")["profiles"] == []
