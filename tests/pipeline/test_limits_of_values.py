"""How long a value may be, and a run of every strategy, three times."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.pipeline.exchange import Exchange, furnish, ours, profile_id

LINKED = {"links": [{"theirs": "email", "ours": "email"}]}
TYPES = {"email": "EMAIL!", "sports": "SELECT", "visits": "RANGE", "spent": "CURRENCY"}


@pytest.mark.parametrize(
    ("text", "fate"),
    [
        ("x" * 65_000, "modified"),
        ("x" * 65_001, "rejected"),
        ("é" * 32_768, "modified"),
        ("é" * 32_769, "rejected"),
        ("\U0001f600" * 16_384, "modified"),
        ("\U0001f600" * 16_385, "rejected"),
    ],
    ids=["characters", "one more", "bytes", "two more", "wide", "four more"],
)
def test_a_value_may_have_65000_characters_and_64_kilobytes(
    store_url: str, text: str, fate: str
) -> None:
    """SEMANTICS, Mapping and writing 4."""
    furnish(store_url, {"email": "EMAIL!"}, [{"id": "a", "email": "a@example.com"}])
    mappings = [{"from": "sports", "to": "Sport"}]
    goal = {**LINKED, "mappings": mappings, "limits": {"max_rejected_share": 1}}
    theirs = [{"id": 1, "email": "a@example.com", "sports": text}]
    counts = Exchange(store_url, goal, theirs, TYPES).counts().as_dict()
    assert counts[fate] == 1
    held = ours(store_url)[profile_id("a")]
    assert held.get("Sport") == ([text] if fate == "modified" else None)


@pytest.mark.parametrize(
    ("number", "fate"),
    [("x" * 1_000, "created"), ("x" * 65_000, "created"), ("x" * 65_001, "rejected")],
    ids=["short", "longest", "too long"],
)
def test_an_identifier_of_a_new_profile_may_be_as_long_as_any_value(
    store_url: str, number: str, fate: str
) -> None:
    furnish(store_url, {"email": "EMAIL!", "card": "SELECT!"}, [])
    links = [{"theirs": "email", "ours": "email"}, {"theirs": "number", "ours": "card"}]
    limits = {"max_rejected_share": 1}
    goal = {
        "links": links,
        "unmatched": "create",
        "limits": limits,
        "mappings": [{"from": "sports", "to": "S"}],
    }
    theirs = [{"id": 1, "email": "a@example.com", "number": number}]
    exchange = Exchange(store_url, goal, theirs, {**TYPES, "number": "SELECT!"})
    assert exchange.counts().as_dict()[fate] == 1


EVERY_STRATEGY: list[dict[str, Any]] = [
    {"from": "sports", "to": "Set"},
    {"from": "sports", "to": "Cleared", "clear_when_absent": True},
    {"from": "sports", "to": "IfEmpty", "strategy": "SET_IF_EMPTY"},
    {"from": "sports", "to": "Added", "strategy": "ADD", "transforms": ["lower"]},
    {"text": "reader", "to": "Added", "strategy": "ADD"},
    {"from": "sports", "to": "Removed", "strategy": "REMOVE"},
    {"segments": True, "to": "Segments"},
    {"from": "visits", "to": "Visits", "strategy": "SUM"},
    {"from": "spent", "to": "Both", "strategy": "INCREMENT"},
    {"from": "visits", "to": "Both", "strategy": "SUM"},
]


def test_three_runs_of_every_strategy_come_to_what_one_does(store_url: str) -> None:
    """SEMANTICS, Mapping and writing 2."""
    mine = [{"id": f"ours-{n}", "email": f"p{n}@example.com"} for n in range(6)]
    furnish(store_url, {"email": "EMAIL!"}, mine)
    theirs = [
        {
            "id": n,
            "email": f"p{n % 7}@example.com",
            "sports": ["Rowing", f"Sport {n}"],
            "visits": n,
            "spent": f"{n}.25",
            "modified": 1000 + n,
        }
        for n in range(20)
    ]
    types = {**TYPES, "spent": "DECIMAL"}
    goal = {**LINKED, "unmatched": "create", "mappings": EVERY_STRATEGY}
    exchange = Exchange(store_url, goal, theirs, types, profiles_per_part=6)
    first = exchange.counts()
    once = ours(store_url)
    assert (first.created, first.modified, first.superseded) == (1, 6, 13)
    assert once[profile_id("ours-3")]["Both"] == ["34.25"]
    for _ in range(2):
        again = exchange.run()
        assert (again.counts.modified, again.counts.unchanged) == (0, 7)
        assert not any(each.written for each in again.properties)
        assert ours(store_url) == once


def test_a_long_list_is_added_to_in_no_time(store_url: str) -> None:
    """Each value is looked for once, and not beside each of the others."""
    furnish(store_url, {"email": "EMAIL!"}, [{"id": "a", "email": "a@example.com"}])
    mappings = [{"from": "sports", "to": "Sport", "strategy": "ADD"}]
    many = [str(each) for each in range(20_000)]
    theirs = [{"id": 1, "email": "a@example.com", "sports": [*many, *many[:100]]}]
    exchange = Exchange(store_url, {**LINKED, "mappings": mappings}, theirs, TYPES)
    run, admission = exchange.gated()
    start = time.perf_counter()
    assert exchange.finish(run, admission).counts.modified == 1
    assert time.perf_counter() - start < 10
    assert ours(store_url)[profile_id("a")]["Sport"] == many


def test_a_profile_of_tens_of_thousands_of_values_takes_a_moment(store_url: str) -> None:
    """More than a small number counts, and none of them is looked for among all others."""
    furnish(store_url, {"email": "EMAIL!"}, [{"id": n, "email": f"{n}@example.com"} for n in "ab"])
    goal = {**LINKED, "mappings": [{"from": "sports", "to": "Sports", "strategy": "ADD"}]}
    many = [f"sport {n}" for n in range(40_000)]
    theirs = [
        {"id": 1, "email": "a@example.com", "sports": many},
        {"id": 2, "email": "b@example.com", "sports": "Golf"},
    ]
    exchange = Exchange(store_url, goal, theirs, TYPES)
    start = time.perf_counter()
    assert exchange.counts().modified == 2
    assert exchange.counts().unchanged == 2
    assert time.perf_counter() - start < 30
    assert ours(store_url)[profile_id("a")]["Sports"] == many


def test_more_properties_are_validated_than_fit_into_a_row(store_url: str) -> None:
    """Great Expectations looks at tables, and PostgreSQL's rows have an end."""
    names = [f"p{n}" for n in range(500)]
    first, last = names[0], names[-1]
    furnish(store_url, {"email": "EMAIL!"}, [{"id": n, "email": f"{n}@example.com"} for n in "abc"])
    longest = {"column": last, "max_value": 40}
    goal = {
        **LINKED,
        "mappings": [{"from": name, "to": f"Their_{name}"} for name in names],
        "expectations": [
            {"type": "expect_column_value_lengths_to_be_between", "kwargs": longest},
            {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 3}},
        ],
        "limits": {"max_rejected_share": 1},
    }
    full = dict.fromkeys(names, "x" * 30)
    theirs = [
        {"id": 1, "email": "a@example.com", **full},
        {"id": 2, "email": "b@example.com", **full, first: "x" * 65_001},
        {"id": 3, "email": "c@example.com", **full, last: "x" * 41},
    ]
    types = {"email": "EMAIL!", **dict.fromkeys(names, "SELECT")}
    counts = Exchange(store_url, goal, theirs, types).counts()
    assert (counts.modified, counts.rejected) == (1, 2)
    assert len(ours(store_url)[profile_id("a")]) == 1 + len(names)
