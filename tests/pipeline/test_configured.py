"""A run is of the configuration that it was started with: what is edited since is for the next."""

from __future__ import annotations

from typing import Any

import pytest

from profile_exchange.domain.errors import FatalError
from profile_exchange.pipeline.runs import find_run
from tests.pipeline.exchange import Exchange, furnish
from tests.pipeline.test_repeating import GOAL, TYPES, people

MAPPINGS: Any = GOAL["mappings"]


@pytest.fixture
def exchange(store_url: str) -> Exchange:
    furnish(store_url, {"email": "EMAIL!"}, [{"id": "a", "email": "p0@example.com"}])
    return Exchange(store_url, GOAL, people(1), TYPES)


@pytest.mark.parametrize(
    "edited",
    [
        {"mappings": [*MAPPINGS, {"from": "sports", "to": "More"}]},
        {"mappings": MAPPINGS[:1]},
        {"mappings": [{**MAPPINGS[0], "clear_when_absent": True}, MAPPINGS[1]]},
        {"mappings": [{**MAPPINGS[0], "overwrite": True}, MAPPINGS[1]]},
        {"mappings": [{**MAPPINGS[0], "transforms": ["upper"]}, MAPPINGS[1]]},
        {"links": []},
        {"unmatched": "create"},
        {"segments": ["everybody"]},
        {"limits": {"max_rejected_share": "50 %"}},
        {"approval": "required"},
        {"expectations": [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}}]},
    ],
    ids=str,
)
def test_a_run_stops_when_what_it_imports_is_edited(
    exchange: Exchange, edited: dict[str, Any]
) -> None:
    expect_stopped(exchange, {**exchange.goal, **edited}, {})


@pytest.mark.parametrize(
    "edited",
    [
        {"objectives": ["offers"]},
        {"consent": "consented_or_unneeded"},
        {"partner": {"name": "Taylor Times", "host": "elsewhere.localhost"}},
    ],
    ids=str,
)
def test_a_run_stops_when_who_may_be_imported_is_edited(
    exchange: Exchange, edited: dict[str, Any]
) -> None:
    expect_stopped(exchange, exchange.goal, edited)


def expect_stopped(exchange: Exchange, goal: Any, settings: dict[str, Any]) -> None:
    run = exchange.open()
    exchange.goal, exchange.settings = goal, settings
    with pytest.raises(FatalError, match=r"configuration of taylor-times has changed .* run run-1"):
        find_run(exchange.store_url, exchange.connection, run.run_id)


def test_the_run_after_an_edit_is_of_what_was_edited(exchange: Exchange) -> None:
    exchange.open()
    exchange.goal = {**GOAL, "unmatched": "create"}
    again = exchange.open()
    assert find_run(exchange.store_url, exchange.connection, again.run_id) == again


def test_a_run_goes_on_when_something_else_is_edited(exchange: Exchange) -> None:
    exchange.goal = {**GOAL, "approval": {"when": "required", "timeout": "8h"}}
    run = exchange.open()
    exchange.settings = {
        "title": "The Times",
        "description": "News",
        "labels": ["news"],
        "favorite": True,
        "enabled": False,
        "schedule": {"times_per_day": 4},
        "notifications": {"emails": ["somebody@example.com"]},
    }
    keep = {"quarantine_days": 5}
    exchange.goal = {**exchange.goal, "approval": {"when": "required", "timeout": "9h"}}
    exchange.goal = {**exchange.goal, "credentials": "others", "keep": keep, "pull": "changed"}
    found = find_run(exchange.store_url, exchange.connection, run.run_id)
    assert (found.seq, found.plan) == (run.seq, run.plan)


def test_a_run_that_has_ended_stays_what_it_was(exchange: Exchange) -> None:
    exchange.run()
    exchange.goal = {**GOAL, "unmatched": "create"}
    assert find_run(exchange.store_url, exchange.connection, "run-1").finished
