"""Whom an entry means: the pipeline's rules of matching and creating (SEMANTICS, Matching)."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.accepting.conftest import Entry, Writer, entry, rule
from tests.exposure.conftest import Installation


def matching(*alternatives: dict[str, str], **more: object) -> Entry:
    """An entry with alternatives (OR), each of identifiers that all have to agree (AND)."""
    criteria = [[{"id": name, "value": v} for name, v in some.items()] for some in alternatives]
    return {"matching": criteria, "properties": [rule("city", "Delft")], **more}


def test_the_first_alternative_that_finds_exactly_one_decides(
    writer: Writer, installation: Installation
) -> None:
    writer.accept(read_back=True)
    first = installation.add(email=["a@example.org"], number=["1"])
    second = installation.add(number=["2"])
    found = [
        matching({"email": "a@example.org"}, {"number": "2"}),
        matching({"email": "nobody@example.org"}, {"number": "2"}),
        matching({"email": "a@example.org", "number": "2"}, {"number": "1"}),
        matching({"email": "a@example.org", "number": " 1 "}),
    ]
    assert [each["profileId"] for each in writer.results(*found)] == [first, second, first, first]


def test_an_alternative_that_finds_several_is_discarded(
    writer: Writer, installation: Installation
) -> None:
    for _ in range(2):
        installation.add(number=["1"])
    jane = installation.add(email=["jane@example.org"])
    one, none = writer.results(
        matching({"number": "1"}, {"email": "jane@example.org"}),
        matching({"number": "1"}, {"email": "new@example.org"}, strategy="UPSERT"),
    )
    assert one["profileId"] == jane
    assert none["state"] == "SKIPPED"
    assert none["validationErrors"] == {"matching": ["More than one profile matches."]}


def test_alternatives_with_the_same_identifiers_are_one_with_several_values(
    writer: Writer, installation: Installation
) -> None:
    writer.accept(read_back=True)
    jane = installation.add(email=["jane@example.org", "j@example.org"])
    ann = installation.add(email=["ann@example.org"], number=["1"])
    states = writer.results(
        matching({"email": "jane@example.org"}, {"email": "j@example.org"}),
        matching({"email": "nobody@example.org"}, {"email": "ann@example.org"}),
        matching({"email": "jane@example.org"}, {"email": "ann@example.org"}),
        matching({"email": "jane@example.org"}, {"email": "ann@example.org"}, {"number": "1"}),
        matching({"email": "jane@example.org"}, {"number": "1"}, {"email": "ann@example.org"}),
    )
    assert [each.get("profileId") for each in states] == [jane, ann, None, ann, jane]
    assert states[2]["validationErrors"] == {"matching": ["More than one profile matches."]}


def test_who_is_created_has_every_identifier_it_was_looked_for_by(
    writer: Writer, installation: Installation
) -> None:
    writer.accept(read_back=True)
    made = writer.one(matching({"email": "New@example.org"}, {"number": "5"}, strategy="UPSERT"))
    assert made["state"] == "CREATED"
    stored = installation.stored(made["profileId"])
    assert (stored["email"], stored["number"]) == (["New@example.org"], ["5"])
    for found in ({"email": "new@EXAMPLE.org"}, {"number": "5"}):
        assert writer.one(matching(found))["profileId"] == made["profileId"]


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (rule("email"), ["New@example.org"]),
        (rule("email", " "), ["New@example.org"]),
        (rule("email", "other@example.org"), ["New@example.org", "other@example.org"]),
        (rule("email", "new@example.org"), ["new@example.org"]),
        (
            rule("email", "other@example.org", strategy="ADD"),
            ["New@example.org", "other@example.org"],
        ),
        (rule("email", "other@example.org", strategy="SET_IF_EMPTY"), ["New@example.org"]),
    ],
    ids=str,
)
def test_no_rule_takes_from_who_is_created_what_it_was_looked_for_by(
    writer: Writer, installation: Installation, asked: dict[str, object], kept: list[str]
) -> None:
    """So that the same entry finds it when it is sent again."""
    one = entry(asked, email="New@example.org", strategy="UPSERT")
    made = writer.one(one)
    assert made["state"] == "CREATED"
    assert installation.stored(made["profileId"])["email"] == kept
    assert writer.states(one, one) == ["UNCHANGED", "UNCHANGED"]


@pytest.mark.parametrize("strategy", ["REMOVE", "INCREMENT"])
def test_an_identifier_is_neither_removed_nor_summed(writer: Writer, strategy: str) -> None:
    asked = entry(rule("number", "5", strategy=strategy), strategy="UPSERT")
    skipped = writer.one({**asked, "matching": [[{"id": "number", "value": "5"}]]})
    assert skipped["state"] == "SKIPPED"
    assert skipped["validationErrors"].keys() == {"number"}


def test_nobody_is_created_with_an_identifier_that_is_taken(
    writer: Writer, installation: Installation
) -> None:
    installation.add(email=["a@example.org"], number=["1"])
    made = writer.one(matching({"email": "a@example.org", "number": "2"}, strategy="UPSERT"))
    assert made["state"] == "NOTFOUND"
    assert made["validationErrors"].keys() == {"matching"}


def test_nobody_is_created_where_the_goal_does_not_say_so_or_without_an_identifier(
    writer: Writer,
) -> None:
    assert writer.states(matching({"email": " "}, strategy="UPSERT")) == ["NOTFOUND"]
    assert writer.states(matching({}, strategy="UPSERT")) == ["NOTFOUND"]
    assert writer.states(matching({"number": "\x00"}, strategy="UPSERT")) == ["NOTFOUND"]
    writer.accept(unmatched="skip")
    assert writer.states(matching({"number": "1"}, strategy="UPSERT")) == ["NOTFOUND"]


def test_entries_of_one_request_see_what_those_before_them_did(
    writer: Writer, installation: Installation
) -> None:
    """Whom one creates the next ones find, also through others, and sums add up."""
    writer.accept(read_back=True)
    more = [rule("articles", "1", strategy="INCREMENT"), rule("section", "x", strategy="ADD")]
    both = matching({"email": "new@example.org"}, {"number": "5"}, strategy="UPSERT")
    asked = [
        entry(*more, email="other@example.org", strategy="UPSERT"),
        entry(*more, email="new@example.org"),
        both,
        entry(*more, email="NEW@example.org", strategy="UPSERT"),
        {"matching": [[{"id": "number", "value": "5"}]], "properties": more},
        matching({"number": "5"}),
    ]
    results = writer.results(*asked)
    states = ["CREATED", "NOTFOUND", "CREATED", "MODIFIED", "MODIFIED", "UNCHANGED"]
    assert [each["state"] for each in results] == states
    made = {each.get("profileId") for each in results[2:]}
    assert len(made) == 1
    assert installation.stored(str(made.pop()))["articles"] == ["2"]


def test_several_entries_for_one_profile_are_written_in_their_order(
    writer: Writer, installation: Installation
) -> None:
    jane = installation.add(email=["jane@example.org"], number=["7"])
    asked: list[Entry] = [entry(rule("city", name)) for name in ("A", "B", "B")]
    asked.append({"profileId": jane.upper(), "properties": [rule("city", "C")]})
    assert writer.states(*asked) == ["MODIFIED", "MODIFIED", "UNCHANGED", "MODIFIED"]
    assert installation.stored(jane)["city"] == ["C"]


def test_a_created_profile_has_an_id_of_its_own(writer: Writer) -> None:
    results = writer.results(
        *(entry(email=f"{n}@example.org", strategy="UPSERT") for n in range(20))
    )
    assert len({UUID(each["profileId"]) for each in results}) == 20
