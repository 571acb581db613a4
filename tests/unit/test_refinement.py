"""What the grammar of refinements accepts, what it refuses, and what each filter means."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from profile_exchange.domain.consent import ConsentRecord
from profile_exchange.domain.errors import InvalidRefinement
from profile_exchange.domain.refinement import Refined, matches, objectives_of, properties_of
from profile_exchange.domain.refinement_grammar import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_FILTERS,
    MAX_VALUES,
    parse_refinement,
    parse_refinement_json,
    refinement_problems,
)
from profile_exchange.domain.tenant import Objective

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
READER = Refined(
    {
        "section": ["Sports", "World"],
        "articles": ["many", " 20 "],
        "since": ["2025-02-27"],
        "next_visit": ["1740837600000"],  # two hours after NOW
    },
    ConsentRecord(
        consented=frozenset({"sharing"}), refused=frozenset({"mail"}), legislation="GDPR"
    ),
)
OBJECTIVES = {
    "sharing": Objective("sharing", "Sharing", legislations=("GDPR",)),
    "mail": Objective("mail", "Mail", needs_consent=False),
    "science": Objective("science", "Science", legislations=("CCPA",)),
}


def on(name: str, operator: str, **operands: Any) -> dict[str, Any]:
    return {"property": name, "operator": operator, **operands}


def passes(data: dict[str, Any], profile: Refined = READER) -> bool:
    return matches(parse_refinement(data), profile, NOW, OBJECTIVES)


@pytest.mark.parametrize(
    "data",
    [
        on("section", "NOT_IS_EMPTY"),
        on("nothing", "IS_EMPTY"),
        on("section", "CONTAINS_ANY", values=["Sports", "Culture"]),
        on("section", "CONTAINS_ALL", values=["World", "Sports"]),
        on("section", "NOT_CONTAINS_ALL", values=["World", "Culture"]),
        on("section", "NOT_CONTAINS_ANY", values=["sports"]),
        on("articles", "IN_RANGE", fromValue=20, toValue=20),
        on("articles", "IN_RANGE", toValue=20.5),
        on("articles", "NOT_IN_RANGE", fromValue=21),
        on("section", "NOT_IN_RANGE", fromValue=0),
        on("since", "IN_RANGE", fromDate="2025-02-27", toDate="2025-02-27T00:00Z"),
        on("since", "IN_LAST_DAYS", daysCount=3),
        on("since", "NOT_IN_LAST_DAYS", daysCount=2),
        on("since", "IN_LAST_HOURS", hoursCount=60),
        on("since", "NOT_IN_NEXT_DAYS", daysCount=30),
        on("next_visit", "IN_NEXT_HOURS", hoursCount=2),
        on("next_visit", "NOT_IN_NEXT_HOURS", hoursCount=1),
        on("next_visit", "IN_NEXT_DAYS", daysCount=1),
        on("next_visit", "NOT_IN_LAST_HOURS", hoursCount=100),
    ],
    ids=lambda data: f"{data['property']} {data['operator']}",
)
def test_the_reader_passes_and_the_opposite_does_not(data: dict[str, Any]) -> None:
    operator = data["operator"]
    opposite = operator[4:] if operator.startswith("NOT_") else f"NOT_{operator}"
    assert passes(data)
    assert not passes({**data, "operator": opposite})


def test_a_profile_without_a_value_passes_only_the_opposites() -> None:
    assert not passes(on("nothing", "IN_LAST_DAYS", daysCount=1))
    assert passes(on("nothing", "NOT_IN_LAST_DAYS", daysCount=1))
    assert passes(on("nothing", "NOT_CONTAINS_ANY", values=["x"]))


def test_and_wants_all_or_wants_one() -> None:
    filters = [on("section", "NOT_IS_EMPTY"), on("section", "IS_EMPTY")]
    assert not passes({"operator": "AND", "filters": filters})
    assert passes({"operator": "OR", "filters": filters})


@pytest.mark.parametrize(
    ("state", "objectives", "any_of", "all_of"),
    [
        ("CONSENTED", ["sharing", "mail"], True, False),
        ("REFUSED", ["sharing", "mail"], True, False),
        ("UNKNOWN", ["science"], True, True),
        ("REFUSED_OR_UNKNOWN", ["mail", "science"], True, True),
        ("CONSENTED_OR_UNNEEDED", ["sharing", "science"], True, True),
        ("CONSENTED_OR_UNNEEDED", ["mail"], False, False),
        ("UNKNOWN", ["an objective that is gone"], False, False),
    ],
)
def test_objectives(state: str, objectives: list[str], any_of: bool, all_of: bool) -> None:
    data = {"objective": state, "values": objectives}
    assert passes({**data, "operator": "CONTAINS_ANY"}) is any_of
    assert passes({**data, "operator": "CONTAINS_ALL"}) is all_of


def nested(depth: int) -> dict[str, Any]:
    data = on("a", "IS_EMPTY")
    for _ in range(depth - 1):
        data = {"operator": "AND", "filters": [data]}
    return data


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ([], ()),
        ({}, ("property",)),
        ({"property": "a"}, ("operator",)),
        (on("a", "EQUALS"), ("operator",)),
        (on("a", "IS_EMPTY", values=["x"]), ()),
        (on("", "IS_EMPTY"), ("property",)),
        (on("a\x00", "IS_EMPTY"), ("property",)),
        (on("a", "CONTAINS_ANY"), ("values",)),
        (on("a", "CONTAINS_ANY", values=[]), ("values",)),
        (on("a", "CONTAINS_ANY", values=["x", 1]), ("values", 1)),
        (on("a", "CONTAINS_ANY", values=["\ud800"]), ("values", 0)),
        (on("a", "IN_RANGE"), ()),
        (on("a", "IN_RANGE", fromValue=1, toDate="2025-01-01"), ()),
        (on("a", "IN_RANGE", fromValue=True), ("fromValue",)),
        (on("a", "IN_RANGE", fromValue=10**30), ("fromValue",)),
        (on("a", "IN_RANGE", fromValue=float("nan")), ("fromValue",)),
        (on("a", "IN_RANGE", toValue="1"), ("toValue",)),
        (on("a", "IN_RANGE", fromDate="2025-02-30"), ("fromDate",)),
        (on("a", "IN_RANGE", fromDate="1740837600000"), ("fromDate",)),
        (on("a", "IN_LAST_DAYS"), ("daysCount",)),
        (on("a", "IN_LAST_DAYS", daysCount=-1), ("daysCount",)),
        (on("a", "IN_LAST_DAYS", daysCount=10**6), ("daysCount",)),
        (on("a", "IN_LAST_HOURS", daysCount=1), ()),
        ({"operator": "XOR", "filters": [on("a", "IS_EMPTY")]}, ("operator",)),
        ({"operator": "AND", "filters": []}, ("filters",)),
        ({"operator": "AND", "filters": [on("a", "IS_EMPTY"), 1]}, ("filters", 1)),
        ({"objective": "MAYBE", "operator": "CONTAINS_ANY", "values": ["x"]}, ("objective",)),
        ({"objective": "REFUSED", "operator": "NOT_CONTAINS_ANY", "values": ["x"]}, ("operator",)),
        ({"groupProperty": "city", "operator": "IS_EMPTY"}, ("property",)),
    ],
    ids=str,
)
def test_refused_with_its_place(data: object, path: tuple[str | int, ...]) -> None:
    with pytest.raises(InvalidRefinement) as refused:
        parse_refinement(data)
    assert refused.value.path == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        '{"property":"a","property":"b","operator":"IS_EMPTY"}',
        '{"property":"a","operator":"IN_RANGE","fromValue":' + "9" * 5000 + "}",
        '{"property":"a","operator":"IN_RANGE","fromValue":1e999999999}',
        "[" * (MAX_CHARACTERS - 1),
        " " * MAX_CHARACTERS + "{}",
    ],
    ids=lambda text: text[:24],
)
def test_json_that_is_refused(text: str) -> None:
    with pytest.raises(InvalidRefinement):
        parse_refinement_json(text)


def test_size_is_limited() -> None:
    parse_refinement(nested(MAX_DEPTH))
    many = [on("a", "IS_EMPTY")] * MAX_FILTERS
    half = on("a", "CONTAINS_ANY", values=["x"] * (MAX_VALUES // 2 + 1))
    for large in (
        nested(MAX_DEPTH + 1),
        {"operator": "OR", "filters": many},
        {"operator": "OR", "filters": [half, half]},
    ):
        with pytest.raises(InvalidRefinement, match="at most"):
            parse_refinement(large)


def test_a_refusal_repeats_nothing_of_what_was_read() -> None:
    data = on("section", "CONTAINS_ANY", values=["jane@example.org", 5])
    with pytest.raises(InvalidRefinement) as refused:
        parse_refinement({**data, "jane@example.org": 1})
    assert "jane" not in str(refused.value)
    with pytest.raises(InvalidRefinement) as refused:
        parse_refinement(data)
    assert "jane" not in str(refused.value)


def test_a_client_may_send_null_for_keys_it_does_not_use() -> None:
    data = json.loads('{"property": "section", "operator": "NOT_IS_EMPTY", "filters": null}')
    assert passes({**data, "values": None})


def test_yaml_may_hold_real_dates() -> None:
    assert passes(on("since", "IN_RANGE", fromDate=date(2025, 2, 27), toDate=NOW))


def test_names_are_told() -> None:
    refinement = parse_refinement(
        {
            "operator": "AND",
            "filters": [
                on("a", "NOT_IS_EMPTY"),
                {"operator": "OR", "filters": [on("b", "IS_EMPTY"), on("a", "IS_EMPTY")]},
                {"objective": "UNKNOWN", "operator": "CONTAINS_ALL", "values": ["o", "p"]},
            ],
        }
    )
    assert properties_of(refinement) == {"a", "b"}
    assert objectives_of(refinement) == {"o", "p"}


def test_problems_of_a_tenants_refinement_are_told_with_their_place() -> None:
    names = {
        "operator": "AND",
        "filters": [
            on("a", "IS_EMPTY"),
            {"objective": "UNKNOWN", "operator": "CONTAINS_ALL", "values": ["o"]},
        ],
    }
    assert list(refinement_problems(names, {"a"}, {"o"})) == []
    assert list(refinement_problems(names, {"b"}, {"p"})) == [
        ((), "there is no profile property 'a'."),
        ((), "there is no objective 'o'."),
    ]
    [(path, _)] = refinement_problems(on("a", "IS"), {"a"}, set())
    assert path == ("operator",)
