"""A value for new profiles, or for existing ones only, is held to its type where it is for one."""

from __future__ import annotations

import pytest

from tests.accepting.conftest import Writer, entry, rule
from tests.exposure.conftest import TENANT, Installation


@pytest.mark.parametrize(
    ("restriction", "existing", "new"),
    [
        ("NEW_PROFILES_ONLY", "MODIFIED", "SKIPPED"),
        ("EXISTING_PROFILES_ONLY", "SKIPPED", "CREATED"),
        ("ALL_PROFILES", "SKIPPED", "SKIPPED"),
    ],
)
def test_a_value_that_does_not_fit_refuses_whom_it_is_for(
    writer: Writer, installation: Installation, restriction: str, existing: str, new: str
) -> None:
    installation.add(email=["jane@example.org"])
    rules = (rule("articles", "many", restriction=restriction), rule("section", "Sports"))
    both = [entry(*rules, email=f"{name}@example.org", strategy="UPSERT") for name in ("jane", "x")]
    results = writer.results(*both)
    assert [each["state"] for each in results] == [existing, new]
    for each in results:
        assert ("articles" in each.get("validationErrors", {})) == (each["state"] == "SKIPPED")


def test_who_is_nobody_is_told_so_whatever_was_brought_for_existing_profiles(
    writer: Writer,
) -> None:
    asked = entry(rule("articles", "many", restriction="EXISTING_PROFILES_ONLY"))
    assert writer.one(asked)["state"] == "NOTFOUND"


LONG = "x" * 65_001


@pytest.mark.parametrize(
    ("criteria", "about"),
    [
        ({"email": "this is no address"}, ["email"]),
        ({"email": "jane@example.org", "points": "many"}, ["points"]),
        ({"points": "2147483648"}, ["points"]),
        ({"email": "nowhere", "points": "none"}, ["email", "points"]),
    ],
    ids=str,
)
def test_who_is_created_takes_on_no_identifier_that_its_property_cannot_hold(
    writer: Writer, installation: Installation, criteria: dict[str, str], about: list[str]
) -> None:
    points = {"id": "points", "name": "Points", "type": "RANGE", "unique_identifier": True}
    installation.host("taylor-times", {**TENANT, "properties": [*TENANT["properties"], points]})
    writer.accept(identifiers=["email", "points"])
    matching = [[{"id": name, "value": value} for name, value in criteria.items()]]
    result = writer.one({"matching": matching, "strategy": "UPSERT"})
    assert result["state"] == "SKIPPED"
    assert sorted(result["validationErrors"]) == about
    assert not any(value in str(result) for value in criteria.values())


def test_what_is_only_compared_is_held_to_nothing(
    writer: Writer, installation: Installation
) -> None:
    """Somebody of ours may have such a value from before; and nobody is no mistake of an update."""
    jane = installation.add(email=["this is no address"])
    asked = entry(rule("city", "Delft"), email="this is no address", strategy="UPSERT")
    found = writer.one(asked)
    assert (found["state"], found["profileId"]) == ("MODIFIED", jane)
    assert writer.states(entry(email="no address either")) == ["NOTFOUND"]


@pytest.mark.parametrize("name", ["consented_objectives", "refused_objectives"])
def test_what_a_profile_consented_to_is_no_longer_than_a_value_may_be(
    writer: Writer, name: str
) -> None:
    result = writer.one(entry(rule(name, LONG), strategy="UPSERT"))
    assert result["state"] == "SKIPPED"
    assert result["validationErrors"].keys() == {name}
