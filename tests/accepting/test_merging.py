"""Entries meet profiles by the pipeline's own merge."""

from __future__ import annotations

import pytest

from tests.accepting.conftest import Writer, entry, rule
from tests.exposure.conftest import TENANT, Installation

JANE = {"email": ["jane@example.org"]}


def test_an_entry_modifies_whom_it_matches_and_again_changes_nothing(
    writer: Writer, installation: Installation
) -> None:
    jane = installation.add(**JANE, section=["Sports"])
    asked = entry(rule("section", "Travel"), email=" JANE@example.org ", identifier="row 7")
    assert writer.one(asked) == {"state": "MODIFIED", "profileId": jane, "identifier": "row 7"}
    assert installation.stored(jane)["section"] == ["Travel"]
    assert writer.one(asked)["state"] == "UNCHANGED"


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        (["a"], rule("section", "b"), ["b"]),
        (["a"], rule("section"), None),
        (["a"], rule("section", "b", "a", "b", strategy="ADD"), ["a", "b"]),
        (["a"], rule("section", strategy="ADD"), ["a"]),
        (["a", "b"], rule("section", "a", strategy="REMOVE"), ["b"]),
        (["a"], rule("section", "a", strategy="REMOVE"), None),
        (["a"], rule("section", "b", strategy="SET_IF_EMPTY"), ["a"]),
        (None, rule("section", "b", strategy="SET_IF_EMPTY"), ["b"]),
        (["4"], rule("articles", "3", strategy="SUM"), ["7"]),
        (["4"], rule("articles", "3", "-1", strategy="INCREMENT"), ["6"]),
        (None, rule("articles", "3", strategy="INCREMENT"), ["3"]),
    ],
    ids=str,
)
def test_strategies(
    writer: Writer,
    installation: Installation,
    before: list[str] | None,
    asked: dict[str, object],
    after: list[str] | None,
) -> None:
    name = str(asked["id"])
    jane = installation.add(**JANE, **({name: before} if before else {}))
    expected = "UNCHANGED" if before == after else "MODIFIED"
    assert writer.one(entry(asked))["state"] == expected
    assert installation.stored(jane).get(name) == after


def test_who_is_unknown_is_created_once_and_found_again(
    writer: Writer, installation: Installation
) -> None:
    asked = entry(
        rule("section", "Sports"),
        rule("articles", "2", strategy="INCREMENT"),
        email="New@example.org",
        strategy="UPSERT",
    )
    created = writer.one(asked)
    assert created["state"] == "CREATED"
    again = writer.one(asked)
    assert (again["state"], again["profileId"]) == ("MODIFIED", created["profileId"])
    assert installation.stored(created["profileId"]) == {
        "email": ["New@example.org"],
        "section": ["Sports"],
        "articles": ["4"],
    }


def test_an_update_creates_nobody(writer: Writer) -> None:
    assert writer.states(entry(rule("section", "Sports"), email="new@example.org")) == ["NOTFOUND"]


@pytest.mark.parametrize(
    "values",
    [{}, {"values": [""]}, {"values": [" ", "\t"]}],
    ids=["no values", "an empty one", "blanks"],
)
@pytest.mark.parametrize("strategy", ["SET", "SET_IF_EMPTY", "ADD", "REMOVE"])
def test_what_is_absent_or_empty_changes_nothing(
    writer: Writer, installation: Installation, values: dict[str, list[str]], strategy: str
) -> None:
    """Only a list said to be empty empties a property (SEMANTICS, Mapping and writing 1)."""
    jane = installation.add(**JANE, section=["Sports"])
    asked = {"id": "section", "strategy": strategy, **values}
    assert writer.states(entry(asked)) == ["UNCHANGED"]
    assert installation.stored(jane)["section"] == ["Sports"]
    assert writer.states(entry(asked | {"id": "unheard_of"})) == ["UNAUTHORIZED"]


def test_an_empty_list_empties_what_was_set_before_it_and_a_value_fills_it_again(
    writer: Writer, installation: Installation
) -> None:
    jane = installation.add(**JANE, section=["Sports"])
    for rules, after in (
        ([rule("section", "Travel"), rule("section")], None),
        ([rule("section"), rule("section", "Travel")], ["Travel"]),
        ([rule("section"), rule("section", " ")], None),
    ):
        assert writer.states(entry(*rules)) == ["MODIFIED"]
        assert installation.stored(jane).get("section") == after


def test_sums_are_exact_whatever_their_size(writer: Writer, installation: Installation) -> None:
    points = {"id": "points", "name": "Points", "type": "DECIMAL"}
    installation.host("taylor-times", {**TENANT, "properties": [*TENANT["properties"], points]})
    writer.accept(properties={"points": ["SUM"]})
    jane = installation.add(**JANE)
    large, small = "123456789012345678901234567890", "0.00000000000000000001"
    more = [rule("points", each, strategy="INCREMENT") for each in (large, small)]
    assert writer.states(entry(*more)) == ["MODIFIED"]
    assert installation.stored(jane)["points"] == [f"{large}.{small[2:]}"]
