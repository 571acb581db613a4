"""What may not be asked, or cannot be written, is answered entry by entry."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.accepting.conftest import Entry, Writer, entry, rule
from tests.exposure.conftest import Installation

JANE = {"email": ["jane@example.org"], "section": ["Sports"]}


@pytest.mark.parametrize(
    "asked",
    [
        entry(rule("section", "Travel"), rule("unheard_of", "x")),
        entry(rule("articles", "1", strategy="ADD")),
        entry(rule("city", "Delft", strategy="REMOVE")),
        entry(rule("visitedchannel", "web")),
        entry(rule("creationdate", "2025-01-01")),
        entry(rule("section", "Travel"), strategy="DELETE"),
        entry(rule("section", "Travel"), restriction={"isMemberOfSegment": "everybody"}),
        entry(rule("section", "Travel"), restriction={"isMemberOfSegment": "unheard_of"}),
        {"matching": [[{"id": "city", "value": "x"}]], "properties": [rule("section", "Travel")]},
        {"matching": [[{"id": "unheard_of", "value": "x"}]], "properties": []},
    ],
    ids=str,
)
def test_what_the_goal_does_not_grant_is_unauthorized_and_changes_nothing(
    writer: Writer, installation: Installation, asked: Entry
) -> None:
    jane = installation.add(**JANE)
    before = installation.stored(jane)
    assert writer.one(asked) == {"state": "UNAUTHORIZED"}
    assert installation.stored(jane) == before


def test_profile_ids_are_matched_only_where_the_goal_says_so(
    writer: Writer, installation: Installation
) -> None:
    jane, unseen = installation.add(**JANE), installation.add(visitedchannel=[])
    by_id = [
        {"profileId": each, "properties": [rule("section", "Travel")]} for each in (jane, unseen)
    ]
    writer.accept(profile_ids="none")
    assert writer.states(*by_id) == ["UNAUTHORIZED", "UNAUTHORIZED"]
    writer.accept(profile_ids="visited")
    first, second = writer.results(*by_id)
    assert (first["state"], second["state"]) == ("MODIFIED", "SKIPPED")
    assert second["validationErrors"].keys() == {"profileId"}
    writer.accept(profile_ids="any")
    assert writer.states(*by_id) == ["UNCHANGED", "MODIFIED"]


def test_a_profile_id_overrides_matching_and_creates_nobody(
    writer: Writer, installation: Installation
) -> None:
    installation.add(**JANE)
    for nobody in (str(uuid4()), "not-an-id", ""):
        asked = entry(rule("section", "Travel"), profileId=nobody, strategy="UPSERT")
        assert writer.one(asked) == {"state": "NOTFOUND"}


@pytest.mark.parametrize(
    ("asked", "about"),
    [
        (entry(rule("articles", "many")), "articles"),
        (entry(rule("articles", "2147483648")), "articles"),
        (entry(rule("articles", "1", "x", strategy="SUM")), "articles"),
        (entry(rule("since", "yesterday")), "since"),
        (entry(rule("section", "x" * 65_001)), "section"),
        (entry(rule("section", "nul\x00")), "section"),
        (entry(rule("section", "a"), rule("section", "b", strategy="ADD")), "section"),
        (entry(rule("email", "no address")), "email"),
        (entry(rule("privacy_legislation", "nowhere")), "privacy_legislation"),
        (entry(rule("consented_objectives", "sharing", strategy="REMOVE")), "consented_objectives"),
        (entry(privacyLegislation="nowhere"), "privacyLegislation"),
        ({"properties": [rule("section", "a")], "strategy": "UPSERT"}, "matching"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_cannot_be_written_is_skipped_with_what_is_wrong_and_no_value(
    writer: Writer, installation: Installation, asked: Entry, about: str
) -> None:
    jane = installation.add(**JANE)
    before = installation.stored(jane)
    result = writer.one(asked)
    assert result["state"] == "SKIPPED"
    assert result["validationErrors"].keys() == {about}
    for value in ("many", "2147483648x", "yesterday", "nowhere", "no address"):
        assert value not in str(result["validationErrors"])
    assert installation.stored(jane) == before


def test_rules_for_new_and_for_existing_profiles_may_stand_side_by_side(
    writer: Writer, installation: Installation
) -> None:
    jane = installation.add(**JANE)
    rules = [
        rule("section", "new", restriction="NEW_PROFILES_ONLY"),
        rule("section", "old", strategy="ADD", restriction="EXISTING_PROFILES_ONLY"),
    ]
    assert writer.states(entry(*rules)) == ["MODIFIED"]
    assert installation.stored(jane)["section"] == ["Sports", "old"]
    made = writer.one(entry(*rules, email="new@example.org", strategy="UPSERT"))
    assert installation.stored(made["profileId"])["section"] == ["new"]


def test_a_granted_property_that_is_not_there_yet_is_skipped(writer: Writer) -> None:
    writer.accept(properties={"HarborGoods_Orders": ["SET"]})
    result = writer.one(entry(rule("HarborGoods_Orders", "1"), strategy="UPSERT"))
    assert result["state"] == "SKIPPED"
    assert result["validationErrors"].keys() == {"HarborGoods_Orders"}


def test_whom_a_profile_is_known_as_does_not_change(
    writer: Writer, installation: Installation
) -> None:
    """The same entry creates a profile, and leaves its identifiers alone once it is there."""
    jane = installation.add(**JANE)
    rules = (rule("email", "jane@example.org"), rule("number", "8"), rule("section", "Travel"))
    assert writer.states(entry(*rules)) == ["MODIFIED"]
    assert installation.stored(jane) == {
        "visitedchannel": ["web"],
        "email": ["jane@example.org"],
        "section": ["Travel"],
    }
    made = writer.one(entry(*rules, email="new@example.org", strategy="UPSERT"))
    assert made["state"] == "NOTFOUND"
    assert made["validationErrors"].keys() == {"matching"}


def test_a_segment_restricts_an_entry(writer: Writer, installation: Installation) -> None:
    installation.add(**JANE)
    joe = installation.add(email=["joe@example.org"], section=["Travel"])
    restricted: dict[str, Any] = {"restriction": {"isMemberOfSegment": "sports"}}
    asked = [
        entry(rule("city", "Delft"), **restricted),
        entry(rule("city", "Delft"), email="joe@example.org", **restricted),
        entry(rule("city", "Delft"), email="new@example.org", strategy="UPSERT", **restricted),
    ]
    states = ["MODIFIED", "RESTRICTION_MISMATCH", "RESTRICTION_MISMATCH"]
    assert writer.states(*asked) == states
    assert "city" not in installation.stored(joe)


def test_a_sum_beyond_its_property_is_skipped(writer: Writer, installation: Installation) -> None:
    jane = installation.add(**JANE, articles=["2147483647"])
    more = rule("articles", "1", strategy="INCREMENT")
    assert writer.one(entry(more, rule("city", "Delft")))["state"] == "SKIPPED"
    assert "city" not in installation.stored(jane)
    most = rule("articles", "2147483647", "1", strategy="INCREMENT")
    made = entry(most, email="new@example.org", strategy="UPSERT")
    assert writer.one(made)["state"] == "SKIPPED"


def test_timeline_events_are_rejected_and_the_properties_are_written(
    writer: Writer, installation: Installation
) -> None:
    installation.add(**JANE)
    event = {"id": "order_1", "eventTypeId": "order", "identifier": "mine", "data": []}
    result = writer.one(entry(rule("city", "Delft"), timeline=[event]))
    assert result["state"] == "MODIFIED"
    [told] = result["timeline"]
    assert (told["id"], told["identifier"], told["state"]) == ("order_1", "mine", "REJECTED")
